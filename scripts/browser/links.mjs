// The whisper's page and the page that starts one, as somebody uses them who listens: links as columns, two of them
// side by side, a page that holds still, keys and their switch, warnings, an order by hand, a shared link, paper.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { crossed, open } from './browser.mjs';
import { picture, sound } from './media.mjs';
import { Box, startServer } from './server.mjs';

const { values: { shots } } = parseArgs({ options: { shots: { type: 'string' }, links: { type: 'boolean' } } });
const scratch = process.env.ILLUMI_TEST_SCRATCH;
const files = { sound: path.join(scratch, 'seed of links.wav'), picture: path.join(scratch, 'seed of links.png') };
await writeFile(files.sound, sound(4));
await writeFile(files.picture, picture());

const server = await startServer();
const browser = await open(shots);
const { page } = await browser.visitor();
const go = (where) => page.goto(server.base + where);
const sees = (selector, words) => page.locator(selector, { hasText: words }).first().waitFor();
const top = (selector) => page.locator(selector).first().evaluate((node) => {
  const { left, top: y } = node.getBoundingClientRect();
  return [Math.round(left), Math.round(y)];
});
const moment = (ms) => new Promise((done) => { setTimeout(done, ms); });

const boxes = new Map();
async function enrol(name, online) {
  await go('/boxes');
  await page.fill('#name', name);
  await page.click('text=Make a code');
  const box = new Box(server.base, name);
  await box.enrol(await page.locator('#new-code .code').innerText());
  if (online) await box.online();
  boxes.set(name, box);
}

