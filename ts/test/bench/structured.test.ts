/** The benchmark's references of structured inference: its oracles are right, and its checks see what is wrong. */

import { expect, test } from 'vitest';
import { factors, sparsemap } from 'entmax/structured';
import { distanceOfPairs, distanceUnder, violation } from '../../../bench/reference/graph-optimality.js';
import { ORACLES } from '../../../bench/reference/oracles.js';
import { Problems } from '../../../bench/reference/structured.js';
import { makeScores } from '../../../bench/structured/inputs.js';
import { NEIGHBOURS } from '../../../bench/structured/graphs.js';
import { assignments, sequences, subsets, trees } from '../structured/enumerate.ts';
import type { Listed } from '../structured/enumerate.ts';

const PROBLEMS = 20;
const total = (table: ArrayLike<number>, places: readonly number[] = []): number =>
  places.reduce((sum, at) => sum + table[at]!, 0);

type Sizes = Parameters<typeof makeScores>[0];
const CASES: { sizes: Sizes; structures: Listed[] }[] = [
  { sizes: { factor: 'sequence', table: [5, 3] }, structures: sequences(5, 3) },
  { sizes: { factor: 'arborescence', table: [6, 6] }, structures: trees(5) },
  { sizes: { factor: 'projective', table: [6, 6] }, structures: trees(5, { projective: true, oneRoot: true }) },
  { sizes: { factor: 'assignment', table: [5, 5] }, structures: assignments(5, 5) },
  { sizes: { factor: 'budget', table: [8], k: 3 }, structures: subsets(8, (size) => size <= 3) },
  { sizes: { factor: 'bits', table: [8] }, structures: subsets(8) },
];

test.each(CASES)('the best $sizes.factor is that of all, and no other shape is one', ({ sizes, structures }) => {
  const problems = new Problems(sizes, PROBLEMS, makeScores(sizes, PROBLEMS, 'flat'));
  for (let b = 0; b < PROBLEMS; b++) {
    const tables = problems.tables(b);
    const scores = structures.map((y) => total(tables.unary, y.unary) + total(tables.transitions ?? [], y.transitions));
    expect(Math.abs(problems.best(tables) - Math.max(...scores))).toBeLessThan(1e-12);
  }
  const oracle = ORACLES[sizes.factor];
  for (const { structure, unary } of structures) {
    expect(oracle.isOne([...structure], sizes)).toBe(true);
    expect(oracle.parts([...structure], sizes)).toEqual(unary);
  }
  expect(oracle.isOne(structures[0]!.structure.slice(1), sizes)).toBe(false);
  expect(oracle.isOne(new Array(structures[0]!.structure.length).fill(9), sizes)).toBe(false);
});

test('trees with a cycle, with crossing arcs or with two roots, and columns taken twice are none', () => {
  const side = { table: [4, 4] };
  expect(ORACLES.arborescence.isOne([2, 1, 0], { factor: 'arborescence', ...side })).toBe(false);
  const projective: Sizes = { factor: 'projective', ...side };
  expect(ORACLES.projective.isOne([3, 0, 2], projective)).toBe(false);
  expect(ORACLES.projective.isOne([0, 0, 2], projective)).toBe(false);
  expect(ORACLES.projective.isOne([2, 0, 2], projective)).toBe(true);
  expect(ORACLES.assignment.isOne([0, 0, 1], { factor: 'assignment', table: [3, 3] })).toBe(false);
});

/** Arborescences of six words, with the package's solution as an engine gives it. */
function solved() {
  const sizes: Sizes = { factor: 'arborescence', table: [7, 7] };
  const problems = new Problems(sizes, 3, makeScores(sizes, 3, 'flat'));
  const shape = [3, 7, 7];
  const [solution, pullback] = sparsemap.vjp({ unary: { data: problems.unary, shape } }, factors.arborescence());
  const gradient = pullback({ unary: { data: problems.cotangents, shape } }).unary.data;
  const output = {
    solution: { ...solution, weights: solution.weights.slice(), structures: [...solution.structures] },
    marginals: { unary: solution.marginals.unary.data.slice() },
    iterations: solution.iterations,
  };
  const judge = (operation: 'sparsemap' | 'sparsemapBackward', given: object) => {
    const { error, facts } = problems.expected({ operation }).judge!(given);
    return { error, facts };
  };
  return { problems, output, gradient, judge };
}

test('a solution is proved, and its facts are told', () => {
  const { output, gradient, judge } = solved();
  const { error, facts } = judge('sparsemap', output);
  expect(error).toBeLessThan(1e-8);
  expect(facts!['solved']).toBe(3);
  expect(facts!['structures']).toBeCloseTo(output.solution.structures.length / 3);
  expect(judge('sparsemapBackward', { unary: gradient }).error).toBeLessThan(1e-10);
});

