// Every page that the server has, filled and empty, refused and over: axe looks at each, wide and narrow, light and
// dark, and with text at 200 %. The list is the server's own (routes_test.go): a new page has to come along here.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { crossed, open } from './browser.mjs';
import { picture, sound } from './media.mjs';
import { Box, startServer } from './server.mjs';

const { values: { shots, see } } = parseArgs({
  options: { shots: { type: 'string' }, see: { type: 'string' }, tour: { type: 'boolean' } },
});
const scratch = process.env.ILLUMI_TEST_SCRATCH;
const files = { sound: path.join(scratch, 'seed of the tour.wav'), picture: path.join(scratch, 'seed of the tour.png') };
await writeFile(files.sound, sound(4));
await writeFile(files.picture, picture());

// A mail server that is not there, so that the list of mails has something to say.
const server = await startServer('--mail', 'smtp://127.0.0.1:9?from=illumi@example.org', '--hook-networks', '127.0.0.0/8');
const browser = await open(shots);
const password = 'four words only mine';
const ada = await browser.visitor();
const grace = await browser.visitor();
const guest = await browser.visitor();
const seen = new Set();
for (const { page } of [ada, grace, guest]) page.on('framenavigated', (frame) => seen.add(new URL(frame.url()).pathname));

const go = (who, where) => who.page.goto(where.startsWith('http') ? where : server.base + where);
const sees = (who, selector, words) => who.page.locator(selector, { hasText: words }).first().waitFor();
// post does what a form would, where the way there is another test's matter.
async function post(who, where, form) {
  const answer = await who.page.request.post(server.base + where, { form, maxRedirects: 0 });
  assert.ok(answer.status() < 400, `POST ${where}: ${answer.status()}`);
  return answer;
}
// look opens every fold of a page, and looks at it from all sides.
async function look(who, name) {
  await who.page.evaluate(() => document.querySelectorAll('main details').forEach((fold) => { fold.open = true; }));
  if (see && !name.includes(see)) return;
  await browser.inspect(who.page, name, { only: crossed });
  await browser.enlarge(who.page, name);
}
async function at(who, where, name, words) {
  await go(who, where);
  if (words) await sees(who, 'main', words);
  await look(who, name);
}
// comes loads a page that does not follow by itself anew, until something is there.
async function comes(who, selector) {
  for (let i = 0; i < 120 && !(await who.page.locator(selector).count()); i++) {
    await who.page.waitForTimeout(500);
    await who.page.reload();
  }
  await sees(who, selector, '');
}
async function refused(who, status, act) {
  who.expect(`status of ${status}`);
  await act();
}
const press = (who, words) => who.page.locator('main').getByRole('button', { name: words }).first().click();
const secret = (who) => who.page.locator('code.secret').first().innerText();

