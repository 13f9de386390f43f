/** Results as rows of indices and values, for long and peaked rows: less to write than to copy. */

import { each, MAP, memcpy, ours, suite } from './suite.js';

const SHAPES = [
  { rows: 128, n: 16384 },
  { rows: 64, n: 32768 },
  { rows: 16, n: 131072 },
];

export const CSR = each({ map: ['sparsemax', 'entmax15', 'entmax1.25'], shape: SHAPES }, ({ map, shape }) => {
  const dense = ours({ operation: 'forward', ...MAP[map] }, { label: 'entmax, dense' });
  const task = { operation: 'csr', ...MAP[map] };
  return suite(
    'csr',
    { map, ...shape, scores: 'llm' },
    { ours: ours(task, { label: 'entmax, CSR' }), ...memcpy, dense },
  );
});
