/**
 * Cost against the length of a row, drawn: nanoseconds per element on logarithmic axes, for every map, kind of rows and
 * form. A straight or falling line is good; a step up is a cliff, and steps are listed too. Every point is a suite like
 * those of the benchmark: checked against the reference, all maps of a length taking turns.
 *
 *     npm run bench:plot                       bench/results/cost-*.svg, and .json with the figures
 *     npm run bench:plot -- --only csr         maps, backward or csr alone
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from 'commander';
import { format } from 'prettier';
import { ROOT } from '../scripts/setup/paths.js';
import { cliffs } from './plot/cliffs.js';
import { drawing } from './plot/drawing.js';
import { FORMS, LENGTHS, pointSuite, SCORES } from './plot/points.js';
import { open } from './peers/ours.js';
import { describeMachine } from './record.js';
import { machineLine } from './report.js';
import { runSuite } from './run-suite.js';

program
  .name('bench:plot')
  .description('Draws the cost of every map against the length of a row.')
  .option('--only <forms...>', `some of ${Object.keys(FORMS).join(', ')}`, Object.keys(FORMS))
  .option('--quick', 'every fourth length')
  .option('--out <folder>', 'where the drawings go', join(ROOT, 'bench/results'))
  .parse();
const { only, quick = false, out } = program.opts();

/** A call takes some tens of microseconds. */
const EFFORT = { rounds: 7, time: 1, calls: 3, warmup: 2 };

console.log(machineLine(describeMachine()));
mkdirSync(out, { recursive: true });
const { engines, useThreads, close } = await open();
await useThreads(1);
try {
  for (const form of only) await plot(form);
} finally {
  await close();
}

async function plot(form) {
  const lengths = quick ? LENGTHS.filter((_, i) => i % 4 === 0) : LENGTHS;
  const points = [];
  for (const scores of SCORES) {
    for (const n of lengths) {
      const result = await runSuite(pointSuite(form, scores, n), engines, EFFORT, useThreads);
      for (const map of Object.keys(result.entries)) {
        points.push({ scores, n, map, cost: cost(result, map) });
      }
    }
    process.stderr.write(`${form}, ${scores}: ${lengths.length} lengths\n`);
  }
  writeFileSync(join(out, `cost-${form}.svg`), await drawing(FORMS[form].title, points));
  const json = JSON.stringify({ form, unit: 'nanoseconds per element', points });
  writeFileSync(join(out, `cost-${form}.json`), await format(json, { parser: 'json', printWidth: 120 }));
  const found = cliffs(points);
  console.log(`${form}: ${found.length === 0 ? 'no cliff' : `${found.length} steps up`}`);
  for (const line of found) console.log(`  ${line}`);
}

/** Nanoseconds per element in the fastest call: what other programs took of the machine is no property of a length. */
function cost({ suite, entries }, map) {
  return Number(((1e6 * entries[map].timing.samples.min) / (suite.rows * suite.n)).toPrecision(4));
}
