/**
 * The types of attention: what it takes and what it gives.
 *
 * Letters: B batch, H query heads, G key heads (a divisor of H), N queries, M keys, D channels of queries and keys, E
 * channels of values.
 */

import type { Csr } from '../csr.ts';
import type { Run } from '../runtime/execute.ts';
import type { KvCache } from './kv-cache.ts';
import type { AsyncPullback, Block, F32, F64, Float, Ids, Like, Mask, Pullback, Values } from '../types.ts';

/** Options of attention. A is the form of alpha. */
export interface AttentionOptions<A = number> {
  /**
   * The map of each head's scores, from 1 (softmax) over 1.5 (1.5-entmax, the default) and 2 (sparsemax) to Infinity
   * (uniform over the largest): a number, or one for each head as a bare array or a block or Tensor of shape [H].
   */
  alpha?: A | undefined;
  /** Keep the k largest scores of each row, ties to the lowest index; more than there are means all. Default: all. */
  topk?: number | undefined;
  /** Factor of q . k, finite. Default: 1 / sqrt(D). */
  scale?: number | undefined;
  /**
   * Which keys a query sees by its place. 'upperLeft': query i sees the keys up to i. 'lowerRight': the last query sees
   * all keys, the one before all but the last. True: either, and an error where N and M, or the lengths of a batch,
   * differ. Both count from the actual lengths. Default: false.
   */
  isCausal?: boolean | 'upperLeft' | 'lowerRight' | undefined;
  /**
   * Keys that each query sees, 1 = keep: a block or Tensor with four axes that broadcasts to [B, H, N, M], whatever the
   * layout. It is never expanded. A masked score counts as -Infinity, even where a product is NaN.
   */
  mask?: Mask | undefined;
  /** Keys that all queries of a batch see, 1 = keep: [B, M], or a bare array of B M. */
  keyMask?: Mask | undefined;
  /**
   * Added to the scaled products: a block or Tensor of q's element type that broadcasts to [B, H, N, M], whatever the
   * layout. It is never expanded. -Infinity excludes a key, unless the product is NaN.
   */
  bias?: Block | undefined;
  /**
   * ALiBi: from each score the head's slope times the distance of query and key is subtracted, H finite numbers. The last
   * query stands at the last key by the actual lengths, but for isCausal 'upperLeft', where query i stands at key i.
   */
  alibiSlopes?: Float | readonly number[] | undefined;
  /** How many leading queries of each batch count, B of them; the others' outputs are 0. Default: N. */
  querySeqLengths?: Ids | undefined;
  /** How many leading keys of each batch count, B of them. Default: M. */
  keyValueSeqLengths?: Ids | undefined;
  /** Order of the axes of q, k, v and the output. Default: 'BHND'. */
  layout?: 'BHND' | 'BNHD' | undefined;
  /** The output of a query that counts and sees no key. Default: 'zero'. */
  emptyRow?: 'zero' | 'nan' | 'throw' | undefined;
}

/** Options of decoding, as those of attention. A is the form of alpha. */
export interface DecodeOptions<A = number> extends Pick<
  AttentionOptions<A>,
  'alpha' | 'topk' | 'scale' | 'alibiSlopes' | 'layout'
> {
  /** The sequences of the cache that are read, S different ones. Default: all. */
  sequences?: Ids | undefined;
}

/** Attention with its weights. */
export interface Inspection<Y, A = F32 | F64> {
  /** Bit for bit what `attention` gives. */
  readonly output: Y;
  /**
   * The weights above 0 as sparse rows of shape [B, H, N, M]: row (b H + h) N + i is query i of head h of batch b.
   * `thresholds` are in the units of the scores (scaled, with bias): a key is in the support <=> the query sees it and
   * its score is above. A row with NaN lists NaN for the keys that it sees; an empty one has no entries and the threshold
   * Infinity, under `emptyRow: 'nan'` all entries as NaN. Support sizes are the differences of `indptr`.
   */
  readonly weights: Csr<A>;
  /**
   * The share of a dense attention's multiplications that were not done, from 0 to 1. Dense attention forms D products
   * for the score and E for the output of every pair of a query and a key within the lengths and the causal limit; what a
   * mask excludes counts as a pair. 0 where there are no pairs.
   */
  readonly skipped: number;
}

