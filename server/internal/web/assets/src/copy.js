// Copy buttons. The clipboard is missing on plain http; the button shows itself only where it works.
if (navigator.clipboard) {
  document.querySelectorAll('button[data-copy]').forEach((button) => {
    button.hidden = false;
    button.addEventListener('click', async () => {
      const done = button.parentElement.querySelector('[data-copied]');
      try {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        done.textContent = 'Copied.';
      } catch {
        done.textContent = 'The browser did not allow it. Mark the line and copy it by hand.';
      }
    });
  });
}
