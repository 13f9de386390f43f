/** Graphs of the tests. */

import { factors } from 'entmax/structured';
import { assignments, sequences, trees } from './enumerate.ts';
import { cloud, listed } from './listed.ts';
import { knapsack, logic, normals, pair, structured, tablesOf, upTo, variablesOf } from './rules.ts';
import type { Described, Rule } from './rules.ts';

/** Variables of one name. */
export const x = (n: number, ...rules: Rule[]): Described => ({ shapes: { x: [n] }, rules });

/** A factor of these vertices, or of one of the variables; by an oracle that looks at all. */
export function custom(
  variables: readonly number[],
  vertices = upTo(variables.length).map((on) => variables.map((_, at) => Number(at === on))),
): Rule {
  const corners = vertices.map((places) => ({ places, couplings: [] }));
  return { factor: listed(vertices), variables, corners };
}

/** Graphs without a loop of more than one factor. */
export const ACYCLIC: readonly (readonly [string, Described])[] = [
  ['logic in a row', x(7, logic('xor', [0, 1, 2]), logic('or', [~2, 3, 4]), logic('andOut', [4, 5, 6]))],
  [
    'implications and outputs',
    x(8, logic('imply', [0, 1, 2]), logic('orOut', [~2, 3, 4]), logic('xorOut', [5, 6, ~4, 7])),
  ],
  [
    'budgets, bits and one-hots',
    x(
      9,
      logic('budget 2', [0, 1, 2, 3]),
      logic('bits', [3, 4]),
      logic('oneHot', [4, 5, ~6]),
      logic('budget at most 2', [6, 7, 8]),
    ),
  ],
  ['a star: one variable in 10 factors', x(11, ...upTo(10).map((i) => logic(i % 2 ? 'or' : 'imply', [0, i + 1])))],
  ['variables in no factor', x(5, logic('xor', [1, 3]))],
  ['a factor three times', x(4, ...upTo(3).map(() => logic('budget 2', [0, 1, ~2, 3])))],
  [
    'pairs in a tree, negated too',
    {
      shapes: { x: [5], a: [1], b: [1], c: [1], d: [1] },
      rules: [pair([0, 1], 'a'), pair([~1, 2], 'b'), pair([1, ~3], 'c'), pair([~3, ~4], 'd')],
    },
  ],
  [
    'a sequence with couplings, and logic at its states',
    {
      shapes: { s: [3, 2], t: [2, 2, 2], x: [3] },
      rules: [
        structured(factors.sequence(), 's', upTo(6), sequences(3, 2), 't'),
        logic('imply', [1, 14]),
        logic('or', [~4, 15, 16]),
      ],
    },
  ],
  [
    'a sequence without couplings within a budget',
    {
      shapes: { s: [4, 2], x: [2] },
      rules: [
        structured(factors.sequence({ budget: 2 }), 's', upTo(8), sequences(4, 2, 2)),
        logic('xorOut', [8, 9, 3]),
      ],
    },
  ],
  [
    'an assignment and logic',
    {
      shapes: { m: [3, 3], x: [2] },
      rules: [structured(factors.assignment(), 'm', upTo(9), assignments(3, 3)), logic('andOut', [4, 9, 10])],
    },
  ],
  [
    'an arborescence and logic',
    {
      shapes: { a: [4, 4], x: [1] },
      rules: [structured(factors.arborescence(), 'a', upTo(16), trees(3)), logic('or', [~6, 16])],
    },
  ],
  [
    'two sequences that share a state through a pair',
    {
      shapes: { s: [3, 2], r: [2, 2], c: [1] },
      rules: [
        structured(factors.sequence(), 's', upTo(6), sequences(3, 2)),
        structured(factors.sequence(), 'r', [6, 7, 8, 9], sequences(2, 2)),
        pair([3, 8], 'c'),
      ],
    },
  ],
];