/** Gradients of attention, each in the form of what it belongs to. B is the form of the bias. */
export interface AttentionGradients<X, A, B> {
  /** [B, H, N, D]. */
  q: Like<X>;
  /** [B, G, M, D], summed over the query heads of a key head. */
  k: Like<X>;
  /** [B, G, M, E], summed likewise. */
  v: Like<X>;
  /** A number for a number (the sum over all heads), else one for each head in alpha's own form. */
  alpha: Like<A>;
  /** In the bias's own shape: sums over the axes that it repeats along. */
  bias: Like<B>;
}

/** What a pullback gives without being asked by name. */
export type DefaultGradients = 'q' | 'k' | 'v' | 'alpha';

/** Decoding, and its form with the weights. */
export interface Decode {
  /**
   * Appends k [S, G, N, D] and v [S, G, N, E] to the sequences of a cache, and attends from q [S, H, N, D] to all that they
   * hold then: causal, lower right, so that query i of N sees all but the last N - 1 - i keys. N is 1 for a step, and more
   * for a prompt or for drafts that are verified. The output [S, H, N, E] has the form of q.
   *
   * All or nothing: on an error the cache holds what it held. The output is bit for bit that of `attention` on the same keys
   * where these are as many; how they came into the cache, the other sequences, pages and threads do not matter.
   *
   * Keys of f32 are screened by 8-bit integers with a certified bound, and only those that may have weight are read in
   * full: exact, for about a quarter of the keys' bytes. Heads of softmax, or with alpha > 2, topk or alibiSlopes read all.
   *
   * Cost: S H N M D multiplications for M keys. Errors: as attention, for q, k and v that do not fit the cache (ENTMAX_SHAPE,
   * ENTMAX_DTYPE), and ENTMAX_BUSY while an asynchronous call uses it.
   */
  <X extends Block, A = number, Y extends Like<X> | Float = Like<X>>(
    q: X,
    k: X,
    v: X,
    cache: KvCache,
    options?: DecodeOptions<A> & { out?: Y | undefined },
  ): NoInfer<Y>;
  /** Decoding with the weights: rows of [S, H, N, M], M the length of the longest of the sequences. */
  inspect<X extends Block, A = number>(
    q: X,
    k: X,
    v: X,
    cache: KvCache,
    options?: DecodeOptions<A>,
  ): Inspection<Like<X>, Values<X>>;
}

