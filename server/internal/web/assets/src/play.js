// Plays a whisper as it travelled, or two links one after the other. It begins by a press only. The page may be
// renewed under it, so what plays is looked for anew each time.
const lists = {
  all: () => [...document.querySelectorAll('#chain-links audio')],
  pair: () => [...document.querySelectorAll('#left audio, #right audio')],
};
const say = (text) => document.querySelectorAll('[data-play-news]').forEach((news) => { news.textContent = text; });
const calm = matchMedia('(prefers-reduced-motion: reduce)');
let ours = null; // { list, id } of what plays by us

// remembered keeps a choice in this browser; one that keeps nothing forgets it with the page.
export const remembered = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch { /* this page alone knows it then */ } },
};

function stops(shown) {
  document.querySelectorAll('[data-play-stop]').forEach((button) => {
    button.hidden = !shown || !button.parentElement.querySelector(`[data-play-${ours?.list}]`);
  });
}

function play(sound) {
  ours.id = sound.id;
  say(sound.getAttribute('aria-label'));
  stops(true);
  sound.currentTime = 0;
  sound.play().catch(stop);
}

export function stop() {
  const sound = ours && document.getElementById(ours.id);
  stops(false);
  ours = null;
  sound?.pause();
  say('');
}

export function begin(list) {
  stop();
  const [first] = lists[list]();
  if (!first) return;
  ours = { list };
  play(first);
}

export const playing = () => ours;

document.addEventListener('click', ({ target }) => {
  if (target.closest('[data-play-all]')) begin('all');
  else if (target.closest('[data-play-pair]')) begin('pair');
  else if (target.closest('[data-play-stop]')) {
    const again = document.querySelector(`[data-play-${ours?.list}]`);
    stop();
    again?.focus(); // the pressed button is gone
  } else if (target.closest('[data-speed]')) {
    remembered.set('illumi-speed', target.closest('[data-speed]').dataset.speed);
    speed();
  }
});
document.addEventListener('ended', ({ target }) => {
  if (target.id !== ours?.id) return;
  const all = lists[ours.list]();
  const next = all[all.findIndex((sound) => sound.id === ours.id) + 1];
  if (next) play(next);
  else stop();
}, true);
// Somebody pressed play elsewhere: theirs goes on, ours is over.
document.addEventListener('play', ({ target }) => { if (ours && target.id !== ours.id) stop(); }, true);

// The column that plays is marked, and comes into view unless the pointer is among the columns: nothing moves under it.
function mark() {
  document.querySelectorAll('[data-link]').forEach((link) => {
    const sound = link.querySelector('audio');
    link.classList.toggle('playing', !!sound && !sound.paused);
  });
}
function follow(link) {
  const columns = link.closest('.columns');
  if (!columns || columns.matches(':hover')) return;
  const { left, right } = link.getBoundingClientRect();
  const frame = columns.getBoundingClientRect();
  if (left >= frame.left && right <= frame.right) return;
  columns.scrollBy({ left: left - frame.left - (frame.width - (right - left)) / 2, behavior: calm.matches ? 'auto' : 'smooth' });
}
for (const event of ['play', 'pause', 'ended']) {
  document.addEventListener(event, ({ target }) => {
    mark();
    const link = event === 'play' && target.closest('[data-link]');
    if (link) follow(link);
  }, true);
}

function speed() {
  const chosen = remembered.get('illumi-speed') ?? '1';
  document.querySelectorAll('[data-speed]').forEach((button) => button.setAttribute('aria-pressed', String(button.dataset.speed === chosen)));
  document.querySelectorAll('audio.sound').forEach((sound) => {
    sound.defaultPlaybackRate = Number(chosen); // a recording that is loaded anew keeps it
    sound.playbackRate = Number(chosen);
  });
}

// The line in an outline stands where one hears; a press there winds to it. The player below does the same by keyboard.
function wind(sound) {
  const line = sound.closest('.hear')?.querySelector('.here');
  if (!line) return;
  const x = sound.currentTime > 0 && sound.duration ? (sound.currentTime / sound.duration) * 101 - 1 : -9;
  line.setAttribute('x1', x);
  line.setAttribute('x2', x);
}
document.addEventListener('timeupdate', ({ target }) => wind(target), true);
document.addEventListener('seeked', ({ target }) => wind(target), true);
document.addEventListener('click', (event) => {
  const wave = event.target.closest('[data-wave]');
  const sound = wave?.closest('.hear').querySelector('audio');
  if (!sound?.duration) return;
  const { left, width } = wave.getBoundingClientRect();
  sound.currentTime = sound.duration * ((event.clientX - left) / width);
  if (sound.paused) sound.play().catch(() => {});
});

function renew() {
  document.querySelectorAll('[data-play]').forEach((part) => { part.hidden = false; });
  speed();
  mark();
  document.querySelectorAll('audio.sound').forEach(wind);
}
document.addEventListener('htmx:after:swap', renew);
renew();
