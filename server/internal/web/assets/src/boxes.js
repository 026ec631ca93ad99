// All, none, and how many are chosen, above a list of boxes.
document.querySelectorAll('[data-choose]').forEach((bar) => {
  const boxes = [...bar.closest('fieldset').querySelectorAll('input[type=checkbox]')];
  const count = bar.querySelector('[data-count]');
  const tell = () => { count.textContent = `${boxes.filter((b) => b.checked).length} of ${boxes.length} chosen`; };
  const set = (on) => { boxes.forEach((b) => { b.checked = on; }); tell(); };
  bar.querySelector('[data-all]').addEventListener('click', () => set(true));
  bar.querySelector('[data-none]').addEventListener('click', () => set(false));
  bar.closest('fieldset').addEventListener('change', tell);
  bar.hidden = false;
  tell();
});
