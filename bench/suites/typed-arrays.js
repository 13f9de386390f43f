/** Ordinary arrays in and out beside Tensors, for inputs that no cache holds. */

import { each, MAP, ours, suite } from './suite.js';

export const TYPED_ARRAYS = each(
  { map: ['softmax', 'sparsemax', 'entmax15'], scores: ['normal', 'llm'] },
  ({ map, scores }) => {
    const task = { operation: 'forward', ...MAP[map] };
    const entries = { ours: ours(task), arrays: { engine: 'arrays-1', task, sameBits: 'ours' } };
    return suite('typed-arrays', { map, rows: 4096, n: 4096, scores, effort: { rounds: 8 } }, entries);
  },
);
