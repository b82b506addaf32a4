// The page of a run that goes on, from `coppice serve`.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { launch, numbersRepo, open } from './world.mjs';

let browser;
let repo;

before(async () => { browser = await launch(); });
after(async () => {
  await browser?.close();
  repo?.remove();
});

// Status of a plain request, with headers that a browser would not let a page set.
function status(url, { method = 'GET', path, host } = {}) {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const request = http.request(
      { hostname, port, method, path: path ?? pathname, headers: host ? { host } : {} },
      (reply) => { reply.resume(); resolve(reply.statusCode); });
    request.on('error', reject);
    request.end();
  });
}

const attempts = async (page) =>
  Number(await page.locator('.stat', { hasText: 'Attempts' }).locator('dd').first().innerText());

async function until(what, holds) {
  const end = Date.now() + 120_000;
  while (!(await holds())) {
    assert.ok(Date.now() < end, `in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

test('a live page grows by itself, and the run never notices', async () => {
  repo = numbersRepo('', 0.3);
  repo.run(['check']);
  const run = await repo.start(['run', '--max-nodes', '40']);
  let serve;
  await until('the run has begun', async () => {
    try { serve = await repo.start(['serve']); } catch { return false; }
    return true;
  });
  const url = /http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/$/.exec(serve.line)?.[0];
  assert.ok(url, serve.line);

  // A browser may take longer to start than the run would to end.
  await until('some attempts', async () =>
    JSON.parse(await (await fetch(`${url}data`)).text()).nodes.length > 2);
  repo.run(['tell', '--pause']);
  const { page, said, asked, close } = await open(browser, url);
  const before = await attempts(page);
  assert.ok(before >= 2 && before < 40, `${before}`);
  repo.run(['tell', '--continue']);
  await until('more attempts', async () => (await attempts(page)) > before);
  await page.locator('.attempts tbody tr').first().click();
  await page.waitForSelector('#panel .tab-body');
  await page.getByRole('tab', { name: 'Why' }).click();
  const node = await page.locator('.panel-name').innerText();

  assert.equal(await status(url), 200);
  assert.equal(await status(url, { path: '/' }), 404);
  assert.equal(await status(url, { path: `/${'0'.repeat(32)}/` }), 404);
  assert.equal(await status(url, { host: 'elsewhere.example' }), 403);
  assert.equal(await status(url, { method: 'POST' }), 405);
  assert.equal(await status(url, { path: `${new URL(url).pathname}node/99999` }), 404);

  await until('the end is told', async () =>
    (await page.locator('.status').innerText()) === 'finished');
  assert.equal(await run.ended, 0);
  assert.equal(await attempts(page), 40);
  assert.match(await page.locator('h1').innerText(), /better, confirmed/);
  assert.equal(await page.locator('.panel-name').innerText(), node, 'the panel stayed open');
  assert.deepEqual(said, []);
  const own = new URL(url).origin;
  assert.ok(asked.every((one) => one.startsWith(own) || one.startsWith('data:')));

  serve.child.kill('SIGINT');
  assert.equal(await serve.ended, 0);
  await until('the page says that nobody answers', async () =>
    (await page.locator('.status').innerText()) === 'not connected');
  await close();
});

test('a browser that comes back is told what it missed', async () => {
  const serve = await repo.start(['--output', 'json', 'serve']);
  const { url } = JSON.parse(serve.line);
  const last = JSON.parse(await (await fetch(`${url}data`)).text());
  const news = async (headers) => {
    const reply = await fetch(`${url}events?since=1`, { headers });
    let text = '';
    for await (const piece of reply.body) {
      text += Buffer.from(piece).toString();
      if (/\n\n.*\n\n/s.test(text)) break;
    }
    return text;
  };
  const missed = await news({});
  assert.match(missed, new RegExp(`^retry: \\d+\n\nevent: news\nid: ${last.seq}\ndata: \\{`));
  const data = JSON.parse(/data: (.*)\n\n/.exec(missed)[1]);
  assert.equal(data.nodes.length, last.nodes.length);
  const nothing = await news({ 'Last-Event-ID': String(last.seq) });
  assert.match(nothing, /^retry: \d+\n\n: alive\n\n/);
  serve.child.kill('SIGTERM');
  assert.equal(await serve.ended, 0);
});
