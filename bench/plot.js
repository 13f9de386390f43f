/**
 * Cost against the length of a row, drawn: nanoseconds per element on logarithmic axes, for every map, kind of rows and
 * form. A straight or falling line is good; a step up is a cliff, and steps are listed too. Of attention also time against
 * the support, of structured inference time, calls and structures against the size, and the regularised maps. Every point is a suite like those of the benchmark: checked against the reference, all maps of a length taking
 * turns.
 *
 *     npm run bench:plot                       bench/results/cost-*.svg, and .json with the figures
 *     npm run bench:plot -- --only csr         one form alone
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from 'commander';
import { format } from 'prettier';
import { ROOT } from '../scripts/setup/paths.js';
import { cliffs, describe } from './plot/cliffs.js';
import { drawing } from './plot/drawing.js';
import { FORMS } from './plot/points.js';
import { open } from './peers/ours.js';
import { describeMachine } from './record.js';
import { machineLine } from './report.js';
import { runSuite } from './run-suite.js';

/** Times so often again what shows as a step. */
const SECOND_LOOKS = 4;

program
  .name('bench:plot')
  .description('Draws the cost of every map against the length of a row.')
  .option('--only <forms...>', `some of ${Object.keys(FORMS).join(', ')}`, Object.keys(FORMS))
  .option('--quick', 'every fourth length')
  .option('--out <folder>', 'where the drawings go', join(ROOT, 'bench/results'))
  .parse();
const { only, quick = false, out } = program.opts();

console.log(machineLine(describeMachine()));
mkdirSync(out, { recursive: true });
const { engines, useThreads, close } = await open();
await useThreads(1);
try {
  for (const form of only) await plot(form);
} finally {
  await close();
}

async function plot(name) {
  const form = FORMS[name];
  const suites = quick ? form.suites.filter((_, i) => i % 4 === 0) : form.suites;
  const points = [];
  for (const suite of suites) points.push(...(await measure(form, suite)));
  if (form.steps) for (let look = 0; look < SECOND_LOOKS; look++) await lookAgain(form, points);
  process.stderr.write(`${name}: ${points.length} points\n`);
  writeFileSync(join(out, `cost-${name}.svg`), await drawing(form, points));
  const figures = points.map(({ scores, map, x, cost }) => ({ scores, [form.x.name]: x, map, cost }));
  const json = JSON.stringify({ form: name, unit: form.y, points: figures });
  writeFileSync(join(out, `cost-${name}.json`), await format(json, { parser: 'json', printWidth: 120 }));
  if (!form.steps) return;
  const found = cliffs(points);
  console.log(`${name}: ${found.length === 0 ? 'no cliff' : `${found.length} steps up`}`);
  for (const step of found) console.log(`  ${describe(step)}`);
}

/** The points of a suite, of which the cost is the fastest call. */
async function measure(form, suite) {
  const result = await runSuite(suite, engines, suite.effort, useThreads);
  for (const message of result.wrong) throw new Error(`${suite.name}: ${message}`);
  const { curves = Object.keys(result.entries), panel = ({ scores }) => scores } = form;
  return curves.map((map) => ({ suite, scores: panel(suite), map, ...form.point(result, map) }));
}

/** Measures both ends of every step once more: a slow moment of the machine makes a step, but not twice. */
async function lookAgain(form, points) {
  const doubtful = new Set(cliffs(points).flatMap(({ before, after }) => [before.suite, after.suite]));
  for (const suite of doubtful) {
    for (const again of await measure(form, suite)) {
      const point = points.find(({ suite: its, map }) => its === suite && map === again.map);
      point.cost = Math.min(point.cost, again.cost);
    }
  }
}
