/**
 * Keys may be screened by integers, and blocks of keys skipped (crates/entmax-core/src/attention/screen.rs, blocks.rs): every path, forced,
 * gives the bits of the plain one, also where keys lie as close to the bounds as they can.
 */

import { describe, expect, test } from 'vitest';
import { inRoom } from '../../src/maps/room.ts';
import { runPlan } from '../../src/runtime/plan.ts';
import type { Plan } from '../../src/runtime/plan.ts';
import { viewOf } from '../../src/elements.ts';
import { attention, KvCache } from 'entmax/attention';
import { readAttentionCall } from '../../src/attention/attention-call.ts';
import { descriptionBytes, writeDescription } from '../../src/attention/description.ts';
import * as forward from '../../src/attention/forward.ts';
import { expectSameBits, floats } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import type { Problem } from '../oracle/attention.ts';
import { randomFrom } from '../oracle/random.ts';
import { blockForm, inputsOf, inspect, problemOf, sizes } from './problems.ts';

/** call.rs, `path`. */
const PATHS = { plain: 0, integers: 1, blocks: 2 };

const UNREPEATED = { repeatable: true, setAside: (): void => undefined };

/** Runs a call whose screening is in place, and returns the output and how each head was attended. */
function run(problem: Problem, choose: (screened: Uint8Array) => 'probe' | 'as chosen'): [Floats, number[]] {
  const { inputs, shape } = inputsOf(problem, blockForm('float32'));
  const call = readAttentionCall('attention', [...inputs, problem.options], [], false);
  const size = shape.reduce((product, each) => product * each, 1);
  const plan = (): Plan<[Floats, number[]]> =>
    inRoom('attention', function* (room) {
      const out = room.allocate(4 * size);
      const screening = forward.placeScreening(call, room);
      const heads = problem.b * problem.h;
      const probes = choose(viewOf('uint8', screening.screened, heads)) === 'probe';
      const description = forward.describe(call, room, out);
      const address = room.allocate(descriptionBytes());
      writeDescription(address, { ...description, screening: { ...screening, blocksDone: probes ? 1 : 0 } });
      yield forward.packJob(call, address, UNREPEATED);
      if (probes) yield forward.probeJob(call, address, UNREPEATED);
      const left = forward.blocksOf(call) - (probes ? heads : 0);
      expect(yield forward.attendJob(call, address, 0, left, UNREPEATED)).toBe(0);
      return [viewOf('float32', out, size).slice(), [...viewOf('uint8', screening.screened, heads)]];
    });
  return runPlan(plan());
}

const forced = (problem: Problem, path: keyof typeof PATHS): Floats =>
  run(problem, (screened) => {
    screened.fill(PATHS[path]);
    return 'as chosen';
  })[0];

function expectSamePaths(problem: Problem, what: string): void {
  const plain = forced(problem, 'plain');
  expect(plain.some((value) => value !== 0)).toBe(true);
  for (const path of ['integers', 'blocks'] as const) expectSameBits(forced(problem, path), plain, `${what}, ${path}`);
  expectSameBits(run(problem, () => 'probe')[0], plain, `${what}, by the probe`);
}

/** Keys around centres, so many that lie side by side, and queries around any of them. */
function clustered(problem: Problem, together: number): Problem {
  const { d } = problem;
  const random = randomFrom(problem.m);
  const centres: number[][] = [];
  const around = (rows: Floats, centreOf: (row: number) => number): Floats =>
    rows.map((_, at) => centres[centreOf(Math.floor(at / d))]![at % d]! + 0.25 * random.normal());
  for (let count = problem.k.length / d / together; count > 0; count--) {
    const drawn = Array.from({ length: d }, () => random.normal());
    const norm = Math.hypot(...drawn);
    centres.push(drawn.map((channel) => (8 * channel) / norm));
  }
  return {
    ...problem,
    k: around(problem.k, (row) => Math.floor(row / together)),
    q: around(problem.q, (row) => (7 * row) % centres.length),
  };
}

