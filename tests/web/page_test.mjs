// report.html of a real run, in a real browser, from a file.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { hostile, launch, numbersRepo, open, Repo, root } from './world.mjs';

let browser;
let repo;
let url;

before(async () => {
  repo = numbersRepo();
  repo.run(['run']);
  url = pathToFileURL(repo.report('numbers')).href;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  repo?.remove();
});

const visible = hostile.replace(/\u001b\[\d+m/g, '');

// A node whose change shows the hostile lines around it.
async function openWinner(page) {
  await page.locator('.attempts tbody tr').first().click();
  await page.waitForSelector('#panel:not([hidden]) .tab-body');
}

test('it tells the run, asks nobody for anything and has nothing to complain about', async () => {
  const { page, said, asked, close } = await open(browser, url, { offline: true });
  assert.match(await page.locator('h1').innerText(), /better, confirmed/);
  for (const title of ['How it went', 'The tree', 'Why the best is good', 'What limited the search',
    'What to try next', 'Where the effort went', 'What failed, by class', 'All attempts',
    'How it was verified', 'Where it was measured']) {
    assert.equal(await page.getByRole('heading', { name: title }).count(), 1, title);
  }
  assert.equal(await page.locator('.stat', { hasText: 'Attempts' }).locator('dd').first().innerText(), '30');
  await openWinner(page);
  for (const tab of ['Change', 'Why', 'Log']) await page.getByRole('tab', { name: tab }).click();
  assert.deepEqual(said, []);
  assert.deepEqual(asked.filter((one) => !one.startsWith('data:')), [url]);
  await close();
});

test('what models and programs wrote is shown and never runs', async () => {
  const { page, said, close } = await open(browser, url);
  assert.ok((await page.locator('.goal').innerText()).includes('<img src=x onerror='));
  await openWinner(page);
  const body = page.locator('.tab-body');
  assert.ok((await body.innerText()).includes('onerror="window.ran=2"'));
  await page.getByRole('tab', { name: 'Log' }).click();
  assert.ok((await body.innerText()).includes(visible), 'the log, without its escapes');
  assert.equal(await page.evaluate(() => window.ran), undefined);
  assert.equal(await page.locator('main img, #panel img, main svg[onload], #panel svg').count(), 0);
  assert.equal(await page.locator('a[href^="javascript"]').count(), 0);
  assert.equal(await page.locator('script').count(), 2);
  // The policy holds even if some text became an element after all.
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.ran = 6';
    document.body.append(script);
    document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.ran=7">');
  });
  await page.waitForTimeout(100);
  assert.equal(await page.evaluate(() => window.ran), undefined);
  assert.ok(said.every((line) => line.includes('Content Security Policy')), said.join('\n'));
  await close();
});

test('the keyboard walks the tree, opens a node and comes back', async () => {
  const { page, said, close } = await open(browser, url);
  const tree = page.getByRole('application');
  const best = await page.evaluate(() => JSON.parse(document.getElementById('page-data').textContent).verdict.best);
  const label = () => tree.getAttribute('aria-label');
  await tree.focus();
  await page.keyboard.press('ArrowDown');  // the first key goes to the best
  assert.match(await label(), new RegExp(`^Node ${best},`));
  await page.keyboard.press('ArrowDown');
  const parent = /^Node (\d+),/.exec(await label())[1];
  assert.notEqual(Number(parent), best);
  await page.keyboard.press('ArrowUp');
  assert.match(await label(), new RegExp(`^Node ${best},`));
  await page.keyboard.press('ArrowRight');
  const beside = Number(/^Node (\d+),/.exec(await label())[1]);
  await page.keyboard.press('Enter');
  const panel = page.getByRole('dialog');
  await panel.waitFor();
  assert.match(await panel.innerText(), new RegExp(`^Node ${beside}\\b`));
  assert.equal(await page.evaluate(() => location.hash), `#${beside}`);
  // The one after it, or before the last.
  const next = beside < 30 ? beside + 1 : beside - 1;
  await page.keyboard.press(next > beside ? ']' : '[');
  assert.match(await panel.innerText(), new RegExp(`^Node ${next}\\b`));
  await page.keyboard.press('Escape');
  assert.equal(await panel.isVisible(), false);
  assert.ok(await tree.evaluate((element) => element === document.activeElement), 'the focus is back');
  assert.deepEqual(said, []);
  await close();
});

test('an address with a node opens it, and a wrong one does nothing', async () => {
  const { page, close } = await open(browser, `${url}#3`);
  assert.match(await page.getByRole('dialog').innerText(), /^Node 3\b/);
  await close();
  const other = await open(browser, `${url}#99999`);
  assert.equal(await other.page.locator('#panel').isVisible(), false);
  assert.deepEqual(other.said, []);
  await other.close();
});

test('clicking the tree opens what is there', async () => {
  const { page, close } = await open(browser, url);
  const box = await page.locator('.tree-chart').boundingBox();
  // The baseline stands in the middle of the foot.
  await page.locator('.tree-chart').scrollIntoViewIfNeeded();
  await page.locator('.tree-chart').click({ position: { x: box.width / 2, y: box.height - 22 } });
  assert.match(await page.getByRole('dialog').innerText(), /^Node 0\b/);
  await close();
});

