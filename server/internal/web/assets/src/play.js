// Plays a whisper as it travelled: the seed, then each answer. It begins by a press only, and the page may be
// renewed under it: what plays is looked for anew each time.
const sounds = () => [...document.querySelectorAll('#first audio, .chain .hop audio')];
const say = (text) => {
  const news = document.querySelector('[data-play-news]');
  if (news) news.textContent = text;
};
let playing = null; // the id of the sound that plays by us

function play(sound) {
  playing = sound.id;
  say(sound.getAttribute('aria-label'));
  document.querySelector('[data-play-stop]')?.removeAttribute('hidden');
  sound.currentTime = 0;
  sound.scrollIntoView({ block: 'nearest' });
  sound.play().catch(stop);
}

function stop() {
  const sound = playing && document.getElementById(playing);
  playing = null;
  sound?.pause();
  say('');
  document.querySelector('[data-play-stop]')?.setAttribute('hidden', '');
}

document.addEventListener('click', (event) => {
  if (event.target.closest('[data-play-all]')) {
    stop();
    const [first] = sounds();
    if (first) play(first);
  } else if (event.target.closest('[data-play-stop]')) stop();
});
document.addEventListener('ended', (event) => {
  if (event.target.id !== playing) return;
  const all = sounds();
  const next = all[all.findIndex((sound) => sound.id === playing) + 1];
  if (next) play(next);
  else stop();
}, true);
// Somebody pressed play elsewhere: theirs goes on, ours is over.
document.addEventListener('play', (event) => { if (playing && event.target.id !== playing) stop(); }, true);
const reveal = () => document.querySelectorAll('[data-play]').forEach((part) => { part.hidden = false; });
document.addEventListener('htmx:after:swap', reveal);
reveal();
