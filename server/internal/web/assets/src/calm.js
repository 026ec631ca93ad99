// Live updates must not disturb the reader: what is open stays open, what plays
// plays on, a time that has not changed keeps its words.

// Which moment a time tells, and how: "for 2 minutes" may become "2 minutes ago".
const tells = (time) => [time.dateTime, ...Object.keys(time.dataset)].join();
const playing = (node) => [...node.querySelectorAll('audio')].some((sound) => !sound.paused && !sound.ended);

window.htmx.registerExtension('calm', {
  htmx_before_morph_node: (node, { newNode }) => {
    if (node.tagName === 'TIME' && newNode.tagName === 'TIME' && tells(node) === tells(newNode)) return false;
    // A place that shows something else from time to time waits until it has been heard.
    return !(node.hasAttribute('data-hold') && playing(node));
  },
  // The reader opens and closes these; the server knows nothing of it.
  htmx_before_morph_attr: (node, { attrName }) => !(attrName === 'open' && node.tagName === 'DETAILS'),
});

// Then it catches up.
for (const event of ['pause', 'ended']) {
  document.addEventListener(event, ({ target }) => {
    const fragment = target.closest?.('[data-hold]') && target.closest('[hx-get]');
    if (fragment) window.htmx.trigger(fragment, 'refresh');
  }, true); // media events do not bubble
}

// One recording at a time.
document.addEventListener('play', ({ target }) => {
  document.querySelectorAll('audio').forEach((sound) => { if (sound !== target) sound.pause(); });
}, true);

// The stream says that the reader is signed out, or has no part in the project any more: no more tries, and a word.
document.addEventListener('htmx:before:request', (event) => {
  if (event.target.dataset?.over) event.preventDefault();
});
document.addEventListener('over', ({ target }) => {
  target.dataset.over = 'yes';
  const note = document.createElement('p');
  note.className = 'alert alert-warning';
  note.setAttribute('role', 'alert');
  const link = document.createElement('a');
  link.href = `/sign-in?next=${encodeURIComponent(location.pathname)}`;
  link.textContent = 'Sign in again';
  note.append('You are signed out, or this page is not yours to see any more. It has stopped following. ', link, '.');
  document.querySelector('main').prepend(note);
});
