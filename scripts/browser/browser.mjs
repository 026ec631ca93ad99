// A browser that complains: every page is looked at by axe, wide and narrow, light and dark,
// and any word on the console or breach of the content security policy fails the run.
import { createRequire } from 'node:module';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';

const need = createRequire(new URL('../../server/internal/web/assets/', import.meta.url));
const { chromium } = need('playwright-core');
const axe = await readFile(need.resolve('axe-core/axe.min.js'), 'utf8');

const looks = [
  { name: 'wide-light', width: 1280, height: 900, scheme: 'light' },
  { name: 'wide-dark', width: 1280, height: 900, scheme: 'dark' },
  { name: 'narrow-light', width: 360, height: 780, scheme: 'light' },
  { name: 'narrow-dark', width: 360, height: 780, scheme: 'dark' },
];
// crossed are two of them that have each width and each scheme once: colours do not depend on the width, nor sizes on
// the scheme, so axe needs no more.
export const crossed = [looks[0], looks[3]];

// open starts the browser. shots is a directory for screenshots, or nothing.
export async function open(shots) {
  if (shots) await mkdir(shots, { recursive: true });
  const browser = await chromium.launch({
    executablePath: process.env.ILLUMI_TEST_CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required', '--mute-audio'],
  });
  const complaints = [];
  return {
    complaints,
    close: () => browser.close(),
    // visitor is somebody with cookies of their own. The pages' policy holds: axe comes in by the debugger.
    async visitor() {
      // Colours that fade while the scheme changes would be measured half way.
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce' });
      context.setDefaultTimeout(30000);
      const page = await context.newPage();
      const expected = []; // parts of what may be said, each once
      const allowed = []; // and again and again
      page.on('console', (message) => {
        if (!['error', 'warning'].includes(message.type())) return;
        const text = `${message.text()} (${message.location().url})`;
        if (allowed.some((part) => text.includes(part))) return;
        const known = expected.findIndex((part) => text.includes(part));
        if (known >= 0) expected.splice(known, 1);
        else complaints.push(`console at ${page.url()}: ${text}`);
      });
      page.on('pageerror', (error) => complaints.push(`script error at ${page.url()}: ${error.stack}`));
      return { context, page, expect: (part) => expected.push(part), allow: (part) => allowed.push(part) };
    },
    // inspect looks at the page's present state, and takes pictures of it in every look.
    async inspect(page, name, { only = shots ? looks : crossed } = {}) {
      for (const look of only) {
        await page.setViewportSize({ width: look.width, height: look.height });
        await page.emulateMedia({ colorScheme: look.scheme });
        await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); }));
        if (shots) await page.screenshot({ path: path.join(shots, `${name}.${look.name}.png`), fullPage: true });
        complaints.push(...(await tooWide(page)).map((text) => `${name} (${look.name}): ${text}`));
        complaints.push(...(await smallTargets(page)).map((text) => `${name} (${look.name}): ${text}`));
        if (only.length > 2 && !crossed.includes(look)) continue;
        if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run(document, {
          runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        }));
        for (const v of violations) {
          complaints.push(`${name} (${look.name}): axe ${v.id}: ${v.help}: ${v.nodes.map((n) => `${n.target} ${n.any[0]?.message ?? ''}`).join(' | ')}`);
        }
      }
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.emulateMedia({ colorScheme: 'light' });
    },
    // enlarge shows the page at 200 % text in a small window, where nothing may be cut off.
    async enlarge(page, name) {
      await page.setViewportSize({ width: 640, height: 900 });
      await page.evaluate(() => { document.documentElement.style.fontSize = '200%'; });
      if (shots) await page.screenshot({ path: path.join(shots, `${name}.large-text.png`), fullPage: true });
      complaints.push(...(await tooWide(page)).map((text) => `${name} at 200 %: ${text}`));
      await page.evaluate(() => { document.documentElement.style.fontSize = ''; });
      await page.setViewportSize({ width: 1280, height: 900 });
    },
  };
}

// tooWide says by how much a page must be scrolled sideways, and what sticks out.
function tooWide(page) {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    // Text with room for a letter or two a line is as good as cut off.
    const squeezed = [...document.querySelectorAll('main *')].filter((node) => {
      if (!node.checkVisibility()) return false;
      const words = [...node.childNodes].filter((child) => child.nodeType === Node.TEXT_NODE).map((child) => child.data.trim()).join('');
      const { width, height } = node.getBoundingClientRect();
      return words.length > 4 && width > 1 && height > 3 * width && width < 3 * parseFloat(getComputedStyle(node).fontSize);
    });
    if (squeezed.length) return [`no room for the words of ${squeezed[0].outerHTML.slice(0, 120)}`];
    if (scrollWidth <= clientWidth) return [];
    const out = [...document.querySelectorAll('body *')].filter((node) => node.getBoundingClientRect().right > clientWidth + 0.5 && !node.closest('.columns'));
    return [`${scrollWidth - clientWidth} px wider than the window: ${out.slice(-1)[0]?.outerHTML.slice(0, 120)}`];
  });
}

// smallTargets names what is hard to hit: under 44 px high. Links inside a sentence are exempt, as in WCAG 2.5.8.
function smallTargets(page) {
  return page.evaluate(() => [...document.querySelectorAll('a[href], button, summary, input:not([type=hidden]), select, textarea')].flatMap((target) => {
    const box = (target.matches('.visually-hidden') ? target.labels[0] : target).getBoundingClientRect();
    if (!box.width || getComputedStyle(target).visibility === 'hidden' || target.closest('.skip')) return [];
    if (['checkbox', 'radio'].includes(target.type)) {
      const row = target.closest('.choice').getBoundingClientRect();
      return row.height >= 43.5 ? [] : [`target of ${Math.round(row.height)} px: ${target.outerHTML.slice(0, 80)}`];
    }
    const inSentence = target.tagName === 'A' && getComputedStyle(target).display === 'inline';
    const whole = target.classList.contains('whole'); // its ::after covers the card
    if (inSentence || whole || box.height >= 43.5) return [];
    return [`target of ${Math.round(box.height)} px: ${target.outerHTML.slice(0, 80)}`];
  }));
}
