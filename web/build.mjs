// Builds web/dist/report.html: one file with its script, style and font inside
// and a policy that lets nothing else run or load. It is committed, so that a
// build of coppice needs no npm; tests/web rebuilds it and compares.
//
//   node build.mjs [FILE]     default: dist/report.html
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const target = process.argv[2] ?? join(here, 'dist/report.html');

const bundled = await build({
  absWorkingDir: here,
  entryPoints: ['src/main.ts'],
  outdir: 'out',
  bundle: true,
  write: false,
  minify: true,
  format: 'iife',
  target: 'es2021',
  charset: 'ascii',
  legalComments: 'none',
  loader: { '.woff2': 'dataurl' },
  define: { 'process.env.NODE_ENV': '"production"' },
});
const output = (ending) =>
  bundled.outputFiles.find((file) => file.path.endsWith(ending)).text.trim();
const script = output('.js');
const style = output('.css');

const digest = (text) =>
  `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const policy = [
  "default-src 'none'",
  `script-src ${digest(script)}`,
  `style-src ${digest(style)}`,
  'font-src data:',
  'img-src data:',
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

// Functions, because a text may hold what replace() takes for a pattern.
const html = readFileSync(join(here, 'src/page.html'), 'utf8')
  .replace('PAGE_POLICY', () => policy)
  .replace('PAGE_STYLE', () => style)
  .replace('PAGE_SCRIPT', () => script);

const refuse = (found, what) => {
  if (found) throw new Error(`report.html: ${what}`);
};
refuse(/[^\x00-\x7f]/.test(html), 'not ASCII; it is cut into parts later');
refuse(/<!--|<\/script|<script/i.test(script), 'the script would end itself');
refuse(/<\/style/i.test(style), 'the style would end itself');
refuse(html.split('COPPICE_PAGE_DATA').length !== 2, 'not one place for data');
refuse(/\)~~~~"/.test(html), 'it holds the end of a C++ raw string');

mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, html + '\n');
console.log(`${target}: ${(html.length / 1024).toFixed(0)} KiB`);