test('a final that decided otherwise than the search is said beside both', async () => {
  const { page: agreed, close: closeAgreed } = await open(browser, url);
  assert.equal(await agreed.getByText("search's own best").count(), 0);
  await closeAgreed();
  const other = join(repo.dir, 'overruled.html');
  writeFileSync(other, readFileSync(new URL(url), 'utf8').replace(
    '"overruled":""', `"overruled":"the search's own best was #9; the final chose #4"`));
  const { page, close } = await open(browser, pathToFileURL(other).href);
  const says = (id) => page.locator(id).getByText("the search's own best was #9; the final chose #4");
  assert.equal(await says('#verdict').count(), 1);
  assert.equal(await says('#curve').count(), 1);
  await close();
});

test('finding narrows the tree, and Enter opens the first that fits', async () => {
  const { page, close } = await open(browser, url);
  await page.getByPlaceholder('Find').fill('7');
  await page.keyboard.press('Enter');
  assert.match(await page.getByRole('dialog').innerText(), /^Node 7\b/);
  await close();
});

test('no width makes it scroll sideways', async () => {
  const { page, close } = await open(browser, url);
  const over = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  const widths = async (what) => {
    for (const width of [320, 390, 768, 1280, 1920]) {
      await page.setViewportSize({ width, height: 800 });
      assert.ok(await over() <= 0, `${width}, ${what}`);
    }
  };
  await widths('the page');
  await openWinner(page);
  await widths('with a node');
  await page.setViewportSize({ width: 320, height: 800 });
  const inside = await page.locator('#panel').evaluate((panel) => panel.scrollWidth - panel.clientWidth);
  assert.ok(inside <= 0, 'in the panel');
  await close();
});

test('dark and light follow the system until the reader chooses', async () => {
  const paper = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const bright = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, c) => sum + Number(c), 0);
  const light = await open(browser, url, { colorScheme: 'light' });
  assert.ok(bright(await paper(light.page)) > 600);
  await light.close();
  const { page, said, close } = await open(browser, url, { colorScheme: 'dark' });
  assert.ok(bright(await paper(page)) < 150);
  await page.getByRole('button', { name: 'Show it light' }).click();
  assert.ok(bright(await paper(page)) > 600);
  await page.reload();
  await page.waitForSelector('html[data-ready]');
  assert.ok(bright(await paper(page)) > 600, 'the choice is kept');
  assert.deepEqual(said, []);
  await close();
});

test('text stands out from its ground in both colours', async () => {
  for (const colorScheme of ['dark', 'light']) {
    const { page, close } = await open(browser, url, { colorScheme });
    await openWinner(page);
    const worst = await page.evaluate(() => {
      const parse = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
      const light = (c) => c.slice(0, 3).map((v) => v / 255)
        .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const ground = (element) => {
        for (let e = element; e; e = e.parentElement) {
          const c = parse(getComputedStyle(e).backgroundColor);
          if (c.length === 3 || c[3] === 1) return c;
        }
        return [255, 255, 255];
      };
      let least = { ratio: 99, text: '' };
      for (const element of document.querySelectorAll('p, dt, dd, td, th, li, h1, h2, h3, button, .pill, .chip')) {
        if (!element.offsetParent || !element.innerText?.trim()) continue;
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(ground(element))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < least.ratio) least = { ratio, text: `${element.className} ${element.innerText.slice(0, 40)}` };
      }
      return least;
    });
    assert.ok(worst.ratio >= 4.5, `${colorScheme}: ${worst.ratio.toFixed(2)} ${worst.text}`);
    await close();
  }
});

// Pictures for docs/, of the example in examples/knobs and of the study of it in
// docs/example-study: COPPICE_PICTURES=1.
test('pictures for the docs', { skip: !process.env.COPPICE_PICTURES }, async () => {
  const read = (name) => readFileSync(join(root, 'examples/knobs', name), 'utf8');
  const shop = new Repo({
    'plan.conf': read('plan.conf'), 'simulate.awk': read('simulate.awk'),
    'coppice.yaml': read('coppice.yaml').replace(', target: 22069', '')
      .replace('proposers:', 'proposers:\n  - edits: {kinds: [number, swap, delete]}'),
  });
  try {
    shop.run(['run', '--max-nodes', '140', '--seed', '3', '--set', 'evaluation.timeout_seconds=2']);
    const from = pathToFileURL(shop.report('paint-shop')).href;
    const picture = (page, name, options = {}) =>
      page.screenshot({ path: join(root, 'docs/pictures', `${name}.png`), ...options });
    const light = await open(browser, from, { viewport: { width: 1120, height: 1400 } });
    await picture(light.page, 'page');
    await light.page.evaluate(() => document.getElementById('lineage').scrollIntoView());
    await light.page.setViewportSize({ width: 1120, height: 720 });
    await light.page.locator('#lineage .node-link').last().click();
    await light.page.waitForSelector('#panel .tab-body');
    await picture(light.page, 'node');
    await light.close();
    const dark = await open(browser, from, { colorScheme: 'dark', viewport: { width: 1120, height: 840 } });
    await dark.page.locator('#tree').scrollIntoViewIfNeeded();
    await picture(dark.page, 'dark');
    await dark.close();
    const phone = await open(browser, from, { viewport: { width: 390, height: 844 } });
    await picture(phone.page, 'phone');
    await phone.close();
    // Beside each other in the README.
    const tree = await open(browser, from, { viewport: { width: 720, height: 900 } });
    await picture(tree.page.locator('.tree-chart'), 'tree');
    await tree.close();
    const context = await browser.newContext({ viewport: { width: 640, height: 595 } });
    const study = await context.newPage();
    await study.goto(pathToFileURL(join(root, 'docs/example-study/report.html')).href);
    await picture(study, 'study');
    await context.close();
  } finally {
    shop.remove();
  }
});
