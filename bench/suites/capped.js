/** Budget (k-subsets) and top-k maps beside sparsemax of the same scores. */

import { each, LARGE, MAP, others, ours, suite } from './suite.js';

const sparsemax = { sparsemax: ours({ operation: 'forward', ...MAP.sparsemax }, { label: 'our sparsemax' }) };

const CAPPED_MAPS = {
  budget: { map: 'budget', options: { budget: 32 } },
  topkSparsemax: { map: 'topkSparsemax', options: { k: 32 } },
  topkEntmax: { map: 'topkEntmax', options: { k: 32, alpha: 1.5 } },
};

const large = each({ map: Object.keys(CAPPED_MAPS), scores: ['normal', 'llm'] }, ({ map, scores }) => {
  const task = { operation: 'forward', ...CAPPED_MAPS[map] };
  const entries = { ours: ours(task), ...sparsemax, ...others(task, 'python') };
  return suite('capped', { map, ...LARGE, scores }, entries);
});

const subsets = [
  { rows: 4096, n: 64, budget: 8 },
  { rows: 2048, n: 512, budget: 32 },
].map(({ rows, n, budget }) => {
  const task = { operation: 'forward', map: 'budget', options: { budget } };
  const entries = { ours: ours(task), ...sparsemax, ...others(task, 'python') };
  return suite('capped', { map: 'budget', rows, n, scores: 'normal' }, entries);
});

export const CAPPED = [...large, ...subsets];
