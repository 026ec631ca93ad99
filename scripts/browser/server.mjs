// A real server in a directory of its own, and boxes that speak to it as real ones do.
import { spawn } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import http from 'node:http';
import { mkdtemp } from 'node:fs/promises';
import path from 'node:path';

// startServer returns { base, setup, logs, stop, restart }; extra are arguments of its own.
export async function startServer(...extra) {
  const data = await mkdtemp(path.join(process.env.ILLUMI_TEST_SCRATCH, 'data-'));
  const port = await freePort();
  const logs = [];
  let child;
  let gone;
  const start = (until) => {
    child = spawn(process.env.ILLUMI_TEST_SERVER, ['serve', '--data', data, '--listen', `127.0.0.1:${port}`, ...extra],
      { stdio: ['ignore', 'pipe', 'pipe'] });
    gone = new Promise((done) => child.once('exit', done));
    child.stderr.setEncoding('utf8').on('data', (text) => logs.push(text));
    return new Promise((found, fail) => {
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (part) => {
        text += part;
        const match = text.match(until);
        if (match) found(match[0]);
      });
      gone.then(() => fail(new Error(`the server stopped at once:\n${logs.join('')}`)));
    });
  };
  const stop = async () => {
    child.kill('SIGTERM');
    const slow = setTimeout(() => child.kill('SIGKILL'), 15000);
    await gone;
    clearTimeout(slow);
  };
  return {
    base: `http://127.0.0.1:${port}`,
    setup: await start(/http\S+\/setup#\S+/),
    logs,
    stop,
    async restart() {
      await stop();
      await start(/listens on/);
    },
  };
}

async function freePort() {
  const probe = http.createServer();
  await new Promise((done) => { probe.listen(0, '127.0.0.1', done); });
  const { port } = probe.address();
  await new Promise((done) => { probe.close(done); });
  return port;
}

// Box is a box as the server sees one: enrolment, a socket, offers, uploads, replies.
export class Box {
  constructor(base, name) {
    this.base = base;
    this.name = name;
    this.secret = randomBytes(32).toString('hex');
    this.board = `serial-${name}`;
  }

  async call(method, at, { body, headers = {} } = {}) {
    const answer = await fetch(this.base + at, {
      method,
      headers: { Authorization: `Bearer ${this.secret}`, 'Illumi-Board': this.board, ...headers },
      body,
    });
    if (!answer.ok) throw new Error(`${this.name}: ${method} ${at}: ${answer.status} ${await answer.text()}`);
    return answer;
  }

  async enrol(code) {
    const answer = await fetch(`${this.base}/api/v1/enroll`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ code, secret: this.secret, board_model: 'Raspberry Pi Zero 2 W', board_serial: this.board,
        agent: 'test', version: 1, capabilities }),
    });
    if (!answer.ok) throw new Error(`enrolment: ${answer.status} ${await answer.text()}`);
    this.device = (await answer.json()).device;
  }

  // online holds a socket open until offline.
  async online() {
    const request = http.request(`${this.base}/api/v1/device/socket`, {
      headers: {
        Authorization: `Bearer ${this.secret}`, 'Illumi-Board': this.board, Connection: 'Upgrade', Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': randomBytes(16).toString('base64'), 'Sec-WebSocket-Protocol': 'illumi.v1',
      },
    });
    this.socket = await new Promise((open, fail) => {
      request.on('upgrade', (_, socket) => open(socket));
      request.on('response', (answer) => fail(new Error(`socket: ${answer.statusCode}`)));
      request.on('error', fail);
      request.end();
    });
    this.socket.on('data', () => {});
    this.socket.on('error', () => {});
    this.tell('hello', { version: 1, agent: 'test', boot_id: 'boot', capabilities });
    // A box that says nothing for a minute is taken for gone.
    this.alive = setInterval(() => this.tell('ping'), 15000);
    this.socket.once('close', () => clearInterval(this.alive));
  }

  offline() { this.socket?.destroy(); }

  // tell sends one text frame; a client must mask it.
  tell(type, body) {
    const text = Buffer.from(JSON.stringify({ type, id: randomUUID(), body }));
    const mask = randomBytes(4);
    const head = text.length < 126 ? Buffer.from([0x81, 0x80 | text.length])
      : Buffer.from([0x81, 0x80 | 126, text.length >> 8, text.length & 0xff]);
    this.socket.write(Buffer.concat([head, mask, text.map((byte, i) => byte ^ mask[i % 4])]));
  }

  // says tells how the box is, reports what befell it, and hands in what it found when it looked itself through.
  says(status) { this.tell('status', { state: 'IDLE', waiting: 0, unsent: 0, disk_free: 12e9, uptime: 90000, settings: 1, clock_sync: true, ...status }); }

  reports(code, detail) { this.tell('report', { id: randomUUID(), code, at: new Date().toISOString(), detail }); }

  found(kind, items, installer) {
    const body = JSON.stringify({ id: randomUUID(), kind, at: new Date().toISOString(), installer,
      items: items.map(([part, verdict, text, next]) => ({ part, verdict, text, next })) });
    return this.call('POST', '/api/v1/device/checks', { body, headers: { 'Content-Type': 'application/json' } });
  }

  progress(offer, step) { this.tell(step, { hop: offer.hop, epoch: offer.epoch, at: new Date().toISOString() }); }

  async offer() {
    const { offers } = await (await this.call('GET', '/api/v1/device/offers')).json();
    return offers.find((o) => o.state === 'open');
  }

  async upload(role, type, bytes) {
    const sum = createHash('sha256').update(bytes).digest('hex');
    const metadata = Object.entries({ role, sha256: sum, type }).map(([k, v]) => `${k} ${Buffer.from(v).toString('base64')}`).join(',');
    const tus = { 'Tus-Resumable': '1.0.0' };
    const made = await this.call('POST', '/api/v1/device/uploads/', { headers: { ...tus, 'Upload-Length': String(bytes.length), 'Upload-Metadata': metadata } });
    const at = new URL(made.headers.get('location'), this.base).pathname;
    await this.call('PATCH', at, { body: bytes, headers: { ...tus, 'Upload-Offset': '0', 'Content-Type': 'application/offset+octet-stream' } });
    return { role, sha256: sum, size: bytes.length, type, encoding: 'plain', upload: path.posix.basename(at) };
  }

  async answer(offer, { sound, picture, epoch = offer.epoch }) {
    const files = [await this.upload('audio', 'audio/wav', sound)];
    if (picture) files.push(await this.upload('image', 'image/png', picture));
    const body = JSON.stringify({
      id: randomUUID(), epoch, take: 1, files,
      facts: { saved_at: new Date().toISOString(), clock_sync: true, boot_id: 'boot', duration_ms: 3000, tone_end_ms: 0,
        takes: 2, photo: picture ? 'taken' : 'none', sent_by: 'press', plays: 1 },
    });
    return (await this.call('PUT', `/api/v1/device/hops/${offer.hop}/reply`, { body, headers: { 'Content-Type': 'application/json' } })).json();
  }
}

const capabilities = { buttons: 1, microphone: true, speaker: true, camera: true, screen: true, simulated: true, audio: 'audio/wav' };
