/**
 * The benchmark: ours and its peers on the same matrices, interleaved. bench/README.md says what is measured and how
 * to read it.
 */

import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { program } from 'commander';
import { run } from '../scripts/setup/process.js';
import { installRuntimes } from '../scripts/setup/runtimes.js';
import { judge } from './goals.js';
import { closePeers, openPeers } from './peers/all.js';
import { describeMachine, makeRecord, recordFile, writeRecord } from './record.js';
import { goalsTable, machineLine, suiteTable } from './report.js';
import { runSuite } from './run-suite.js';
import { EFFORT, effortOf, SUITES } from './suites.js';

program
  .name('bench')
  .description('Measures the package beside its peers, checks every result, and judges the goals.')
  .option('--quick', 'fewer and shorter rounds, nothing recorded: shows that it works, not how fast it is')
  .argument(
    '[names...]',
    'only the suites whose name contains one of these, such as attention or maps/sparsemax/512x4096',
  )
  .option('--only <names...>', 'the same')
  .option('--check', 'checks every result of every engine, times nothing')
  .option('--python', 'with the PyTorch packages, in an environment of their own (installed once: gigabytes)')
  .option('--bun', 'and our sparse maps beside our softmax in Bun, at the end')
  .option('--newest', 'and our sparse attention beside our dense one in the newest Node, with relaxed SIMD, at the end')
  .option('--alone', 'without any peer')
  .option('--json <file>', 'record here, and not in bench/results')
  .addHelpText('after', `\nSuites:\n${SUITES.map(({ name }) => `  ${name}`).join('\n')}`)
  .parse();
const {
  quick = false,
  check = false,
  python = false,
  bun = false,
  newest = false,
  alone = false,
  json,
} = program.opts();

const wanted = [...program.args, ...(program.opts().only ?? [])];
const asked = SUITES.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
if (asked.length === 0)
  program.error(`bench: expected names of suites (see --help), got '${wanted.join(' ')}'`, { exitCode: 2 });
const suites = await withWhatThereIs(asked);

await main();

async function main() {
  const started = performance.now();
  const machine = describeMachine();
  const effort = EFFORT[check ? 'none' : quick ? 'quick' : 'full'];
  console.log(`${machineLine(machine)}\n`);

  const peers = await openPeers({ python, alone });
  try {
    const { useThreads } = peers.entmax;
    const threads = await useThreads(2);
    if (threads < 2) console.log('This machine gives us one thread: nothing is measured on two.\n');
    const all = Object.values(peers).flatMap((peer) => Object.entries(peer.engines));
    const engines = Object.fromEntries(all.filter(([, engine]) => (engine.threads ?? 1) <= threads));

    const results = await runSuites(engines, effort, useThreads);
    if (check) return;
    const { simd } = await peers.entmax.about();
    const judged = judge(results, suites, simd);
    // Without peers nobody asks about them.
    const verdicts = alone ? judged.filter(({ figure }) => figure) : judged;
    if (verdicts.length > 0) console.log(`\n${goalsTable(verdicts, simd)}`);

    console.log(`${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
    const about = {};
    for (const [name, peer] of Object.entries(peers)) about[name] = await peer.about?.();
    await record({ machine, about, effort, results, verdicts });
  } finally {
    await closePeers(peers);
  }
  if (bun) await runIn('bun', 'sweep/');
  if (newest) await runIn('nodeNewest', 'attention/');
}

/** A group again, in another engine: ratios to our own dense maps need no peer. */
async function runIn(runtime, group) {
  const runtimes = await installRuntimes();
  const script = fileURLToPath(import.meta.url);
  const short = [...(quick ? ['--quick'] : []), ...(check ? ['--check'] : [])];
  await run(runtimes[runtime], [script, '--alone', group, ...short], { show: true });
}

/** Suites of what this package exports; the others are left out with a line. */
async function withWhatThereIs(suites) {
  const structured = await import('entmax/structured');
  const isHere = ({ needs }) => needs === undefined || needs in structured;
  const missing = suites.filter((suite) => !isHere(suite));
  const names = [...new Set(missing.map(({ needs }) => needs))];
  if (missing.length > 0)
    console.log(`${missing.length} suites are left out: the package has no ${names.join(', ')}\n`);
  return suites.filter(isHere);
}

/** A wrong result or a broken engine is told at once and makes the run fail; the suites after it still run. */
async function runSuites(engines, effort, useThreads) {
  const results = [];
  for (const suite of suites) {
    try {
      const result = await runSuite(suite, engines, effortOf(suite, effort), useThreads);
      results.push(result);
      console.log(suiteTable(result));
      for (const message of result.wrong) console.error(`bench: ${suite.name}: ${message}`);
      if (result.wrong.length > 0) process.exitCode = 1;
    } catch (error) {
      console.error(`bench: ${suite.name}: ${error.message}`);
      process.exitCode = 1;
    }
  }
  return results;
}

/** Whole, unhurried and right runs are kept; others only where the caller asks for a file. */
async function record(figures) {
  const whole = !quick && !alone && suites.length === SUITES.length && process.exitCode === undefined;
  if (json === undefined && !whole) return;
  const contents = makeRecord(figures);
  const file = json ?? recordFile(contents);
  await writeRecord(contents, file);
  console.log(`recorded in ${relative(process.cwd(), file)}`);
}
