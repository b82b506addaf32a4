// How soon a page can be used in headless Chromium, from a file: when all of it
// is drawn and answers, and how long it takes to open a node.
//
//   node bench/page.mjs FILE [TIMES]
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(new URL('../web/package.json', import.meta.url));
const { chromium } = require('playwright-core');
const url = pathToFileURL(resolve(process.argv[2])).href;
const times = Number(process.argv[3] ?? 5);
const median = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];

const ready = [];
const opened = [];
for (let i = 0; i < times; ++i) {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(url);
  await page.waitForSelector('html[data-ready]');
  // The page itself notes when; a frame after that has been painted.
  ready.push(await page.evaluate(async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return Number(document.documentElement.dataset.ready);
  }));
  opened.push(await page.evaluate(async () => {
    const begin = performance.now();
    document.querySelector('.attempts tbody tr').click();
    while (!document.querySelector('#panel .tab-body')) await Promise.resolve();
    document.body.getBoundingClientRect();
    return performance.now() - begin;
  }));
  await browser.close();
}
console.log(`page usable ${median(ready)} ms after it was asked for (median of ${times}, ` +
  `${Math.min(...ready)} to ${Math.max(...ready)}); a node opens in ${median(opened).toFixed(0)} ms`);
