// Bundles the pages' scripts and styles into dist/ under names that hold a hash of their bytes,
// so that a browser may keep them for ever. Beside them: manifest.json, which tells the server the
// hashed name of each plain name, and licences.txt for everything that ended up in a bundle.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.join(here, 'dist');
const entries = ['app.js', 'app.css', 'setup.js', 'share.js', 'start.js'];
const drawings = ['favicon.svg', 'icons.svg']; // taken as they are

// Bootstrap switches to dark by an attribute, which only a script could set, after the first paint.
// Each dark rule is therefore repeated under the browser's own preference; the attribute still wins.
const followSystemTheme = {
  name: 'follow-system-theme',
  setup(esbuild) {
    esbuild.onLoad({ filter: /bootstrap[\\/]dist[\\/]css[\\/]bootstrap\.css$/ }, async ({ path: file }) => {
      const css = await readFile(file, 'utf8');
      let found = 0;
      const contents = css.replace(/^\[data-bs-theme=dark\]([^{}]*)\{([^{}]*)\}/gm, (rule, rest, body) => {
        found++;
        return `${rule}\n@media (prefers-color-scheme: dark) { :root:not([data-bs-theme])${rest}{${body}} }`;
      });
      // A new Bootstrap that writes these rules otherwise must not silently lose the dark pages.
      if (found === 0) return { errors: [{ text: 'no dark rules found in bootstrap.css' }] };
      return { contents, loader: 'css' };
    });
  },
};

// packageOf names the npm package that an input of the bundle came from; '' for our own source.
function packageOf(input) {
  const [, inside] = input.split(/.*node_modules\//);
  if (!inside) return '';
  return inside.split('/').slice(0, inside.startsWith('@') ? 2 : 1).join('/');
}

async function licences(inputs) {
  const packages = [...new Set(inputs.map(packageOf))].filter(Boolean).sort();
  const texts = await Promise.all(packages.map(async (name) => {
    const folder = path.join(here, 'node_modules', name);
    const { version, license } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((f) => /^licen[cs]e/i.test(f));
    if (!file && !license) throw new Error(`${name} names no licence`);
    const text = file ? await readFile(path.join(folder, file), 'utf8') : `Licence: ${license}`;
    return `${name} ${version}\n\n${text.trim()}\n`;
  }));
  return texts.join(`\n${'-'.repeat(72)}\n\n`);
}

async function clean() {
  if (!existsSync(dist)) return mkdir(dist);
  for (const file of await readdir(dist)) {
    if (file !== '.gitkeep') await rm(path.join(dist, file), { recursive: true });
  }
}

const result = await build({
  absWorkingDir: here,
  entryPoints: entries.map((name) => path.join('src', name)),
  entryNames: '[name]-[hash]',
  outdir: 'dist',
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['es2022', 'chrome111', 'firefox115', 'safari16.4'],
  legalComments: 'none', // the whole texts are in licences.txt
  plugins: [followSystemTheme],
  metafile: true,
  write: false,
  logLevel: 'warning',
});

const { inputs, outputs } = result.metafile;
const manifest = {};
for (const [file, { entryPoint }] of Object.entries(outputs)) {
  if (entryPoint) manifest[path.basename(entryPoint)] = path.basename(file);
}
for (const name of entries) {
  if (!manifest[name]) throw new Error(`${name} was not built`);
}

await clean();
for (const { path: file, contents } of result.outputFiles) await writeFile(file, contents);
for (const name of drawings) {
  const contents = await readFile(path.join(here, 'src', name));
  const hash = createHash('sha256').update(contents).digest('hex').slice(0, 8).toUpperCase();
  manifest[name] = name.replace('.', `-${hash}.`);
  await writeFile(path.join(dist, manifest[name]), contents);
}
// Packed once, here, rather than with every answer.
for (const name of Object.values(manifest)) {
  await writeFile(path.join(dist, `${name}.gz`), gzipSync(await readFile(path.join(dist, name)), { level: 9 }));
}
await writeFile(path.join(dist, 'licences.txt'), await licences(Object.keys(inputs)));
// Last, since it is what says that the rest is there.
await writeFile(path.join(dist, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);

for (const { path: file, contents } of result.outputFiles) {
  console.log(`${path.basename(file)}  ${Math.ceil(contents.length / 1024)} kB`);
}
