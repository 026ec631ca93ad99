// Live pages can be paused (WCAG 2.2.2), and a page that is renewed never moves what is under the pointer or has the focus.
import { remembered } from './play.js';

const key = 'illumi-live';
const bar = document.querySelector('[data-live-bar]');
let once = false;

const paused = () => remembered.get(key) === 'paused';

const button = (name) => bar.querySelector(`[data-live-${name}]`);

function show(words) {
  if (!bar) return;
  button('pause').hidden = paused();
  button('go').hidden = button('once').hidden = !paused();
  button('news').textContent = words ?? (paused() ? 'Live updates are paused.' : '');
  bar.classList.toggle('paused', paused());
  bar.hidden = false;
}

function fetchNow() {
  once = true;
  document.querySelectorAll('[data-live]').forEach((live) => window.htmx.trigger(live, 'refresh'));
}

bar?.addEventListener('click', ({ target }) => {
  if (target.closest('[data-live-once]')) {
    fetchNow();
    show('Brought up to date, and still paused.');
    return;
  }
  const pause = target.closest('[data-live-pause]');
  if (!pause && !target.closest('[data-live-go]')) return;
  remembered.set(key, pause ? 'paused' : 'live');
  show();
  button(pause ? 'go' : 'pause').focus(); // the pressed button is gone
  if (!pause) fetchNow();
});
document.addEventListener('htmx:before:request', (event) => {
  if (!event.target.matches?.('[data-live]')) return;
  if (paused() && !once) event.preventDefault();
  once = false;
});
show();

// Where the pointer is; a finger leaves no pointer behind.
let pointer = null;
document.addEventListener('pointermove', ({ pointerType, clientX, clientY }) => {
  pointer = pointerType === 'touch' ? null : { x: clientX, y: clientY };
}, { passive: true });
document.documentElement.addEventListener('pointerleave', () => { pointer = null; });

// held is what must not move in a part of the page: what is under the pointer, else what has the focus, else the
// first thing that is in view; with its ancestors, should it go away itself.
function held(part) {
  let at = pointer && document.elementFromPoint(pointer.x, pointer.y);
  if (!at || at === part || !part.contains(at)) at = part.contains(document.activeElement) ? document.activeElement : null;
  at ??= [...part.querySelectorAll('[id]')].find((node) => node.getBoundingClientRect().top >= 0);
  const places = [];
  for (; at && at !== part; at = at.parentElement) {
    const { left, top } = at.getBoundingClientRect();
    places.push({ node: at, left, top });
  }
  return places;
}

function keep(part, places) {
  const place = places.find(({ node }) => node.isConnected);
  if (!place) return;
  const moved = () => place.node.getBoundingClientRect().top - place.top;
  part.style.paddingBlock = '';
  if (Math.abs(moved()) >= 0.5) window.scrollBy({ top: moved(), behavior: 'instant' });
  const rest = moved(); // where the page cannot be scrolled that far
  if (rest <= -0.5) part.style.paddingTop = `${-rest}px`;
  if (rest >= 0.5) {
    part.style.paddingBottom = `${rest}px`;
    window.scrollBy({ top: rest, behavior: 'instant' });
  }
  const columns = place.node.closest('.columns');
  if (columns && columns !== place.node) columns.scrollBy({ left: place.node.getBoundingClientRect().left - place.left, behavior: 'instant' });
}

let before = [];
document.addEventListener('htmx:before:swap', ({ target }) => {
  const part = target.closest?.('[data-live]');
  before = part ? held(part) : [];
});
document.addEventListener('htmx:after:swap', ({ target }) => {
  const part = target.closest?.('[data-live]');
  if (part) keep(part, before);
});
// The room that was added to hold something goes when nobody points there any more.
document.addEventListener('pointerout', (event) => {
  const part = event.target.closest?.('[data-live]');
  if (part && !part.contains(event.relatedTarget)) part.style.paddingBlock = '';
}, { passive: true });
