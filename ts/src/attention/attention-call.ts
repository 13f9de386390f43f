/**
 * The arguments of attention, read and checked: nothing has been written when reading throws.
 *
 * Letters: B batch, H query heads, G key heads (a divisor of H: grouped-query attention), N queries, M keys, D channels
 * of queries and keys, E channels of values.
 */

import { EntmaxError, show, showShape } from '../errors.ts';
import { readEmptyRow, readOptions } from '../maps/options.ts';
import type { EmptyRow } from '../maps/options.ts';
import { alphaRule, readParameter } from '../maps/parameter.ts';
import type { Parameter } from '../maps/parameter.ts';
import { readScores } from '../scores.ts';
import type { ReadScores, Template } from '../scores.ts';
import type { Shape } from '../types.ts';
import { CAUSAL } from './description.ts';

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
  /** alpha - 1 of each head. */
  readonly alpha: Parameter;
  readonly scale: number;
  readonly causal: number;
  readonly topk: number;
  readonly emptyRow: EmptyRow;
  readonly given: Readonly<Record<string, unknown>>;
}

const OPTIONS = ['alpha', 'scale', 'isCausal', 'topk', 'layout', 'emptyRow'];
const RUN_OPTIONS = ['signal', 'onProgress'];

export function readAttentionCall(
  op: string,
  [q, k, v, options]: readonly unknown[],
  more: readonly string[],
  isAsync: boolean,
): AttentionCall {
  const given = readOptions(op, options, [...OPTIONS, ...more, ...(isAsync ? RUN_OPTIONS : [])]);
  const layout = readLayout(op, given['layout']);
  const queries = readHeads(op, 'q', q);
  const [keys, values] = [readHeads(op, 'k', k, queries), readHeads(op, 'v', v, queries)];
  const sizes = sizesOf(op, layout, queries.shape, keys.shape, values.shape);
  const { batches, heads, queries: n, valueWidth } = sizes;
  const shape = layout === 'BHND' ? [batches, heads, n, valueWidth] : [batches, n, heads, valueWidth];
  return {
    op,
    q: queries,
    k: keys,
    v: values,
    template: { form: queries.form, dtype: queries.dtype, shape },
    sizes,
    layout,
    alpha: readAlpha(op, given['alpha'], heads),
    scale: readScale(op, given['scale'], sizes.width),
    causal: readCausal(op, given['isCausal'], sizes),
    topk: readTopk(op, given['topk']),
    emptyRow: readEmptyRow(op, given['emptyRow']),
    given,
  };
}

/** One of q, k and v: four axes, of one element type. */
function readHeads(op: string, name: string, source: unknown, like?: ReadScores): ReadScores {
  const read = readScores(op, source, undefined, name);
  if (read.form === 'array' || read.shape.length !== 4) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `${name} with four axes`, `shape ${showShape(read.shape)}`);
  }
  if (like && read.dtype !== like.dtype) {
    throw new EntmaxError('ENTMAX_DTYPE', op, `${name} of ${like.dtype}, as q`, read.dtype);
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
    const expected = `k with the batch and width of q ${showShape(q)} and a divisor of its ${heads} heads`;
    throw new EntmaxError('ENTMAX_SHAPE', op, expected, showShape(k));
  }
  if (v[0] !== batches || v[h] !== keyHeads || v[n] !== keys) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `v with the batch, heads and keys of k ${showShape(k)}`, showShape(v));
  }
  return sizes;
}

function readLayout(op: string, layout: unknown): Layout {
  if (layout === undefined || layout === 'BHND') return 'BHND';
  if (layout === 'BNHD') return layout;
  throw new EntmaxError('ENTMAX_OPTION', op, "layout to be 'BHND' or 'BNHD'", show(layout));
}

/** alpha of each head: a number, or one for each. */
function readAlpha(op: string, alpha: unknown, heads: number): Parameter {
  const layout = { outer: heads, n: 1, inner: 1, rows: heads, axis: 1 };
  return readParameter(op, alphaRule(1.5, 'alpha'), alpha, [heads, 1], layout);
}

function readScale(op: string, scale: unknown, width: number): number {
  if (scale === undefined) return 1 / Math.sqrt(Math.max(width, 1));
  if (typeof scale === 'number' && Number.isFinite(scale)) return scale;
  throw new EntmaxError('ENTMAX_OPTION', op, 'scale to be finite', show(scale));
}

function readCausal(op: string, isCausal: unknown, { queries, keys }: Sizes): number {
  if (isCausal === undefined || isCausal === false) return CAUSAL.none;
  if (isCausal === 'upperLeft' || isCausal === 'lowerRight') return CAUSAL[isCausal];
  if (isCausal !== true) {
    const expected = "isCausal to be true, false, 'upperLeft' or 'lowerRight'";
    throw new EntmaxError('ENTMAX_OPTION', op, expected, show(isCausal));
  }
  if (queries === keys) return CAUSAL.upperLeft;
  const expected = `isCausal 'upperLeft' or 'lowerRight' for ${queries} queries and ${keys} keys`;
  throw new EntmaxError('ENTMAX_OPTION', op, expected, 'true');
}

function readTopk(op: string, topk: unknown): number {
  if (topk === undefined) return 0;
  if (Number.isInteger(topk) && (topk as number) >= 1) return Math.min(topk as number, 0x7fffffff);
  throw new EntmaxError('ENTMAX_OPTION', op, 'topk to be a positive integer', show(topk));
}
