// The one-time key stands after the # of the address, which browsers send to nobody.
const field = document.getElementById('token');
const token = decodeURIComponent(location.hash.slice(1));
if (token && !field.value) {
  field.value = token;
  field.closest('.field').hidden = true; // nobody needs to look at it, unless it is refused
  history.replaceState(null, '', location.pathname); // not in the history, not over a shoulder
  (document.getElementById('name') ?? document.getElementById('password')).focus();
}
