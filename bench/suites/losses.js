/**
 * Losses of a large vocabulary: value and gradient in one pass, beside the forward map of the same logits. 256 rows of
 * 32000 stand for the 4096 of PERFORMANCE.md §6: rows cost the same, and 4096 of them would be 4 GB in all engines and
 * ten seconds for a call of the PyTorch package.
 */

import { each, MAP, memcpy, others, ours, suite } from './suite.js';

export const LOSSES = each(
  { map: ['softmax', 'sparsemax', 'entmax15', 'entmax1.25'], scores: ['llm', 'normal'] },
  ({ map, scores }) => {
    const task = { operation: 'loss', ...MAP[map] };
    const entries = {
      ours: ours(task, { label: 'value and gradient' }),
      forward: ours({ operation: 'forward', ...MAP[map] }, { label: 'our forward map' }),
      csr: ours({ ...task, operation: 'lossCsr' }, { label: 'value and gradient, CSR' }),
      ...others(task, 'python'),
      ...memcpy,
    };
    if (map === 'softmax') delete entries.csr; // every entry is in the support
    if (scores === 'normal') delete entries.python; // the same sort, the same time
    return suite('losses', { map, rows: 256, n: 32000, scores, effort: { rounds: 8 } }, entries);
  },
);
