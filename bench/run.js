/**
 * The benchmark: ours, plain JavaScript, AssemblyScript and memcpy on the same matrices, interleaved in one process.
 * bench/README.md says what is measured and how to read it.
 */

import { relative } from 'node:path';
import { program } from 'commander';
import { WrongResult } from './check.js';
import { judge } from './goals.js';
import { open as openAssemblyScript } from './peers/assemblyscript.js';
import { open as openOurs } from './peers/ours.js';
import { open as openPlain } from './peers/plain.js';
import { describeMachine, makeRecord, recordFile, writeRecord } from './record.js';
import { goalsTable, machineLine, suiteTable } from './report.js';
import { runSuite } from './run-suite.js';
import { EFFORT, SUITES } from './suites.js';

program
  .name('bench')
  .description('Measures the maps beside plain JavaScript, AssemblyScript and memcpy, and checks every result.')
  .option('--quick', 'fewer and shorter rounds, nothing recorded: shows that it works, not how fast it is')
  .option('--only <name>', 'only the suites whose name contains this, such as softmax/512x4096/normal')
  .option('--json <file>', 'record here, and not in bench/results')
  .addHelpText('after', `\nSuites:\n${SUITES.map(({ name }) => `  ${name}`).join('\n')}`)
  .parse();
const { quick = false, only = '', json } = program.opts();

const suites = SUITES.filter(({ name }) => name.includes(only));
if (suites.length === 0)
  program.error(`bench: expected --only to name a suite (see --help), got '${only}'`, { exitCode: 2 });

try {
  await main();
} catch (error) {
  if (!(error instanceof WrongResult)) throw error;
  console.error(`bench: wrong result: ${error.message}`);
  process.exitCode = 1;
}

async function main() {
  const machine = describeMachine();
  const effort = quick ? EFFORT.quick : EFFORT.full;
  console.log(`${machineLine(machine)}\n`);

  const ours = await openOurs();
  const peers = { entmax: ours, plain: await openPlain(), assemblyscript: await openAssemblyScript() };
  try {
    const threads = await ours.useThreads(2);
    if (threads < 2) console.log('This machine gives us one thread: nothing is measured on two.\n');
    const engines = Object.values(peers)
      .flatMap((peer) => peer.engines)
      .filter((engine) => (engine.threads ?? 1) <= threads);

    const results = [];
    for (const suite of suites) {
      const result = await runSuite(suite, engines, effort, ours.useThreads);
      results.push(result);
      console.log(suiteTable(result));
    }
    const verdicts = judge(results);
    if (verdicts.length > 0) console.log(goalsTable(verdicts));

    const about = Object.fromEntries(Object.entries(peers).map(([name, peer]) => [name, peer.about?.()]));
    await record({ machine, about, effort, results, verdicts });
  } finally {
    await ours.close();
  }
}

/** Whole, unhurried runs are kept; others only where the caller asks for a file. */
async function record(run) {
  if (json === undefined && (quick || only !== '')) return;
  const contents = makeRecord(run);
  const file = json ?? recordFile(contents);
  await writeRecord(contents, file);
  console.log(`recorded in ${relative(process.cwd(), file)}`);
}
