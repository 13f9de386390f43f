/**
 * Central differences of a number that depends on others. Where it is not smooth, as at the edge of a support, two steps of
 * different lengths tell different slopes, and the entry is left out.
 */

import type { Floats } from '../oracle/layouts.ts';

const STEP = 1e-6;

export type Numbers = Floats | number[];

/** The derivative of `value` by one number, or undefined where it is not smooth; from above only, where it has one side. */
export function difference(value: () => number, values: Numbers, at: number, hasOneSide = false): number | undefined {
  const own = values[at]!;
  const along = (step: number): number => {
    values[at] = own + step;
    const result = value();
    values[at] = own;
    return result;
  };
  const slope = (step: number): number =>
    hasOneSide
      ? (4 * along(step) - along(2 * step) - 3 * along(0)) / (2 * step)
      : (along(step) - along(-step)) / (2 * step);
  const [near, far] = [slope(STEP), slope(8 * STEP)];
  return Math.abs(near - far) > 1e-4 * Math.max(1, Math.abs(near)) ? undefined : near;
}
