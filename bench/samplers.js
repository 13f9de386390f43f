/**
 * How a turn of an engine is timed: calls until both the time is over and enough calls are made, each one measured.
 * tinybench keeps the clock and the samples; the order of the engines is ours (measure.js), because its `run` finishes
 * one task before it starts the next. Before the measured calls come a few others: the caches hold the engine's own
 * data again, and the workers are awake. Engines in other processes do the same there (peers/server.js).
 */

import { Bench } from 'tinybench';

const UNTIMED_CALLS = 2;

/**
 * @typedef {object} Sampler
 * @property {(milliseconds: number, calls: number) => Promise<number[]>} sample milliseconds of each call;
 *   `sample(0, 1)` is one call without any before it
 */

/**
 * @param {() => unknown} call
 * @param {{ promises?: boolean, pause?: number }} [how] `promises`: the call answers with a promise; `pause`: so many
 *   milliseconds in which the thread sleeps come before every call, measured or not, and no call is left out of the figure
 * @returns {Sampler}
 */
export function local(call, { promises = false, pause = 0 } = {}) {
  const beforeEach = pause > 0 ? () => sleep(pause) : undefined;
  return {
    async sample(milliseconds, calls) {
      const bench = new Bench({
        name: 'turn',
        time: milliseconds,
        iterations: calls,
        warmup: false,
        retainSamples: true,
        throws: true,
        timestampProvider: 'auto',
      });
      const untimed = calls > 1 && pause === 0 ? UNTIMED_CALLS : 0;
      const beforeAll = promises
        ? async () => {
            for (let i = 0; i < untimed; i++) await call();
          }
        : () => {
            for (let i = 0; i < untimed; i++) call();
          };
      bench.add('call', call, { async: promises, beforeAll, beforeEach });
      const task = bench.getTask('call');
      if (promises) await task.run();
      else task.runSync();
      return task.result.latency.samples;
    },
  };
}

const nobody = new Int32Array(new SharedArrayBuffer(4));

/** The thread sleeps, the event loop too: a user's program between two calls. */
function sleep(milliseconds) {
  globalThis.Atomics.wait(nobody, 0, 0, milliseconds);
}