describe('forced paths', () => {
  const alphas = [1.5, 2, 1.25, 1.1];

  test.each([
    [300, 16],
    [1025, 64],
    [2100, 20],
  ])('%i keys of %i channels, N(0, 1)', (m, d) => {
    for (const options of [{}, { isCausal: 'lowerRight' as const }, { scale: 2 }, { keyValueSeqLengths: [m - 40] }]) {
      const problem = problemOf(sizes(1, [4, 2], 37, m, d), 'float32', { alpha: alphas, ...options }, 'normal');
      expectSamePaths(problem, JSON.stringify(options));
    }
  });

  test.each([
    [64, 2048],
    [100, 1500],
    [16, 700],
  ])('clusters of %i keys side by side, %i keys', (together, m) => {
    for (const isCausal of [false, 'lowerRight'] as const) {
      const problem = problemOf(
        sizes(1, [4, 2], 37, m, 32),
        'float32',
        { alpha: alphas, isCausal, scale: 0.5 },
        'normal',
      );
      expectSamePaths(clustered(problem, together), String(isCausal));
    }
  });

  test('masks, NaN, infinite and huge keys', () => {
    const problem = problemOf(sizes(2, [2, 1], 20, 600, 16), 'float32', {}, 'normal');
    const mask = Uint8Array.from({ length: 600 * 2 }, (_, j) => Number(j % 3 > 0));
    expectSamePaths({ ...problem, options: { keyMask: mask } }, 'a key mask');
    for (const value of [NaN, Infinity, -Infinity, 1e30, 3e38, 1e-40]) {
      const k = problem.k.slice();
      k[5 * 16] = value;
      expectSamePaths({ ...problem, k, options: { isCausal: 'lowerRight' } }, String(value));
    }
    const q = problem.q.map(() => 0);
    expectSamePaths({ ...problem, q, options: {} }, 'a query of zeros');
  });

  test('the probe skips blocks of clustered keys, and none of others', () => {
    const problem = problemOf(sizes(1, [2, 2], 64, 2048, 64), 'float32', {}, 'normal');
    expect(run(clustered(problem, 64), () => 'probe')[1]).toEqual([PATHS.blocks, PATHS.blocks]);
    const gaussian = run(problem, () => 'probe')[1];
    expect(gaussian.every((path) => path !== PATHS.blocks)).toBe(true);
  });
});

/** The sum of the channels in their order in float32: the canonical score of a key, where the query is all ones. */
const sumOf = (key: ArrayLike<number>): number =>
  Array.from(key).reduce((sum, channel) => Math.fround(sum + channel), 0);

/** Moves the last channel until the score is `target`, as near as float32 comes. */
function settle(key: Float32Array, target: number): Float32Array {
  for (let turn = 0; turn < 4; turn++) key[key.length - 1]! += target - sumOf(key);
  return key;
}

/** One head whose queries are all ones and whose scale is 1, so that a score is the sum of a key's channels. */
function planted(keys: readonly Float32Array[], alpha: number): Problem {
  const [m, d, n] = [keys.length, keys[0]!.length, 3];
  const problem = problemOf(sizes(1, [1, 1], n, m, d), 'float32', { alpha, scale: 1 }, 'normal');
  return {
    ...problem,
    q: floats(
      'float32',
      Array.from({ length: n * d }, () => 1),
    ),
    k: floats(
      'float32',
      keys.flatMap((key) => [...key]),
    ),
  };
}

/** Which of the planted keys have weight, by the plain path. */
function supportOf(problem: Problem): Set<number> {
  const { indptr, indices } = inspect(problem).weights;
  return new Set(indices.subarray(0, indptr[1]));
}

