// The whole of a researcher's work by keyboard alone: make the administrator, invite a researcher, make a code, enrol,
// start a whisper, watch it complete, hear turn 2, export. No pointer is ever used: what is not reached by Tab and
// pressed by Enter, Space or an arrow key fails it, and so does a focus that one cannot see. Axe looks at every page.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { crossed, open } from './browser.mjs';
import { picture, sound } from './media.mjs';
import { Box, startServer } from './server.mjs';

const { values: { shots } } = parseArgs({ options: { shots: { type: 'string' }, keyboard: { type: 'boolean' } } });
const scratch = process.env.ILLUMI_TEST_SCRATCH;
const files = { sound: path.join(scratch, 'by keyboard.wav'), picture: path.join(scratch, 'by keyboard.png') };
await writeFile(files.sound, sound(4));
await writeFile(files.picture, picture());

const server = await startServer();
const browser = await open(shots);
const password = 'four words only mine';

// hand is somebody who has a keyboard and nothing else.
async function hand() {
  const { page } = await browser.visitor();
  const sees = (selector, words) => page.locator(selector, { hasText: words }).first().waitFor();
  // to walks by Tab; wherever the focus rests on the way, one has to see it.
  async function to(selector) {
    for (let i = 0; i < 150; i++) {
      const there = await page.evaluate(rest, selector);
      if (there.unseen) browser.complaints.push(`${new URL(page.url()).pathname}: the focus cannot be seen at ${there.unseen}`);
      if (there.here) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`the keyboard does not reach ${selector} on ${page.url()}`);
  }
  const type = async (selector, text) => {
    await to(selector);
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.type(text);
  };
  const press = async (selector, key = 'Enter') => {
    await to(selector);
    await page.keyboard.press(key);
  };
  // file chooses one in the dialog that Enter opens; the dialog itself is the system's, and has its own keys.
  // A busy machine may still be starting the page's script, and the browser then drops the dialog: people press again.
  const file = async (selector, name) => {
    for (let tries = 1; ; tries++) {
      await to(selector);
      const dialog = page.waitForEvent('filechooser', { timeout: 10_000 }).catch(() => null);
      await page.keyboard.press('Enter');
      const opened = await dialog;
      if (opened) return opened.setFiles(name);
      assert.ok(tries < 3, `no dialog opens at ${selector}`);
    }
  };
  // look lets axe see the page as it is now.
  const look = (name) => browser.inspect(page, `keyboard-${name}`, { only: crossed });
  return { page, sees, to, type, press, file, look };
}

// rest says of the element with the focus whether it is the one, and what it is where nobody could see that: out of
// view, under something else, or without a frame. Runs in the page.
function rest(selector) {
  const node = document.activeElement;
  const here = node?.matches(selector);
  if (!node || node === document.body || node.id === 'main' || !node.matches(':focus-visible')) return { here };
  const shown = node.matches('.whole') ? node.closest('.item') : node.matches('.visually-hidden') ? node.labels[0] : node;
  const { outlineStyle, outlineWidth } = getComputedStyle(shown);
  const box = node.getBoundingClientRect();
  const framed = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
  const inView = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const over = document.elementFromPoint(Math.min(Math.max(box.left + box.width / 2, 1), innerWidth - 1), Math.min(Math.max(box.top + Math.min(box.height, 40) / 2, 1), innerHeight - 1));
  const covered = over && !node.contains(over) && !over.contains(node) && getComputedStyle(over).position === 'fixed';
  return { here, unseen: framed && inView && !covered ? '' : node.outerHTML.slice(0, 90) };
}

