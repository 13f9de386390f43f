/** The options of attention that are numbers, names, or one value for each head or batch. */

import { EntmaxError, show } from '../errors.ts';
import { alphaRule, readParameter } from '../maps/parameter.ts';
import type { Parameter } from '../maps/parameter.ts';
import { newArray, readScores, scoresView } from '../scores.ts';
import type { FloatType } from '../scores.ts';
import { sizeOf } from '../shape.ts';
import type { Float } from '../types.ts';
import type { Layout, Sizes } from './attention-call.ts';
import { CAUSAL } from './description.ts';

/** Names from PyTorch, jax, flash-attention and transformers, and what they are here. */
export const HINTS: Readonly<Record<string, string>> = {
  is_causal: 'isCausal',
  causal: 'isCausal',
  attn_mask: 'mask, with 1 = keep, or bias, which is added',
  attnMask: 'mask, with 1 = keep, or bias, which is added',
  attn_bias: 'bias',
  attention_mask: 'keyMask, with 1 = keep',
  attentionMask: 'keyMask, with 1 = keep',
  key_padding_mask: 'keyMask, with 1 = keep and not 1 = drop',
  keyPaddingMask: 'keyMask, with 1 = keep and not 1 = drop',
  key_mask: 'keyMask',
  query_seq_lengths: 'querySeqLengths',
  key_value_seq_lengths: 'keyValueSeqLengths',
  lengths: 'querySeqLengths and keyValueSeqLengths',
  alibi_slopes: 'alibiSlopes',
  softmax_scale: 'scale',
  sm_scale: 'scale',
  temperature: 'scale, by which products are multiplied',
  k: 'topk',
  dim: "layout, 'BHND' or 'BNHD'",
  axis: "layout, 'BHND' or 'BNHD'",
  shape: 'part of q, k and v: { data, shape }',
  empty_row: 'emptyRow',
  enable_gqa: 'nothing: heads of k and v that divide those of q are shared',
  enableGqa: 'nothing: heads of k and v that divide those of q are shared',
  dropout: 'nothing: there is no dropout',
  dropout_p: 'nothing: there is no dropout',
  implementation: 'nothing: every path gives the same bits',
  need_weights: 'the form .inspect',
  return_residual: 'the form .inspect',
  local_window_size: 'mask',
  window_size: 'mask',
};

export function readLayout(op: string, layout: unknown): Layout {
  if (layout === undefined || layout === 'BHND') return 'BHND';
  if (layout === 'BNHD') return layout;
  throw new EntmaxError('ENTMAX_OPTION', op, "layout to be 'BHND' or 'BNHD'", show(layout));
}

const ALPHA = { ...alphaRule(1.5, 'alpha'), owner: 'head' };

/** alpha of each head: a number, or one for each of H. */
export function readAlpha(op: string, alpha: unknown, heads: number): Parameter {
  // A row for each head, and no axis that rows run along.
  const layout = { outer: heads, n: 1, inner: 1, rows: heads, axis: -1 };
  return readParameter(op, ALPHA, alpha, [heads], layout);
}

export function readScale(op: string, scale: unknown, width: number): number {
  if (scale === undefined) return 1 / Math.sqrt(Math.max(width, 1));
  if (typeof scale === 'number' && Number.isFinite(scale)) return scale;
  throw new EntmaxError('ENTMAX_OPTION', op, 'scale to be finite', show(scale));
}

export function readTopk(op: string, topk: unknown): number {
  if (topk === undefined) return 0;
  if (Number.isInteger(topk) && (topk as number) >= 1) return Math.min(topk as number, 0x7fffffff);
  throw new EntmaxError('ENTMAX_OPTION', op, 'topk to be a positive integer', show(topk));
}

/** Queries and keys that count, B of each; undefined for all. */
export interface Lengths {
  readonly queries: Int32Array | undefined;
  readonly keys: Int32Array | undefined;
}

export function readCausal(op: string, isCausal: unknown, { queries, keys, batches }: Sizes, lengths: Lengths): number {
  if (isCausal === undefined || isCausal === false) return CAUSAL.none;
  if (isCausal === 'upperLeft' || isCausal === 'lowerRight') return CAUSAL[isCausal];
  if (isCausal !== true) {
    const expected = "isCausal to be true, false, 'upperLeft' or 'lowerRight'";
    throw new EntmaxError('ENTMAX_OPTION', op, expected, show(isCausal));
  }
  const refuse = (n: number, m: number, where: string): never => {
    const expected = `isCausal 'upperLeft' or 'lowerRight' for ${n} queries and ${m} keys${where}`;
    throw new EntmaxError('ENTMAX_OPTION', op, expected, 'true');
  };
  if (queries !== keys) refuse(queries, keys, '');
  for (let b = 0; b < batches; b++) {
    const [n, m] = [lengths.queries?.[b] ?? queries, lengths.keys?.[b] ?? keys];
    if (n !== m) refuse(n, m, ` in batch ${b}`);
  }
  return CAUSAL.upperLeft;
}

/** Slopes of ALiBi, one for each head, in the scores' element type. */
export function readSlopes(op: string, source: unknown, dtype: FloatType, heads: number): Float | undefined {
  if (source === undefined) return undefined;
  const read = readScores(op, source, undefined, 'alibiSlopes');
  if (read.shape.length !== 1 || sizeOf(read.shape) !== heads) {
    const got = `shape [${read.shape.join(', ')}]`;
    throw new EntmaxError('ENTMAX_SHAPE', op, `alibiSlopes with one value for each of ${heads} heads`, got);
  }
  const slopes = newArray(dtype, heads);
  slopes.set(scoresView(read, op));
  const at = slopes.findIndex((slope) => !Number.isFinite(slope));
  if (at < 0) return slopes;
  throw new EntmaxError('ENTMAX_OPTION', op, 'alibiSlopes to be finite', `${slopes[at]} for head ${at}`);
}