test('weights, marginals, structures and gradients that are off are seen', () => {
  const { output, gradient, judge } = solved();
  judge('sparsemap', output);
  const spoilt = (spoil: (output: ReturnType<typeof solved>['output']) => void): number => {
    const copy = solved().output;
    spoil(copy);
    return judge('sparsemap', copy).error;
  };
  expect(spoilt(({ solution }) => (solution.weights[0]! += 1e-6))).toBeGreaterThan(1e-7);
  expect(
    spoilt(({ solution: { weights } }) => {
      weights[0]! += 1e-3;
      weights[1]! -= 1e-3;
    }),
  ).toBeGreaterThan(1e-6);
  expect(spoilt(({ marginals }) => (marginals.unary[1]! += 1e-6))).toBeGreaterThan(1e-7);
  expect(spoilt(({ solution }) => (solution.structures[0] = Int32Array.of(2, 1, 0, 0, 0, 0)))).toBe(Infinity);
  expect(spoilt(({ solution }) => (solution.weights[0] = NaN)) <= 1e9).toBe(false);
  gradient[1]! += 1e-6;
  expect(judge('sparsemapBackward', { unary: gradient }).error).toBeGreaterThan(1e-7);
});

test("another's gradients are compared where the support is the same, and must be right somewhere", () => {
  const { output, gradient, judge } = solved();
  judge('sparsemap', output);
  const { solution } = output;
  expect(judge('sparsemapBackward', { unary: gradient, solution }).error).toBeLessThan(1e-10);
  // Of the first problem only.
  gradient[1]! += 1e-3;
  expect(judge('sparsemapBackward', { unary: gradient, solution }).error).toBeLessThan(1e-10);
  const off = gradient.map((each) => each + 1e-3);
  expect(judge('sparsemapBackward', { unary: off, solution }).error).toBe(Infinity);
  const [first, last] = [solution.indptr[0]!, solution.indptr[1]! - 1];
  const without = { ...solution, indptr: Int32Array.of(first, last, last + 1, last + 2) };
  expect(() => judge('sparsemapBackward', { unary: gradient, solution: without })).toThrow(
    'no problem has the support',
  );
});

test('nothing is compared with a solution that is not proved', () => {
  const { gradient, judge } = solved();
  expect(() => judge('sparsemapBackward', { unary: gradient })).toThrow('no proved solution');
});

test('who stopped before the answer is told to have solved nothing, with a gap', () => {
  const { problems, output, judge } = solved();
  judge('sparsemap', output);
  const options = { maxIter: 2 };
  const early = sparsemap({ unary: { data: problems.unary, shape: [3, 7, 7] } }, factors.arborescence(), options);
  const { error, facts } = judge('sparsemap', { solution: early });
  expect(facts).toMatchObject({ solved: 0 });
  expect(error).toBeGreaterThan(1e-3);
});

test('the distance of a projection onto the simplex is 0, and that of its neighbours as large as they are far', () => {
  const constraints = [{ places: [0, 1, 2], bound: 1 }];
  const eta = Float64Array.of(0.9, 0.5, -1);
  const answer = Float64Array.of(0.7, 0.3, 0);
  expect(distanceUnder(answer, eta, constraints)).toBeLessThan(1e-9);
  const near = Float64Array.of(0.7 + 1e-4, 0.3 - 1e-4, 0);
  expect(distanceUnder(near, eta, constraints)).toBeGreaterThanOrEqual(Math.SQRT2 * 1e-4 * (1 - 1e-6));
  expect(violation(Float64Array.of(0.7, 0.3 + 1e-4, 0), constraints)).toBeCloseTo(1e-4, 9);
});

test('a constraint that is not tight does not push', () => {
  const most = [{ places: [0, 1], bound: 1, atMost: true }];
  expect(distanceUnder(Float64Array.of(0.2, 0.3), Float64Array.of(0.2, 0.3), most)).toBe(0);
  expect(distanceUnder(Float64Array.of(0.2, 0.3), Float64Array.of(0.3, 0.4), most)).toBeCloseTo(Math.SQRT2 / 10, 9);
  expect(violation(Float64Array.of(0.2, 0.3), most)).toBeLessThan(0);
});

test('pairs: without couplings the answer is the clipped score; a liked pair is drawn together, a disliked one apart', () => {
  const couplings = new Float64Array(NEIGHBOURS.length);
  const eta = Float64Array.from({ length: 100 }, (_, at) => Math.sin(at) + 0.3);
  const clipped = eta.map((each) => Math.min(1, Math.max(0, each)));
  expect(distanceOfPairs(clipped, eta, couplings)).toBe(0);
  // Two variables at 0.2 and 0.4 with the others at 0: a coupling of 1 makes them equal, one of -1 changes nothing.
  const alone = (x: number, y: number): Float64Array => Float64Array.from({ length: 100 }, (_, at) => [x, y][at] ?? 0);
  const low = Float64Array.from({ length: 100 }, (_, at) => [0.2, 0.4][at] ?? -9);
  couplings[0] = 1;
  expect(NEIGHBOURS[0]).toEqual([0, 1]);
  expect(distanceOfPairs(alone(0.8, 0.8), low, couplings)).toBeLessThan(1e-9);
  expect(distanceOfPairs(alone(0.8, 0.8 + 1e-3), low, couplings)).toBeGreaterThan(1e-3);
  couplings[0] = -1;
  expect(distanceOfPairs(alone(0.2, 0.4), low, couplings)).toBe(0);
  const high = Float64Array.from({ length: 100 }, (_, at) => [0.7, 0.6][at] ?? -9);
  expect(distanceOfPairs(alone(0.55, 0.45), high, couplings)).toBeLessThan(1e-9);
  expect(distanceOfPairs(alone(0.7, 0.6), high, couplings)).toBeGreaterThan(0.1);
});
