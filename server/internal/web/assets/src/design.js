// A table of orders comes from a file, and the order that is shown is read at once.
const file = document.querySelector('#rows-file');
if (file) {
  file.closest('[data-rows-file]').hidden = false;
  file.addEventListener('change', async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    const status = document.querySelector('[data-rows-status]');
    if (chosen.size > 60000) {
      status.textContent = 'This file is too long for a table of orders. Choose another.';
      return;
    }
    document.querySelector('#rows').value = await chosen.text();
    status.textContent = `${chosen.name} is in the table. Look at it, and start.`;
  });
}
document.querySelector('[data-plan]')?.focus();
