/** Nested arrays of numbers: to flat float64 values with a shape, and back. */

import { EntmaxError, show } from './errors.ts';
import type { F64, Nested, Shape } from './types.ts';

/** The numbers of nested arrays in row-major order. Errors: ENTMAX_SHAPE for ragged ones, ENTMAX_DTYPE for others. */
export function flatten(op: string, nested: readonly unknown[]): { values: F64; shape: number[] } {
  const shape: number[] = [];
  for (let level: unknown = nested; Array.isArray(level); level = level[0]) shape.push(level.length);
  const values = new Float64Array(shape.reduce((product, length) => product * length, 1));
  let at = 0;
  const visit = (level: readonly unknown[], depth: number): void => {
    if (level.length !== shape[depth]) {
      throw new EntmaxError(
        'ENTMAX_SHAPE',
        op,
        `${shape[depth]} entries at depth ${depth} everywhere`,
        `${level.length}`,
      );
    }
    for (const entry of level) {
      const deeper = depth + 1 < shape.length;
      if (deeper !== Array.isArray(entry)) {
        throw new EntmaxError('ENTMAX_SHAPE', op, 'numbers at one depth only', show(entry));
      }
      if (Array.isArray(entry)) visit(entry, depth + 1);
      else if (typeof entry === 'number') values[at++] = entry;
      else throw new EntmaxError('ENTMAX_DTYPE', op, 'numbers', show(entry));
    }
  };
  visit(nested, 0);
  return { values, shape };
}

/** Flat values as arrays nested to the shape; a number for rank 0. */
export function nest(values: ArrayLike<number>, shape: Shape): Nested | number {
  let at = 0;
  const build = (depth: number): Nested | number => {
    if (depth === shape.length) return values[at++] ?? NaN;
    return Array.from({ length: shape[depth] ?? 0 }, () => build(depth + 1));
  };
  return build(0);
}
