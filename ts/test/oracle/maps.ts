// The four maps, with the alphas that the tests give `entmax`.

import { entmax, entmax15, softmax, sparsemax } from 'entmax';

/** A map without its types: the tests give it every form in turn, and things that the types forbid. */
export interface UntypedMap {
  (x: unknown, options?: unknown): unknown;
  support(x: unknown, options?: unknown): { sizes: Int32Array; thresholds: Float32Array | Float64Array };
  async: {
    (x: unknown, options?: unknown): Promise<unknown>;
    support(x: unknown, options?: unknown): Promise<{ sizes: Int32Array; thresholds: Float32Array | Float64Array }>;
  };
}

const untyped = (map: unknown): UntypedMap => map as UntypedMap;

export interface MapCase {
  readonly name: string;
  readonly map: UntypedMap;
  readonly alpha: number;
  /** Options that select this alpha. */
  readonly options: object;
}

export const entmaxWith = (alpha: number): MapCase => ({
  name: `entmax, alpha ${alpha}`,
  map: untyped(entmax),
  alpha,
  options: { alpha },
});

export const FIXED_MAPS: readonly MapCase[] = [
  { name: 'softmax', map: untyped(softmax), alpha: 1, options: {} },
  { name: 'sparsemax', map: untyped(sparsemax), alpha: 2, options: {} },
  { name: 'entmax15', map: untyped(entmax15), alpha: 1.5, options: {} },
];

export const MAPS: readonly MapCase[] = [...FIXED_MAPS, ...[1, 1.25, 1.5, 1.7, 2, 4, Infinity].map(entmaxWith)];
