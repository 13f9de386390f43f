/** Every sparse map beside softmax of the same module, over lengths and kinds of rows: is sparse ever slower? */

import { each, MAP, ours, suite } from './suite.js';

const ELEMENTS = 2 ** 18;
const LENGTHS = [64, 128, 256, 512, 1024, 4096, 32768, 262144];
const MAPS = ['softmax', 'sparsemax', 'entmax15', 'entmax1.25', 'entmax1.7'];

/** A call takes a tenth of a millisecond. */
const effort = { rounds: 10, time: 4, warmup: 10 };

export const SWEEP = each({ n: LENGTHS, scores: ['normal', 'llm', 'uniform', 'ties', 'equal'] }, ({ n, scores }) => {
  const entries = MAPS.map((map) => [map, ours({ operation: 'forward', ...MAP[map] }, { label: map })]);
  const facts = { map: 'all', rows: ELEMENTS / n, n, scores, effort, compact: true };
  return suite('sweep', facts, Object.fromEntries(entries));
});
