/** Calls of graphs: pullbacks, signals and progress, what is left behind, and oracles that fail. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { init, runtimeInfo, shutdown, tensor } from 'entmax';
import { factors } from 'entmax/structured';
import { batchOf, custom, MIXED, scoresOf, x } from './graph-cases.ts';
import { cloud, expectClose, oracleOf } from './listed.ts';
import { anyGraph, build, flat, logic, normals, tablesOf, upTo } from './rules.ts';
import type { AnyGraph } from './rules.ts';

beforeAll(() => init({ threads: 2 }));
afterAll(() => shutdown());

const mixed = (seed: number) => tablesOf(MIXED.shapes, scoresOf(seed));

describe('pullbacks', () => {
  test('of one name alone, and of none, are those of zeros elsewhere', () => {
    const [, pullback] = build(MIXED).vjp(mixed(1), { tol: 1e-11 });
    const dy = mixed(2);
    const sum = Array<number>(scoresOf(1).length).fill(0);
    for (const name of Object.keys(MIXED.shapes)) {
      flat(pullback({ [name]: dy[name] })).forEach((each, at) => (sum[at]! += each));
    }
    expectClose(flat(pullback(dy)), sum, 1e-9);
    expect(flat(pullback({})).every((each) => each === 0)).toBe(true);
    expect(flat(pullback({ s: undefined })).every((each) => each === 0)).toBe(true);
  });

  test('hand the cotangent on where no factor is tight, however many there are', () => {
    const { rules, shapes } = x(4, ...upTo(7).map((i) => logic('or', [i % 4, (i + 1) % 4, (i + 2) % 4])));
    const [{ marginals }, pullback] = build({ rules, shapes }).vjp({ x: [0.45, 0.8, 0.7, 0.6] });
    expectClose(marginals['x'] as unknown as number[], [0.45, 0.8, 0.7, 0.6], 1e-8);
    const dy = [1.25, -2, 0.5, 3];
    expectClose(pullback({ x: dy })['x'] as unknown as number[], dy, 1e-12);
  });

  test('is symmetric in the variables, and does nothing twice', () => {
    const { rules, shapes } = x(9, ...upTo(3).map((i) => logic('xor', [3 * i, 3 * i + 1, (3 * i + 5) % 9])));
    const [, pullback] = build({ rules, shapes }).vjp(tablesOf(shapes, normals(9, 4)), { tol: 1e-11 });
    const [a, b] = [normals(9, 5), normals(9, 6)];
    const of = (v: readonly number[]): number[] => flat(pullback(tablesOf(shapes, v)));
    const inner = (u: readonly number[], v: readonly number[]): number =>
      u.reduce((sum, each, at) => sum + each * v[at]!, 0);
    expect(Math.abs(inner(of(a), b) - inner(a, of(b)))).toBeLessThan(1e-10);
    expectClose(of(of(a)), of(a), 1e-10);
    expect(of(a).some((each) => Math.abs(each) > 0.1)).toBe(true);
  });

  test('belong to the graph as it was: factors that come later change the next solve alone', () => {
    const graph = build(MIXED);
    const [solution, pullback] = graph.vjp(mixed(3));
    const before = [flat(pullback(mixed(4))), flat(graph.solve(mixed(3)).marginals)];
    graph.add(factors.budget(0, { atMost: true }), graph.vars['s']!.slice(1, 1));
    expect(flat(pullback(mixed(4)))).toEqual(before[0]);
    const [after, own] = graph.vjp(mixed(3));
    expect(after.converged).toBe(true);
    expectClose(
      [1, 3, 5].map((at) => after.marginals['s']!.data[at]!),
      [0, 0, 0],
      1e-7,
    );
    expect(flat(own(mixed(4)))).not.toEqual(before[0]);
    expect(() => graph.solve(mixed(3), { warmStart: solution })).toThrow('warmStart to be a solution of this graph');
  });

  test('are of no use once disposed, and hold no memory', async () => {
    const graph = build(MIXED);
    const used = runtimeInfo().memory.used;
    const [, pullback] = graph.vjp(mixed(5));
    const [, later] = await graph.vjp.async(mixed(5));
    expect(await later(mixed(6))).toEqual(pullback(mixed(6)));
    expect(runtimeInfo().memory.used).toBe(used);
    pullback.dispose();
    later.dispose();
    const refusal = { code: 'ENTMAX_DISPOSED', expected: 'a live pullback', got: 'a disposed one' };
    expect(() => pullback(mixed(6))).toThrow(expect.objectContaining({ ...refusal, op: 'graph.pullback' }));
    await expect(later(mixed(6))).rejects.toThrow(expect.objectContaining({ ...refusal, op: 'graph.pullback.async' }));
  });
});

describe('asynchronous solves', () => {
  test('end with their signal, between turns, and leave nothing behind', async () => {
    const used = runtimeInfo().memory.used;
    const contradiction = build(x(3, logic('xor', [0, 1, 2]), logic('budget 2', [0, 1, 2])));
    const scores = { x: { data: new Float64Array(3), shape: [3] } };
    const options = { maxIter: 0x7fffffff, signal: AbortSignal.timeout(20) };
    await expect(contradiction.solve.async(scores, options)).rejects.toThrow(/timeout/);
    const aborted = { signal: AbortSignal.abort(new Error('before')) };
    await expect(contradiction.solve.async(scores, aborted)).rejects.toThrow('before');
    const [, pullback] = await build(MIXED).vjp.async(mixed(1));
    await expect(pullback(mixed(2), aborted)).rejects.toThrow('before');
    expect(runtimeInfo().memory.used).toBe(used);
  });

  test('progress counts problems and never falls', async () => {
    const progress: [number, number][] = [];
    const onProgress = (done: number, total: number): number => progress.push([done, total]);
    const { converged } = await build(MIXED).solve.async(batchOf(upTo(40)), { onProgress });
    expect(converged).toBe(true);
    expect(progress.at(-1)).toEqual([40, 40]);
    expect(progress.every(([done, total], at) => total === 40 && done >= (progress[at - 1]?.[0] ?? 0))).toBe(true);
  });

  test('do what they were called with, whatever becomes of the graph and the scores meanwhile', async () => {
    const graph = build(MIXED);
    const scores = mixed(7);
    const expected = graph.solve(mixed(7));
    const pending = graph.solve.async(scores);
    graph.add(factors.budget(0, { atMost: true }), graph.vars['s']!.slice(1, 1));
    expect(await pending).toEqual(expected);
  });
});

test('memory does not grow over 10 000 solves with pullbacks', () => {
  const graph = anyGraph({ a: [3, 3], c: [1], y: [2] });
  graph.add(factors.assignment(), graph.vars['a']);
  graph.add(factors.pair(), [graph.vars['a']!.at(0, 0), graph.vars['y']!.at(0).not()], graph.vars['c']);
  graph.add(factors.or(), graph.vars['y']);
  const scores = tablesOf({ a: [3, 3], c: [1], y: [2] }, normals(12, 3));
  const run = (times: number): number => {
    for (let i = 0; i < times; i++) graph.vjp(scores, { tol: 1e-4 })[1](scores);
    return runtimeInfo().memory.used;
  };
  const before = run(100);
  expect(run(10_000)).toBe(before);
});

describe('oracles of the caller’s', () => {
  type F64 = Float64Array<ArrayBuffer>;
  const vertices = cloud(6, 3, 2).map((vertex) => vertex.map((entry) => Math.min(1, Math.abs(entry))));
  const graphOf = (map: (scores: F64, question: number) => unknown): AnyGraph => {
    let questions = 0;
    const oracle = { size: 3, map: (scores: F64) => map(scores, questions++) };
    const graph = anyGraph({ x: [5] });
    const at = (i: number) => graph.vars['x']!.at(i);
    graph.add(factors.custom(oracle as never), [at(0), at(1), at(2)]);
    graph.add(factors.or(), [at(2).not(), at(3), at(4)]);
    return graph;
  };
  const scores = { x: normals(5, 31, 0.5) };

  test('one that calls this package, with memory that grows, is as one that does not', async () => {
    const expected = graphOf((question) => oracleOf(vertices).map(Float64Array.from(question))).solve(scores);
    expect(expected.converged).toBe(true);
    const nested = () =>
      graphOf((question) => {
        using large = tensor(new Float64Array(1 << 19));
        expect(large.toTypedArray()[5]).toBe(0);
        build(x(3, logic('xor', [0, 1, 2]), logic('or', [0, 1]))).solve({ x: [...question] });
        const found = oracleOf(vertices).map(Float64Array.from(question));
        question.fill(NaN);
        return found;
      });
    const used = runtimeInfo().memory.used;
    expect(nested().solve(scores)).toEqual(expected);
    expect(await nested().solve.async(scores)).toEqual(expected);
    expect(runtimeInfo().memory.used).toBe(used);
  });

  test('one that throws throws through, and nothing is left behind', async () => {
    const used = runtimeInfo().memory.used;
    const right = oracleOf(vertices);
    for (const at of [0, 1, 5]) {
      const graph = (): AnyGraph =>
        graphOf((question, number) => {
          if (number === at) throw new RangeError(`question ${at}`);
          return right.map(question);
        });
      const expected = new RangeError(`question ${at}`);
      expect(() => graph().solve(scores)).toThrow(expected);
      expect(() => graph().vjp(scores)).toThrow(expected);
      await expect(graph().solve.async(scores)).rejects.toThrow(expected);
      await expect(graph().vjp.async(scores)).rejects.toThrow(expected);
    }
    expect(runtimeInfo().memory.used).toBe(used);
  });

  test.each([
    ['no key', () => ({ value: 1, vertex: [1, 0, 0] }), '{ key, value, vertex } with a string or a number as key'],
    ['a short vertex', () => ({ key: 1, value: 1, vertex: [1] }), 'a vertex of 3 finite numbers'],
    ['NaN', () => ({ key: 1, value: 1, vertex: [1, NaN, 1] }), 'a vertex of 3 finite numbers'],
    [
      'equal keys, different vertices',
      (_: F64, question: number) => ({ key: 1, value: 1, vertex: [question % 2, 1, 0] }),
      'equal vertices for equal keys',
    ],
    [
      'not the best',
      (question: F64, number: number) =>
        number < 2 ? oracleOf(vertices).map(question) : { key: 'worse', value: 1, vertex: question.map((s) => -9 * s) },
      'a structure of the highest score',
    ],
    [
      'nothing, after something',
      (question: F64, number: number) => (number < 2 ? oracleOf(vertices).map(question) : undefined),
      'a structure, for one was possible before',
    ],
  ])('one that is wrong is told: %s', (_, map, expected) => {
    const used = runtimeInfo().memory.used;
    expect(() => graphOf(map).solve(scores)).toThrow(
      expect.objectContaining({
        code: 'ENTMAX_OPTION',
        op: 'graph.solve',
        expected: expect.stringContaining(expected),
      }),
    );
    expect(runtimeInfo().memory.used).toBe(used);
  });

  test('each problem and each factor has structures of its own', () => {
    const described = {
      shapes: { x: [5] },
      rules: [
        custom([0, 1, 2], vertices),
        custom(
          [2, 3, 4],
          cloud(4, 3, 8).map((v) => v.map((e) => Math.abs(e) / 4)),
        ),
      ],
    };
    const rows = upTo(4).map((b) => normals(5, 70 + b));
    const whole = build(described).solve({ x: rows }, { tol: 1e-9 });
    const warm = build(described);
    const first = warm.solve({ x: rows }, { tol: 1e-9 });
    const again = warm.solve({ x: rows }, { tol: 1e-9, warmStart: first });
    expect(Math.max(...again.iterations)).toBeLessThan(Math.max(...first.iterations));
    rows.forEach((row, b) => {
      const alone = build(described).solve({ x: row }, { tol: 1e-9 });
      expect((whole.marginals['x'] as unknown as number[][])[b]).toEqual(alone.marginals['x']);
      expectClose(
        (again.marginals['x'] as unknown as number[][])[b]!,
        alone.marginals['x'] as unknown as number[],
        1e-7,
      );
    });
  });
});