const state = { boxes: new Map() };
async function enrol(name) {
  await go(ada, '/boxes');
  await ada.page.fill('#name', name);
  await press(ada, 'Make a code');
  const box = new Box(server.base, name);
  await box.enrol(await ada.page.locator('#new-code .code').innerText());
  await box.online();
  state.boxes.set(name, box);
  return box;
}
async function start(title, names, project = state.project) {
  const { page } = grace;
  await go(grace, `${project}/start`);
  await page.fill('#title', title);
  await page.setInputFiles('#audio-file', files.sound);
  await page.setInputFiles('#image-file', files.picture);
  for (const name of names) await page.check(`#box-${state.boxes.get(name).device}`);
  await page.check('#design-fixed');
  await page.click('button[type=submit].btn-large');
  await page.waitForURL(/\/whispers\//);
  return new URL(page.url()).pathname;
}

const tests = [
  ['before anybody is here', async () => {
    await go(ada, server.setup);
    await ada.page.fill('#name', 'Ada Lovelace');
    await ada.page.fill('#email', 'ada@example.org');
    await ada.page.fill('#password', password);
    await ada.page.click('main button[type=submit]');
    await sees(ada, 'h2', 'Nothing is on its way yet');
    await at(guest, '/sign-up', 'tour-sign-up-closed', 'People are invited');
    await at(guest, '/setup', 'tour-set-up', 'administrator');
    await at(guest, '/sign-in', 'tour-sign-in', 'Sign in');
    await at(guest, '/s', 'tour-shared-door', 'A shared whisper');
    await guest.page.fill('#token', 'wrong');
    await refused(guest, 404, () => press(guest, 'Open it'));
    await sees(guest, '#token-problem', 'does not work');
    await look(guest, 'tour-shared-gone');
  }],

  ['what is empty', async () => {
    await at(ada, '/mails', 'tour-mails-empty', 'No mail yet');
    await at(ada, '/account/tokens', 'tour-tokens-empty', 'Make a token');
    await at(ada, '/boxes/first-generation', 'tour-first-generation-empty', 'There is none');
  }],

  ['people of the server', async () => {
    await at(ada, '/people', 'tour-people', 'Ada Lovelace');
    await ada.page.fill('#email', 'grace@example.org');
    await press(ada, 'Make the invitation');
    await sees(ada, 'h2', 'The invitation is made');
    const link = await secret(ada);
    await look(ada, 'tour-people-invited');
    await go(grace, link);
    await sees(grace, 'h1', 'Make your account');
    await look(grace, 'tour-join');
    await grace.page.fill('#name', '  ');
    await grace.page.fill('#password', password);
    await refused(grace, 422, () => press(grace, 'Make my account'));
    await sees(grace, '#name-problem', '');
    await grace.page.fill('#name', 'Grace Hopper');
    await look(grace, 'tour-join-refused');
    await grace.page.fill('#password', password);
    await press(grace, 'Make my account');
    await grace.page.waitForURL((url) => url.pathname !== '/join');
    if (grace.page.url().includes('sign-in')) {
      await grace.page.fill('#email', 'grace@example.org');
      await grace.page.fill('#password', password);
      await press(grace, 'Sign in');
    }
    await sees(grace, 'h2', 'Nothing is on its way yet');
    await refused(guest, 422, async () => {
      await go(guest, link);
      await guest.page.fill('#name', 'Late');
      await guest.page.fill('#password', password);
      await press(guest, 'Make my account');
      await sees(guest, 'main [role=alert]', '');
    });
    await look(guest, 'tour-join-over');
    await at(guest, '/reset', 'tour-reset', 'Ask for a new password');
    await guest.page.fill('#email', 'grace@example.org');
    await press(guest, 'Mail me a link');
    await sees(guest, '[role=status]', 'Look into your mails');
    await look(guest, 'tour-reset-sent');
    await at(guest, '/reset/new#wrong', 'tour-reset-new', 'Choose a new password');
    await press(ada, 'Open it to everybody');
    await at(guest, '/sign-up', 'tour-sign-up', 'Ask for an account');
  }],

  ['an account, and programs', async () => {
    await at(grace, '/account', 'tour-account', 'Where you are signed in');
    await grace.page.fill('#old', 'wrong');
    await grace.page.fill('#password', 'five words are mine now');
    await refused(grace, 422, () => press(grace, 'Change the password'));
    await sees(grace, '#old-problem', '');
    await look(grace, 'tour-account-refused');
    await go(grace, '/account/tokens');
    await grace.page.fill('#name', 'Start a whisper every Monday');
    await press(grace, 'Make the token');
    await sees(grace, 'h2', 'The token is made');
    await look(grace, 'tour-tokens-made');
  }],

  ['a project, still empty', async () => {
    await go(grace, '/');
    await grace.page.fill('#title', 'Harbour voices');
    await grace.page.check('#straight');
    await press(grace, 'Make the project');
    await sees(grace, 'h2', 'No whisper has set out yet');
    state.project = new URL(grace.page.url()).pathname;
    await at(grace, `${state.project}/start`, 'tour-start-no-box', 'There is no box yet');
    await at(grace, `${state.project}/hooks`, 'tour-hooks-empty', 'No webhook yet');
    await at(grace, `${state.project}/mails`, 'tour-project-mails-empty', 'No mail yet');
    await at(grace, `${state.project}/people`, 'tour-members', 'Grace Hopper');
    await grace.page.fill('#email', 'robin@example.org');
    await press(grace, 'Invite');
    await sees(grace, 'h2', 'The invitation is made');
    await look(grace, 'tour-members-invited');
    await at(grace, `${state.project}/export`, 'tour-export-empty', 'What do you take along?');
    await at(grace, `${state.project}/settings`, 'tour-settings', 'When nobody answers');
    await grace.page.fill('#ask', 'soon');
    await refused(grace, 422, () => press(grace, 'Keep the settings'));
    await sees(grace, '#ask-problem', '');
    await look(grace, 'tour-settings-refused');
  }],

  ['a box: new, healthy, in need', async () => {
    for (const name of ['ann', 'ben', 'cora']) await enrol(name);
    const [ann, ben] = [...state.boxes.values()];
    await at(ada, `/boxes/${ben.device}`, 'tour-box-new', 'How it is');
    await post(ada, `/boxes/${ann.device}`, { label: 'Second floor, by the armchair', zone: 'UTC', wake: '00:00', bed: '00:00', volume: '2', buttons: '0', announce: 'yes', photo: 'yes' });
    ann.says({ in_force: { version: 1, send_mode: 'grace', photo_allowed: true, announce: true, time_zone: 'UTC', quiet_from: '21:00', quiet_until: '08:00', volume: 3, language: 'en' },
      health: { disk_total: 30e9, temperature: 71.4, undervoltage: 'yes', throttled: 'no', wifi: -72, mic_level: -18.5, memory: 120e6, restarts: 2,
        last_press: new Date().toISOString(), board: 'Raspberry Pi Zero 2 W', os: 'Debian GNU/Linux 13 (trixie)', microphone: 'USB Audio', speaker: 'USB Audio', camera: 'imx219' } });
    ann.reports('E_VOLT', 'throttled=0x50005');
    ann.reports('E_SPK', 'card 1 is gone');
    await ann.found('selftest', [['light', 'ok', 'Its light shines.'], ['speaker', 'failed', 'Nobody heard the tone.', 'Look whether its plug is in.'],
      ['camera', 'warn', 'The picture is dark.', 'Open the cover of the lens.'], ['printer', 'skipped', 'There is none.']], 'Robin');
    await ann.found('doctor', [['microphone', 'ok', 'It hears.'], ['wifi', 'warn', 'The signal is weak.', 'Put the box nearer to the router.']]);
    await post(ada, `/boxes/${ann.device}/ask`, { kind: 'check' });
    await go(ada, `/boxes/${ann.device}`);
    await sees(ada, '.facts', '°C'); // what boxes say is written down in rounds
    await sees(ada, '#told + ul', 'speaker');
    await sees(ada, '.asked', 'look itself through');
    await ada.page.setInputFiles('#file', files.sound);
    await press(ada, 'Use this recording');
    await sees(ada, '.alert-success', 'fetches it');
    await look(ada, 'tour-box');
    await ada.page.fill('#typed', 'somebody else');
    await refused(ada, 422, () => press(ada, 'Erase the study on this box'));
    await sees(ada, '#typed-problem', '');
    await look(ada, 'tour-box-refused');
    await at(grace, `/boxes/${ann.device}`, 'tour-box-researcher', 'How it is');
    await at(grace, '/boxes', 'tour-boxes-researcher', 'needs help');
    await go(ada, '/boxes/first-generation');
    await ada.page.fill('#name', 'old box');
    await ada.page.fill('#networks', 'anywhere');
    await refused(ada, 422, () => press(ada, 'Add the box'));
    await sees(ada, '#networks-problem', '');
    await ada.page.fill('#networks', '192.0.2.0/24');
    await press(ada, 'Add the box');
    await sees(ada, 'h3', 'old box');
    await look(ada, 'tour-first-generation');
    await at(ada, '/boxes', 'tour-boxes', 'first generation');
  }],

  ['a whisper that nobody answers, at first', async () => {
    const dora = await enrol('dora');
    await go(grace, '/');
    await grace.page.locator('#new summary').click();
    await grace.page.fill('#title', 'Letters home');
    await press(grace, 'Make the project');
    await sees(grace, 'h1', 'Letters home');
    state.letters = new URL(grace.page.url()).pathname;
    await go(grace, `${state.letters}/settings`);
    for (const [field, value] of Object.entries({ remind: '0', ask: '0.02', skip: '0.02', wake: '00:00', bed: '00:00' })) {
      await grace.page.fill(`#${field}`, value); // hours: a minute or so, by day and night
    }
    await press(grace, 'Keep the settings');
    await grace.page.waitForURL((url) => url.pathname === state.letters);
    state.stalled = await start('The longest winter', ['dora'], state.letters);
    dora.progress(await dora.offer(), 'delivered');
  }],

  ['a whisper that waits, and a decision', async () => {
    state.whisper = await start('Gulls over the harbour', ['ann', 'ben', 'cora']);
    const ann = state.boxes.get('ann');
    const offer = await ann.offer();
    for (const step of ['delivered', 'heard']) ann.progress(offer, step);
    await ann.answer(offer, { sound: sound(3), picture: picture(640, 420, 1) });
    await sees(grace, '#news', '1 of 3 answered');
    await look(grace, 'tour-whisper');
    await at(grace, `${state.whisper}/decide`, 'tour-decide', 'Wait longer');
    await press(grace, 'Let the next box go first');
    await sees(grace, '#hop-2', 'cora');
    await sees(grace, '#hop-3', 'Drawn as turn 2.');
    await go(grace, `${state.whisper}/decide`);
    const late = await state.boxes.get('cora').offer();
    await grace.page.fill('#why', 'On holiday');
    await press(grace, 'Pass this turn over');
    await sees(grace, '#hop-2', 'Reason: On holiday.');
    await state.boxes.get('cora').answer(late, { sound: sound(3) });
    await sees(grace, '#late', 'cora');
    await grace.page.locator('#order > summary').click();
    await sees(grace, '#order li', 'ben: now 3, planned as 2');
    await look(grace, 'tour-whisper-gap');
    await post(grace, `${state.whisper}/end`, {});
    await at(grace, `${state.whisper}/decide`, 'tour-decide-nothing', 'There is nothing to decide');
  }],

  ['what is shared', async () => {
    await at(grace, `${state.whisper}/share`, 'tour-shares-empty', 'A new link');
    await grace.page.fill('#label', 'The board');
    await press(grace, 'Make the link');
    await sees(grace, 'h2', 'The link is made');
    await look(grace, 'tour-shares');
    await go(guest, await secret(grace));
    await guest.page.waitForURL(/\/s\/whisper/);
    await sees(guest, 'h1', 'Gulls over the harbour');
    await look(guest, 'tour-shared');
  }],

  ['webhooks, exports, mails', async () => {
    await go(grace, `${state.project}/hooks`);
    await grace.page.fill('#url', 'http://127.0.0.1:9/illumi');
    await press(grace, 'Make the webhook');
    await sees(grace, 'h2', 'The webhook is made');
    await look(grace, 'tour-hooks-made');
    await press(grace, 'Send a test message');
    await sees(grace, 'h2', 'What it was told');
    await comes(grace, '.reason');
    await look(grace, 'tour-hook');
    await at(grace, `${state.project}/hooks`, 'tour-hooks', '127.0.0.1:9');
    await go(grace, `${state.project}/export`);
    await press(grace, 'Prepare it and mail me');
    await sees(grace, 'h2', 'Prepared exports');
    await go(grace, `${state.project}/export`);
    await comes(grace, '.prepared a.btn');
    await look(grace, 'tour-export');
    await go(grace, `${state.project}/mails`);
    await press(grace, 'Send a test mail');
    await sees(grace, '#outcome', '');
    await sees(grace, '.reason', '');
    await look(grace, 'tour-project-mails');
    await at(ada, '/mails', 'tour-mails', 'not sent');
    await at(grace, '/', 'tour-projects', 'Harbour voices');
    await at(grace, state.project, 'tour-project', 'Gulls over the harbour');
  }],

  ['what needs somebody', async () => {
    await go(grace, '/');
    await grace.page.locator('.needs').waitFor({ timeout: 150000 }); // the page looks again by itself
    await sees(grace, '.needs li', 'dora has not answered');
    await look(grace, 'tour-needs');
    await at(grace, state.letters, 'tour-project-needs', 'needs a decision');
    await at(grace, state.stalled, 'tour-whisper-needs', 'has needed a decision');
    await at(grace, `${state.letters}/mails`, 'tour-mails-needs', 'Please decide');
    // The mail's link, opened where nobody is signed in, leads to the decision all the same.
    const { page, context } = await browser.visitor();
    await page.goto(`${server.base}${state.stalled}/decide`);
    await page.fill('#email', 'grace@example.org');
    await page.fill('#password', password);
    await page.keyboard.press('Enter');
    await page.locator('h1', { hasText: 'What shall become of this turn?' }).waitFor();
    await page.locator('button', { hasText: 'Wait longer' }).click();
    await page.locator('#history', { hasText: 'History' }).waitFor();
    assert.equal(new URL(page.url()).pathname, state.stalled);
    assert.equal(await page.locator('[id^=decide-]').count(), 0, 'it is still asked for');
    await context.close();
  }],

  ['what is refused', async () => {
    await refused(grace, 403, () => go(grace, '/people'));
    await look(grace, 'tour-error-403');
    await refused(grace, 404, () => go(grace, '/nothing/here'));
    await look(grace, 'tour-error-404');
    await refused(grace, 405, () => go(grace, '/sign-out'));
    await look(grace, 'tour-error-405');
  }],

  ['nothing was left out', async () => {
    const list = await readFile(new URL('../../server/internal/app/routes_test.go', import.meta.url), 'utf8');
    // A page is what answers a person with HTML: no stream, no file, no redirect, nothing for programs.
    const none = /\/(live|api|healthz|readyz|echo|uploads|app|assets|favicon\.ico|media|clips|codes|session)\b|\.(json|zip)$/;
    const pages = [...list.matchAll(/^\t"GET (\/\S*)":/gm)].map((match) => match[1]).filter((at) => !none.test(at));
    assert.ok(pages.length > 25, `only ${pages.length} pages are known`);
    for (const page of pages) {
      const like = new RegExp(`^${page.replaceAll(/:\w+/g, '[^/]+')}$`);
      assert.ok([...seen].some((at) => like.test(at)), `nobody looked at ${page}`);
    }
  }],
];

let failed = 0;
const began = Date.now();
for (const [name, test] of tests) {
  const before = browser.complaints.length;
  let broken = false;
  try {
    await test();
  } catch (error) {
    broken = true;
    browser.complaints.push(error.stack);
    if (shots) for (const [who, { page }] of Object.entries({ ada, grace, guest })) await page.screenshot({ path: path.join(shots, `tour-failed-${who}.png`), fullPage: true });
  }
  const news = browser.complaints.slice(before);
  console.log(`${news.length ? '✗' : '✓'} tour: ${name}`);
  for (const complaint of new Set(news)) console.log(`    ${complaint}`);
  failed += news.length;
  if (broken) break; // what follows needs it
}
for (const box of state.boxes.values()) box.offline();
await browser.close();
await server.stop();
const errors = server.logs.join('').split('\n').filter((line) => line.includes('level=ERROR'));
for (const line of errors) console.log(`    the server logged: ${line}`);
console.log(`tour: ${Math.round((Date.now() - began) / 1000)} s, ${failed + errors.length} complaints`);
process.exitCode = failed + errors.length ? 1 : 0;
