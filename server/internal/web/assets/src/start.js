// Uploads each chosen file as soon as it is chosen, resuming after any cut.
//
// A form takes part by data-upload (the tus endpoint). Each file input in it has, beside it,
// a hidden input data-upload-for="ID of the file input" that receives the upload's address, and
// may have a <progress> and an [role=status] with the same data attribute.
// The form's submit buttons wait until every hidden input is filled.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { Upload } from 'tus-js-client';

// Read in pieces: crypto.subtle wants the whole file in memory, and does not exist on plain http.
async function digest(file) {
  const hash = sha256.create();
  const reader = file.stream().getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) hash.update(part.value);
  return bytesToHex(hash.digest());
}

function wire(form) {
  const part = (input, selector) => form.querySelector(`${selector}[data-upload-for="${input.id}"]`);
  const refresh = () => {
    const waiting = [...form.querySelectorAll('input[type=hidden][data-upload-for]')].some((h) => !h.value);
    form.querySelectorAll('[type=submit]').forEach((button) => { button.disabled = waiting; });
  };
  const running = new Map();

  async function start(input) {
    await running.get(input)?.abort(true);
    running.delete(input);
    const file = input.files[0];
    const hidden = part(input, 'input[type=hidden]');
    const bar = part(input, 'progress');
    const status = part(input, '[role=status]');
    const say = (words) => { if (status) status.textContent = words; };
    hidden.value = '';
    refresh();
    if (!file) return say('');

    say('Reading the file …');
    const sum = await digest(file);
    if (input.files[0] !== file) return; // another file was chosen meanwhile
    const upload = new Upload(file, {
      endpoint: form.dataset.upload,
      chunkSize: 5 * 1024 * 1024,
      retryDelays: [0, 1000, 3000, 5000, 10000, 20000],
      removeFingerprintOnSuccess: true,
      metadata: { filename: file.name, filetype: file.type, sha256: sum },
      onProgress: (sent, total) => { if (bar) bar.value = sent / total; },
      onSuccess: () => { hidden.value = upload.url; say('Uploaded.'); refresh(); },
      // The server answers in one plain sentence; anything else is ours to say.
      onError: (error) => say(error.originalResponse?.getBody() || 'The upload stopped. Choose the file again to go on.'),
    });
    running.set(input, upload);
    say('Uploading …');
    upload.start();
  }

  form.querySelectorAll('input[type=file]').forEach((input) => {
    if (part(input, 'input[type=hidden]')) input.addEventListener('change', () => start(input));
  });
  refresh();
}

document.querySelectorAll('form[data-upload]').forEach(wire);