/** Graphs with loops, and factors of several places on one variable. */
export const CYCLIC: readonly (readonly [string, Described])[] = [
  [
    'three at-most-ones on a triangle',
    x(3, logic('atMostOne', [0, 1]), logic('atMostOne', [1, 2]), logic('atMostOne', [0, 2])),
  ],
  [
    'a matching of xors',
    x(9, ...upTo(3).flatMap((i) => [logic('xor', [3 * i, 3 * i + 1, 3 * i + 2]), logic('xor', [i, i + 3, i + 6])])),
  ],
  [
    'mixed logic on few variables',
    x(
      5,
      logic('orOut', [0, ~1, 2]),
      logic('imply', [2, 3, ~0]),
      logic('budget at most 2', [0, 1, 2, 3, 4]),
      logic('or', [~4, 3]),
      logic('xorOut', [1, 4, 3]),
    ),
  ],
  ['the same variable twice in a factor', x(3, logic('budget at most 2', [0, 0, 1, 2]), logic('or', [1, 1, ~2]))],
  ['a variable and its negation in a factor', x(3, logic('xor', [0, 1, ~2]), logic('budget 2', [0, ~0, 1, 2]))],
  [
    'a knapsack over a matching',
    x(4, logic('atMostOne', [0, 1]), logic('atMostOne', [2, 3]), knapsack([1, 2, 2, 1], 1.5, [0, 1, 2, 3])),
  ],
  [
    'a square of pairs, frustrated',
    {
      shapes: { x: [4], a: [1], b: [1], c: [1], d: [1] },
      rules: [pair([0, 1], 'a'), pair([1, 2], 'b'), pair([2, 3], 'c'), pair([3, ~0], 'd')],
    },
  ],
  [
    'a sequence whose states are budgeted',
    {
      shapes: { s: [4, 2], t: [3, 2, 2] },
      rules: [
        structured(factors.sequence(), 's', upTo(8), sequences(4, 2), 't'),
        logic('budget at most 2', [1, 3, 5, 7]),
        logic('or', [~1, ~7]),
      ],
    },
  ],
  [
    'an arborescence with budgets of modifiers',
    {
      shapes: { a: [4, 4] },
      rules: [
        structured(factors.arborescence(), 'a', upTo(16), trees(3)),
        ...upTo(3).map((head) =>
          logic(
            'atMostOne',
            [1, 2, 3].map((m) => 4 * (head + 1) + m),
          ),
        ),
        logic('budget at most 2', [1, 2, 3]),
      ],
    },
  ],
  [
    'an assignment, and custom oracles that say the same of its columns',
    {
      shapes: { m: [3, 3] },
      rules: [structured(factors.assignment(), 'm', upTo(9), assignments(3, 3)), custom([0, 3, 6]), custom([1, 4, 7])],
    },
  ],
  [
    'a negated assignment and logic',
    {
      shapes: { m: [2, 3], x: [1] },
      rules: [
        structured(
          factors.assignment(),
          'm',
          upTo(6).map((at) => ~at),
          assignments(2, 3),
        ),
        logic('imply', [~2, 6, 4]),
        logic('or', [0, ~6]),
      ],
    },
  ],
  [
    'a negated sequence with couplings and logic',
    {
      shapes: { s: [3, 2], t: [2, 2, 2] },
      rules: [
        structured(
          factors.sequence(),
          's',
          upTo(6).map((at) => ~at),
          sequences(3, 2),
          't',
        ),
        logic('atMostOne', [0, 2, 4]),
      ],
    },
  ],
  [
    'custom structures that are not 0 or 1, alone and with logic',
    {
      shapes: { x: [4] },
      rules: [
        custom(
          [0, 1, 2],
          [
            [0.5, 0.5, 0],
            [0, 0.25, 1],
            [1, 0, 0.75],
            [0.25, 1, 0.5],
          ],
        ),
        logic('or', [2, 3]),
        logic('imply', [~0, 3]),
      ],
    },
  ],
];

/** Something of everything, with loops. */
export const MIXED: Described = {
  shapes: { s: [3, 2], t: [2, 2, 2], y: [4], c: [1] },
  rules: [
    structured(factors.sequence(), 's', upTo(6), sequences(3, 2), 't'),
    logic('or', [~1, 14, 15]),
    logic('imply', [3, 14, 16]),
    pair([5, ~17], 'c'),
    custom(
      [14, 16, 17],
      cloud(5, 3, 7).map((vertex) => vertex.map((entry) => Math.abs(entry) / 4)),
    ),
  ],
};
export const scoresOf = (seed: number): number[] => normals(variablesOf(MIXED.shapes), seed);
/** A batch of the problems of these seeds. */
export const batchOf = (seeds: readonly number[]) =>
  Object.fromEntries(
    Object.entries(MIXED.shapes).map(([name, shape]) => {
      const data = seeds.flatMap((seed) => [...tablesOf(MIXED.shapes, scoresOf(seed))[name]!.data]);
      return [name, { data: Float64Array.from(data), shape: [seeds.length, ...shape] }];
    }),
  );
