/** Backward passes from the probabilities alone. */

import { each, LARGE, MAP, memcpy, others, ours, suite } from './suite.js';

const backward = (map) => ({ operation: 'backward', ...MAP[map] });

export const BACKWARD = each(
  { map: ['softmax', 'sparsemax', 'entmax15', 'entmax1.25'], scores: ['normal', 'llm'] },
  ({ map, scores }) => {
    const task = backward(map);
    const softmax = { softmax: ours(backward('softmax'), { label: 'our softmax, backward' }) };
    const threads = { 'ours, 2 threads': { engine: 'tensor-2', task, sameBits: 'ours' } };
    const entries = { ours: ours(task), ...threads, ...others(task, 'tfjs', 'python'), ...memcpy };
    return suite('backward', { map, ...LARGE, scores }, map === 'softmax' ? entries : { ...entries, ...softmax });
  },
);
