// What every page loads: htmx with its server-sent events, and the one Bootstrap widget that needs a script.
// The order counts: hx-sse registers itself on the global htmx that the first import makes.
import 'htmx.org/dist/htmx.esm.js';
import 'htmx.org/dist/ext/hx-sse.js';
import 'bootstrap/js/src/collapse.js';
