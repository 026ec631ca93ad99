// The README's three pictures, taken from the running product; see run --readme.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { open } from './browser.mjs';
import { picture, sound } from './media.mjs';
import { Box, startServer } from './server.mjs';

const into = process.argv[2];
await mkdir(into, { recursive: true });
const scratch = process.env.ILLUMI_TEST_SCRATCH;
const files = { sound: path.join(scratch, 'seed.wav'), picture: path.join(scratch, 'seed.png') };
await writeFile(files.sound, sound(6));
await writeFile(files.picture, picture(720, 540));

const server = await startServer();
const browser = await open();
const { page } = await browser.visitor();
const go = (where) => page.goto(server.base + where);

await page.goto(server.setup);
await page.fill('#name', 'Ada Lovelace');
await page.fill('#email', 'ada@example.org');
await page.fill('#password', 'four words only mine');
await page.click('main button[type=submit]');

const boxes = new Map();
for (const name of ['conandoyle', 'janeeyre', 'beargrylls', 'robin', 'harbour 7']) {
  await go('/boxes');
  await page.fill('#name', name);
  await page.click('text=Make a code');
  const box = new Box(server.base, name);
  await box.enrol(await page.locator('#new-code .code').innerText());
  await box.online();
  boxes.set(name, box);
}

async function project(title) {
  await go('/');
  const fold = page.locator('#new summary');
  if (await fold.count()) await fold.first().click();
  await page.fill('#title', title);
  await page.check('#straight');
  await page.click('text=Make the project');
  await page.waitForURL(/\/projects\/[0-9a-f-]+$/);
  return new URL(page.url()).pathname;
}

// impatient makes a project ask for a decision after a minute or so, at any time of day.
async function impatient(at) {
  await go(`${at}/settings`);
  for (const [field, value] of Object.entries({ remind: '0', ask: '0.02', skip: '0.02', wake: '00:00', bed: '00:00' })) {
    await page.fill(`#${field}`, value);
  }
  await page.click('text=Keep the settings');
  await page.waitForURL((url) => url.pathname === at);
}

async function start(at, title, names, hue = 0) {
  await writeFile(files.picture, picture(720, 540, hue));
  await go(`${at}/start`);
  await page.fill('#title', title);
  await page.setInputFiles('#audio-file', files.sound);
  await page.setInputFiles('#image-file', files.picture);
  for (const name of names) await page.check(`#box-${boxes.get(name).device}`);
  await page.click('button[type=submit].btn-large');
  await page.waitForURL(/\/whispers\//);
  return new URL(page.url()).pathname;
}

async function answer(whisper, turns) {
  for (let turn = 1; turn <= turns; turn++) {
    for (const box of boxes.values()) {
      const offer = await box.offer();
      if (!offer || !whisper.endsWith(offer.whisper)) continue;
      for (const step of ['delivered', 'heard']) box.progress(offer, step);
      await box.answer(offer, { sound: sound(3 + turn, 140 + 25 * turn), picture: picture(640, 480, turn) });
      break;
    }
  }
}

// deliver brings a whisper to its first box, where it then lies unheard.
async function deliver(whisper) {
  for (const box of boxes.values()) {
    const offer = await box.offer();
    if (offer && whisper.endsWith(offer.whisper)) box.progress(offer, 'delivered');
  }
}

const letters = await project('Letters home');
await impatient(letters);
const harbour = await project('Harbour voices');
const kitchens = await project('Kitchens we remember');
await deliver(await start(letters, 'The longest winter', ['robin'], 2));
const gulls = await start(harbour, 'Gulls over the harbour', ['conandoyle', 'janeeyre', 'beargrylls']);
await answer(gulls, 3);
const bread = await start(kitchens, 'The smell of bread', ['harbour 7', 'janeeyre', 'conandoyle'], 1);
await answer(bread, 1);
await deliver(await start(harbour, 'Fog', ['beargrylls']));

const shoot = (name) => page.screenshot({ path: path.join(into, `${name}.png`) });
await page.setViewportSize({ width: 1100, height: 1010 });
await go(gulls);
await page.waitForTimeout(1500); // the waveforms are drawn
await shoot('whisper');
await page.setViewportSize({ width: 390, height: 1010 });
await page.emulateMedia({ colorScheme: 'dark' });
await go(bread);
await page.waitForTimeout(1500);
await shoot('phone');
await page.setViewportSize({ width: 1100, height: 890 });
await page.emulateMedia({ colorScheme: 'light' });
await go('/');
await page.locator('.needs').waitFor({ timeout: 150000 }); // "The longest winter" has lain for a minute
await go('/');
await page.waitForTimeout(500);
await shoot('overview');

for (const box of boxes.values()) box.offline();
await browser.close();
await server.stop();
for (const complaint of browser.complaints) console.error(complaint);
process.exitCode = browser.complaints.length ? 1 : 0;
