// The pages as people use them; see run for the arguments.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { open } from './browser.mjs';
import { picture, sound } from './media.mjs';
import { Box, startServer } from './server.mjs';

const { values: { shots, only } } = parseArgs({ options: { shots: { type: 'string' }, only: { type: 'string' } } });

const scratch = process.env.ILLUMI_TEST_SCRATCH;
const files = {
  sound: path.join(scratch, 'Grüße vom Hafen.wav'),
  picture: path.join(scratch, 'harbour.png'),
  wrong: path.join(scratch, 'not a picture.jpg'),
};
await writeFile(files.sound, sound(4));
await writeFile(files.picture, picture());
await writeFile(files.wrong, 'This is a text.');

const server = await startServer();
const browser = await open(shots);
const admin = await browser.visitor();
const { page } = admin;
const go = (where) => page.goto(server.base + where);
const text = (selector) => page.locator(selector).innerText();
const sees = (selector, words) => page.locator(selector, { hasText: words }).first().waitFor();
// refusedWith allows the browser's own line about a refusal that is wanted.
const refusedWith = (status, act) => {
  admin.expect(`status of ${status}`);
  return act();
};

// tabTo walks by keyboard alone to an element and says so when it cannot be reached.
async function tabTo(selector) {
  for (let i = 0; i < 80; i++) {
    if (await page.evaluate((s) => document.activeElement?.matches(s), selector)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`the keyboard does not reach ${selector}`);
}

async function enrol(name) {
  await go('/boxes');
  await page.fill('#name', name);
  await page.click('text=Make a code');
  const box = new Box(server.base, name.replaceAll(/[^a-z]/gi, ''));
  await box.enrol(await text('#new-code .code'));
  return box;
}

const boxes = new Map(); // by name as the page shows it
const state = {}; // what later tests need of earlier ones

const tests = [
  ['the first administrator', async () => {
    await page.goto(server.setup);
    assert.equal(new URL(page.url()).hash, '', 'the key stays in the address bar');
    assert.notEqual(await page.inputValue('#token'), '');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'name');
    await browser.inspect(page, 'setup');
    const key = await page.inputValue('#token');
    assert.equal(await page.isVisible('#token'), false, 'what the link brings is asked for');
    await page.locator('#token').evaluate((field) => { field.value = 'WRONG'; });
    await page.fill('#name', 'Ada Lovelace');
    await page.fill('#email', 'ada@example.org');
    await page.fill('#password', 'four words only mine');
    await refusedWith(422, () => page.click('button[type=submit]'));
    await sees('#token-problem', 'not valid any more');
    assert.equal(await page.inputValue('#email'), 'ada@example.org');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'token', 'the focus is not at the mistake');
    await browser.inspect(page, 'setup-refused');
    await page.fill('#token', key);
    await page.fill('#password', 'four words only mine');
    await page.click('button[type=submit]');
    await sees('h2', 'Nothing is on its way yet');
    await browser.inspect(page, 'projects-empty');
  }],

  ['signing out and in', async () => {
    await go('/setup');
    await sees('main', 'It has its administrator already');
    await page.click('text=Sign out');
    await go('/setup');
    await sees('main a[href="/sign-in"]', 'Sign in');
    await browser.inspect(page, 'set-up');
    await go('/boxes');
    assert.match(page.url(), /sign-in\?next=%2Fboxes/);
    await browser.inspect(page, 'sign-in');
    await page.fill('#email', 'ada@example.org');
    await page.fill('#password', 'something else entirely');
    await refusedWith(422, () => page.click('main button[type=submit]'));
    await sees('#complaint', 'wrong');
    await browser.inspect(page, 'sign-in-refused');
    await page.fill('#password', 'four words only mine');
    await page.keyboard.press('Enter');
    await sees('h1', 'Boxes');
    await sees('h2', 'There is no box yet');
    await browser.inspect(page, 'boxes-empty');
  }],

  ['boxes come alive', async () => {
    await page.fill('#name', 'conandoyle');
    await page.click('text=Make a code');
    assert.match(await text('#new-code .code'), /^[0-9A-Z]{5}-[0-9A-Z]{5}$/);
    assert.match(await text('#command'), /^sudo illumi-agent enroll http:\/\/127\.0\.0\.1:\d+ [0-9A-Z]{5}-[0-9A-Z]{5}$/);
    await sees('#codes + ul li', 'open');
    assert.equal(await page.locator('#replaced').count(), 0);
    assert.match(await text('#new-code'), /until \d+ \w+ \d{4},? (at )?\d\d:\d\d (UTC|GMT|[A-Z]{3,4})/, 'the time has no zone');
    const earlier = await text('#new-code .code');
    await page.fill('#name', 'ConanDoyle'); // the same name, in any case of its letters
    await page.click('text=Make a code');
    await sees('#replaced', 'only this one works');
    await assert.rejects(new Box(server.base, 'late').enrol(earlier), /code_revoked/);
    assert.equal(await page.locator('#codes + ul li').count(), 1);
    await page.fill('#name', 'conandoyle');
    await page.click('text=Make a code');
    await sees('#replaced', 'only this one works');
    await browser.inspect(page, 'boxes-code');
    await browser.enlarge(page, 'boxes-code');
    const first = new Box(server.base, 'conandoyle');
    await first.enrol(await text('#new-code .code'));
    await sees('#boxlist .box', 'not online yet'); // without reload
    await sees('#old-codes', 'Used and past codes (3)');
    await first.online();
    await sees('#boxlist .box', 'online');
    assert.ok(await page.locator('#new-code').isVisible(), 'the code went away by itself');
    boxes.set('conandoyle', first);
    for (const name of ['janeeyre', 'beargrylls', '<script>alert("box")</script>', 'صندوق الجدة في الطابق الثالث', `very${'long'.repeat(19)}`]) {
      boxes.set(name, await enrol(name));
    }
    for (const name of ['janeeyre', 'beargrylls']) await boxes.get(name).online();
    await refusedWith(422, async () => {
      await page.fill('#name', 'janeeyre');
      await page.click('text=Make a code');
    });
    await sees('#name-problem', 'already');
    await go('/boxes');
    await browser.inspect(page, 'boxes');
  }],

  ['a project', async () => {
    await go('/');
    await page.fill('#title', 'Harbour voices');
    await page.fill('#minutes', 'ten');
    await refusedWith(422, () => page.click('text=Make the project'));
    await sees('#minutes-problem', 'number');
    assert.equal(await page.inputValue('#title'), 'Harbour voices');
    await browser.inspect(page, 'projects-refused', { only: [{ name: 'narrow-light', width: 360, height: 780, scheme: 'light' }] });
    await page.check('#straight');
    await page.click('text=Make the project');
    await sees('h2', 'No whisper has set out yet');
    state.project = new URL(page.url()).pathname;
    await browser.inspect(page, 'project-empty');
  }],

  ['starting a whisper, by keyboard', async () => {
    await tabTo('main a.btn-primary');
    await page.keyboard.press('Enter');
    await sees('h1', 'Start a whisper');
    await browser.inspect(page, 'start');
    await browser.enlarge(page, 'start');
    await tabTo('#title');
    await page.keyboard.type('Gulls over <b>the</b> harbour');
    await page.setInputFiles('#image-file', files.wrong);
    await refusedWith(415, () => sees('#image-problem', 'not a picture'));
    await browser.inspect(page, 'start-file-refused');
    await page.setInputFiles('#audio-file', files.sound);
    await sees('[data-field=audio] [data-status]', 'Uploaded.');
    await tabTo('button[type=submit].btn-large');
    await page.keyboard.press('Enter');
    await sees('[data-waiting]', 'Not started');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'image-file', 'the focus is not at the refused file');
    assert.ok(page.url().endsWith('/start'), 'it started without the refused picture');
    await tabTo('[data-field=image] [data-remove]');
    await page.keyboard.press('Enter');
    await sees('[data-field=image] [data-status]', 'Removed.');
    assert.equal(await page.locator('#image-problem').isVisible(), false, 'the refusal stays after its file is removed');
    assert.equal(await text('[data-waiting]'), '');
    await page.setInputFiles('#image-file', files.picture);
    await page.setInputFiles('#audio-file', files.sound);
    await sees('[data-field=audio] [data-status]', 'Uploaded.');
    await sees('[data-field=image] [data-status]', 'Uploaded.');
    assert.ok(await page.locator('[data-field=image] .preview img').isVisible());
    await browser.inspect(page, 'start-uploaded');
    await tabTo('button[type=submit].btn-large');
    await refusedWith(422, () => page.keyboard.press('Enter'));
    await sees('#boxes-problem', 'no box');
    assert.equal(await page.inputValue('#title'), 'Gulls over <b>the</b> harbour');
    await sees('[data-field=audio] [data-status]', 'Grüße vom Hafen.wav is uploaded.');
    assert.equal(await page.evaluate(() => document.activeElement.name), 'box', 'the focus is not at the mistake');
    await browser.inspect(page, 'start-refused');
    for (const name of ['conandoyle', 'janeeyre', 'beargrylls']) {
      await tabTo(`input[name=box]#box-${boxes.get(name).device}`);
      await page.keyboard.press('Space');
    }
    await sees('[data-count]', '3 of 6 chosen');
    await tabTo('button[type=submit].btn-large');
    await page.keyboard.press('Enter');
    await sees('h1', 'Gulls over');
    state.whisper = new URL(page.url()).pathname;
  }],

  ['the whisper travels, seen without reload', async () => {
    await page.goto(server.base + state.whisper);
    await page.evaluate(() => { window.sameDocument = true; });
    await sees('#news', '0 of 3 answered');
    await sees('#hop-1', 'on its way to the box');
    await sees('#alive', 'The whisper has waited for a moment.');
    await browser.inspect(page, 'whisper-first');
    for (let turn = 1; turn <= 3; turn++) {
      const name = await text(`#hop-${turn} h3 bdi`);
      const box = boxes.get(name);
      const offer = await box.offer();
      assert.equal(offer.position, turn);
      box.progress(offer, 'delivered');
      await sees(`#hop-${turn}`, 'at the box, not heard yet');
      box.progress(offer, 'heard');
      await sees(`#hop-${turn}`, 'heard, no answer yet');
      box.progress(offer, 'recording');
      await sees(`#hop-${turn}`, 'speaking an answer');
      if (turn === 2) await beCalm(box, offer);
      else await box.answer(offer, { sound: sound(3, 150 + 30 * turn), picture: turn === 1 ? picture(500, 640, turn) : null });
      await sees(`#hop-${turn}`, 'answered');
      await sees('#news', `${turn} of 3 answered`);
      if (turn === 2) await browser.inspect(page, 'whisper-travelling');
    }
    await sees('#summary .state', 'complete');
    await sees('.mail', 'sent');
    await sees('#right h3', 'turn 3');
    assert.ok(await page.evaluate(() => window.sameDocument), 'the page was loaded anew');
    for (const fold of ['#order', '#history', '#times-1']) await page.locator(`${fold} > summary`).click();
    await browser.inspect(page, 'whisper-complete');
    await browser.enlarge(page, 'whisper-complete');
    assert.equal(await page.locator('#order dd code.long').innerText().then((s) => s.length), 64);
    await sees('#history', 'The whisper was complete.');
    await sees('#times-1', 'listened once, spoke twice');
  }],

  ['turn 2 can be heard, and wound', async () => {
    const heard = await page.locator('#hop-2 audio').evaluate(async (sound) => {
      await sound.play();
      sound.currentTime = 2;
      await new Promise((done) => { sound.addEventListener('timeupdate', () => sound.currentTime > 2.1 && done()); });
      sound.pause();
      return { at: sound.currentTime, length: sound.duration };
    });
    assert.ok(heard.at > 2.1 && heard.length > 2.5, JSON.stringify(heard));
    const shown = await page.locator('#hop-1 img').evaluate(async (image) => { await image.decode(); return image.naturalWidth; });
    assert.equal(shown, 500);
    const original = await page.request.get(server.base + await page.locator('#hop-0 .originals a').first().getAttribute('href'));
    assert.match(original.headers()['content-disposition'], /^attachment; filename="00_audio_original\.wav"$/);
    const doc = await (await page.request.get(`${server.base}${state.whisper}/whisper.json`)).json();
    assert.equal(doc.state, 'complete');
    assert.deepEqual(doc.hops.map((h) => h.files.length), [4, 2, 2]);
  }],

  ['pause, go on, end', async () => {
    await start('Long way', [...boxes.keys()], 1);
    await page.click('#pause button');
    await sees('#news', 'Paused');
    await page.click('#resume button');
    await sees('#summary .state', 'travelling');
    const first = await text('#hop-1 h3 bdi');
    state.lateOffer = await boxes.get(first).offer();
    state.lateBox = boxes.get(first);
    await browser.inspect(page, 'whisper-hostile-names');
    await page.click('text=End…');
    await sees('dialog', 'End this whisper?');
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Cancel', 'the harmless answer is not first');
    await browser.inspect(page, 'confirm');
    await page.keyboard.press('Escape');
    await sees('#summary .state', 'travelling');
    await page.click('text=End…');
    await page.click('dialog [data-yes]');
    await sees('#summary .state', 'ended early');
    await state.lateBox.answer(state.lateOffer, { sound: sound(3, 210) });
    await sees('#late', 'after their turn');
    await browser.inspect(page, 'whisper-ended-late');
  }],

  ['many at once, and the lists', async () => {
    await go(state.project);
    await start('Evening', ['conandoyle', 'beargrylls'], 3); // two of three must begin at the same box
    await sees('h1', 'Harbour voices');
    await sees('#whispers', 'Evening 2');
    await sees('#whispers', 'its box has another whisper first');
    await browser.inspect(page, 'project');
    await browser.enlarge(page, 'project');
    const row = page.locator('#whispers .item', { hasText: 'Long way' });
    await row.hover();
    const held = await row.evaluate((node) => node.getBoundingClientRect().top);
    await start('Night', ['janeeyre'], 1, await admin.context.newPage());
    await sees('#whispers', 'Night'); // above it
    assert.ok(Math.abs(await row.evaluate((node) => node.getBoundingClientRect().top) - held) < 1, 'the row under the pointer moved');
    await go('/');
    await sees('.waits', 'has waited');
    assert.equal(await page.locator('#new #title').isVisible(), false, 'the form is open before it is wanted');
    await browser.inspect(page, 'projects');
    await page.click('#new summary');
    await page.fill('#new #title', ' ');
    await refusedWith(422, () => page.click('text=Make the project'));
    await sees('#new #title-problem', 'missing');
  }],

  ['a box is revoked', async () => {
    await go(state.project);
    state.revoked = await page.locator('#whispers .waits-line strong').first().innerText(); // chance says which box a whisper waits for
    boxes.get(state.revoked).offline();
    await go('/boxes');
    await page.click(`#boxlist .box:has-text("${state.revoked}") button`);
    await sees('dialog', `Revoke ${state.revoked}?`);
    await page.click('dialog [data-yes]');
    await sees(`#boxlist .box:has-text("${state.revoked}")`, 'revoked');
    await go(state.project);
    await sees('#whispers', 'revoked');
  }],

  ['a page outlives a restart of the server', async () => {
    await start('Morning', ['conandoyle', 'beargrylls', 'janeeyre'].filter((name) => name !== state.revoked), 1);
    await page.evaluate(() => { window.sameDocument = true; });
    await sees('#news', '0 of 2');
    admin.allow('ERR_'); // what the browser says of a server that is not there, and htmx of its stream
    admin.allow('htmx:sse:error: Failed to fetch');
    await server.restart();
    await page.request.post(page.url().concat('/pause')); // somebody else
    await page.locator('#summary .state', { hasText: 'paused' }).waitFor({ timeout: 30000 });
    assert.ok(await page.evaluate(() => window.sameDocument), 'the page was loaded anew');
  }],

  ['signed out elsewhere', async () => {
    let asked = 0;
    await page.route('**/boxes/live', (route) => {
      asked++;
      return route.fulfill({ contentType: 'text/event-stream', body: 'event: changed\ndata: \n\nevent: over\ndata: \n\n' });
    });
    await go('/boxes');
    await sees('main > .alert', 'You are signed out');
    assert.equal(await page.locator('main > .alert a').getAttribute('href'), '/sign-in?next=%2Fboxes');
    await page.waitForTimeout(5500); // when a page without a stream would try again
    assert.equal(asked, 1);
    await page.unroute('**/boxes/live');
  }],

  ['what is not there, and not yours', async () => {
    await refusedWith(404, () => go('/whispers/0190ffff-0000-7000-8000-000000000000'));
    await sees('h1', 'This page is not here');
    await browser.inspect(page, 'not-found');
    const stranger = await browser.visitor();
    await stranger.page.goto(server.base + state.whisper);
    assert.match(stranger.page.url(), /sign-in/);
    const file = await stranger.context.request.get(`${server.base}${state.whisper}/media/00_audio_shared.wav`, { maxRedirects: 0 });
    assert.equal(file.status(), 303);
    await stranger.context.close();
  }],
];

