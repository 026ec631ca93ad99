// Times in words, in the reader's own time zone. The server writes them in UTC, for pages without scripts.
const words = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const steps = [[60, 'second', 1], [3600, 'minute', 60], [86400, 'hour', 3600], [30 * 86400, 'day', 86400], [365 * 86400, 'month', 30 * 86400], [Infinity, 'year', 365 * 86400]];

function ago(at, now) {
  const seconds = (at - now) / 1000;
  if (Math.abs(seconds) < 45) return seconds > 0 ? 'in a moment' : 'just now';
  const [, unit, length] = steps.find(([limit]) => Math.abs(seconds) < limit);
  return words.format(Math.round(seconds / length) || Math.sign(seconds), unit);
}

function write(root = document) {
  const now = Date.now();
  root.querySelectorAll('time[datetime]').forEach((time) => {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.valueOf())) return;
    const text = time.hasAttribute('data-ago') ? ago(at, now) : full.format(at);
    if (time.textContent !== text) time.textContent = text;
    time.title ||= exact.format(at);
  });
}

write();
setInterval(write, 15000);
document.addEventListener('htmx:after:swap', () => write());
