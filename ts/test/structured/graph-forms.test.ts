/** Forms of graphs: batches, threads, element types, Tensors, and names of variables. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { init, runtimeInfo, shutdown, tensor } from 'entmax';
import { factorGraph, factors } from 'entmax/structured';
import { batchOf, MIXED, scoresOf, x } from './graph-cases.ts';
import { expectClose } from './listed.ts';
import { anyGraph, build, flat, logic, normals, tablesOf, upTo } from './rules.ts';

beforeAll(() => init({ threads: 2 }));
afterAll(() => shutdown());

const seeds = upTo(12).map((b) => 500 + b);

describe('forms', () => {
  test('a batch has the bits of its problems, marginals and gradients, for any threads', async () => {
    const graph = build(MIXED);
    const [whole, pullback] = graph.vjp(batchOf(seeds));
    const gradients = pullback(batchOf(seeds.map((seed) => seed + 100)));
    expect(whole.converged).toBe(true);
    seeds.forEach((seed, b) => {
      const [alone, own] = build(MIXED).vjp(tablesOf(MIXED.shapes, scoresOf(seed)));
      const cut = (tables: typeof gradients) =>
        Object.entries(MIXED.shapes).flatMap(([name, shape]) => {
          const size = shape.reduce((a, c) => a * c, 1);
          return [...tables[name]!.data.slice(b * size, (b + 1) * size)];
        });
      expect(cut(whole.marginals)).toEqual(flat(alone.marginals));
      expect(cut(gradients)).toEqual(flat(own(tablesOf(MIXED.shapes, scoresOf(seed + 100)))));
      expect([whole.residual[b], whole.iterations[b]]).toEqual([alone.residual[0], alone.iterations[0]]);
    });
    const run = async () => {
      const [solution, later] = await graph.vjp.async(batchOf(seeds));
      const again = await graph.solve.async(batchOf(seeds));
      expect(again).toEqual(solution);
      return [solution, await later(batchOf(seeds.map((seed) => seed + 100)))];
    };
    expect(await run()).toEqual([whole, gradients]);
    await shutdown();
    await init({ threads: 1 });
    expect(await run()).toEqual([whole, gradients]);
    expect(graph.solve(batchOf(seeds))).toEqual(whole);
    await shutdown();
    await init({ threads: 2 });
  });

  test('many problems without an oracle of the caller’s, shared by threads', async () => {
    const graph = build({ ...MIXED, rules: MIXED.rules.slice(0, -1) });
    const many = batchOf(upTo(300));
    const whole = graph.solve(many);
    expect(whole.converged).toBe(true);
    expect(await graph.solve.async(many)).toEqual(whole);
  });

  test('nested numbers, float32 and Tensors keep their form; a batch may be empty', () => {
    const graph = build(x(4, logic('xor', [0, 1, 2]), logic('imply', [2, 3])));
    const scores = normals(8, 3);
    const expected = graph.solve({ x: { data: Float64Array.from(scores), shape: [2, 4] } }).marginals['x']!.data;
    const nested = graph.solve({ x: [scores.slice(0, 4), scores.slice(4)] });
    expect((nested.marginals['x'] as unknown as number[][]).flat()).toEqual([...expected]);
    expect(nested.iterations).toHaveLength(2);
    const plain = graph.solve({ x: Float64Array.from(scores.slice(0, 4)) });
    expect([...(plain.marginals['x'] as unknown as Float64Array)]).toEqual([...expected.slice(0, 4)]);
    const used = runtimeInfo().memory.used;
    {
      using own = tensor(Float32Array.from(scores), [2, 4]);
      const typed = factorGraph({ x: [4] });
      typed.add(factors.xor(), [typed.vars.x.at(0), typed.vars.x.at(1), typed.vars.x.at(2)]);
      typed.add(factors.imply(), [typed.vars.x.at(2), typed.vars.x.at(3)]);
      const [solution, pullback] = typed.vjp({ x: own });
      using marginals = solution.marginals.x;
      using gradient = pullback({ x: own }).x;
      expect([marginals.dtype, gradient.dtype, marginals.shape, gradient.shape]).toEqual([
        'float32',
        'float32',
        [2, 4],
        [2, 4],
      ]);
      expectClose(marginals.toTypedArray(), expected, 1e-6);
      using wide = tensor(Float64Array.from(scores), [2, 4]);
      using exact = typed.solve({ x: wide }).marginals.x;
      expect(exact.toTypedArray()).toEqual(expected);
    }
    expect(runtimeInfo().memory.used).toBe(used);
    const none = graph.solve({ x: { data: new Float64Array(0), shape: [0, 4] } });
    expect([none.status, none.converged, none.residual.length]).toEqual([[], true, 0]);
  });

  test('a graph without factors clips; one without variables has nothing to say', () => {
    const graph = anyGraph({ x: [3] });
    const { marginals, iterations, residual, converged } = graph.solve({ x: [-1, 0.25, 2] });
    expect([marginals['x'], [...iterations], [...residual], converged]).toEqual([[0, 0.25, 1], [0], [0], true]);
    const [, pullback] = graph.vjp({ x: [-1, 0.25, 2] });
    expect(pullback({ x: [3, 4, 5] })['x']).toEqual([0, 4, 0]);
    expect(anyGraph({}).solve({}).converged).toBe(true);
    expect(anyGraph({ x: [0] }).solve({ x: [] }).converged).toBe(true);
  });

  test('Vars: rows, columns and negations are what their indices say', () => {
    const graph = anyGraph({ x: [2, 3, 4] });
    const vars = graph.vars['x']!;
    expect([vars.shape, vars.at(1).shape, vars.at(1, 2).shape, vars.at(1, 2, 3).shape]).toEqual([
      [2, 3, 4],
      [3, 4],
      [4],
      [],
    ]);
    expect([vars.slice(1, 2).shape, vars.not().slice(2, 0).shape]).toEqual([
      [2, 4],
      [2, 3],
    ]);
    // Forcing variables on shows which they are.
    const forced = (choose: (all: typeof vars) => unknown): number[] => {
      const own = anyGraph({ x: [2, 3, 4] });
      const taken = [choose(own.vars['x']!)].flat() as { shape: number[] }[];
      const size = taken.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
      own.add(factors.budget(size), taken);
      const { marginals } = own.solve(tablesOf({ x: [2, 3, 4] }, Array(24).fill(-5)), { tol: 1e-9 });
      return flat(marginals).flatMap((each, at) => (each > 0.5 ? [at] : []));
    };
    expect(forced((all) => all.at(1, 2, 3))).toEqual([23]);
    expect(forced((all) => all.at(0, 1))).toEqual([4, 5, 6, 7]);
    expect(forced((all) => all.slice(1, 2))).toEqual([8, 9, 10, 11, 20, 21, 22, 23]);
    expect(forced((all) => all.slice(2, 1).slice(0, 1))).toEqual([13, 17, 21]);
    expect(forced((all) => [all.at(0, 0, 0), all.at(1).at(0).at(0)])).toEqual([0, 12]);
    expect(forced((all) => all.not().at(0, 0).not())).toEqual([0, 1, 2, 3]);
    expect(forced((all) => all.at(0, 0).not())).toEqual([]);
  });
});
