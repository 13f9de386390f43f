/** Wrong calls of graphs: each is an `EntmaxError` that says where, what was expected and what came, and leaves nothing behind. */

import { describe, expect, test } from 'vitest';
import { EntmaxError, runtimeInfo } from 'entmax';
import { factors, kbest, map, sparsemap, sparsemapLoss } from 'entmax/structured';
import { x } from './graph-cases.ts';
import { anyGraph, build } from './rules.ts';

describe('refusals', () => {
  const graph = anyGraph({ x: [3], t: [2, 2], c: [1], d: [1, 2, 2] });
  const { x: v, t, c, d } = graph.vars;
  graph.add(factors.pair(), [v!.at(0), v!.at(1)], c);
  const good = {
    x: [1, 2, 3],
    t: [
      [1, 2],
      [3, 4],
    ],
    c: [1],
    d: [
      [
        [1, 2],
        [3, 4],
      ],
    ],
  };
  const other = anyGraph({ x: [3] });
  const solved = build(x(3)).solve({ x: [1, 2, 3] });
  const solvedOne = (() => graph.solve(good))();
  const set = 'a set of structures (factors.xor is for a factorGraph)';
  type Wrong = [name: string, call: () => unknown, error: { op: string; code: string; expected: string; got: string }];
  const wrong = (op: string, code: string, name: string, call: () => unknown, expected: string, got: string): Wrong => [
    `${op}: ${name}`,
    call,
    { op, code: `ENTMAX_${code}`, expected, got },
  ];
  const solve = (
    code: string,
    name: string,
    given: unknown,
    options: object,
    expected: string,
    got: string,
  ): Wrong[] => [
    wrong('graph.solve', code, name, () => graph.solve(given, options), expected, got),
    wrong('graph.vjp', code, name, () => graph.vjp(given, options), expected, got),
    wrong('graph.solve.async', code, name, async () => graph.solve.async(given, options), expected, got),
    wrong('graph.vjp.async', code, name, async () => graph.vjp.async(given, options), expected, got),
  ];
  const add = (code: string, name: string, args: readonly unknown[], expected: string, got: string): Wrong =>
    wrong('graph.add', code, name, () => graph.add(args[0], args[1], args[2]), expected, got);
  const refused: readonly Wrong[] = [
    wrong(
      'factorGraph',
      'OPTION',
      'no names',
      () => anyGraph(undefined),
      'names of variables with their shapes',
      'undefined',
    ),
    wrong('factorGraph', 'OPTION', 'a list', () => anyGraph([[3]]), 'names of variables with their shapes', '[[3]]'),
    wrong('factorGraph', 'SHAPE', 'a number as shape', () => anyGraph({ x: 3 }), 'the shape of x', '3'),
    wrong('factorGraph', 'SHAPE', 'a negative size', () => anyGraph({ x: [-1] }), 'the shape of x', '[-1]'),
    wrong('factorGraph', 'SHAPE', 'a fraction', () => anyGraph({ x: [1.5] }), 'the shape of x', '[1.5]'),
    wrong('Vars.at', 'OPTION', 'an index too many', () => v!.at(0, 0), 'at most 1 indices', '[0, 0]'),
    wrong('Vars.at', 'OPTION', 'an index too large', () => v!.at(3), 'index to be an integer below 3', '3'),
    wrong('Vars.at', 'OPTION', 'a negative index', () => v!.at(-1), 'index to be an integer below 3', '-1'),
    wrong('Vars.at', 'OPTION', 'a fraction', () => t!.at(0, 0.5), 'index to be an integer below 2', '0.5'),
    wrong('Vars.slice', 'OPTION', 'an axis too large', () => t!.slice(2, 0), 'axis to be an integer below 2', '2'),
    wrong('Vars.slice', 'OPTION', 'an index too large', () => t!.slice(1, 2), 'index to be an integer below 2', '2'),
    add('OPTION', 'no factor', [{}, v], 'a factor made by `factors`', 'an object with keys []'),
    add(
      'OPTION',
      'variables of another graph',
      [factors.xor(), other.vars['x']],
      'variables of this graph',
      'variables of another graph',
    ),
    add(
      'OPTION',
      'one of another graph',
      [factors.xor(), [v!.at(2), other.vars['x']!.at(0)]],
      'variables of this graph',
      'variables of another graph',
    ),
    add('OPTION', 'a name', [factors.xor(), 'x'], 'variables of this graph', '"x"'),
    add(
      'OPTION',
      'a coupling of another graph',
      [factors.pair(), [v!.at(0), v!.at(1)], other.vars['x']!.at(0)],
      'variables of this graph',
      'variables of another graph',
    ),
    add('SHAPE', 'no variables', [factors.xor(), []], 'at least 1 variables for factors.xor', '0'),
    add(
      'SHAPE',
      'one variable for an output',
      [factors.orOut(), [v!.at(0)]],
      'at least 2 variables for factors.orOut',
      '1',
    ),
    add(
      'SHAPE',
      'one variable for an implication',
      [factors.imply(), [v!.at(0)]],
      'at least 2 variables for factors.imply',
      '1',
    ),
    add('SHAPE', 'three for a pair', [factors.pair(), v], '2 variables for factors.pair', '3'),
    add('SHAPE', 'other than costs', [factors.knapsack([1, 2], 3), v], '2 variables for factors.knapsack', '3'),
    add(
      'OPTION',
      'a coupling of logic',
      [factors.xor(), v, d!.at(0, 0, 0)],
      'no coupling for this factor',
      '1 variables',
    ),
    add(
      'OPTION',
      'a coupling of an assignment',
      [factors.assignment(), t, d],
      'no coupling for this factor',
      '4 variables',
    ),
    add(
      'SHAPE',
      'two couplings of a pair',
      [factors.pair(), [v!.at(0), v!.at(1)], d!.at(0, 0)],
      'a coupling of [1]',
      '2 variables',
    ),
    add(
      'SHAPE',
      'too few couplings of a sequence',
      [factors.sequence(), t, d!.at(0, 0)],
      'a coupling of [1, 2, 2]',
      '2 variables',
    ),
    add(
      'OPTION',
      'a negated coupling',
      [factors.sequence(), t, d!.not()],
      'a coupling that is not negated',
      'its negation',
    ),
    add(
      'OPTION',
      'a coupling as a variable',
      [factors.xor(), [v!.at(0), c!.at(0)]],
      'variables to be a coupling or in a factor',
      'c as both',
    ),
    add(
      'OPTION',
      'a variable as a coupling',
      [factors.pair(), [v!.at(1), v!.at(2)], v!.at(0)],
      'variables to be in a factor or a coupling',
      'x as both',
    ),
    add(
      'OPTION',
      'a variable as its own coupling',
      [factors.pair(), [t!.at(0, 0), t!.at(0, 1)], t!.at(0, 1)],
      'variables to be in a factor or a coupling',
      't as both',
    ),
    add('SHAPE', 'a list for a sequence', [factors.sequence(), v], 'variables of shape [T positions, S states]', '[3]'),
    add('SHAPE', 'two tables', [factors.assignment(), [t, t]], 'variables of shape [n rows, m columns]', '2 of them'),
    add(
      'SHAPE',
      'a tree that is not square',
      [factors.arborescence(), d!.at(0).slice(0, 0)],
      'variables of shape [n + 1 heads, n + 1 modifiers]',
      '[2]',
    ),
    wrong(
      'graph.add',
      'SHAPE',
      'a tree of no words',
      () => {
        const own = anyGraph({ w: [1, 1] });
        own.add(factors.arborescence(), own.vars['w']);
      },
      'a word at least',
      '0',
    ),
    add(
      'SHAPE',
      'an oracle of another size',
      [factors.custom({ size: 2, map: () => undefined }), v],
      '2 variables',
      '3',
    ),
    ...solve('OPTION', 'a missing name', { x: [1, 2, 3] }, {}, 'scores as { x, t, c, d }', '{ x }'),
    ...solve('OPTION', 'an unknown name', { ...good, y: [1] }, {}, 'scores as { x, t, c, d }', '{ x, t, c, d, y }'),
    ...solve('OPTION', 'no scores', undefined, {}, 'scores as { x, t, c, d }', '{  }'),
    ...solve('SHAPE', 'another shape', { ...good, x: [1, 2] }, {}, 'x of shape [3]', '[2]'),
    ...solve('SHAPE', 'a batch of one name only', { ...good, x: [[1, 2, 3]] }, {}, 't of shape [1, 2, 2]', '[2, 2]'),
    ...solve('SHAPE', 'two axes too many', { ...good, x: [[[1, 2, 3]]] }, {}, 'x of shape [3]', '[1, 1, 3]'),
    ...solve(
      'DTYPE',
      'two types',
      { ...good, x: Float32Array.of(1, 2, 3), c: Float64Array.of(1) },
      {},
      'c of float32, as x',
      'float64',
    ),
    ...solve('OPTION', 'NaN', { ...good, c: [NaN] }, {}, 'scores without NaN and +Infinity', 'one in c, problem 0'),
    ...solve(
      'OPTION',
      'Infinity',
      { ...good, x: [1, Infinity, 2] },
      {},
      'scores without NaN and +Infinity',
      'one in x, problem 0',
    ),
    ...solve('OPTION', 'tol of 0', good, { tol: 0 }, 'tol to be a positive number', '0'),
    ...solve('OPTION', 'maxIter of 0', good, { maxIter: 0 }, 'maxIter to be a positive integer', '0'),
    ...solve('OPTION', 'step of 0', good, { step: 0 }, 'step to be a positive number', '0'),
    ...solve('OPTION', 'step of NaN', good, { step: NaN }, 'step to be a positive number', 'NaN'),
    ...solve(
      'OPTION',
      'a warm start of nothing',
      good,
      { warmStart: {} },
      'warmStart to be a solution of this graph for 1 problems',
      'an object with keys []',
    ),
    ...solve(
      'OPTION',
      'a warm start of another graph',
      good,
      { warmStart: solved },
      'warmStart to be a solution of this graph for 1 problems',
      'one of another graph or batch',
    ),
    ...solve(
      'OPTION',
      'a warm start of another batch',
      repeated(good),
      { warmStart: solvedOne },
      'warmStart to be a solution of this graph for 2 problems',
      'one of another graph or batch',
    ),
    wrong('sparsemap', 'OPTION', 'logic', () => sparsemap({ unary: [1, 2] }, factors.xor()), set, 'xor'),
    wrong('map', 'OPTION', 'logic', () => map({ unary: [1, 2] }, factors.xor()), set, 'xor'),
    wrong('kbest', 'OPTION', 'logic', () => kbest({ unary: [1, 2] }, factors.xor(), 1), set, 'xor'),
    wrong(
      'sparsemapLoss',
      'OPTION',
      'logic',
      () => sparsemapLoss({ unary: [1, 2] }, factors.xor(), [1, 0]),
      set,
      'xor',
    ),
    wrong(
      'factors.knapsack',
      'OPTION',
      'no costs',
      () => factors.knapsack([], 1),
      'costs as a list of non-negative numbers',
      '[]',
    ),
    wrong(
      'factors.knapsack',
      'OPTION',
      'a negative cost',
      () => factors.knapsack([-1], 1),
      'costs as a list of non-negative numbers',
      '[-1]',
    ),
    wrong(
      'factors.knapsack',
      'OPTION',
      'a negative budget',
      () => factors.knapsack([1], -1),
      'budget to be a non-negative number',
      '-1',
    ),
    wrong(
      'graph.pullback',
      'SHAPE',
      'a cotangent of another shape',
      () => graph.vjp(good)[1]({ x: [1, 2] }),
      'x of shape [3]',
      '[2]',
    ),
    wrong(
      'graph.pullback',
      'OPTION',
      'an unknown cotangent',
      () => graph.vjp(good)[1]({ y: [1] }),
      'cotangents as { x, t, c, d }',
      'an object with keys [y]',
    ),
  ];

  test.each(refused)('%s', async (_, call, error) => {
    const used = runtimeInfo().memory.used;
    const failure: unknown = await Promise.resolve()
      .then(call)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(failure).toBeInstanceOf(EntmaxError);
    const { op, code, expected, got } = failure as EntmaxError;
    expect({ op, code, expected, got }).toEqual(error);
    expect(runtimeInfo().memory.used).toBe(used);
  });

  test('a factor that is refused leaves the graph as it was', () => {
    const own = anyGraph({ x: [3], c: [1] });
    const expected = own.solve({ x: [0.5, 2, -1], c: [0.25] });
    expect(() => own.add(factors.pair(), [own.vars['x']!.at(0), own.vars['c']!.at(0)], own.vars['c'])).toThrow(
      EntmaxError,
    );
    expect(own.solve({ x: [0.5, 2, -1], c: [0.25] })).toEqual(expected);
    // Nor is it noted what the variables were to be.
    own.add(factors.pair(), [own.vars['x']!.at(0), own.vars['x']!.at(1)], own.vars['c']);
    expect(own.solve({ x: [0.5, 2, -1], c: [0.25] }).converged).toBe(true);
  });
});

/** Scores of two problems. */
function repeated(scores: object): object {
  return Object.fromEntries(Object.entries(scores).map(([name, table]: [string, unknown]) => [name, [table, table]]));
}
