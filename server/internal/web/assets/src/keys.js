// Keys of the whisper's page. Single keys can be switched off in the account (WCAG 2.1.4), and do nothing while
// somebody types or has a dialog open.
import { begin, playing, stop } from './play.js';

const dialog = document.querySelector('#keys');
const on = document.body.hasAttribute('data-shortcuts');
const links = () => [...document.querySelectorAll('[data-link]')];
let number = null; // of the link that one is at

const here = () => document.activeElement?.closest?.('[data-link]') ?? document.querySelector(`[data-link="${number}"]`);

function go(step) {
  const all = links();
  const at = all.indexOf(here());
  const to = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  number = to.dataset.link;
  to.focus({ preventScroll: true });
  to.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

function sound() {
  const audio = (here() ?? links()[0])?.querySelector('audio');
  if (!audio) return;
  if (audio.paused) audio.play().catch(() => {});
  else audio.pause();
}

const keys = {
  j: () => go(1),
  k: () => go(-1),
  p: sound,
  ' ': sound,
  a: () => (playing() ? stop() : begin('all')),
  c: () => here()?.querySelector('[data-compare]')?.click(),
  '?': () => dialog.showModal(),
};

if (dialog && on) {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector('dialog[open]') || event.target.closest?.('input, textarea, select')) return;
    // The space bar presses buttons, plays players and turns pages; it is ours on a link alone.
    if (event.key === ' ' && !event.target.matches('[data-link]')) return;
    if (!Object.hasOwn(keys, event.key) || !links().length) return;
    event.preventDefault();
    keys[event.key]();
  });
}
document.addEventListener('click', ({ target }) => { if (target.closest('[data-keys-show]')) dialog?.showModal(); });
