/** One suite from beginning to end: scores, reference, check, timing, check again. */

import { verify, checksum, WrongResult } from './check.js';
import { measure } from './measure.js';
import { dataOf } from './reference/data.js';
import { quartiles } from './statistics.js';

/**
 * What a peer is: one module in peers/ exports `open`, called once per run; everything else here is what that gives.
 *
 * @typedef {() => Promise<Peer | undefined>} Open undefined where the peer cannot be had on this machine
 *
 * @typedef {object} Peer
 * @property {Record<string, Engine>} engines by id
 * @property {(threads: number) => Promise<number>} [useThreads] prepares for calls with so many threads, where there can
 *   be more than one; resolves to how many there are
 * @property {() => object | Promise<object>} [about] facts for the record: how it was built, which path runs
 * @property {() => Promise<void>} [close]
 *
 * @typedef {object} Engine one way of computing
 * @property {string} label
 * @property {number} [threads] 1 where absent
 * @property {(task: import('./reference/tasks.js').Task, data: any, how: { pause?: number }) =>
 *   Prepared | undefined | Promise<Prepared | undefined>} prepare undefined where the engine does not have the operation
 *
 * @typedef {object} Prepared
 * @property {() => unknown} call once, untimed
 * @property {import('./samplers.js').Sampler} sampler times the same call
 * @property {() => Output | Promise<Output>} output of the last call
 * @property {() => void | Promise<void>} clear overwrites the output with NaN, or forgets it
 * @property {() => void | Promise<void>} dispose
 * @property {number} [tolerance] of the check, where this engine needs another
 * @property {() => Record<string, number>} [facts] figures besides the time, taken once
 *
 * @typedef {object} Output what the judge of the problem wants to see may come with it
 * @property {Float32Array | Float64Array} values
 * @property {number} [scalar]
 */

/**
 * @typedef {object} SuiteResult
 * @property {import('./suites.js').Suite} suite
 * @property {number | undefined} support mean number of entries with p > 0 per row, in the reference of the first task
 * @property {Record<string, EntryResult>} entries by id
 * @property {string[]} absent entries that no engine here can run
 * @property {string[]} wrong messages about entries that gave a wrong result, or none
 *
 * @typedef {object} EntryResult
 * @property {string} label
 * @property {number} threads
 * @property {number} error largest error, relative to the row's largest entry
 * @property {string} checksum of the output, the same before and after timing
 * @property {number} [support] mean number of entries with p > 0 in a row
 * @property {Record<string, number>} [facts] see Prepared
 * @property {import('./measure.js').Timing} [timing] absent where nothing was timed
 */

/**
 * @param {import('./suites.js').Suite} suite
 * @param {Record<string, Engine>} engines
 * @param {import('./suites.js').Effort} effort without rounds nothing is timed
 * @param {(threads: number) => Promise<unknown>} useThreads
 * @returns {Promise<SuiteResult>}
 */
export async function runSuite(suite, engines, effort, useThreads) {
  const data = await dataOf(suite);
  const entries = await prepareEntries(suite, engines, data);
  try {
    const { checks, right, wrong } = await check(suite, entries, data, useThreads);
    const timings = effort.rounds > 0 ? await measure(right, effort, useThreads) : new Map();
    const still = effort.rounds > 0 ? await checkAgain(right, checks, wrong) : right;
    const result = ({ id, label, threads }) => [id, { label, threads, ...checks.get(id), timing: timings.get(id) }];
    const present = new Set(entries.map(({ id }) => id));
    return {
      suite,
      support: data.meanSupport(suite.entries[0].task),
      entries: Object.fromEntries(still.map(result)),
      absent: suite.entries.filter(({ id }) => !present.has(id)).map(({ id }) => id),
      wrong,
    };
  } finally {
    for (const { dispose } of entries) await dispose();
  }
}

/** One call of everybody, compared with the reference. Who is wrong takes no further part. */
async function check(suite, entries, data, useThreads) {
  const checks = new Map();
  const wrong = [];
  const right = [];
  for (const entry of entries) {
    const { id, task, who, tolerance } = entry;
    try {
      await useThreads(entry.threads);
      await entry.call();
      const found = verify(who, await entry.output(), data.expected(task), suite.n, tolerance);
      const facts = { ...found.facts, ...entry.facts?.() };
      checks.set(id, { ...found, support: data.meanSupport(task), facts: isEmpty(facts) ? undefined : facts });
      await entry.clear();
      right.push(entry);
    } catch (error) {
      wrong.push(error instanceof WrongResult ? error.message : `${who}: ${error.message}`);
    }
  }
  return { checks, right, wrong };
}

const isEmpty = (facts) => Object.keys(facts).length === 0;

/** Whether what the timed calls left behind has the bits of the checked results. */
async function checkAgain(entries, checks, wrong) {
  const still = [];
  for (const entry of entries) {
    const { id, who, sameBits = id, output } = entry;
    const before = checks.get(sameBits)?.checksum;
    const found = checksum(await output());
    if (found === before) still.push(entry);
    else wrong.push(`${who}: expected the checksum of ${sameBits}, ${before}, after timing, got ${found}`);
  }
  return still;
}

/** The entries that an engine of this run can do. */
async function prepareEntries(suite, engines, data) {
  const prepared = [];
  for (const { id, engine: name, label, task, pause, sameBits } of suite.entries) {
    const engine = engines[name];
    const ready = await engine?.prepare(task, data, { pause });
    if (!ready) continue;
    const threads = engine.threads ?? 1;
    const who = `${id} (${engine.label}, threads ${threads})`;
    prepared.push({ id, who, threads, task, sameBits, label: label ?? engine.label, ...ready });
  }
  if (!prepared.some(({ id }) => id === suite.entries[0].id)) {
    for (const { dispose } of prepared) await dispose();
    throw new Error(`nobody here has ${suite.entries[0].task.map}, ${suite.entries[0].task.operation}`);
  }
  return prepared;
}

/**
 * How many times longer `slow` takes than `fast` for as much: quartiles over the rounds of the ratio within a round, where
 * both ran.
 *
 * @param {SuiteResult} result
 * @param {string} slow
 * @param {string} fast
 */
export function ratio({ suite, entries }, slow, fast) {
  const { rounds } = entries[fast].timing;
  const share = elementsOf(suite, fast) / elementsOf(suite, slow);
  const ratios = entries[slow].timing.rounds.map((time, round) => (share * time) / rounds[round]);
  return quartiles(ratios.filter((value) => !Number.isNaN(value)));
}

/** Nanoseconds per element of the scores: quartiles over all samples. */
export function nanosecondsPerElement({ suite, entries }, id) {
  const perElement = 1e6 / elementsOf(suite, id);
  const { median, q1, q3 } = entries[id].timing.samples;
  return { median: median * perElement, q1: q1 * perElement, q3: q3 * perElement };
}

/**
 * What the time of an entry is divided by: scores of a suite; of attention those that a query sees by its place; of structured
 * inference problems, of which an entry may be given less.
 */
export function elementsOf({ rows, n, elements = rows * n, entries }, id) {
  return entries.find((entry) => entry.id === id)?.task.problems ?? elements;
}
