// Says before the session ends that it does, and lengthens it at one key. Nothing is loaded anew:
// what stands in a form stays there.
const warnBefore = 180; // seconds
const url = '/account/session';
const signedIn = document.querySelector('form[action="/sign-out"]');

let box;
function say(text, button) {
  if (!box) {
    box = document.createElement('div');
    box.className = 'session-end';
    box.setAttribute('role', 'alert');
    document.body.append(box);
  }
  box.replaceChildren(Object.assign(document.createElement('p'), { textContent: text }));
  if (button) box.append(button);
}
function hush() {
  box?.remove();
  box = undefined;
}
function again(seconds) {
  setTimeout(ask, Math.min(Math.max(seconds, 5), 3600) * 1000);
}
function stay() {
  const button = Object.assign(document.createElement('button'), { type: 'button', className: 'btn btn-primary', textContent: 'Stay signed in' });
  button.addEventListener('click', () => ask('POST'));
  return button;
}
async function ask(method = 'GET') {
  let left;
  try {
    const answer = await fetch(url, { method, headers: { Accept: 'application/json' } });
    left = await answer.json();
  } catch {
    return again(60); // no network: nothing is known
  }
  if (left.seconds <= 0) return say('You are signed out. Open a new tab and sign in there, then go on here: nothing on this page is lost.');
  if (left.seconds > warnBefore) {
    hush();
    return again(left.seconds - warnBefore);
  }
  const minutes = Math.max(1, Math.round(left.seconds / 60));
  if (!box) say(`You will be signed out in ${minutes === 1 ? 'one minute' : `${minutes} minutes`}.${left.longer ? '' : ' Save what you write, and sign in again.'}`, left.longer && stay());
  again(left.seconds + 1);
}
if (signedIn) ask();
