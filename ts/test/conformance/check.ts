// Holds an answer against a conformance case: every quantity within the absolute tolerance that the case gives.

import { expect } from 'vitest';
import type { FloatType } from '../oracle/compare.ts';
import type { ConformanceCase, Quantity, Values } from '../oracle/golden.ts';

/** What an implementation answers: only the quantities that it computes. */
export type Answer = Partial<Record<Quantity, ArrayLike<number> | readonly (readonly number[])[] | number>>;

/** Quantities that have no tolerance. */
const LISTS = new Set<Quantity>(['support', 'saturated', 'sizes', 'exact', 'groups']);

/** Fails unless each given quantity that the case expects is as expected; returns the names of those compared. */
export function check(conformance: ConformanceCase, dtype: FloatType, answer: Answer, context = ''): Quantity[] {
  const compared: Quantity[] = [];
  for (const [name, actual] of Object.entries(answer) as [Quantity, Answer[Quantity]][]) {
    const expected = conformance.expected[name];
    if (expected === undefined || actual === undefined) continue;
    compared.push(name);
    const where = `${conformance.name}${context && `, ${context}`}: ${name}`;
    if (LISTS.has(name)) {
      expect(actual, where).toEqual(expected);
      continue;
    }
    const tolerance = conformance.tolerance[dtype]?.[name];
    if (tolerance === undefined) throw new Error(`${where}: no tolerance for ${dtype}`);
    within(actual as ArrayLike<number> | number, expected as Float64Array | Values | number, tolerance, where);
  }
  return compared;
}

function within(
  actual: ArrayLike<number> | number,
  expected: Float64Array | Values | number,
  tolerance: number,
  where: string,
): void {
  const ours = typeof actual === 'number' ? [actual] : actual;
  const { values, at } = valuesOf(expected);
  if (!at && ours.length !== values.length) expect.fail(`${where}: ${ours.length} values for ${values.length}`);
  values.forEach((value, k) => {
    const index = at ? at[k]! : k;
    const entry = ours[index]!;
    // NaN and infinities must be met exactly; otherwise the difference counts.
    if (!(Object.is(entry, value) || Math.abs(entry - value) <= tolerance))
      expect.fail(`${where}[${index}]: ${entry} instead of ${value}, ${Math.abs(entry - value)} > ${tolerance}`);
  });
}

function valuesOf(expected: Float64Array | Values | number): Values {
  if (typeof expected === 'number') return { values: Float64Array.of(expected) };
  return expected instanceof Float64Array ? { values: expected } : expected;
}

/** The rows of a block along an axis, in row-major order of the other axes. */
export function rowsAlong<T>(flat: ArrayLike<T>, shape: readonly number[], axis: number): T[][] {
  const at = axis < 0 ? axis + shape.length : axis;
  const n = shape[at]!;
  const inner = shape.slice(at + 1).reduce((product, length) => product * length, 1);
  const outer = shape.slice(0, at).reduce((product, length) => product * length, 1);
  return Array.from({ length: outer * inner }, (_, r) =>
    Array.from({ length: n }, (__, j) => flat[(Math.floor(r / inner) * n + j) * inner + (r % inner)]!),
  );
}

/** The inverse of rowsAlong: rows back in the layout of the block. */
export function laidAlong(rows: readonly ArrayLike<number>[], shape: readonly number[], axis: number): Float64Array {
  const at = axis < 0 ? axis + shape.length : axis;
  const n = shape[at]!;
  const inner = shape.slice(at + 1).reduce((product, length) => product * length, 1);
  const flat = new Float64Array(rows.length * n);
  rows.forEach((row, r) => {
    for (let j = 0; j < n; j++) flat[(Math.floor(r / inner) * n + j) * inner + (r % inner)] = row[j]!;
  });
  return flat;
}