/** Attention and its forms. */
export interface Attention {
  /**
   * out = p v with p = entmax(scale q k^T + bias) along the keys, for each head (Peters et al. 2019, Correia et al. 2019;
   * MATH.md §13). Keys with weight 0 are never read for the sum: a NaN in the value or in the product of a key spoils
   * those queries only that give it weight, or see it.
   *
   * q is [B, H, N, D], k [B, G, M, D], v [B, G, M, E], the output [B, H, N, E] in the form of q, or in `out`: q itself where
   * D = E, or an array or Tensor of the output's size that overlaps no input. Query head h reads key head floor(h G / H):
   * grouped-query and multi-query attention need no copies. All are of one element type; plain numbers go with q.
   *
   * Edges: N, M, D, E, B and H may be 0. A query that sees no key gives 0 (see `emptyRow`), queries behind
   * `querySeqLengths` always do. +Infinity among the scores shares the weight among its equals. The bits do not depend on
   * threads, on the other batches and heads, on the layout, or on what is masked by which option; shorter lengths may
   * change the last bits where a mask would not, because a row of fewer keys may be solved by another kernel.
   *
   * Cost: B H N M D multiplications and E for each entry of the support; no array of N M numbers. Errors: ENTMAX_SHAPE,
   * ENTMAX_DTYPE, ENTMAX_OPTION, ENTMAX_EMPTY_ROW, ENTMAX_DISPOSED, ENTMAX_BUSY, ENTMAX_MEMORY; before any but the last
   * `out` is untouched.
   */
  <X extends Block, A = number, Y extends Like<X> | Float = Like<X>>(
    q: X,
    k: X,
    v: X,
    options?: AttentionOptions<A> & { out?: Y | undefined },
  ): NoInfer<Y>;
  /**
   * Attention with its weights, thresholds and support sizes, and the share of the work that was skipped. The weights are
   * arrays of JavaScript's own. Costs as much as attention, and memory for the entries: O(S) for S of them. Errors: also
   * ENTMAX_MEMORY from 2^31 entries on.
   */
  inspect<X extends Block, A = number>(q: X, k: X, v: X, options?: AttentionOptions<A>): Inspection<Like<X>, Values<X>>;
  /**
   * The output with its pullback: `pullback(dout)` gives the gradients of q, k, v and alpha, `pullback(dout, names)` those
   * that are named, that of the bias only so (MATH.md §4, §13; AdaSplash has those of q, k and v).
   *
   * They are exact, from the support alone, and each is a sum in a fixed order: the bits do not depend on threads, nor
   * those of q, k and v on other batches. No array of N M numbers comes into being: the pullback keeps the weights above
   * 0 in arrays of JavaScript's own, and copies of inputs that are arrays; of heads of softmax it forms the weights again,
   * at most 64 queries or 8 MiB of them at a time. Tensors are not copied: the pullback throws (ENTMAX_OPTION,
   * ENTMAX_DISPOSED) where one was overwritten by `set` or as an `out`, or disposed, since; writes to a `view()` are not
   * seen. Heads of softmax depend on bias and mask as on q, k and v.
   *
   * Edges: a query that sees no key, and one that is uniform over scores of +Infinity, have gradients 0 but for the values
   * of the latter; NaN in a row or in its cotangent is NaN for its query, and for the keys and values in its support.
   *
   * Cost: about as much as attention where supports are small, three to four times as much for softmax. Errors: as
   * attention; of the pullback ENTMAX_SHAPE, ENTMAX_DTYPE, ENTMAX_OPTION, ENTMAX_DISPOSED.
   */
  vjp<X extends Block, A = number, B extends Block = X>(
    q: X,
    k: X,
    v: X,
    options?: AttentionOptions<A> & { bias?: B | undefined },
  ): [Like<X>, Pullback<Like<X>, AttentionGradients<X, A, B>, DefaultGradients>];
  /** Attention to a cache of keys and values that grows with what is read. */
  readonly decode: Decode;
  /**
   * The same as promises, with the event loop free: large calls run on the workers, without them in slices of about
   * 8 ms. Never throws synchronously; rejects with `signal.reason` when aborted, and then an `out` is unspecified.
   * Inputs may not be written until the promise settles. Progress is counted in queries of all heads.
   */
  readonly async: AsyncAttention;
}

/** The asynchronous forms of attention. */
export interface AsyncAttention {
  <X extends Block, A = number, Y extends Like<X> | Float = Like<X>>(
    q: X,
    k: X,
    v: X,
    options?: AttentionOptions<A> & Run & { out?: Y | undefined },
  ): Promise<NoInfer<Y>>;
  /** As `attention.inspect`. */
  inspect<X extends Block, A = number>(
    q: X,
    k: X,
    v: X,
    options?: AttentionOptions<A> & Run,
  ): Promise<Inspection<Like<X>, Values<X>>>;
  /** As `attention.vjp`; the pullback returns promises, too. */
  vjp<X extends Block, A = number, B extends Block = X>(
    q: X,
    k: X,
    v: X,
    options?: AttentionOptions<A> & Run & { bias?: B | undefined },
  ): Promise<[Like<X>, AsyncPullback<Like<X>, AttentionGradients<X, A, B>, DefaultGradients>]>;
  /** As `attention.decode`; until the promise settles the cache may not be changed. An aborted call has not happened. */
  readonly decode: AsyncDecode;
}

/** Decoding as promises. */
export interface AsyncDecode {
  <X extends Block, A = number, Y extends Like<X> | Float = Like<X>>(
    q: X,
    k: X,
    v: X,
    cache: KvCache,
    options?: DecodeOptions<A> & Run & { out?: Y | undefined },
  ): Promise<NoInfer<Y>>;
  /** As `attention.decode.inspect`. */
  inspect<X extends Block, A = number>(
    q: X,
    k: X,
    v: X,
    cache: KvCache,
    options?: DecodeOptions<A> & Run,
  ): Promise<Inspection<Like<X>, Values<X>>>;
}
