"use strict";
// The page shows what the box tells it (one stream of whole views) and tells
// the box what the person does. It decides nothing.
const $ = (id) => document.getElementById(id);
const names = { 1: ["Press"], 2: ["Go", "Back"], 3: ["Listen", "Speak", "Send"] };
const shapes = ["main", "second", "third"];
let view = null;
let asked = "";
const buttons = [];

// Each part of the page has at most one thing to say.
const notices = new Map();
function notice(text, about = "page") {
  if (text) notices.set(about, text);
  else notices.delete(about);
  $("notice").textContent = [...notices.values()].join("\n");
  $("notice").hidden = notices.size === 0;
}

async function send(path, body, headers) {
  const r = await fetch(path, { method: "POST", body, headers });
  if (!r.ok) throw new Error((await r.text()).trim());
}

// --- buttons -------------------------------------------------------------
// Changes go out one after the other: a release must not overtake its press.
let line = Promise.resolve();
function push(number, down) {
  const b = buttons[number - 1];
  if (!b || (b.dataset.down === "true") === down) return;
  b.dataset.down = String(down);
  unlock();
  line = line
    .then(() => send("press", JSON.stringify({ button: number, down })))
    .then(() => notice("", "press"))
    .catch(() => notice("The box does not answer. It may have been stopped.", "press"));
}

function build(count) {
  if (buttons.length === count) return;
  $("buttons").replaceChildren();
  buttons.length = 0;
  for (let i = 0; i < count; i++) {
    const b = document.createElement("button");
    b.type = "button";
    b.className = "press " + shapes[i];
    b.dataset.down = "false";
    const glow = document.createElement("span");
    glow.className = "glow";
    const label = document.createElement("span");
    label.className = "label";
    label.textContent = names[count][i];
    b.append(glow, label);
    b.addEventListener("pointerdown", (e) => {
      if (e.button !== 0) return;
      b.setPointerCapture(e.pointerId);
      push(i + 1, true);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) b.addEventListener(end, () => push(i + 1, false));
    // Assistive technology clicks without a pointer or a key.
    b.addEventListener("click", (e) => {
      if (e.detail !== 0 || b.dataset.key) return;
      push(i + 1, true);
      setTimeout(() => push(i + 1, false), 120);
    });
    b.addEventListener("contextmenu", (e) => e.preventDefault());
    buttons.push(b);
    $("buttons").append(b);
  }
}

function buttonOf(e) {
  const at = buttons.indexOf(e.target);
  if ((e.key === " " || e.key === "Enter") && at >= 0) return at + 1;
  const own = e.target.closest("input, button, a, summary");
  // To a choice that is made already the space bar means nothing.
  if (at < 0 && own && !(own.type === "radio" && own.checked)) return 0;
  if (e.key === " ") return 1;
  return ["1", "2", "3"].indexOf(e.key) + 1;
}
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.altKey || e.metaKey) return;
  const n = buttonOf(e);
  if (!n) return;
  e.preventDefault();
  if (!e.repeat) push(n, true);
});
document.addEventListener("keyup", (e) => {
  const n = buttonOf(e);
  if (!n) return;
  e.preventDefault();
  push(n, false);
});
window.addEventListener("blur", () => buttons.forEach((_, i) => push(i + 1, false)));

// --- what the box looks like ---------------------------------------------
function render(v) {
  view = v;
  document.title = v.name + ": illumi box";
  $("name").textContent = v.name;
  $("link").dataset.online = String(v.online);
  $("linkText").textContent = v.link;
  build(v.buttons);
  const box = $("box");
  const light = "light-" + v.light + (v.dim ? "-dim" : "");
  const wanted = "box " + light + (v.light === "help" || v.light === "saved" ? " amber" : "");
  if (box.className !== wanted) box.className = wanted;
  buttons.forEach((b, i) => {
    b.classList.toggle("lit", v.lit[i]);
    b.classList.toggle("unlit", i > 0 && !v.lit[i]);
    if (i === 0) b.firstChild.style.opacity = v.light === "voice" ? v.glow : "";
  });
  $("lamp").dataset.on = String(v.recording);
  $("lampText").textContent = v.recording ? "microphone or camera is on" : "microphone and camera are off";
  if ($("prompt").textContent !== v.prompt) $("prompt").textContent = v.prompt;
  $("state").textContent = v.state;
  $("quiet").textContent = v.night;
  $("quiet").hidden = !v.night;
  if (v.own) begin();
  $("words").textContent = v.words;
  const picture = $("picture");
  picture.hidden = !v.picture;
  if (v.picture && picture.dataset.id !== v.picture) {
    picture.dataset.id = v.picture;
    picture.src = "offer/" + v.picture;
    picture.alt = v.words || "The picture of this whisper";
  }
  play(v.sounds);
  if (v.ask !== asked) {
    asked = v.ask;
    if (asked) notice("", "answer");
    answer(asked).catch((e) => notice(e.message, "answer"));
  }
}

