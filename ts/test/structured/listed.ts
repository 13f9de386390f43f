/** Oracles of a list of vertices, and scores for them. */

import { expect } from 'vitest';
import { factors } from 'entmax/structured';
import type { CustomOracle, Factor } from 'entmax/structured';
import { dot } from './nearest.ts';
import { normals, upTo } from './rules.ts';

/** The oracle of a list of vertices: looks at all of them. */
export function oracleOf(
  vertices: readonly (readonly number[])[],
): CustomOracle<number> & { questions: Float64Array[] } {
  const questions: Float64Array[] = [];
  return {
    questions,
    size: vertices[0]!.length,
    map: (scores) => {
      questions.push(scores);
      const totals = vertices.map((vertex) => dot(vertex, scores));
      const at = totals.indexOf(Math.max(...totals));
      return totals[at]! > -Infinity ? { key: `vertex ${at}`, value: at, vertex: vertices[at]! } : undefined;
    },
  };
}

export const listed = (vertices: readonly (readonly number[])[]): Factor<never, number> =>
  factors.custom(oracleOf(vertices));

/** Points that are not 0 and 1. */
export const cloud = (points: number, size: number, seed: number): number[][] =>
  upTo(points).map((j) => normals(size, 1000 * seed + j));

export const blockOf = (data: readonly number[], shape: readonly number[] = [data.length]) => ({
  data: Float64Array.from(data),
  shape,
});

export function expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, slack: number, what = ''): void {
  expect(got.length).toBe(expected.length);
  Array.from(got).forEach((each, at) => expect(Math.abs(each - expected[at]!), `${what} at ${at}`).toBeLessThan(slack));
}
