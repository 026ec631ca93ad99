// The link's secret stands after the # of the address, which browsers send to nobody.
const token = decodeURIComponent(location.hash.slice(1));
const form = document.getElementById('door');
if (token && form) {
  history.replaceState(null, '', location.pathname); // not in the history, not over a shoulder
  form.elements.token.value = token;
  form.requestSubmit();
}
