// Times in words, in the reader's own time zone and with its name. The server writes them in UTC, for
// pages without scripts.
const relative = new Intl.RelativeTimeFormat('en');
const minute = { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZoneName: 'short' };
const full = new Intl.DateTimeFormat('en-GB', minute);
const exact = new Intl.DateTimeFormat('en-GB', { ...minute, second: '2-digit' });
// How many of each unit make the next larger one.
const units = [['minute', 60, 60], ['hour', 3600, 24], ['day', 86400, 30], ['month', 30 * 86400, 12], ['year', 365 * 86400, Infinity]];

// inUnits is a number of seconds in the unit that people would choose, at least a minute.
function inUnits(seconds, round) {
  for (const [unit, length, most] of units) {
    const n = Math.max(1, round(seconds / length));
    if (n < most) return [n, unit];
  }
  return null; // not reached: the last unit has no end
}

function ago(at, now) {
  const seconds = (at - now) / 1000;
  if (Math.abs(seconds) < 45) return seconds > 0 ? 'in a moment' : 'just now';
  const [n, unit] = inUnits(Math.abs(seconds), Math.round);
  return relative.format(Math.sign(seconds) * n, unit);
}

function span(at, now) {
  const seconds = (now - at) / 1000;
  if (seconds < 45) return 'for a moment';
  const [n, unit] = inUnits(seconds, Math.floor);
  return `for ${new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' }).format(n)}`;
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
