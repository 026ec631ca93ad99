// What every page loads: htmx with its server-sent events, and our own manners.
// The order counts: hx-sse and calm register themselves on the global htmx that the first import makes.
import 'htmx.org/dist/htmx.esm.js';
import 'htmx.org/dist/ext/hx-sse.js';
import './calm.js';
import './times.js';
import './confirm.js';
import './copy.js';
import './session.js';
import './play.js';
import './live.js';
import './keys.js';
