/**
 * Timing, interleaved: every engine runs a little in every round, so that a machine that changes its mood (heat, clock,
 * neighbours) changes it for all of them. What is reported is the ratio within a round; its quartiles over the rounds
 * say how far it can be trusted.
 *
 * The order rotates from round to round, so that nobody always follows the same neighbour, and the thread counts go
 * 1, 2, 2, 1, ..., so that the pool changes once per round. An engine whose call alone is longer than its share of a
 * round (a package in Python sorts for a tenth of a second) runs one call in every fourth round.
 */

import { quartiles } from './statistics.js';

/** Rounds from one turn of a slow engine to the next; the order rotates by 1, so all of them meet in the same rounds. */
const SLOW_TURN = 4;
/** An engine is slow when a call takes this many times the time of a round. */
const SLOW = 2;

/**
 * @typedef {object} Entry
 * @property {string} id
 * @property {number} threads
 * @property {import('./samplers.js').Sampler} sampler
 *
 * @typedef {object} Timing
 * @property {(number | undefined)[]} rounds the median of every round, in milliseconds per call; undefined in rounds
 *   that a slow engine sat out
 * @property {ReturnType<typeof quartiles> & { count: number }} samples over all rounds, in milliseconds per call
 *
 * @param {Entry[]} entries
 * @param {import('./suites.js').Effort} effort
 * @param {(threads: number) => Promise<unknown>} useThreads
 * @returns {Promise<Map<string, Timing>>}
 */
export async function measure(entries, { rounds, time, calls, warmup }, useThreads) {
  const entriesWith = (threads) => entries.filter((entry) => entry.threads === threads);
  const threadCounts = [...new Set(entries.map(({ threads }) => threads))];
  const collected = new Map(entries.map(({ id }) => [id, { rounds: Array(rounds).fill(undefined), samples: [] }]));
  const slow = new Set();

  for (const threads of threadCounts) {
    await useThreads(threads);
    for (const { id, sampler } of entriesWith(threads)) {
      // A first call may be slow for once: the second one decides.
      const isSlow = async () => (await sampler.sample(0, 1))[0] > SLOW * time;
      if ((await isSlow()) && (await isSlow())) slow.add(id);
      else await sampler.sample(warmup, Math.min(3, calls));
    }
  }
  for (let round = 0; round < rounds; round++) {
    threadCounts.reverse();
    for (const threads of threadCounts) {
      await useThreads(threads);
      for (const { id, sampler } of rotated(entriesWith(threads), round)) {
        if (slow.has(id) && round % SLOW_TURN !== 0) continue;
        const samples = slow.has(id) ? await sampler.sample(0, 1) : await sampler.sample(time, calls);
        collected.get(id).rounds[round] = quartiles(samples).median;
        collected.get(id).samples.push(...samples);
      }
    }
  }
  const summary = ({ rounds, samples }) => ({ rounds, samples: { ...quartiles(samples), count: samples.length } });
  return new Map([...collected].map(([id, timing]) => [id, summary(timing)]));
}

function rotated(items, by) {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
