// Times in words, in the reader's own time zone. The server writes them in UTC, for pages without scripts.
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const steps = [[60, 'second', 1], [3600, 'minute', 60], [86400, 'hour', 3600], [30 * 86400, 'day', 86400], [365 * 86400, 'month', 30 * 86400], [Infinity, 'year', 365 * 86400]];

function ago(at, now) {
  const seconds = (at - now) / 1000;
  if (Math.abs(seconds) < 45) return seconds > 0 ? 'in a moment' : 'just now';
  const [, unit, length] = steps.find(([limit]) => Math.abs(seconds) < limit);
  return relative.format(Math.round(seconds / length) || Math.sign(seconds), unit);
}

function span(at, now) {
  const seconds = (now - at) / 1000;
  if (seconds < 60) return 'for less than a minute';
  const [, unit, length] = steps.find(([limit]) => seconds < limit);
  return `for ${new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' }).format(Math.floor(seconds / length))}`;
}

function text(time, at, now) {
  if ('ago' in time.dataset) return ago(at, now);
  if ('for' in time.dataset) return span(at, now);
  return ('exact' in time.dataset ? exact : full).format(at);
}

function write(root = document) {
  const now = Date.now();
  root.querySelectorAll('time[datetime]').forEach((time) => {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.valueOf())) return;
    const words = text(time, at, now);
    if (time.textContent !== words) time.textContent = words;
    time.title ||= exact.format(at);
  });
}

write();
setInterval(write, 15000);
document.addEventListener('htmx:after:swap', () => write());
