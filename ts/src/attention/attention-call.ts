/**
 * The arguments of attention, read and checked: nothing has been written when reading throws.
 *
 * Letters: B batch, H query heads, G key heads (a divisor of H: grouped-query attention), N queries, M keys, D channels
 * of queries and keys, E channels of values.
 */

import { EntmaxError, show, showShape } from '../errors.ts';
import { readEmptyRow, readLengths, readOptions } from '../maps/options.ts';
import type { EmptyRow } from '../maps/options.ts';
import type { Parameter } from '../maps/parameter.ts';
import { readScores, withNumbersAs } from '../scores.ts';
import type { ReadScores, Template } from '../scores.ts';
import type { Tensor } from '../tensor.ts';
import type { Float, Shape } from '../types.ts';
import { HINTS, readAlpha, readCausal, readLayout, readScale, readSlopes, readTopk } from './options.ts';
import type { Lengths } from './options.ts';
import type { RmsNorm } from './rms-norm.ts';
import { readBias, readKeyMask, readMask } from './tables.ts';
import type { ReadBias, ReadMask } from './tables.ts';

/** Sizes of a call. */
export interface Sizes {
  readonly batches: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly queries: number;
  readonly keys: number;
  readonly width: number;
  readonly valueWidth: number;
}

export type Layout = 'BHND' | 'BNHD';

export interface AttentionCall {
  readonly op: string;
  readonly q: ReadScores;
  readonly k: ReadScores;
  readonly v: ReadScores;
  /** Form, element type and shape of the output. */
  readonly template: Template;
  readonly sizes: Sizes;
  readonly layout: Layout;
  /** alpha - 1 of each head; undefined where the positive scores are the weights. */
  readonly alpha: Parameter | undefined;
  readonly scale: number;
  readonly causal: number;
  readonly topk: number;
  readonly bias: ReadBias | undefined;
  readonly mask: ReadMask | undefined;
  /** [B, M], 1 = keep. */
  readonly keyMask: Uint8Array | undefined;
  /** H of them. */
  readonly slopes: Float | undefined;
  readonly lengths: Lengths;
  readonly emptyRow: EmptyRow;
  /** What makes the output of the sums; undefined where they are the output. */
  readonly norm?: RmsNorm | undefined;
  readonly given: Readonly<Record<string, unknown>>;
}

/** What is said of a call besides how weights are made of its scores, and what of their sums. */
export type CommonCall = Omit<AttentionCall, 'alpha' | 'topk' | 'norm'>;

/** Reads the arguments of a form; `more` are the form's own options. */
export type ReadCall = (
  op: string,
  args: readonly unknown[],
  more: readonly string[],
  isAsync: boolean,
) => AttentionCall;

const OPTIONS = [
  ...['scale', 'isCausal', 'mask', 'keyMask', 'bias', 'alibiSlopes'],
  ...['querySeqLengths', 'keyValueSeqLengths', 'layout', 'emptyRow'],
];
const RUN_OPTIONS = ['signal', 'onProgress'];

/** Reads a call of attention. */
export const readAttentionCall: ReadCall = (op, args, more, isAsync) => {
  const call = readCommonCall(op, args, ['alpha', 'topk'], more, isAsync, HINTS);
  const { alpha, topk } = call.given;
  return { ...call, alpha: readAlpha(op, alpha, call.sizes.heads), topk: readTopk(op, topk) };
};

