/** An alpha for every row, one per head: as cheap as a call for each head? And what does the array itself cost? */

import { each, LARGE, ours, suite } from './suite.js';

const HEADS = {
  distinct: [1.1, 1.2, 1.3, 1.4, 1.6, 1.7, 1.8, 1.9],
  special: [1.25, 1.5, 1.75, 2],
  equal: [1.5, 1.5, 1.5, 1.5],
};

const perHead = each({ heads: ['distinct', 'special', 'equal'], scores: ['normal', 'llm'] }, ({ heads, scores }) => {
  const alphas = { map: 'entmax', alphas: HEADS[heads] };
  return suite(
    'heads',
    { map: heads, ...LARGE, scores },
    {
      ours: ours({ operation: 'forward', ...alphas }, { label: 'an alpha for every row' }),
      'one alpha': ours({ operation: 'heads', ...alphas }, { label: 'a call for each head', sameBits: 'ours' }),
    },
  );
});

export { perHead as HEADS };
