import './design.js';
// The page that starts a whisper: each file is uploaded as soon as it is chosen, resuming after any cut.
//
// A form takes part by data-upload (the tus endpoint). Each of its .upload blocks has a file input with
// data-role, and by data attribute: address (hidden; receives the upload's), name (hidden), bar with a
// progress and a cancel button, status, preview, remove, problem.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { Upload } from 'tus-js-client';
import './boxes.js';

const pieceSize = 5 * 1024 * 1024;

// Read in pieces: crypto.subtle wants the whole file in memory, and does not exist on plain http.
async function digest(file) {
  const hash = sha256.create();
  const reader = file.stream().getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) hash.update(part.value);
  return bytesToHex(hash.digest());
}

// The server refuses in one sentence and says what to do next (problem+json).
function refusal(error) {
  try {
    const { detail, next } = JSON.parse(error.originalResponse.getBody());
    if (detail) return [detail, next].filter(Boolean).join(' ');
  } catch { /* not from our server, or no answer at all */ }
  return 'The upload broke off. Check the connection, then choose the file again: it goes on where it stopped.';
}

class Field {
  constructor(block, endpoint, changed) {
    const part = (name) => block.querySelector(`[data-${name}]`);
    Object.assign(this, { block, endpoint, changed, address: part('address'), name: part('name'), bar: part('bar'),
      status: part('status'), preview: part('preview'), remove: part('remove'), problem: part('problem') });
    this.input = block.querySelector('input[type=file]');
    this.progress = this.bar.querySelector('progress');
    this.upload = null;
    this.round = 0; // which choice of a file this is: older ones must not write any more
    // What was chosen is not with the server, and its reader has not yet said to go without it. The
    // server itself insists on a recording.
    this.refused = !this.problem.hidden && this.input.dataset.role === 'image';
    this.input.addEventListener('change', () => this.choose());
    part('cancel').addEventListener('click', () => this.clear('Cancelled.'));
    this.remove.addEventListener('click', () => this.clear('Removed.'));
    this.remove.hidden = !this.address.value && !this.refused;
  }

  get busy() { return !this.bar.hidden; }

  say(words) { this.status.textContent = words; }

  complain(words) {
    this.problem.hidden = !words;
    this.problem.setAttribute('role', 'alert');
    this.problem.querySelector('span').textContent = words;
    this.input.classList.toggle('is-invalid', !!words);
    if (words) this.input.setAttribute('aria-invalid', 'true');
    else this.input.removeAttribute('aria-invalid');
  }

  show(file) {
    this.preview.replaceChildren();
    this.preview.hidden = !file;
    if (this.url) URL.revokeObjectURL(this.url);
    if (!file) return;
    this.url = URL.createObjectURL(file);
    const element = document.createElement(this.input.dataset.role === 'audio' ? 'audio' : 'img');
    if (element.tagName === 'AUDIO') {
      element.controls = true;
      element.setAttribute('aria-label', 'The chosen recording');
    } else {
      element.alt = 'The chosen picture';
    }
    // A browser that cannot show it says nothing about the server, which looks inside.
    element.addEventListener('error', () => { this.preview.hidden = true; });
    element.src = this.url;
    this.preview.append(element);
  }

  reset() {
    this.round++;
    const upload = this.upload;
    this.upload = null;
    // Told to forget it; a finished one refuses, and is forgotten by itself.
    upload?.abort(true).catch(() => {});
    this.address.value = this.name.value = '';
    this.bar.hidden = this.remove.hidden = true;
    this.refused = false;
    this.progress.value = 0;
    this.complain('');
  }

  clear(words) {
    this.reset();
    this.input.value = '';
    this.show(null);
    this.say(words);
    this.input.focus();
    this.changed();
  }

  async choose() {
    this.reset();
    const round = this.round;
    const current = () => round === this.round;
    const file = this.input.files[0];
    this.show(file);
    if (!file) { this.say(''); this.changed(); return; }
    this.bar.hidden = false;
    this.say('Reading the file …');
    this.changed();
    let sum;
    try {
      sum = await digest(file);
    } catch {
      if (current()) this.failed('The file cannot be read. Was it moved? Choose it again.');
      return;
    }
    if (!current()) return;
    this.upload = new Upload(file, {
      endpoint: this.endpoint,
      chunkSize: pieceSize,
      retryDelays: [0, 1000, 3000, 5000, 10000, 20000],
      storeFingerprintForResuming: false, // the server finds the owner's unfinished upload by its digest
      metadata: { role: this.input.dataset.role, sha256: sum },
      onProgress: (sent, total) => {
        if (!current()) return;
        this.progress.value = sent / total;
        this.say(sent < total ? `Uploading: ${Math.floor(100 * sent / total)} %` : 'Looking into the file …');
      },
      onSuccess: () => { if (current()) this.done(file); },
      onError: (error) => { if (current()) this.failed(refusal(error)); },
    });
    this.say('Uploading …');
    this.upload.start();
  }

  done(file) {
    this.address.value = this.upload.url;
    this.name.value = file.name;
    this.bar.hidden = true;
    this.remove.hidden = false;
    this.say('Uploaded.');
    this.changed();
  }

  failed(words) {
    this.upload = null;
    this.bar.hidden = true;
    this.show(null);
    this.say('');
    this.complain(words);
    this.refused = true;
    this.remove.hidden = false;
    this.changed();
  }
}

function wire(form) {
  const waiting = form.querySelector('[data-waiting]');
  let wanted = false; // a button was pressed while a file was on its way
  let pressed; // that button
  // A whisper must not set out without a file that somebody chose for it.
  const stopped = () => {
    const refused = fields.find((f) => f.refused);
    if (!refused) return false;
    waiting.textContent = 'Not started: choose another file, or remove this one.';
    refused.input.focus();
    return true;
  };
  const fields = [...form.querySelectorAll('.upload')].map((block) => new Field(block, form.dataset.upload, () => {
    if (fields.some((f) => f.busy)) return;
    waiting.textContent = '';
    if (!wanted) return;
    wanted = false;
    if (!stopped()) form.requestSubmit(pressed);
  }));
  form.addEventListener('submit', (event) => {
    if (stopped()) { event.preventDefault(); return; }
    if (!fields.some((f) => f.busy)) return;
    event.preventDefault();
    wanted = true;
    pressed = event.submitter;
    waiting.textContent = pressed?.name === 'step' ? 'Goes on as soon as the upload is done.' : 'Starts as soon as the upload is done.';
  });
}

document.querySelectorAll('form[data-upload]').forEach(wire);
