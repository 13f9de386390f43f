/** Forms and options of solves with an oracle of the caller's, and oracles that are wrong, which are told. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EntmaxError, init, runtimeInfo, shutdown, sparsemax, tensor } from 'entmax';
import { factors, kbest, map, sparsemap, sparsemapLoss } from 'entmax/structured';
import type { CustomOracle, Factor } from 'entmax/structured';
import { dot } from './nearest.ts';
import { blockOf, cloud, expectClose, listed, oracleOf } from './listed.ts';
import { normals, upTo } from './rules.ts';

beforeAll(() => init({ threads: 2 }));
afterAll(() => shutdown());

describe('forms and options', () => {
  const vertices = cloud(12, 6, 3);
  const batch = upTo(5).map((b) => normals(6, 200 + b));

  test('a batch has the bits of its problems, asynchronous or not', async () => {
    const unary = blockOf(batch.flat(), [5, 6]);
    const whole = sparsemap({ unary }, listed(vertices));
    batch.forEach((scores, b) => {
      const alone = sparsemap({ unary: blockOf(scores) }, listed(vertices));
      const [from, to] = [whole.indptr[b]!, whole.indptr[b + 1]!];
      expect(whole.structures.slice(from, to)).toEqual(alone.structures);
      expect(whole.weights.slice(from, to)).toEqual(alone.weights);
      expect(whole.marginals.unary.data.slice(6 * b, 6 * b + 6)).toEqual(alone.marginals.unary.data);
      expect([whole.gap[b], whole.iterations[b]]).toEqual([alone.gap[0], alone.iterations[0]]);
    });
    expect(await sparsemap.async({ unary }, listed(vertices))).toEqual(whole);
    const [, pullback] = sparsemap.vjp({ unary }, listed(vertices));
    const [, later] = await sparsemap.async.vjp({ unary }, listed(vertices));
    expect(await later({ unary })).toEqual(pullback({ unary }));
    expect(sparsemap({ unary: blockOf([], [0, 6]) }, listed(vertices)).structures).toEqual([]);
  });

  test('nested numbers, float32 and Tensors keep their form', () => {
    const expected = sparsemap({ unary: blockOf(batch.flat(), [5, 6]) }, listed(vertices)).marginals.unary.data;
    const nested = sparsemap({ unary: batch }, listed(vertices)).marginals.unary;
    expect(nested.flat()).toEqual([...expected]);
    using unary = tensor(Float64Array.from(batch.flat()), [5, 6]);
    using marginals = sparsemap({ unary }, listed(vertices)).marginals.unary;
    expect(marginals.toTypedArray()).toEqual(expected);
    using narrow = tensor(Float32Array.from(batch.flat()), [5, 6]);
    const [solution, pullback] = sparsemap.vjp({ unary: narrow }, listed(vertices), { tol: 1e-10 });
    using single = solution.marginals.unary;
    using gradient = pullback({ unary: narrow }).unary;
    expect([single.dtype, gradient.dtype, gradient.shape]).toEqual(['float32', 'float32', [5, 6]]);
    expectClose(single.toTypedArray(), expected, 1e-5);
  });

  test('a forbidden part is in no structure, and where all have one that is the status', () => {
    const corners = upTo(4).map((on) => upTo(4).map((part) => Number(part === on)));
    const unary = [
      [1, 1, -Infinity, 0.75],
      [-Infinity, -Infinity, -Infinity, -Infinity],
    ];
    const { marginals, status, indptr, gap, converged } = sparsemap({ unary }, listed(corners));
    expectClose(marginals.unary[0]!, sparsemax(unary[0]!), 1e-9);
    expect([marginals.unary[1], status, [...indptr], gap[1], converged]).toEqual([
      [0, 0, 0, 0],
      ['converged', 'infeasible'],
      [0, 3, 3],
      NaN,
      false,
    ]);
    const best = map({ unary }, listed(corners));
    expect([best.structures, [...best.scores], [...best.indptr]]).toEqual([[0], [1], [0, 1, 1]]);
    const never = sparsemap({ unary: [1, 2] }, factors.custom({ size: 2, map: () => undefined }));
    expect(never.status).toEqual(['infeasible']);
  });

  test('the best structure, alone; more are for factors that know more', async () => {
    for (const scores of batch) {
      const totals = vertices.map((vertex) => dot(vertex, scores));
      const expected = [[totals.indexOf(Math.max(...totals))], Math.max(...totals)];
      const one = map({ unary: scores }, listed(vertices));
      const same = kbest({ unary: scores }, listed(vertices), 1);
      const later = await map.async({ unary: scores }, listed(vertices));
      for (const found of [one, same, later]) expect([found.structures, found.scores[0]]).toEqual(expected);
    }
    expect(() => kbest({ unary: batch[0]! }, listed(vertices), 2)).toThrow(
      'kbest: expected factors.sequence or factors.bits where k is above 1, got k = 2',
    );
  });

  test('a warm start asks less, and its structures are those of before', () => {
    const many = cloud(60, 20, 9);
    const scores = normals(20, 91);
    const cold = sparsemap({ unary: blockOf(scores) }, listed(many));
    const near = scores.map((score, at) => score + 1e-4 * Math.sin(at));
    const factor = listed(many);
    const first = sparsemap({ unary: blockOf(near) }, factor);
    const again = sparsemap({ unary: blockOf(near) }, factor, { warmStart: first });
    expect(cold.iterations[0]).toBeGreaterThan(10);
    expect(again.iterations[0]).toBeLessThan(4);
    expectClose(again.marginals.unary.data, first.marginals.unary.data, 1e-7);
    const moved = sparsemap({ unary: blockOf(scores) }, factor, { warmStart: first });
    expect(moved.iterations[0]).toBeLessThan(cold.iterations[0]!);
    expectClose(moved.marginals.unary.data, cold.marginals.unary.data, 1e-6);
    expect(() => sparsemap({ unary: blockOf(scores) }, listed(many), { warmStart: first })).toThrow(
      'warmStart to be a solution of a like batch, got one of another factor, shape or lengths',
    );
  });

  test('maxIter caps the questions, tol ends them', () => {
    const many = cloud(60, 20, 9);
    const unary = blockOf(normals(20, 91));
    for (const maxIter of [1, 2, 5]) {
      const oracle = oracleOf(many);
      const short = sparsemap({ unary }, factors.custom(oracle), { maxIter });
      expect([short.status, short.converged]).toEqual([['maxIter'], false]);
      expect(short.gap[0]).toBeGreaterThan(1e-9);
      expect(oracle.questions.length).toBe(short.iterations[0]);
      expect(oracle.questions.length).toBeLessThanOrEqual(Math.max(2, maxIter));
      expect(Math.abs(dot(short.weights, Array(short.weights.length).fill(1)) - 1)).toBeLessThan(1e-12);
    }
    const rough = sparsemap({ unary }, listed(many), { tol: 0.5 });
    const exact = sparsemap({ unary }, listed(many));
    expect(rough.converged).toBe(true);
    expect(rough.gap[0]).toBeLessThanOrEqual(0.5);
    expect(rough.iterations[0]).toBeLessThan(exact.iterations[0]!);
  });

  test('more structures than the first room holds', () => {
    const size = 150;
    const corners = upTo(size).map((on) => upTo(size).map((part) => Number(part === on)));
    const scores = normals(size, 33, 1e-3);
    const { structures, marginals } = sparsemap({ unary: blockOf(scores) }, listed(corners), { tol: 1e-12 });
    const expected = sparsemax(Float64Array.from(scores));
    expect(structures.length).toBe(expected.filter((each) => each > 0).length);
    expect(structures.length).toBeGreaterThan(128);
    expectClose(marginals.unary.data, expected, 1e-9);
  });

  test('the scores of a question are the oracle’s to keep and to write over', () => {
    const oracle = oracleOf(vertices);
    const spoiling = factors.custom({
      size: 6,
      map: (scores) => {
        const found = oracle.map(Float64Array.from(scores));
        scores.fill(NaN);
        return found;
      },
    });
    const expected = sparsemap({ unary: batch }, listed(vertices)).marginals.unary;
    expect(sparsemap({ unary: batch }, spoiling).marginals.unary).toEqual(expected);
    expect(oracle.questions.every((scores) => scores.every(Number.isFinite))).toBe(true);
  });

  test('a vertex is read at once: the oracle may use its array again', () => {
    const oracle = oracleOf(vertices);
    const shared = new Float64Array(6);
    const reusing = factors.custom({
      size: 6,
      map: (scores) => {
        const { key, value, vertex } = oracle.map(scores)!;
        shared.set(vertex);
        return { key, value, vertex: shared };
      },
    });
    const expected = sparsemap({ unary: batch }, listed(vertices)).marginals.unary;
    expect(sparsemap({ unary: batch }, reusing).marginals.unary).toEqual(expected);
  });

  test('an oracle may call this package, tensors that grow the memory included', () => {
    const corners = upTo(9).map(String);
    const nested = factors.custom({
      size: 9,
      map: (scores) => {
        using large = tensor(new Float64Array(1 << 18).fill(1));
        sparsemax(large).dispose();
        sparsemap({ unary: blockOf([...scores], [3, 3]) }, factors.arborescence({ root: 'one' }));
        const { structures } = map({ unary: { data: scores, shape: [3, 3] } }, factors.assignment());
        const columns = Array.from(structures[0]!);
        const vertex = corners.map((_, part) => Number(columns[Math.floor(part / 3)] === part % 3));
        return { key: columns.join(), value: columns, vertex };
      },
    });
    const scores = normals(9, 15);
    const used = runtimeInfo().memory.used;
    const own = sparsemap({ unary: blockOf(scores) }, nested, { tol: 1e-12 });
    const built = sparsemap({ unary: blockOf(scores, [3, 3]) }, factors.assignment(), { tol: 1e-12 });
    expectClose(own.marginals.unary.data, built.marginals.unary.data, 1e-8);
    expect(runtimeInfo().memory.used).toBe(used);
  });

  test('a signal ends it between two questions, progress counts problems, and nothing is left behind', async () => {
    const used = runtimeInfo().memory.used;
    const controller = new AbortController();
    const oracle = oracleOf(vertices);
    const aborting = factors.custom({
      size: 6,
      map: (scores) => {
        if (oracle.questions.length === 3) controller.abort(new Error('enough'));
        return oracle.map(scores);
      },
    });
    const { signal } = controller;
    await expect(sparsemap.async({ unary: batch }, aborting, { signal })).rejects.toThrow('enough');
    expect(oracle.questions.length).toBe(4);
    const progress: [number, number][] = [];
    const onProgress = (done: number, total: number): number => progress.push([done, total]);
    await sparsemap.async({ unary: batch }, listed(vertices), { onProgress });
    expect(progress.at(-1)).toEqual([5, 5]);
    expect(progress.every(([done, total], at) => total === 5 && done >= (progress[at - 1]?.[0] ?? 0))).toBe(true);
    expect(runtimeInfo().memory.used).toBe(used);
  });

  test('memory does not grow over 10 000 solves', () => {
    const factor = listed(cloud(5, 3, 1));
    const run = (times: number): number => {
      for (let i = 0; i < times; i++) sparsemap({ unary: [0.1, 0.2, 0.3] }, factor);
      return runtimeInfo().memory.used;
    };
    const before = run(100);
    expect(run(10_000)).toBe(before);
  });
});

describe('an oracle that is wrong is told', () => {
  const good = { key: 'a', value: 0, vertex: [1, 0, 0] };
  const solveWith = (answer: (question: number, scores: Float64Array) => unknown) => {
    let questions = 0;
    const oracle = { size: 3, map: (scores: Float64Array) => answer(questions++, scores) };
    const factor = factors.custom(oracle as unknown as CustomOracle<number>);
    return (solve: (scores: { unary: number[] }, factor: Factor<never, number>) => unknown) =>
      solve({ unary: [0.9, 0.8, 0.7] }, factor);
  };
  const WRONG: readonly [string, (question: number, scores: Float64Array) => unknown, string, string][] = [
    ['no object', () => 7, '{ key, value, vertex } with a string or a number as key', '7'],
    [
      'no key',
      () => ({ ...good, key: undefined }),
      '{ key, value, vertex } with a string or a number as key',
      'an object with keys [key, value, vertex]',
    ],
    [
      'an object as key',
      () => ({ ...good, key: [1] }),
      '{ key, value, vertex } with a string or a number as key',
      'an object with keys [key, value, vertex]',
    ],
    ['no vertex', () => ({ key: 1, value: 1 }), 'a vertex of 3 finite numbers', 'undefined'],
    ['a short vertex', () => ({ ...good, vertex: [1, 0] }), 'a vertex of 3 finite numbers', '[1, 0]'],
    ['a long vertex', () => ({ ...good, vertex: [1, 0, 0, 0] }), 'a vertex of 3 finite numbers', '[1, 0, 0, 0]'],
    ['NaN', () => ({ ...good, vertex: [1, NaN, 0] }), 'a vertex of 3 finite numbers', '[1, NaN, 0]'],
    ['Infinity', () => ({ ...good, vertex: [1, Infinity, 0] }), 'a vertex of 3 finite numbers', '[1, Infinity, 0]'],
    ['no numbers', () => ({ ...good, vertex: ['x', 0, 0] }), 'a vertex of 3 finite numbers', '["x", 0, 0]'],
    [
      'equal keys, different vertices',
      (question) => ({ ...good, vertex: question === 0 ? [1, 0, 0] : [0, 1, 0] }),
      'equal vertices for equal keys',
      'two vertices of key "a"',
    ],
    [
      'nothing, after something',
      (question) => (question === 0 ? good : undefined),
      'a structure, for one was possible before',
      'undefined',
    ],
    [
      'not the best',
      (question, scores) => {
        // The first two are right; then comes one that is worse than both.
        const part = scores.indexOf(Math.max(...scores));
        if (question > 1) return { key: 'worse', value: -1, vertex: [-1, -1, -1] };
        return { key: part, value: part, vertex: [0, 1, 2].map((at) => Number(at === part)) };
      },
      'a structure of the highest score',
      'one of',
    ],
  ];
  test.each(WRONG)('%s', async (name, answer, expected, got) => {
    const used = runtimeInfo().memory.used;
    const solves = [
      ['sparsemap', (scores, factor) => sparsemap(scores, factor)],
      ['sparsemap.vjp', (scores, factor) => sparsemap.vjp(scores, factor)],
      ['sparsemap.async', async (scores, factor) => sparsemap.async(scores, factor)],
      ['sparsemapLoss', (scores, factor) => sparsemapLoss(scores, factor, { vertex: [1, 0, 0] })],
    ] as const satisfies [string, (scores: { unary: number[] }, factor: Factor<never, number>) => unknown][];
    for (const [op, solve] of solves) {
      const error: unknown = await Promise.resolve()
        .then(() => solveWith(answer)(solve))
        .then(
          () => undefined,
          (reason: unknown) => reason,
        );
      expect(error, `${op}: ${name}`).toBeInstanceOf(EntmaxError);
      const { code, op: where, expected: wanted, got: came } = error as EntmaxError;
      expect([code, where]).toEqual(['ENTMAX_OPTION', op]);
      expect(wanted).toContain(`map of factors.custom to return ${expected}`);
      expect(came).toContain(got);
    }
    expect(runtimeInfo().memory.used).toBe(used);
  });

  test('one that throws throws through, and nothing is left behind', async () => {
    const used = runtimeInfo().memory.used;
    for (const at of [0, 1, 2, 3]) {
      const throwing = (): Factor<never, number> => {
        const oracle = oracleOf(cloud(12, 6, 3));
        return factors.custom({
          size: 6,
          map: (scores) => {
            if (oracle.questions.length === at) throw new RangeError(`question ${at}`);
            return oracle.map(scores);
          },
        });
      };
      const unary = normals(6, 200);
      const expected = new RangeError(`question ${at}`);
      expect(() => sparsemap({ unary }, throwing())).toThrow(expected);
      expect(() => sparsemap.vjp({ unary }, throwing())).toThrow(expected);
      await expect(sparsemap.async({ unary }, throwing())).rejects.toThrow(expected);
      await expect(sparsemap.async.vjp({ unary }, throwing())).rejects.toThrow(expected);
      using scores = tensor(Float64Array.from(unary));
      expect(() => sparsemap({ unary: scores }, throwing())).toThrow(expected);
    }
    expect(runtimeInfo().memory.used).toBe(used);
    expect(sparsemap({ unary: normals(6, 200) }, listed(cloud(12, 6, 3))).converged).toBe(true);
  });

  test.each([
    ['no oracle', undefined, 'factors.custom: expected map to be a function, got undefined'],
    ['no map', { size: 3 }, 'factors.custom: expected map to be a function, got undefined'],
    ['no size', { map: () => good }, 'factors.custom: expected size to be a non-negative integer, got undefined'],
    ['size 0', { size: 0, map: () => good }, 'factors.custom: expected size to be a positive integer, got 0'],
    [
      'a fraction',
      { size: 1.5, map: () => good },
      'factors.custom: expected size to be a non-negative integer, got 1.5',
    ],
  ])('%s', (_, oracle, message) => {
    expect(() => factors.custom(oracle as never)).toThrow(message);
  });

  test('scores of another size, of NaN, and lengths', () => {
    const factor = listed([[1, 0, 0]]);
    expect(() => sparsemap({ unary: [1, 2] }, factor)).toThrow('sparsemap: expected unary with 3 parts, got [2]');
    expect(() => sparsemap({ unary: [[1, 2]] }, factor)).toThrow('sparsemap: expected unary with 3 parts, got [1, 2]');
    expect(() => sparsemap({ unary: [1, 2, NaN] }, factor)).toThrow(
      'sparsemap: expected scores without NaN and +Infinity, got one in problem 0',
    );
    expect(() => map({ unary: [1, 2, Infinity] }, factor)).toThrow(
      'map: expected scores without NaN and +Infinity, got one in problem 0',
    );
    expect(() => sparsemap({ unary: [1, 2, 3] }, factor, { lengths: [2] })).toThrow('no option lengths');
  });
});