async function start(title, names) {
  await go(`${state.project}/start`);
  await page.fill('#title', title);
  await page.setInputFiles('#audio-file', files.sound);
  await page.setInputFiles('#image-file', files.picture);
  await page.fill('#alt', 'A harbour at dusk');
  for (const name of names) await page.check(`#box-${boxes.get(name).device}`);
  await page.check('#design-fixed');
  await page.click('button[type=submit].btn-large');
  await page.waitForURL(/\/whispers\//);
  return new URL(page.url()).pathname;
}

async function answer(name, turn, steps = ['delivered', 'heard']) {
  const box = boxes.get(name);
  const offer = await box.offer();
  for (const step of steps) box.progress(offer, step);
  await box.answer(offer, { sound: sound(2 + turn, 140 + 25 * turn), picture: picture(turn === 2 ? 400 : 640, turn === 2 ? 600 : 420, turn) });
}

const state = {};
const tests = [
  ['the ground', async () => {
    await page.goto(server.setup);
    await page.fill('#name', 'Ada Lovelace');
    await page.fill('#email', 'ada@example.org');
    await page.fill('#password', 'four words only mine');
    await page.click('button[type=submit]');
    await sees('h2', 'Nothing is on its way yet');
    for (const name of ['ann', 'ben', 'cora']) await enrol(name, true);
    await enrol('attic', false);
    await go('/');
    await page.fill('#title', 'Harbour voices');
    await page.check('#straight');
    await page.click('text=Make the project');
    state.project = new URL(page.url()).pathname;
  }],

  ['warnings before a start, and an order by hand', async () => {
    await go(`${state.project}/start`);
    const row = (name) => `li:has(#box-${boxes.get(name).device})`;
    await sees(row('attic'), 'Was never online');
    assert.equal(await page.locator(row('ann')).locator('.note').count(), 0, 'a box that is fine is warned of');
    await page.fill('#title', 'Warned');
    await page.setInputFiles('#audio-file', files.sound);
    await sees('[data-field=audio] [data-status]', 'Uploaded.');
    for (const name of ['ann', 'ben', 'attic']) await page.check(`#box-${boxes.get(name).device}`);
    await page.check('#design-fixed');
    const order = () => page.locator('ul.boxes li:has(input:checked) label bdi').allInnerTexts();
    assert.deepEqual(await order(), ['ann', 'attic', 'ben']);
    await page.locator(row('ben')).locator('[data-move="-1"]').click();
    assert.deepEqual(await order(), ['ann', 'ben', 'attic']);
    await sees('[data-moved]', 'ben is 2 of 3.');
    assert.equal(await page.evaluate(() => document.activeElement.dataset.move), '-1', 'the focus left the button');
    await page.keyboard.press('Enter');
    assert.deepEqual(await order(), ['ben', 'ann', 'attic']);
    await page.fill(`#place-${boxes.get('attic').device}`, '1');
    await page.keyboard.press('Tab');
    assert.deepEqual(await order(), ['attic', 'ben', 'ann']);
    await browser.inspect(page, 'start-fixed');
    await page.locator('#title').focus();
    await page.keyboard.press('Enter'); // shows the order, and never starts or moves anything
    await sees('#plan-title', 'as it will travel');
    assert.deepEqual(await page.locator('#plan li bdi').allInnerTexts(), ['attic', 'ben', 'ann']);
    await sees('#warnings', 'attic');
    await browser.inspect(page, 'start-warnings');
    await browser.enlarge(page, 'start-warnings');
  }],

  ['each kind of order, shown before it starts and kept', async () => {
    await go(`${state.project}/start`);
    await page.fill('#title', 'By table');
    await page.setInputFiles('#audio-file', files.sound);
    await sees('[data-field=audio] [data-status]', 'Uploaded.');
    for (const name of ['ann', 'ben', 'cora']) await page.check(`#box-${boxes.get(name).device}`);
    const rows = () => page.locator('.plan-rows li').evaluateAll((all) => all.map((row) => [...row.querySelectorAll('bdi')].map((name) => name.textContent)));
    await page.check('#design-williams');
    await page.click('text=Show the order first >> visible=true');
    await sees('#plan-title', '6 whispers, as they will travel');
    const square = await rows();
    for (const name of ['ann', 'ben', 'cora']) {
      for (const place of [0, 1, 2]) assert.equal(square.filter((row) => row[place] === name).length, 2, `${name} in place ${place + 1}: ${square}`);
    }
    await page.check('#design-shuffle');
    await page.fill('#seed', '5'.repeat(64)); // its fold is open: it holds the seed of the square
    await page.fill('#count', '4');
    await page.click('text=Show the order first >> visible=true');
    await sees('#plan-title', '4 whispers, as they will travel');
    const drawn = await rows();
    await page.click('text=Show the order first >> visible=true');
    await sees('#plan-title', '4 whispers, as they will travel');
    assert.deepEqual(await rows(), drawn, 'one seed gives two orders');
    await page.check('#design-uploaded');
    await page.setInputFiles('#rows-file', { name: 'orders.csv', mimeType: 'text/csv', buffer: Buffer.from('attic, ben\nben, cora, attic\n') });
    await page.waitForFunction(() => document.querySelector('#rows').value.includes('attic'));
    await page.click('text=Show the order first >> visible=true');
    await sees('#plan-title', '2 whispers, as they will travel');
    assert.deepEqual(await rows(), [['attic', 'ben'], ['ben', 'cora', 'attic']]);
    await browser.inspect(page, 'start-table', { only: crossed });
    await page.click('button[type=submit].btn-large');
    await sees('#whispers', 'By table 2');
    await page.locator('#whispers h2 a', { hasText: 'By table 2' }).click();
    assert.deepEqual(await page.locator('[id^=hop-] h3 bdi').allInnerTexts(), ['ben', 'cora', 'attic']);
    await page.locator('#order > summary').click();
    await sees('#order', 'Every turn is where the order put it.');
    for (const one of ['By table 1', 'By table 2']) { // the boxes are wanted below
      await go(state.project);
      await page.locator('#whispers h2 a', { hasText: one }).click();
      await page.click('text=End…');
      await page.click('dialog [data-yes]');
      await sees('#summary .state', 'ended early');
    }
  }],

  ['links as columns', async () => {
    state.whisper = await start('Gulls over the harbour', ['ann', 'ben', 'cora']);
    await sees('#news', '0 of 3 answered');
    await answer('ann', 1);
    await sees('#news', '1 of 3 answered, ann was the latest');
    await answer('ben', 2);
    await sees('#news', '2 of 3 answered');
    assert.equal(await page.locator('#chain-links > li').count(), 4);
    assert.equal(await page.locator('#chain-links .wave path').count(), 3, 'an outline is missing');
    assert.deepEqual(await page.locator('#chain-links .length').allInnerTexts(), ['4 s', '3 s', '4 s']);
    assert.equal(await page.getAttribute('#hop-0 img', 'alt'), 'Picture of the seed: A harbour at dusk');
    await browser.inspect(page, 'links');
    await browser.enlarge(page, 'links');
    await page.setViewportSize({ width: 360, height: 780 });
    await page.locator('#columns').focus();
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowRight');
    await moment(400);
    assert.ok(await page.locator('#columns').evaluate((c) => c.scrollLeft > 100), 'the columns do not scroll by keyboard');
    await page.setViewportSize({ width: 1280, height: 900 });
  }],

  ['hearing them, faster, one after another', async () => {
    await page.click('[data-speed="2"]');
    assert.equal(await page.locator('#hop-1 audio').evaluate((s) => s.playbackRate), 2);
    await page.mouse.move(5, 5);
    await page.click('[data-play-all]');
    await sees('[data-play-news]', 'Recording of the seed');
    await page.locator('#hop-0.playing').waitFor();
    await page.locator('#hop-1.playing').waitFor();
    assert.equal(await page.locator('.playing').count(), 1);
    await page.locator('#tools [data-play-stop]').click();
    await page.waitForFunction(() => !document.querySelector('.playing'));
    assert.ok(await page.evaluate(() => document.activeElement.matches('[data-play-all]')), 'the focus is lost with the button');
    const { x, y, width, height } = await page.locator('#hop-2 .wave').boundingBox();
    await page.mouse.click(x + width / 2, y + height / 2);
    await page.waitForFunction(() => { const s = document.querySelector('#hop-2 audio'); return !s.paused && s.currentTime > s.duration / 2 - 0.2; });
    await page.locator('#hop-2 audio').evaluate((s) => s.pause());
    await page.reload();
    assert.equal(await page.locator('#hop-1 audio').evaluate((s) => s.playbackRate), 2, 'the speed is forgotten');
    await page.click('[data-speed="1"]');
  }],

  ['two side by side', async () => {
    await sees('#pair-title', 'The seed against the latest answer');
    await page.selectOption('#a', '1');
    await page.selectOption('#b', '2');
    await page.click('text=Compare these');
    await sees('#pair-title', 'Two links side by side');
    await sees('#left h3', 'ann');
    await sees('#right h3', 'ben');
    await page.click('[data-speed="2"]');
    await page.click('[data-play-pair]');
    await page.waitForFunction(() => !document.querySelector('#left audio').paused);
    await page.waitForFunction(() => !document.querySelector('#right audio').paused);
    await page.waitForFunction(() => document.querySelector('#right audio').ended);
    await page.click('[data-speed="1"]');
    await browser.inspect(page, 'links-pair');
    await page.click('#hop-2 [data-compare]');
    await sees('#left h3', 'The seed');
    await page.click('text=Seed and latest again');
    await sees('#pair-title', 'The seed against the latest answer');
  }],

  ['the page holds still, and can be paused', async () => {
    await page.evaluate(() => window.scrollTo(0, 0));
    await page.hover('#hop-2 [data-compare]');
    await moment(300);
    const before = await top('#hop-2 [data-compare]');
    await page.evaluate(() => { // as when a warning comes and goes above
      const note = Object.assign(document.createElement('p'), { className: 'alert alert-warning', textContent: 'A warning that will be gone. '.repeat(20) });
      document.querySelector('#summary').append(note);
    });
    const pushed = await top('#hop-2 [data-compare]');
    assert.notDeepEqual(pushed, before, 'the test moves nothing');
    await page.hover('#hop-2 [data-compare]');
    const offer = await boxes.get('cora').offer();
    const held = await top('#hop-2 [data-compare]');
    boxes.get('cora').progress(offer, 'delivered');
    await sees('#hop-3', 'at the box, not heard yet');
    assert.deepEqual(await top('#hop-2 [data-compare]'), held, 'what is under the pointer moved');
    assert.equal(await page.locator('#summary .alert').count(), 0, 'the page was not renewed');

    await page.click('[data-live-pause]');
    await sees('[data-live-news]', 'Live updates are paused.');
    boxes.get('cora').progress(offer, 'heard');
    await moment(1200);
    assert.match(await page.locator('#hop-3').innerText(), /not heard yet/, 'a paused page moved');
    await browser.inspect(page, 'links-paused', { only: [{ name: 'narrow-light', width: 360, height: 780, scheme: 'light' }, { name: 'wide-dark', width: 1280, height: 900, scheme: 'dark' }] });
    await page.click('[data-live-once]');
    await sees('#hop-3', 'heard, no answer yet');
    await page.reload();
    assert.ok(await page.isVisible('[data-live-go]'), 'the pause is forgotten');
    boxes.get('cora').progress(offer, 'recording');
    await moment(1200);
    assert.match(await page.locator('#hop-3').innerText(), /heard, no answer yet/);
    await page.click('[data-live-go]');
    await sees('#hop-3', 'speaking an answer');
    await answer('cora', 3, []);
    await sees('#summary .state', 'complete');
  }],

  ['keys, and their switch', async () => {
    const at = () => page.evaluate(() => document.activeElement.id);
    await page.evaluate(() => document.activeElement.blur());
    for (const want of ['hop-0', 'hop-1', 'hop-2']) {
      await page.keyboard.press('j');
      assert.equal(await at(), want);
    }
    await page.keyboard.press('k');
    assert.equal(await at(), 'hop-1');
    await page.keyboard.press('Space');
    await page.waitForFunction(() => !document.querySelector('#hop-1 audio').paused);
    await page.keyboard.press('p');
    await page.waitForFunction(() => document.querySelector('#hop-1 audio').paused);
    await page.keyboard.press('?');
    await sees('dialog#keys[open]', 'next link');
    await browser.inspect(page, 'links-keys');
    await page.keyboard.press('Escape');
    await page.keyboard.press('c');
    await sees('#right h3', 'ann');
    await page.locator('#a').focus();
    await page.keyboard.press('j'); // somebody types
    assert.equal(await at(), 'a');
    await go('/account');
    await page.uncheck('#keys');
    await page.click('text=Keep this');
    await browser.inspect(page, 'account-keys');
    await go(state.whisper);
    await page.keyboard.press('j');
    assert.ok(!(await at()).startsWith('hop-'), 'a key that is switched off works');
    await page.click('[data-keys-show]');
    await sees('dialog#keys[open]', 'switched off for you');
    await page.keyboard.press('Escape');
  }],

  ['a shared link shows the same', async () => {
    await page.click('#steer >> text=Share');
    await page.fill('#label', 'The board');
    await page.click('main button[type=submit]');
    const link = await page.locator('code', { hasText: '/s#' }).first().innerText();
    const guest = await browser.visitor();
    await guest.page.goto(link.trim());
    await guest.page.waitForURL(/\/s\/whisper/);
    assert.equal(await guest.page.locator('#chain-links > li').count(), 4);
    assert.equal(await guest.page.locator('#chain-links .wave path').count(), 4);
    await guest.page.selectOption('#b', '1');
    await guest.page.click('text=Compare these');
    await guest.page.locator('#right h3', { hasText: 'ann' }).waitFor();
    await guest.page.keyboard.press('j');
    assert.equal(await guest.page.evaluate(() => document.activeElement.id), '', 'a page whose keys nobody can switch off has some');
    await browser.inspect(guest.page, 'shared');
  }],

  ['on paper', async () => {
    await go(state.whisper);
    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize({ width: 720, height: 1000 });
    if (shots) await page.screenshot({ path: path.join(shots, 'links.print.png'), fullPage: true });
    for (const gone of ['audio', '#tools', '#compare', 'header.site', '.live-bar']) {
      assert.equal(await page.locator(gone).first().isVisible(), false, `${gone} is printed`);
    }
    const rights = await page.locator('#chain-links > li').evaluateAll((all) => all.map((each) => each.getBoundingClientRect().right));
    assert.ok(Math.max(...rights) <= 721, `columns leave the paper: ${rights}`);
    await page.emulateMedia({ media: 'screen' });
  }],
];

let failed = 0;
for (const [name, test] of tests) {
  const before = browser.complaints.length;
  let broken = false;
  try {
    await test();
  } catch (error) {
    broken = true;
    browser.complaints.push(error.stack);
    if (shots) await page.screenshot({ path: path.join(shots, 'links-failed.png'), fullPage: true });
  }
  const news = browser.complaints.slice(before);
  console.log(`${news.length ? '✗' : '✓'} links: ${name}`);
  for (const complaint of new Set(news)) console.log(`    ${complaint}`);
  failed += news.length;
  if (broken) break; // what follows needs it
}
for (const box of boxes.values()) box.offline();
await browser.close();
await server.stop();
process.exitCode = failed ? 1 : 0;