const boxes = [];
const steps = [
  ['make the administrator', async (s) => {
    s.admin = await hand();
    const { page, type, press, sees } = s.admin;
    await page.goto(server.setup);
    await s.admin.look('setup');
    await type('#name', 'Ada Lovelace');
    await type('#email', 'ada@example.org');
    await type('#password', password);
    await press('main button[type=submit]');
    await sees('h2', 'Nothing is on its way yet');
    await s.admin.look('projects-empty');
  }],
  ['invite a researcher', async (s) => {
    const { page, type, press } = s.admin;
    await press('header a[href="/people"]');
    await s.admin.sees('h1', 'People');
    await type('#email', 'grace@example.org');
    await press('form[action="/people/invite"] button');
    await page.locator('code.secret').waitFor();
    const link = await page.locator('code.secret').innerText();
    await s.admin.look('invited');
    s.grace = await hand();
    await s.grace.page.goto(link);
    await s.grace.look('join');
    await s.grace.type('#name', 'Grace Hopper');
    await s.grace.type('#password', password);
    await s.grace.press('main button[type=submit]');
    await s.grace.page.waitForURL((url) => !url.pathname.startsWith('/join'));
    if (s.grace.page.url().includes('sign-in')) {
      await s.grace.type('#email', 'grace@example.org');
      await s.grace.type('#password', password);
      await s.grace.press('main button[type=submit]');
    }
    await s.grace.sees('h2', 'Nothing is on its way yet');
  }],
  ['make codes and enrol', async (s) => {
    const { page, type, press } = s.admin;
    await press('header a[href="/boxes"]');
    await s.admin.sees('h1', 'Boxes');
    for (const name of ['conandoyle', 'janeeyre', 'beargrylls']) {
      await type('#name', name);
      await press('form[action="/boxes/codes"] button');
      await page.locator('#new-code-title', { hasText: name }).waitFor();
      const box = new Box(server.base, name);
      await box.enrol(await page.locator('#new-code .code').innerText());
      await box.online();
      boxes.push(box);
    }
    await s.admin.look('boxes');
  }],
  ['make a project and start a whisper', async (s) => {
    const { page, type, press, to, sees } = s.grace;
    await type('#title', 'Harbour voices');
    await to('#after-pause');
    await page.keyboard.press('ArrowDown'); // straight away
    assert.ok(await page.isChecked('#straight'));
    await press('form[action="/projects"] button[type=submit]');
    await sees('h1', 'Harbour voices');
    await s.grace.look('project');
    await press('main a[href$="/start"]');
    await sees('h1', 'Start a whisper');
    await type('#title', 'Gulls');
    for (const field of ['audio', 'image']) {
      await s.grace.file(`#${field}-file`, field === 'audio' ? files.sound : files.picture);
      await sees(`[data-field=${field}] [data-status]`, 'Uploaded.');
    }
    for (const box of boxes) await press(`#box-${box.device}`, 'Space');
    await press('button[value=preview]');
    await sees('#plan-title', 'will travel');
    await s.grace.look('start');
    s.plan = await page.locator('#plan li bdi').allInnerTexts();
    await press('.start button[type=submit]');
    await sees('h1', 'Gulls');
    s.travelled = await page.locator('[id^=hop-] h3 bdi').allInnerTexts();
    assert.deepEqual(s.travelled, s.plan, 'it does not travel as it was shown');
  }],
  ['watch it complete, live', async (s) => {
    const { page, sees } = s.grace;
    await page.evaluate(() => { window.sameDocument = true; });
    for (let turn = 1; turn <= 3; turn++) {
      const box = boxes.find((b) => b.name === s.plan[turn - 1]);
      const offer = await box.offer();
      for (const step of ['delivered', 'heard', 'recording']) box.progress(offer, step);
      await box.answer(offer, { sound: sound(3, 150 + 30 * turn), picture: picture(400, 300, turn) });
      await sees('#news', `${turn} of 3 answered`);
    }
    await sees('#summary .state', 'complete');
    await s.grace.look('complete');
    assert.ok(await page.evaluate(() => window.sameDocument), 'the page was loaded anew');
  }],
  ['hear turn 2', async (s) => {
    const { page, to } = s.grace;
    await to('#hop-2 audio');
    await page.keyboard.press('Space');
    await page.waitForFunction(() => document.querySelector('#hop-2 audio').currentTime > 0.3);
  }],
  ['export', async (s) => {
    const { page, press } = s.grace;
    await page.keyboard.press('ControlOrMeta+Home');
    await press('nav.crumbs a[href^="/projects/"]');
    await s.grace.sees('h1', 'Harbour voices');
    await press('nav.tabs a[href$="/export"]');
    await s.grace.sees('h1', 'Export');
    await s.grace.look('export');
    await s.grace.to('form[action$="/export.zip"] button[type=submit]');
    const download = page.waitForEvent('download');
    await page.keyboard.press('Enter');
    const file = await download;
    assert.match(file.suggestedFilename(), /^illumi-harbour-voices-.*\.zip$/);
    assert.equal(await file.failure(), null);
  }],
];

const state = {};
let failed = 0;
for (const [name, step] of steps) {
  const before = browser.complaints.length;
  try {
    await step(state);
  } catch (error) {
    browser.complaints.push(error.stack);
  }
  const news = browser.complaints.slice(before);
  console.log(`${news.length ? '✗' : '✓'} by keyboard: ${name}`);
  for (const complaint of new Set(news)) console.log(`    ${complaint}`);
  failed += news.length;
  if (news.length) break; // what follows needs it
}
for (const box of boxes) box.offline();
await browser.close();
await server.stop();
process.exitCode = failed ? 1 : 0;
