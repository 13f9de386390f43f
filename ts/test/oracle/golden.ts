// The golden values of ts/test/conformance, which scripts/golden/entmax.py has computed with mpmath at 50 digits.

import { readFileSync } from 'node:fs';
import { randomFrom } from './random.ts';

type Text = number | 'Infinity' | '-Infinity';

export interface GoldenRow {
  readonly name: string;
  readonly x: Float64Array;
  readonly alpha: number;
  readonly threshold: number;
  readonly p: Float64Array;
}

export interface GoldenSample {
  readonly name: string;
  readonly x: Float64Array;
  readonly alpha: number;
  /** Entries with p > 0. */
  readonly size: number;
  readonly threshold: number;
  readonly largest: number;
  /** Some entries: index and p. */
  readonly entries: readonly (readonly [number, number])[];
}

function read<C>(name: string): { versions: { mpmath: string }; cases: C[] } {
  return JSON.parse(readFileSync(new URL(`../conformance/${name}`, import.meta.url), 'utf8')) as never;
}

/** Short rows, all entries. */
export function goldenRows(): GoldenRow[] {
  const { cases } = read<{ name: string; x: Text[]; results: { alpha: Text; threshold: Text; p: number[] }[] }>(
    'entmax-rows.json',
  );
  return cases.flatMap(({ name, x, results }) =>
    results.map(({ alpha, threshold, p }) => ({
      name,
      x: Float64Array.from(x, Number),
      alpha: Number(alpha),
      threshold: Number(threshold),
      p: Float64Array.from(p),
    })),
  );
}

/** Long rows, some entries. */
export function goldenSamples(): GoldenSample[] {
  type Case = Omit<GoldenSample, 'name' | 'x' | 'threshold'> & {
    seed: number;
    n: number;
    scale: number;
    threshold: Text;
  };
  return read<Case>('entmax-large.json').cases.map(({ seed, n, scale, threshold, ...rest }) => {
    const random = randomFrom(seed);
    const x = Float64Array.from({ length: n }, () => random.normal() * scale);
    return { ...rest, name: `n = ${n}, scale ${scale}`, x, threshold: Number(threshold) };
  });
}
