/**
 * Timing, interleaved: every engine runs a little in every round, so that a machine that changes its mood (heat, clock,
 * neighbours) changes it for all of them. What is reported is the ratio within a round; its quartiles over the rounds
 * say how far it can be trusted.
 *
 * tinybench keeps the clock and the samples; the order is ours, because its own `run` finishes one task before it
 * starts the next. The order rotates from round to round, so that nobody always follows the same neighbour, and the
 * thread counts go 1, 2, 2, 1, ..., so that the pool changes once per round. Before a task's samples come a few
 * untimed calls: the caches hold the engine's own data again, and the workers are awake.
 */

import { Bench } from 'tinybench';
import { quartiles } from './statistics.js';

const UNTIMED_CALLS = 2;

/**
 * @param {{ id: string, threads: number, call: () => void }[]} entries
 * @param {{ rounds: number, time: number, iterations: number, warmupTime: number, warmupIterations: number }} effort
 * @param {(threads: number) => Promise<unknown>} useThreads
 * @returns {Promise<Map<string, Timing>>}
 *
 * @typedef {object} Timing
 * @property {number[]} rounds the median of every round, in milliseconds per call
 * @property {ReturnType<typeof quartiles> & { count: number }} samples over all rounds, in milliseconds per call
 */
export async function measure(entries, { rounds, ...effort }, useThreads) {
  const bench = new Bench({ ...effort, warmup: false, retainSamples: true, throws: true, timestampProvider: 'auto' });
  for (const { id, call } of entries) {
    const beforeAll = () => {
      for (let i = 0; i < UNTIMED_CALLS; i++) call();
    };
    bench.add(id, call, { async: false, beforeAll });
  }
  const tasksWith = (threads) =>
    entries.filter((entry) => entry.threads === threads).map(({ id }) => bench.getTask(id));
  const threadCounts = [...new Set(entries.map(({ threads }) => threads))];
  const collected = new Map(entries.map(({ id }) => [id, []]));

  for (const threads of threadCounts) {
    await useThreads(threads);
    for (const task of tasksWith(threads)) task.warmupSync();
  }
  for (let round = 0; round < rounds; round++) {
    threadCounts.reverse();
    for (const threads of threadCounts) {
      await useThreads(threads);
      for (const task of rotated(tasksWith(threads), round)) {
        task.reset();
        task.runSync();
        collected.get(task.name).push(task.result.latency);
      }
    }
  }
  return new Map([...collected].map(([id, latencies]) => [id, timing(latencies)]));
}

function timing(latencies) {
  const samples = latencies.flatMap((latency) => latency.samples);
  return { rounds: latencies.map(({ p50 }) => p50), samples: { ...quartiles(samples), count: samples.length } };
}

function rotated(items, by) {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
