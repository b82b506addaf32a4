// What the tests of the page share: a browser, and small repositories in which
// the built coppice searches.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const coppice = process.argv[2];

const require = createRequire(join(root, 'web/package.json'));
const { chromium } = require('playwright-core');

export function launch() {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    // Chromium's own sandbox does not start as root.
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
}

// A page with all that it said and asked for.
export async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);  // on a loaded machine, too
  const said = [];
  const asked = [];
  page.on('console', (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => { said.push(`dialog: ${dialog.message()}`); void dialog.dismiss(); });
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(url);
  await page.waitForSelector('html[data-ready]');
  return { page, said, asked, close: () => context.close() };
}

// A repository with a home of its own. `files` are committed.
export class Repo {
  constructor(files) {
    this.children = [];
    this.top = mkdtempSync(join(tmpdir(), 'coppice-web-'));
    this.dir = join(this.top, 'repo');
    mkdirSync(this.dir);
    this.env = {
      PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: this.top,
      XDG_CACHE_HOME: join(this.top, 'cache'), TMPDIR: tmpdir(),
      GIT_AUTHOR_NAME: 't', GIT_AUTHOR_EMAIL: 't@localhost',
      GIT_COMMITTER_NAME: 't', GIT_COMMITTER_EMAIL: 't@localhost',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.dir, name), text);
    this.git('init', '-q', '-b', 'main');
    this.git('add', '-A');
    this.git('commit', '-qm', 'base');
  }

  git(...args) {
    return execFileSync('git', args, { cwd: this.dir, env: this.env, encoding: 'utf8' });
  }

  // Standard output; `codes` are those that may come.
  run(args, codes = [0]) {
    try {
      return execFileSync(coppice, args, {
        cwd: this.dir, env: this.env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      assert.ok(codes.includes(error.status), `coppice ${args.join(' ')}: ${error.status}\n${error.stderr}`);
      return error.stdout;
    }
  }

  // In the background, with its first line of output.
  async start(args) {
    const child = spawn(coppice, args, { cwd: this.dir, env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.push(child);
    const ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)));
    const line = await new Promise((resolve, reject) => {
      let text = '';
      child.stdout.on('data', (data) => {
        text += data;
        if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
      });
      child.stderr.on('data', (data) => { text += data; });
      child.on('exit', () => reject(new Error(`coppice ${args.join(' ')} said: ${text}`)));
    });
    return { child, line, ended };
  }

  // report.html of the latest run of `name`.
  report(name) {
    const runs = join(this.dir, '.git/coppice', name);
    const latest = readdirSync(runs).filter((entry) => /^\d{8}-/.test(entry)).sort().pop();
    return join(runs, latest, 'report.html');
  }

  remove() {
    for (const child of this.children) child.kill('SIGKILL');
    rmSync(this.top, { recursive: true, force: true });
  }
}

// Text that would run, or look as if, wherever it is taken for more than text.
export const hostile =
  `</script><script>window.ran=1</script><img src=x onerror="window.ran=2">` +
  `<svg onload=window.ran=3>\u001b[31mred\u001b[0m [l](javascript:window.ran=4) "'\`\${window.ran=5}`;

// Numbers in a file, whose sum is the metric; every line and all output is
// hostile. Deterministic, and quick.
export function numbersRepo(spec = '', delay = 0) {
  const lines = Array.from({ length: 12 }, (_, i) => `part_${i} = ${20 + i}  # ${hostile}`);
  return new Repo({
    'parts.txt': lines.join('\n') + '\n',
    'measure.sh': `sleep ${delay}
printf '%s\\n' '${hostile.replace(/'/g, `'\\''`)}'
awk '/^part_/ {sum += $3} END {print "total: " sum}' parts.txt
`,
    'check.sh': 'test "$(grep -c "^part_" parts.txt)" -ge 10\n',
    'coppice.yaml': `name: numbers
goal: 'Make the sum small ${hostile.replace(/'/g, `''`).replace(/\u001b/g, '')}'
scope: {mutable: [parts.txt]}
metric: {name: total, direction: minimize}
evaluation: {command: sh measure.sh}
checks: [sh check.sh]
proposers: [{edits: {kinds: [number, delete, swap]}}]
budget: {max_nodes: 30, max_cost_usd: null, plateau_nodes: null}
${spec}`,
  });
}