// beCalm lets an answer arrive while the reader listens, has something open and the focus somewhere.
async function beCalm(box, offer) {
  await page.locator('#history > summary').click();
  await page.locator('#times-1 > summary').focus();
  const last = await page.locator('#right h3').innerText();
  await page.locator('#right audio').evaluate((sound) => { window.listened = sound; sound.loop = true; return sound.play(); });
  await box.answer(offer, { sound: sound(3, 240) });
  await sees('#news', '2 of 3 answered');
  await page.waitForTimeout(600);
  const after = await page.evaluate(() => ({
    connected: window.listened.isConnected, paused: window.listened.paused, at: window.listened.currentTime,
    open: document.querySelector('#history').open, focus: document.activeElement.closest('details')?.id,
  }));
  assert.ok(after.connected && !after.paused && after.at > 0.3, `what played was disturbed: ${JSON.stringify(after)}`);
  assert.ok(after.open, 'what was open was closed');
  assert.equal(after.focus, 'times-1', 'the focus moved');
  assert.equal(await page.locator('#right h3').innerText(), last, 'the place of what plays was changed');
  await page.evaluate(() => window.listened.pause());
  await sees('#right h3', 'turn 2'); // it catches up
  await page.locator('#history > summary').click();
}

async function start(title, names, count, where = page) {
  await where.goto(`${server.base}${state.project}/start`);
  await where.fill('#title', title);
  await where.setInputFiles('#audio-file', files.sound);
  for (const name of names) await where.check(`#box-${boxes.get(name).device}`);
  await where.fill('#count', String(count));
  await where.click('button[type=submit].btn-large'); // waits for the upload by itself
  await where.waitForURL((url) => !url.pathname.endsWith('/start'));
}

let failed = 0;
const began = Date.now();
for (const [name, test] of tests) {
  if (only && !name.includes(only)) continue;
  const before = browser.complaints.length;
  try {
    await test();
  } catch (error) {
    browser.complaints.push(error.stack);
    if (shots) await page.screenshot({ path: path.join(shots, 'failed.png'), fullPage: true });
  }
  const news = browser.complaints.slice(before);
  console.log(`${news.length ? '✗' : '✓'} ${name}`);
  for (const complaint of new Set(news)) console.log(`    ${complaint}`);
  failed += news.length;
}
for (const box of boxes.values()) box.offline();
await browser.close();
await server.stop();
const errors = server.logs.join('').split('\n').filter((line) => line.includes('level=ERROR'));
for (const line of errors) console.log(`    the server logged: ${line}`);
console.log(`${Math.round((Date.now() - began) / 1000)} s, ${failed + errors.length} complaints`);
process.exitCode = failed + errors.length ? 1 : 0;
