/** What the digest computes of the regularised maps: probabilities, supports, groups, gradients and a loss, along either axis. */

import { tensor, zeros } from 'entmax';
import type { Csr } from 'entmax';
import {
  constrainedEntmax,
  constrainedSoftmax,
  fusedmax,
  normmax,
  normmaxLoss,
  oscarmax,
  tvmax,
} from 'entmax/regularised';
import type { AttentionForm } from './digest-attention.ts';
import { hashOf } from './hash.ts';
import { scores } from './scores.ts';
import type { StructuredCase } from './digest-structured.ts';

type Floats = Float32Array | Float64Array;
type Pullback = (dp: Floats) => Record<string, Floats | number> | Promise<Record<string, Floats | number>>;
interface AnyMap {
  (...args: unknown[]): Floats;
  csr(...args: unknown[]): Csr;
  vjp(...args: unknown[]): [Floats, Pullback];
  groups?(...args: unknown[]): { p: Floats; groups: Int32Array };
  async: {
    (...args: unknown[]): Promise<Floats>;
    csr(...args: unknown[]): Promise<Csr>;
    vjp(...args: unknown[]): Promise<[Floats, Pullback]>;
  };
}

const FORMS: readonly AttentionForm[] = ['tensor', 'array', 'vjp', 'tensor async', 'array async', 'vjp async'];

/** Two bounds hold a row. */
const upper = 0.6;
const MAPS = [
  ['fusedmax', fusedmax, { lambda: 0.1 }],
  ['oscarmax', oscarmax, { lambda: 0.01 }],
  ['oscarmax as published', oscarmax, { lambda: 0.001, compat: 'torchsparseattn' }],
  ['normmax', normmax, { alpha: 1.7 }],
  ['constrainedSoftmax', constrainedSoftmax, { upper }],
  ['constrainedEntmax', constrainedEntmax, { alpha: 1.4, upper }],
] as unknown as readonly (readonly [name: string, map: AnyMap, options: object])[];

const NORMMAX = normmax as unknown as AnyMap;

/** Value and gradients of the loss of normmax for some class of each row. */
async function lossOf(x: Floats, rows: number, options: object, isAsync: boolean): Promise<Floats[]> {
  const classes = Int32Array.from({ length: rows }, (_, r) => (r * 5) % 13);
  const call = isAsync ? normmaxLoss.async : normmaxLoss;
  const [value, gradients] = await call.valueAndGrad(x, classes, options);
  return [Float64Array.of(value, gradients.alpha), gradients.x];
}

export function* regularisedCases(): Generator<StructuredCase> {
  for (const dtype of ['float32', 'float64'] as const) {
    for (const each of MAPS) {
      yield regularisedCase(dtype, each, [13, 65], 1, 'any');
      yield regularisedCase(dtype, each, [65, 7, 13], 0, 'any');
      yield regularisedCase(dtype, each, [2048, 64], 1, 'all');
    }
    const grids = ['tvmax', tvmax as unknown as AnyMap, { lambda: 0.1 }] as const;
    yield regularisedCase(dtype, grids, [130, 64], 1, 'any', [130, 8, 8]);
  }
}

function regularisedCase(
  dtype: 'float32' | 'float64',
  [name, map, given]: (typeof MAPS)[number],
  shape: readonly number[],
  axis: number,
  threads: 'all' | 'any',
  grids?: readonly number[],
): StructuredCase {
  const x = scores({ shape, axis }, dtype);
  const dp = x.map((_, i) => ((i * 37) % 64) / 16 - 2);
  const rows = x.length / shape[axis]!;
  const input = tensor<Floats>(x, grids ?? shape);
  const out = zeros(grids ?? shape, dtype);
  const own = { ...given, ...(grids ? {} : { axis }), temperature: 0.75 };
  const options = { ...own, shape: grids ?? shape };
  const run = async (form: string): Promise<string> => {
    const call = form.endsWith('async') ? map.async : map;
    if (form.startsWith('tensor')) {
      out.view().fill(7);
      await call(input, { ...own, out });
      return hashOf(out.toTypedArray());
    }
    if (form.startsWith('array')) return hashOf(await call(x, options));
    const [p, pullback] = await call.vjp(x, options);
    const gradients = Object.values(await pullback(dp)).map((each) =>
      typeof each === 'number' ? Float64Array.of(each) : each,
    );
    const groups = map.groups?.(x, options).groups ?? new Int32Array(0);
    const { indices, values, thresholds } = await call.csr(x, options);
    const losses = map === NORMMAX ? await lossOf(x, rows, options, form.endsWith('async')) : [];
    return hashOf(p, groups, ...gradients, indices, values, thresholds, ...losses);
  };
  return {
    name: `${name}, ${shape.join(' x ')} along ${axis}, ${dtype}`,
    rows,
    n: shape[axis]!,
    forms: FORMS,
    threads,
    run,
    dispose: () => {
      input.dispose();
      out.dispose();
    },
  };
}
