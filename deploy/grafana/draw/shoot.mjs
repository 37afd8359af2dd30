// Fetches what each panel shows, opens page.js with it in chromium, and takes a picture.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import puppeteer from 'puppeteer-core';

const [prometheus, boards, out] = process.argv.slice(2);
const to = Math.floor(Date.now() / 1000), from = to - 900;

async function ask(path, parameters) {
  const reply = await (await fetch(`${prometheus}/api/v1/${path}?${new URLSearchParams(parameters)}`)).json();
  if (reply.status !== 'success') throw new Error(`${reply.error}: ${parameters.query}`);
  return reply.data.result;
}

const busiest = await ask('query', { query: "topk(1, sum by (facility) (claims_facility_answers_total{facility!='other'}))" });
const variables = { $__rate_interval: '1m', $__range: '15m', $namespace: '.*', $instance: '.*', $facility: busiest[0]?.metric.facility ?? '' };
const fill = expression => Object.entries(variables).reduce((text, [name, value]) => text.replaceAll(name, value), expression);

const browser = await puppeteer.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  for (const file of readdirSync(boards)) {
    const board = JSON.parse(readFileSync(join(boards, file), 'utf8'));
    for (const panel of board.panels.filter(panel => panel.targets)) {
      panel.answers = await Promise.all(panel.targets.map(async target => ({
        legend: target.legendFormat,
        refId: target.refId,
        result: target.instant ? await ask('query', { query: fill(target.expr) })
          : await ask('query_range', { query: fill(target.expr), start: from, end: to, step: 5 }),
      })));
    }
    const data = JSON.stringify({ board, from: from * 1000, to: to * 1000 }).replaceAll('<', '\\u003c');
    writeFileSync('page.html', `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="page.css"><style>body{margin:0;font-family:"Noto Sans CJK SC",sans-serif}
      *{box-sizing:border-box}</style><div id="root"></div><script>window.board=${data}</script><script src="page.js"></script>`);
    const page = await browser.newPage();
    const errors = [];
    page.on('pageerror', error => errors.push(String(error)));
    await page.setViewport({ width: 1448, height: 900 });
    page.setDefaultTimeout(120_000);
    await page.goto(`file://${resolve('page.html')}`, { timeout: 120_000 });
    await page.waitForSelector('#board');
    await page.waitForNetworkIdle({ idleTime: 500 });
    const element = await page.$('#board');
    const target = join(out, `${board.uid}.png`);
    await element.screenshot({ path: target });
    console.log(`${target}${errors.length ? `: ${errors.join('; ')}` : ''}`);
    if (errors.length) process.exitCode = 1;
    await page.close();
  }
} finally {
  await browser.close();
}
