/** One suite from beginning to end: scores, reference, check, timing, check again. */

import { verify, checksum, WrongResult } from './check.js';
import { measure } from './measure.js';
import { reference } from './reference.js';
import { makeScores } from './scores.js';
import { quartiles } from './statistics.js';

/**
 * What a peer is: one module in peers/ exports `open`, called once per run; everything else here is what that gives.
 *
 * @typedef {() => Promise<Peer>} Open
 *
 * @typedef {object} Peer
 * @property {Engine[]} engines
 * @property {(threads: number) => Promise<number>} [useThreads] prepares for calls with so many threads, where there can
 *   be more than one; resolves to how many there are
 * @property {() => object} [about] facts for the record: how it was built, which path runs
 * @property {() => Promise<void>} [close]
 *
 * @typedef {object} Engine one way of computing: a row of the tables
 * @property {string} id
 * @property {string} label
 * @property {number} [threads] 1 where absent
 * @property {string} [sameBits] id of the engine whose output this one promises to repeat bit for bit
 * @property {(map: string, x: Float32Array, n: number) => Prepared | undefined} prepare x is [rows, n] and is not written;
 *   undefined where the engine does not have the map ('copy' is memcpy's)
 *
 * @typedef {object} Prepared
 * @property {() => void} call what is timed: reads all of x, writes all of the output, allocates no result
 * @property {() => Float32Array} output as it lies in the engine's memory: writing to it changes it there
 * @property {() => void} dispose
 */

/**
 * @typedef {object} SuiteResult
 * @property {import('./suites.js').SUITES[number]} suite
 * @property {number} meanSupport entries with p > 0 per row, in the reference
 * @property {Record<string, EngineResult>} engines by id
 *
 * @typedef {object} EngineResult
 * @property {string} label
 * @property {number} threads
 * @property {number} error largest error, relative to the row's largest probability
 * @property {string} checksum of the output, the same before and after timing
 * @property {import('./measure.js').Timing} timing
 */

/**
 * @param {import('./suites.js').SUITES[number]} suite
 * @param {Engine[]} engines
 * @param {import('./suites.js').EFFORT.full} effort
 * @param {(threads: number) => Promise<unknown>} useThreads
 * @returns {Promise<SuiteResult>}
 */
export async function runSuite(suite, engines, effort, useThreads) {
  const { map, rows, n, scores } = suite;
  const x = makeScores(scores, rows, n);
  const { p, meanSupport } = reference(map, x, n);
  const entries = engines.flatMap(({ id, label, threads = 1, sameBits, prepare }) => {
    const copies = id === 'memcpy';
    const prepared = prepare(copies ? 'copy' : map, x, n);
    return prepared ? [{ id, label, threads, sameBits, expected: copies ? x : p, ...prepared }] : [];
  });

  const checks = new Map();
  for (const { id, label, threads, expected, call, output } of entries) {
    await useThreads(threads);
    call();
    checks.set(id, verify(`${suite.name}, ${label}, threads ${threads}`, output(), expected, n));
    output().fill(NaN);
  }
  const timings = await measure(entries, effort, useThreads);
  for (const { id, label, threads, sameBits = id, output } of entries) {
    const found = checksum(output());
    const expected = checks.get(sameBits).checksum;
    if (found === expected) continue;
    const who = `${suite.name}, ${label}, threads ${threads}`;
    throw new WrongResult(`${who}: expected the checksum of ${sameBits}, ${expected}, after timing, got ${found}`);
  }
  for (const { dispose } of entries) dispose();

  const result = ({ id, label, threads }) => [id, { label, threads, ...checks.get(id), timing: timings.get(id) }];
  return { suite, meanSupport, engines: Object.fromEntries(entries.map(result)) };
}

/** How many times longer `slow` takes than `fast`: quartiles over the rounds of the ratio within a round. */
export function ratio({ engines }, slow, fast) {
  return quartiles(engines[slow].timing.rounds.map((time, round) => time / engines[fast].timing.rounds[round]));
}

/** Nanoseconds per element of the scores: quartiles over all samples. */
export function nanosecondsPerElement({ suite, engines }, id) {
  const perElement = 1e6 / (suite.rows * suite.n);
  const { median, q1, q3 } = engines[id].timing.samples;
  return { median: median * perElement, q1: q1 * perElement, q3: q3 * perElement };
}