/** Reads q, k, v and the options; `own` are those of the operator, `more` those of the form. */
export function readCommonCall(
  op: string,
  [q, k, v, options]: readonly unknown[],
  own: readonly string[],
  more: readonly string[],
  isAsync: boolean,
  hints: Readonly<Record<string, string>>,
): CommonCall {
  const known = [...own, ...OPTIONS, ...more, ...(isAsync ? RUN_OPTIONS : [])];
  const given = readOptions(op, options, known, hints);
  const layout = readLayout(op, given['layout']);
  const queries = readHeads(op, 'q', q);
  const { form, dtype } = queries;
  const [keys, values] = [readHeads(op, 'k', k, dtype), readHeads(op, 'v', v, dtype)];
  const sizes = sizesOf(op, layout, queries.shape, keys.shape, values.shape);
  const { batches, heads, queries: n, keys: m } = sizes;
  const lengths = {
    queries: readLengths(op, 'querySeqLengths', given['querySeqLengths'], batches, n),
    keys: readLengths(op, 'keyValueSeqLengths', given['keyValueSeqLengths'], batches, m),
  };
  return {
    op,
    q: queries,
    k: keys,
    v: values,
    template: { form, dtype, shape: outputShape(sizes, layout) },
    sizes,
    layout,
    scale: readScale(op, given['scale'], sizes.width),
    causal: readCausal(op, given['isCausal'], sizes, lengths),
    bias: readBias(op, given['bias'], dtype, [batches, heads, n, m]),
    mask: readMask(op, given['mask'], [batches, heads, n, m]),
    keyMask: readKeyMask(op, given['keyMask'], [batches, m]),
    slopes: readSlopes(op, given['alibiSlopes'], dtype, heads),
    lengths,
    emptyRow: readEmptyRow(op, given['emptyRow']),
    given,
  };
}

/** What a call reads where it lies. */
export function readsOf({ q, k, v, bias, mask, norm }: AttentionCall): (ReadScores | Tensor | undefined)[] {
  return [q, k, v, bias?.scores, mask?.tensor, ...Object.values(norm?.inputs ?? {})];
}

/** The shape of the output in the layout of a call. */
export function outputShape({ batches, heads, queries, valueWidth }: Sizes, layout: Layout): Shape {
  return layout === 'BHND' ? [batches, heads, queries, valueWidth] : [batches, queries, heads, valueWidth];
}

/** One of q, k and v: four axes, of the element type of their `owner`. */
export function readHeads(
  op: string,
  name: string,
  source: unknown,
  dtype?: 'float32' | 'float64',
  owner = 'q',
): ReadScores {
  const own = readScores(op, source, undefined, name);
  const read = dtype ? withNumbersAs(dtype, own) : own;
  if (read.form === 'array') {
    const got = `a ${read.data.constructor.name} without a shape`;
    throw new EntmaxError('ENTMAX_SHAPE', op, `${name} as { data, shape }, a Tensor or nested numbers`, got);
  }
  if (read.shape.length !== 4) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `${name} with four axes`, `shape ${showShape(read.shape)}`);
  }
  if (dtype && read.dtype !== dtype) {
    throw new EntmaxError('ENTMAX_DTYPE', op, `${name} of ${dtype}, as ${owner}`, read.dtype);
  }
  return read;
}

function sizesOf(op: string, layout: Layout, q: Shape, k: Shape, v: Shape): Sizes {
  const [h, n] = layout === 'BHND' ? [1, 2] : [2, 1];
  const sizes = {
    batches: q[0]!,
    heads: q[h]!,
    keyHeads: k[h]!,
    queries: q[n]!,
    keys: k[n]!,
    width: q[3]!,
    valueWidth: v[3]!,
  };
  const { batches, heads, keyHeads, keys, width } = sizes;
  const divides = keyHeads > 0 ? heads % keyHeads === 0 : heads === 0;
  if (k[0] !== batches || k[3] !== width || !divides) {
    const hint = layout === 'BHND' && q[1] !== k[1] && q[2] === k[2] ? " (layout 'BNHD'?)" : '';
    const axes = `${showShape(q)} and a divisor of its ${heads} heads in layout ${show(layout)}${hint}`;
    throw new EntmaxError('ENTMAX_SHAPE', op, `k with the batch and width of q ${axes}`, showShape(k));
  }
  if (v[0] !== batches || v[h] !== keyHeads || v[n] !== keys) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `v with the batch, heads and keys of k ${showShape(k)}`, showShape(v));
  }
  return sizes;
}
