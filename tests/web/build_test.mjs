// web/dist/report.html is committed; this makes it again and compares.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const web = join(dirname(fileURLToPath(import.meta.url)), '../../web');
const node = (...args) => execFileSync(process.execPath, args, { cwd: web, encoding: 'utf8' });

test('the sources of the page have no type errors', () => {
  node('node_modules/typescript/bin/tsc', '--noEmit');
});

test('the committed page is what its sources make', () => {
  const directory = mkdtempSync(join(tmpdir(), 'coppice-page-'));
  try {
    const made = join(directory, 'report.html');
    node('build.mjs', made);
    const same = readFileSync(made, 'utf8') === readFileSync(join(web, 'dist/report.html'), 'utf8');
    assert.ok(same, 'web/dist/report.html is stale: cd web && npm ci && npm run build');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the lock file names no registry', () => {
  const lock = readFileSync(join(web, 'package-lock.json'), 'utf8');
  assert.ok(!lock.includes('"resolved"'));
});