const events = new EventSource("events");
events.addEventListener("message", (e) => {
  notice("", "stopped");
  render(JSON.parse(e.data));
});
events.addEventListener("error", () => {
  notice("The box has stopped. This page comes back by itself when it runs again at this address.", "stopped");
});

// --- what the box plays --------------------------------------------------
const playing = new Map();
function play(sounds) {
  for (const [id, audio] of playing) {
    if (!sounds.some((s) => s.id === id)) {
      audio.pause();
      playing.delete(id);
    }
  }
  for (const s of sounds) {
    if (playing.has(s.id)) continue;
    const audio = new Audio("offer/" + s.id);
    playing.set(s.id, audio);
    note(s.title);
    audio.play().catch((e) => {
      if (e.name === "NotAllowedError") $("hear").hidden = false;
    });
  }
  for (const li of $("heard").children) li.classList.toggle("now", sounds.length > 0 && li === $("heard").firstChild);
}

function note(title) {
  const li = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const what = document.createElement("span");
  what.textContent = title;
  li.append(time, what);
  const list = $("heard");
  for (const empty of list.querySelectorAll(".empty")) empty.remove();
  list.prepend(li);
  while (list.children.length > 8) list.lastChild.remove();
}

// Browsers play nothing before the person has done something on the page.
function unlock() {
  if ($("hear").hidden) return;
  $("hear").hidden = true;
  for (const audio of playing.values()) audio.play().catch(() => { $("hear").hidden = false; });
}
$("hear").addEventListener("click", unlock);

// --- the person's answer -------------------------------------------------
const chosen = (what) => document.querySelector(`input[name=${what}]:checked`).value;

// ask lets the browser put its question now, so that none pops up into a
// recording, and gives what is wrong in words.
async function ask(what) {
  try {
    close(await navigator.mediaDevices.getUserMedia(what === "sound" ? { audio: true } : { video: true }));
    return "";
  } catch {
    const name = what === "sound" ? "microphone" : "camera";
    return "This browser gives no " + name + ". Allow it beside the address, or choose a file.";
  }
}

// tryFile sees whether a file is what it should be, and gives what is wrong in words.
async function tryFile(what, file) {
  try {
    if (what === "sound") await decode(file);
    else (await createImageBitmap(file)).close();
    return "";
  } catch {
    const kind = what === "sound" ? "a sound that this browser can play. Choose a WAV or an MP3."
      : "a picture that this browser can show. Choose a JPEG or a PNG.";
    return "“" + file.name + "” is not " + kind;
  }
}

async function choose(what, value) {
  const input = $(what + "File");
  input.hidden = value !== "file";
  let wrong = "";
  if (value === "mic" || value === "camera") {
    wrong = await ask(what);
    if (wrong && chosen(what) === value) document.querySelector(`input[name=${what}][value=none]`).checked = true;
  }
  if (value === "file" && input.files.length) {
    const file = input.files[0];
    wrong = await tryFile(what, file);
    if (wrong && input.files[0] === file) input.value = "";
  }
  notice(wrong, what);
  const ready = (w) => chosen(w) === "mic" || chosen(w) === "camera" || (chosen(w) === "file" && $(w + "File").files.length > 0);
  await send("choose", JSON.stringify({ sound: ready("sound"), picture: ready("picture") }));
}
for (const what of ["sound", "picture"]) {
  const tell = () => choose(what, chosen(what)).catch((e) => notice(e.message));
  $(what + "Choice").addEventListener("change", tell);
}
// A page that was loaded again has chosen nothing, or begins with the person's own.
choose("sound", "none").catch((e) => notice(e.message));
let begun = false;
async function begin() {
  if (begun) return;
  begun = true;
  for (const [what, value] of [["sound", "mic"], ["picture", "camera"]]) {
    if (chosen(what) !== "none") continue;
    document.querySelector(`input[name=${what}][value=${value}]`).checked = true;
    await choose(what, value).catch((e) => notice(e.message));
  }
}

