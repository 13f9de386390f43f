/**
 * The expectation of a function under a sparse distribution, and its gradient: the function is called for the support only,
 * because outside of it the probabilities have no derivative either (Correia et al. 2020; MATH.md §12).
 */

import { EntmaxError, show } from '../errors.ts';
import { newArray, readScores, scoresView } from '../scores.ts';
import { Tensor } from '../tensor.ts';
import { isFactor } from './factors.ts';
import { sparsemap } from './sparsemap.ts';
import type { Expectation } from './types.ts';

/** What is asked of a map of `entmax`. */
interface AnyRowMap {
  readonly vjp: (
    x: unknown,
    options: object,
  ) => [p: unknown, pullback: ((dp: object, wrt: readonly string[]) => Record<string, unknown>) & { dispose(): void }];
}

/** What is asked of SparseMAP. */
interface AnySparseMap {
  readonly vjp: (
    scores: unknown,
    factor: unknown,
    options: object,
  ) => [
    solution: { indptr: Int32Array; structures: unknown[]; weights: Float64Array },
    pullback: ((dy: { weights: Float64Array }) => unknown) & { dispose(): void },
  ];
}

type Evaluate = (value: unknown, row: number) => unknown;

function call(op: string, evaluate: Evaluate, value: unknown, row: number): number {
  const loss = evaluate(value, row);
  if (typeof loss === 'number') return loss;
  throw new EntmaxError('ENTMAX_OPTION', op, 'f to return a number', show(loss));
}

/** Of SparseMAP: f is given a structure. */
function overStructures(op: string, scores: unknown, factor: unknown, f: Evaluate, options: object): unknown {
  const [{ indptr, structures, weights }, pullback] = (sparsemap as unknown as AnySparseMap).vjp(
    scores,
    factor,
    options,
  );
  try {
    const losses = new Float64Array(weights.length);
    const value = new Float64Array(indptr.length - 1);
    for (let row = 0; row < value.length; row++) {
      for (let j = indptr[row]!; j < indptr[row + 1]!; j++) {
        losses[j] = call(op, f, structures[j], row);
        value[row]! += weights[j]! * losses[j]!;
      }
    }
    return { value, gradient: pullback({ weights: losses }), calls: losses.length };
  } finally {
    pullback.dispose();
  }
}

/** Of a row map over the last axis: f is given an index. */
function overIndices(op: string, x: unknown, map: AnyRowMap, f: Evaluate, options: object): unknown {
  const [p, pullback] = map.vjp(x, options);
  try {
    const read = readScores(op, p, undefined, 'the probabilities');
    const n = read.shape.at(-1) ?? 0;
    // f may call anything, so nothing is a view.
    const probabilities = Float64Array.from(scoresView(read, op));
    const losses = newArray(read.dtype, probabilities.length);
    const value = new Float64Array(n === 0 ? 0 : probabilities.length / n);
    let calls = 0;
    probabilities.forEach((probability, at) => {
      if (!(probability > 0)) return;
      const row = Math.floor(at / n);
      const loss = call(op, f, at % n, row);
      losses[at] = loss;
      value[row]! += probability * loss;
      calls++;
    });
    return { value, gradient: pullback({ data: losses, shape: read.shape }, ['x'])['x'], calls };
  } finally {
    pullback.dispose();
    if (p instanceof Tensor) p.dispose();
  }
}

/** The expectation of `f` under a sparse distribution; see `Expectation`. */
export const expectation: Expectation = ((scores: unknown, map: unknown, f: unknown, options: object = {}) => {
  const op = 'expectation';
  if (typeof f !== 'function') throw new EntmaxError('ENTMAX_OPTION', op, 'f to be a function', show(f));
  if (isFactor(map)) return overStructures(op, scores, map, f as Evaluate, options);
  if (typeof map === 'function' && 'vjp' in map) {
    return overIndices(op, scores, map as unknown as AnyRowMap, f as Evaluate, options);
  }
  throw new EntmaxError('ENTMAX_OPTION', op, 'a map of entmax or a factor', show(map));
}) as Expectation;
