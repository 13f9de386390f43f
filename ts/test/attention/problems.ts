/**
 * Problems for attention, and the ways in which the same problem can be handed over.
 *
 * Two kinds of inputs. 'exact': channels are multiples of 1/4 up to 1, so that products, biases and slopes are exact in
 * float32 and in float64 alike, ties are many, and supports can be told to the entry. 'normal': N(0, 1).
 */

import { attention } from 'entmax/attention';
import { bitsOf } from '../oracle/compare.ts';
import type { FloatType } from '../oracle/compare.ts';
import type { Options, Problem, Sizes } from '../oracle/attention.ts';
import { floats, FORMS } from '../oracle/layouts.ts';
import type { Floats, Form } from '../oracle/layouts.ts';
import { randomFrom } from '../oracle/random.ts';
import type { Random } from '../oracle/random.ts';

/** Attention without its types. */
export interface UntypedCsr {
  indptr: Int32Array;
  indices: Int32Array;
  values: Floats;
  thresholds: Floats;
  shape: readonly number[];
  axis: number;
  toDense(): Floats;
}
export interface UntypedInspection {
  output: unknown;
  weights: UntypedCsr;
  skipped: number;
}
export interface UntypedAttention {
  (q: unknown, k?: unknown, v?: unknown, options?: unknown): unknown;
  inspect(q: unknown, k?: unknown, v?: unknown, options?: unknown): UntypedInspection;
  async: {
    (q: unknown, k?: unknown, v?: unknown, options?: unknown): Promise<unknown>;
    inspect(q: unknown, k?: unknown, v?: unknown, options?: unknown): Promise<UntypedInspection>;
  };
}
export const untyped = attention as unknown as UntypedAttention;

/** The forms that carry a shape. */
export const SHAPED_FORMS: readonly Form[] = FORMS.filter(({ name }) => !name.endsWith('Array'));
export const blockForm = (dtype: FloatType): Form =>
  FORMS.find(({ name, dtype: own }) => own === dtype && name.includes('shape'))!;

export type Channels = 'exact' | 'normal';

export const sizes = (b: number, [h, g]: readonly [number, number], n: number, m: number, d: number, e = d): Sizes => ({
  b,
  h,
  g,
  n,
  m,
  d,
  e,
});

/** A problem of these sizes; `options` may draw from the same random numbers. */
export function problemOf(
  size: Sizes,
  dtype: FloatType,
  options: Options | ((size: Sizes, random: Random, dtype: FloatType) => Options) = {},
  channels: Channels = 'exact',
  seed = 1,
): Problem {
  const random = randomFrom(seed * 7919 + size.n * 131 + size.m);
  const { b, h, g, n, m, d, e } = size;
  const normal = (): number => random.normal();
  const channel = channels === 'exact' ? (): number => (random.below(9) - 4) / 4 : normal;
  const draw = (length: number, next: () => number): Floats => floats(dtype, Array.from({ length }, next));
  const [q, k] = [draw(b * h * n * d, channel), draw(b * g * m * d, channel)];
  const v = draw(b * g * m * e, normal);
  return { ...size, q, k, v, options: typeof options === 'function' ? options(size, random, dtype) : options };
}

export type Layout = 'BHND' | 'BNHD';

/** [B, H, N, D] as [B, N, H, D], or the other way with N and H exchanged. */
export function swapped<A extends Floats>(data: A, [b, h, n, d]: readonly [number, number, number, number]): A {
  const result = data.slice() as A;
  for (let at = 0; at < b * h * n; at++) {
    const [batch, head, row] = [Math.floor(at / (h * n)), Math.floor(at / n) % h, at % n];
    const target = ((batch * n + row) * h + head) * d;
    for (let c = 0; c < d; c++) result[target + c] = data[at * d + c]!;
  }
  return result;
}

/** q, k and v in a form and a layout, and the shape of the output. */
export function inputsOf(
  { b, h, g, n, m, d, e, q, k, v }: Problem,
  form: Form,
  layout: Layout = 'BHND',
): { inputs: [unknown, unknown, unknown]; shape: number[] } {
  const make = (data: Floats, shape: [number, number, number, number]): unknown => {
    const [batches, heads, rows, width] = shape;
    const own = layout === 'BHND' ? shape : [batches, rows, heads, width];
    return form.make([...(layout === 'BHND' ? data : swapped(data, shape))], own).x;
  };
  const inputs: [unknown, unknown, unknown] = [make(q, [b, h, n, d]), make(k, [b, g, m, d]), make(v, [b, g, m, e])];
  return { inputs, shape: layout === 'BHND' ? [b, h, n, e] : [b, n, h, e] };
}

/** The output of a problem in the layout [B, H, N, E], computed through a form and a layout. */
export function outputOf(
  problem: Problem,
  form: Form,
  layout: Layout = 'BHND',
  more: object = {},
  operator = untyped,
): Floats {
  const { b, h, n, e, options } = problem;
  const { inputs, shape } = inputsOf(problem, form, layout);
  const output = form.read(operator(...inputs, { ...options, layout, ...more }), shape);
  return layout === 'BHND' ? output : swapped(output, [b, n, h, e]);
}

/** Attention of a problem as blocks. */
export function attend(problem: Problem, more: object = {}, operator = untyped): Floats {
  const dtype = problem.q instanceof Float32Array ? 'float32' : 'float64';
  return outputOf(problem, blockForm(dtype), 'BHND', more, operator);
}

/** The inspection of a problem as blocks. */
export function inspect(
  problem: Problem,
  more: object = {},
  operator = untyped,
): UntypedInspection & { output: { data: Floats } } {
  const dtype = problem.q instanceof Float32Array ? 'float32' : 'float64';
  const { inputs } = inputsOf(problem, blockForm(dtype));
  return operator.inspect(...inputs, { ...problem.options, ...more }) as never;
}

/** Everything of sparse weights as text. */
export const bitsOfWeights = ({ indptr, indices, values, thresholds }: UntypedCsr): string =>
  [indptr.join(), indices.join(), bitsOf(values), bitsOf(thresholds)].join(' ');