describe('keys at the bound', () => {
  const D = 16;
  const tau = 0.25;
  const ulp = 2 ** -25;

  /**
   * A key of score `target` whose channels lie `left` steps beside the integers that stand for them, all on the same side: for a
   * query of equal channels the error is nearly |q| |e_k|, which is the bound. `limit` is the largest integer.
   */
  function worstKey(target: number, left: number, limit: number, random: { below(n: number): number }): Float32Array {
    const key = new Float32Array(D);
    const largest = 2;
    const step = Math.fround(largest / limit);
    key[0] = largest;
    // What is left of the target is shared out over the others, near enough for the last one to settle.
    let rest = Math.round((target - largest) / step - (D - 1) * left);
    for (let c = 1; c < D; c++) {
      const share = Math.round(rest / (D - c)) + (c < D - 1 ? random.below(5) - 2 : 0);
      rest -= share;
      key[c] = (share + left) * step;
    }
    return settle(key, target);
  }

  /** Attention, and decoding from a cache, whose keys are screened by bytes at every level. */
  function expectSameDecoding(problem: Problem, what: string): void {
    const { n, m, d, options } = problem;
    const block = (data: Floats, from: number, to: number): { data: Float32Array; shape: number[] } => ({
      data: (data as Float32Array).slice(from * d, to * d),
      shape: [1, 1, to - from, d],
    });
    using cache = new KvCache({ heads: 1, headDim: d });
    cache.append(block(problem.k, 0, m - n), block(problem.v, 0, m - n));
    const step = [block(problem.q, 0, n), block(problem.k, m - n, m), block(problem.v, m - n, m)] as const;
    const { data } = attention.decode(...step, cache, { alpha: options.alpha as number, scale: options.scale });
    expectSameBits(data, forced({ ...problem, options: { ...options, isCausal: 'lowerRight' } }, 'plain'), what);
  }

  test.each([
    ['pairs of 16 bits', 2047],
    ['quadruples of 8 bits', 63],
  ])('rounding errs as far as it can, against %s', (_, limit) => {
    const random = randomFrom(limit);
    let inside = 0;
    for (let turn = 0; turn < 40; turn++) {
      // The keys that make the threshold seem larger than it is, those at the threshold smaller: twice the bound apart.
      const keys = Array.from({ length: 600 }, (_, j) => {
        if (j < 2) return worstKey(j === 0 ? 1 : 0.5, -0.499, limit, random);
        if (j % 13 === 0) return worstKey(tau + (random.below(9) - 4) * ulp, 0.499, limit, random);
        return worstKey(-2 - random.below(3), 0.499 * (1 - 2 * (j % 2)), limit, random);
      });
      const problem = planted(keys, 2);
      const support = supportOf(problem);
      inside += support.size - 2;
      expect(support.has(0) && support.has(1)).toBe(true);
      expectSamePaths(problem, `turn ${turn}`);
      expectSameDecoding(problem, `turn ${turn}, decoding`);
    }
    // Some of the planted keys have weight, others none.
    expect(inside).toBeGreaterThan(40);
    expect(inside).toBeLessThan(40 * 30);
  });

  test('a block has its highest key on the line from its centre along the query', () => {
    const random = randomFrom(5);
    let inside = 0;
    for (let turn = 0; turn < 40; turn++) {
      const keys: Float32Array[] = [];
      for (let block = 0; block < 10; block++) {
        const at = random.below(64);
        for (let j = 0; j < 64; j++) {
          const key = new Float32Array(D).fill(-0.5 - block / 8);
          if (block === 0) settle(key, j === 0 ? 1 : j === 1 ? 0.5 : -4);
          else if (j === at)
            settle(key.fill((tau + (random.below(9) - 4) * ulp) / D), tau + (random.below(9) - 4) * ulp);
          keys.push(key);
        }
      }
      const problem = planted(keys, 2);
      inside += supportOf(problem).size - 2;
      expectSamePaths(problem, `turn ${turn}`);
    }
    expect(inside).toBeGreaterThan(40);
    expect(inside).toBeLessThan(40 * 9);
  });
});
