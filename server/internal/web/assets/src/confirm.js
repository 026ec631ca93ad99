// A form with data-confirm asks before it is sent. The one dialog stands outside of what is swapped.
const dialog = document.getElementById('confirm');
const yes = dialog.querySelector('[data-yes]');
let asked = null; // the form's id or the form: a live update may have replaced it meanwhile

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!form.dataset.confirm || form.dataset.sure) return;
  event.preventDefault();
  asked = form;
  dialog.querySelector('#confirm-title').textContent = form.dataset.confirm;
  dialog.querySelector('#confirm-text').textContent = form.dataset.text;
  yes.textContent = form.dataset.yes;
  dialog.showModal();
  dialog.querySelector('[data-no]').focus(); // the harmless answer
});

yes.addEventListener('click', () => {
  dialog.close();
  const form = asked.isConnected ? asked : document.querySelector(`form[action="${CSS.escape(asked.getAttribute('action'))}"]`);
  if (!form) return; // nothing left to do
  form.dataset.sure = 'yes';
  form.requestSubmit();
});
dialog.querySelector('[data-no]').addEventListener('click', () => dialog.close());
