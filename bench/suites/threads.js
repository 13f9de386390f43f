/**
 * Two threads on about 0.2 ms of work: calls back to back, when the workers are awake, and calls after a pause of 5 ms,
 * when they sleep and waking them must not cost more than they save.
 */

import { each, MAP, ours, suite } from './suite.js';

/** Rows of 4096 that take one thread about 0.2 ms on the machine of the records. */
const ROWS = { softmax: 64, sparsemax: 128, entmax15: 128, 'entmax1.25': 48 };
const PAUSE = 5;

export const THREADS = each({ map: Object.keys(ROWS) }, ({ map }) => {
  const task = { operation: 'forward', ...MAP[map] };
  const two = { engine: 'tensor-2', task, sameBits: 'ours' };
  return suite(
    'threads',
    { map, rows: ROWS[map], n: 4096, scores: 'normal' },
    {
      ours: ours(task),
      'ours, 2 threads': two,
      paused: ours(task, { pause: PAUSE, label: `after ${PAUSE} ms of sleep` }),
      'paused, 2 threads': { ...two, pause: PAUSE, label: `after ${PAUSE} ms of sleep` },
    },
  );
});
