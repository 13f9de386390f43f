// Every regularised map, without its types, with options for rows of any length.

import type { Csr, Support } from 'entmax';
import {
  constrainedEntmax,
  constrainedSoftmax,
  constrainedSparsemax,
  fusedmax,
  normmax,
  oscarmax,
  tvmax,
} from 'entmax/regularised';
import { randomFrom } from '../oracle/random.ts';

export type Numbers = Float32Array | Float64Array;
export type Gradients = Record<string, unknown>;

/** A map without its types. `groups` or `backward` is there, not both. */
export interface AnyMap {
  (x: unknown, options?: unknown): unknown;
  csr(x: unknown, options?: unknown): Csr;
  support(x: unknown, options?: unknown): Support;
  vjp(x: unknown, options?: unknown): [unknown, (dp: unknown, wrt?: readonly string[]) => Gradients];
  groups?(x: unknown, options?: unknown): { p: unknown; groups: Int32Array };
  backward?(p: unknown, dp: unknown, options?: unknown): Gradients;
  async: {
    (x: unknown, options?: unknown): Promise<unknown>;
    csr(x: unknown, options?: unknown): Promise<Csr>;
    support(x: unknown, options?: unknown): Promise<Support>;
    vjp(x: unknown, options?: unknown): Promise<[unknown, (dp: unknown) => Promise<Gradients>]>;
    groups?(x: unknown, options?: unknown): Promise<{ p: unknown; groups: Int32Array }>;
    backward?(p: unknown, dp: unknown, options?: unknown): Promise<Gradients>;
  };
  readonly wrt: readonly string[];
}

/** Every map of rows, with options for rows of `n`. */
export const CASES = (n: number): readonly (readonly [name: string, map: AnyMap, options: Record<string, unknown>])[] =>
  [
    ['fusedmax', fusedmax, { lambda: 0.13 }],
    ['oscarmax', oscarmax, { lambda: 0.7 / n }],
    ['oscarmax as published', oscarmax, { lambda: 0.3 / n, compat: 'torchsparseattn' }],
    ['normmax', normmax, { alpha: 1.7 }],
    ['constrainedSoftmax', constrainedSoftmax, { upper: 2.5 / n }],
    ['constrainedSparsemax', constrainedSparsemax, { upper: 2.5 / n }],
    ['constrainedEntmax', constrainedEntmax, { alpha: 1.4, upper: 2.5 / n }],
  ] as unknown as readonly [string, AnyMap, Record<string, unknown>][];

/** The map of grids. */
export const TVMAX = tvmax as unknown as AnyMap;

export const names = CASES(1).map(([name]) => name);

export const caseOf = (name: string, n: number): [AnyMap, Record<string, unknown>] => {
  const [, map, options] = CASES(n).find(([each]) => each === name)!;
  return [map, options];
};

export const scores = (length: number, seed = 1): Float64Array => {
  const random = randomFrom(seed);
  return Float64Array.from({ length }, () => random.normal());
};
