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

// An order of one's own: boxes move up and down among the chosen ones, and their numbers follow. Without this script
// the buttons ask the server to do the same.
const fixed = document.querySelector('#design-fixed');
const list = document.querySelector('ul.boxes');
const chosen = () => [...list.children].filter((row) => row.querySelector('input[type=checkbox]').checked);
const place = (row) => row.querySelector('[data-place] input');
const number = (row) => { const n = parseInt(place(row).value, 10); return n > 0 ? n : Infinity; };

function arrange() {
  const rows = chosen().sort((a, b) => number(a) - number(b) || 0);
  rows.forEach((row, i) => { place(row).value = i + 1; });
  list.prepend(...rows);
  return rows;
}

if (list && fixed) {
  document.querySelectorAll('input[name=design]').forEach((way) => way.addEventListener('change', () => { if (fixed.checked) arrange(); }));
  list.addEventListener('change', ({ target }) => {
    if (target.type !== 'checkbox' || !fixed.checked) return;
    const row = target.closest('li');
    place(row).value = target.checked ? chosen().length : '';
    chosen().sort((a, b) => number(a) - number(b)).forEach((each, i) => { place(each).value = i + 1; });
  });
  // A number that was typed moves the box when it is left, not under the fingers.
  list.addEventListener('focusout', ({ target, relatedTarget }) => {
    if (!target.closest('[data-place]') || target.tagName !== 'INPUT' || target.value === target.defaultValue) return;
    const row = target.closest('li');
    const others = chosen().filter((each) => each !== row).sort((a, b) => number(a) - number(b));
    others.splice(Math.min(number(row), others.length + 1) - 1, 0, row);
    others.forEach((each, i) => { place(each).value = place(each).defaultValue = i + 1; });
    list.prepend(...others);
    relatedTarget?.focus();
  });
  list.addEventListener('click', (event) => {
    const button = event.target.closest('[data-move]');
    if (!button) return;
    event.preventDefault();
    const row = button.closest('li');
    const rows = arrange();
    const at = rows.indexOf(row);
    const to = at + Number(button.dataset.move);
    if (to >= 0 && to < rows.length) {
      [place(rows[at]).value, place(rows[to]).value] = [to + 1, at + 1];
      arrange();
    }
    row.scrollIntoView({ block: 'nearest' });
    button.focus();
    document.querySelector('[data-moved]').textContent = `${row.querySelector('bdi').textContent} is ${place(row).value} of ${rows.length}.`;
  });
}
