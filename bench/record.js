/**
 * A run as it is kept in bench/results: what was measured, on which machine, with which versions and which code. Paths,
 * host and user names stay out.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname, join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { ROOT } from '../scripts/setup/paths.js';
import { nanosecondsPerElement, ratio } from './run-suite.js';

export function describeMachine() {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    os: `${os.type()} ${os.release().match(/^\d+\.\d+/)?.[0] ?? os.release()} ${os.arch()}`,
    load: os.loadavg()[0],
  };
}

function versions() {
  const { version, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { node, v8 } = process.versions;
  return { entmax: version, commit: commit(), node, v8, tinybench: devDependencies.tinybench };
}

/** The commit, with a plus when something was changed since; undefined outside a clone. */
function commit() {
  const git = (...args) =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') ? '+' : '');
  } catch {
    return undefined;
  }
}

/**
 * @param {{ machine: object, about: object, effort: object, results: import('./run-suite.js').SuiteResult[], verdicts: object[] }} run
 */
export function makeRecord({ machine, about, effort, results, verdicts }) {
  return {
    date: new Date().toISOString(),
    machine,
    versions: versions(),
    about,
    effort,
    goals: verdicts,
    suites: results.map(({ suite, support, entries, absent, wrong }, index) => ({
      ...facts(suite),
      support,
      absent,
      wrong,
      entries: Object.fromEntries(Object.keys(entries).map((id) => [id, entryRecord(results[index], id)])),
    })),
  };
}

const facts = ({ name, group, map, rows, n, scores }) => ({ name, group, map, rows, n, scores });

/** Rounds that a slow engine sat out are null. */
function entryRecord(result, id) {
  const { timing, ...facts } = result.entries[id];
  const base = result.suite.entries[0].id;
  return {
    ...facts,
    nanosecondsPerElement: nanosecondsPerElement(result, id),
    timesFirst: result.entries[base] && ratio(result, id, base),
    millisecondsPerCall: timing.samples,
    medianOfRounds: timing.rounds.map((milliseconds) => milliseconds ?? null),
  };
}

/** Numbers to five digits: more would be noise, and the files are read by people. Laid out as the formatter wants it. */
export async function writeRecord(record, file) {
  const rounded = (_, value) => (typeof value === 'number' ? Number(value.toPrecision(5)) : value);
  const options = await resolveConfig(file);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, await format(JSON.stringify(record, rounded), { ...options, filepath: file }));
}

/** bench/results/<date>-<cpu>-<node>.json */
export function recordFile({ date, machine, versions }) {
  const cpu = machine.cpu
    .replace(/\((r|tm)\)|processor|\bcpu\b|@.*$/gi, '')
    .replace(/[^a-z0-9]+/gi, '-')
    .replace(/^-|-$/g, '')
    .toLowerCase();
  return join(ROOT, 'bench/results', `${date.slice(0, 10)}-${cpu}-node${versions.node}.json`);
}
