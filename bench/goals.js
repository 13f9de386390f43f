/**
 * What the first measurement is held against: ratios of Tensors at 512 x 4096 on Node 20, in one run. `slow` and `fast`
 * are engines; the figure is the median over the rounds of slow's time divided by fast's. A goal that is missed is
 * reported, it is not an error.
 */

import { ratio } from './run-suite.js';

export const GOALS = [
  { maps: ['softmax'], slow: 'plain', fast: 'tensor-1', atLeast: 8, says: 'plain JavaScript / ours' },
  { maps: ['sparsemax'], slow: 'plain', fast: 'tensor-1', atLeast: 4, says: 'plain JavaScript / ours' },
  { maps: ['sparsemax'], slow: 'tensor-1', fast: 'memcpy', atMost: 4, says: 'ours / memcpy' },
  {
    maps: ['softmax', 'sparsemax', 'entmax15'],
    slow: 'tensor-1',
    fast: 'tensor-2',
    atLeast: 1.8,
    says: '1 thread / 2 threads',
  },
];

/**
 * Every goal against every suite that it speaks about.
 *
 * @param {import('./run-suite.js').SuiteResult[]} results
 */
export function judge(results) {
  return GOALS.flatMap(({ maps, slow, fast, atLeast, atMost, says }) =>
    results
      .filter(({ suite, engines }) => suite.primary && maps.includes(suite.map) && engines[slow] && engines[fast])
      .map((result) => {
        const figure = ratio(result, slow, fast);
        const met = atLeast === undefined ? figure.median <= atMost : figure.median >= atLeast;
        return {
          suite: result.suite.name,
          says,
          goal: atLeast === undefined ? `<= ${atMost}` : `>= ${atLeast}`,
          figure,
          met,
        };
      }),
  );
}