function close(stream) {
  for (const t of stream.getTracks()) t.stop();
}

let capture = null;
async function answer(what) {
  if (what !== "listen" && what !== "speak" && capture) {
    const c = capture;
    capture = null;
    c.ended = true;
    await c.end();
  }
  if (what === "listen" && chosen("sound") === "mic") {
    capture = { ended: false, end: async () => {} };
    await listen(capture);
  }
  if (what === "speak" && chosen("sound") === "file") await speakFile($("soundFile").files[0]);
  if (what === "picture") await photo();
}

function pcm(floats) {
  const out = new DataView(new ArrayBuffer(floats.length * 2));
  floats.forEach((v, i) => out.setInt16(2 * i, Math.max(-1, Math.min(1, v)) * 32767, true));
  return out.buffer;
}

// listen streams the microphone to the box until c is ended. The box may end
// it at any moment, also while the microphone is still being opened.
async function listen(c) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  if (c.ended) return close(stream);
  const context = new AudioContext();
  let pieces = [], length = 0, out = Promise.resolve(), failed = null;
  const flush = (last) => {
    const all = new Float32Array(length);
    let at = 0;
    for (const p of pieces) { all.set(p, at); at += p.length; }
    pieces = [];
    length = 0;
    const query = "sound?rate=" + context.sampleRate + (last ? "&last=1" : "");
    out = out.then(() => send(query, pcm(all))).catch((e) => { failed = e; });
  };
  c.end = async () => {
    close(stream);
    flush(true);
    await out;
    await context.close();
    if (failed) throw failed;
  };
  await context.audioWorklet.addModule("mic.js");
  if (c.ended) return;
  const tap = new AudioWorkletNode(context, "tap");
  tap.port.onmessage = (e) => {
    if (c.ended) return;
    pieces.push(e.data);
    length += e.data.length;
    if (length >= context.sampleRate / 5) flush(false);
  };
  context.createMediaStreamSource(stream).connect(tap);
}

async function decode(file) {
  return new OfflineAudioContext(1, 1, 16000).decodeAudioData(await file.arrayBuffer());
}

// speakFile decodes any sound this browser knows and sends it as if spoken.
async function speakFile(file) {
  let sound;
  try {
    sound = await decode(file);
  } catch {
    await send("sound?rate=16000&last=1", new ArrayBuffer(0));
    throw new Error("The sound file can no longer be read. Choose it again.");
  }
  const mono = new Float32Array(sound.length);
  for (let c = 0; c < sound.numberOfChannels; c++) {
    sound.getChannelData(c).forEach((v, i) => { mono[i] += v / sound.numberOfChannels; });
  }
  const step = 16000 * 5;
  for (let at = 0; at < mono.length; at += step) {
    if (asked !== "speak") return; // stopped by the button
    await send("sound?rate=" + sound.sampleRate + (at + step >= mono.length ? "&last=1" : ""), pcm(mono.subarray(at, at + step)));
  }
}

async function photo() {
  let source, stream;
  if (chosen("picture") === "camera") {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1600 } } });
    source = document.createElement("video");
    source.srcObject = stream;
    source.muted = true;
    await source.play();
    await new Promise((done) => setTimeout(done, 900)); // until it sees well
  } else if ($("pictureFile").files.length) {
    source = await createImageBitmap($("pictureFile").files[0]).catch(() => {
      throw new Error("The picture can no longer be read. Choose it again.");
    });
  } else {
    return;
  }
  const w = source.videoWidth || source.width, h = source.videoHeight || source.height;
  const f = Math.min(1, 1600 / Math.max(w, h));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(w * f);
  canvas.height = Math.round(h * f);
  canvas.getContext("2d").drawImage(source, 0, 0, canvas.width, canvas.height);
  if (stream) close(stream);
  const jpeg = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.88));
  if (asked === "picture") await send("photo", jpeg);
}
