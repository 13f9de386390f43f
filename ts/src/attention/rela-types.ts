/**
 * The types of relaAttention: those of attention, with gain, gate and eps of a norm in place of a map.
 *
 * Letters: B batch, H query heads, G key heads, N queries, M keys, D channels of queries and keys, E channels of values.
 */

import type { Run } from '../runtime/execute.ts';
import type { AsyncPullback, Block, Float, Like, Pullback, Values } from '../types.ts';
import type { AttentionOptions, Inspection } from './types.ts';

/** One number for each channel of all heads, head by head: a bare array of H E, or a block or Tensor of shape [H E]. */
export type Channels = Float | readonly number[] | Block;

/** Options of relaAttention. */
export interface RelaOptions extends Omit<AttentionOptions, 'alpha' | 'topk'> {
  /** Factors of the normalised sums, of q's element type. With it there is a norm. Default: none, and no norm. */
  gain?: Channels | undefined;
  /**
   * Factors of the sums in the gate: what is normalised is multiplied by sigmoid(gate u). It goes with a gain (ones for none).
   * Default: no gate.
   */
  gate?: Channels | undefined;
  /** Added to the mean square, finite and > 0; it goes with a gain. Default: 1e-6 (the authors' code has 1e-8). */
  eps?: number | undefined;
}

/** Gradients of relaAttention, each in the form of what it belongs to. G, W and B are the forms of gain, gate and bias. */
export interface RelaGradients<X, G, W, B> {
  /** [B, H, N, D]. */
  q: Like<X>;
  /** [B, G, M, D], summed over the query heads of a key head. */
  k: Like<X>;
  /** [B, G, M, E], summed likewise. */
  v: Like<X>;
  /** [H E], summed over all queries. */
  gain: Like<G>;
  /** [H E], summed likewise. */
  gate: Like<W>;
  /** In the bias's own shape: sums over the axes that it repeats along. */
  bias: Like<B>;
}

/** What a pullback gives without being asked by name: gain and gate where they were given. */
export type DefaultRelaGradients<G, W> =
  'q' | 'k' | 'v' | ([G] extends [never] ? never : 'gain') | ([W] extends [never] ? never : 'gate');

/** relaAttention and its forms. */
export interface RelaAttention {
  /**
   * u = relu(scale q k^T + bias) v for each head: a key weighs what its score is above 0, and nothing is normalised (ReLA:
   * Zhang et al. 2021; MATH.md §14). A query may attend to nothing at all: it gives 0.
   *
   * Without `gain` the output is u. With it, u is normalised over the H E numbers that a query has in all heads together:
   * out = gain u / sqrt(mean(u^2) + eps); and with `gate` this is multiplied by sigmoid(gate u), channel by channel. Both
   * are of length H E, head by head: channel e of head h is number h E + e, whatever the layout.
   *
   * Shapes, options, forms and `out` are those of `attention`, and so is what hides keys: a masked key has no weight, and
   * its value is never read.
   *
   * Edges: `emptyRow` is about queries that see no key; one that sees keys and has no score above 0 gives 0. NaN among the
   * scores that a query sees, or among the values it gives weight, is NaN for its head, and with a norm for all heads of
   * the query. A score of +Infinity weighs +Infinity: the sum is what IEEE arithmetic makes of it, and with a norm NaN. The
   * norm itself does not overflow. The bits of u depend on the positive scores and their values alone: not on threads,
   * layout, other queries, nor on keys without weight.
   *
   * Cost: B H N M D multiplications and E for each score above 0, half of them at N(0, 1); the norm B N H E. Errors: as
   * attention; gate or eps without gain is ENTMAX_OPTION, alpha and topk are not among its options.
   */
  <X extends Block, Y extends Like<X> | Float = Like<X>>(
    q: X,
    k: X,
    v: X,
    options?: RelaOptions & { out?: Y | undefined },
  ): NoInfer<Y>;
  /**
   * The output with the weights, those above 0 as sparse rows: they are the scores themselves, before any norm. Thresholds
   * are 0, Infinity for a query that sees no key and NaN for one with a NaN.
   */
  inspect<X extends Block>(q: X, k: X, v: X, options?: RelaOptions): Inspection<Like<X>, Values<X>>;
  /**
   * The output with its pullback: `pullback(dout)` gives the gradients of q, k and v, and of gain and gate where they were
   * given, `pullback(dout, names)` those that are named, that of the bias only so.
   *
   * They are exact: a score has a gradient where it is above 0. It keeps what the pullback of attention keeps, and with a
   * norm the sums u. Those of gain and gate are sums over all queries in a fixed order.
   *
   * Edges: a query without a positive score has gradients 0 for q, k, v, gain and gate. The norm's slope is up to
   * 1 / sqrt(eps) where u is small. No small change moves a score of +Infinity: its gradient is 0. Queries behind
   * `querySeqLengths` have gradients 0, whatever their cotangent.
   */
  vjp<X extends Block, G extends Channels = never, W extends Channels = never, B extends Block = X>(
    q: X,
    k: X,
    v: X,
    options?: RelaOptions & { gain?: G | undefined; gate?: W | undefined; bias?: B | undefined },
  ): [Like<X>, Pullback<Like<X>, RelaGradients<X, G, W, B>, DefaultRelaGradients<G, W>>];
  /** The same as promises, as `attention.async`. Progress is counted in queries of all heads. */
  readonly async: AsyncRelaAttention;
}

/** The asynchronous forms of relaAttention. */
export interface AsyncRelaAttention {
  <X extends Block, Y extends Like<X> | Float = Like<X>>(
    q: X,
    k: X,
    v: X,
    options?: RelaOptions & Run & { out?: Y | undefined },
  ): Promise<NoInfer<Y>>;
  /** As `relaAttention.inspect`. */
  inspect<X extends Block>(q: X, k: X, v: X, options?: RelaOptions & Run): Promise<Inspection<Like<X>, Values<X>>>;
  /** As `relaAttention.vjp`; the pullback returns promises, too. */
  vjp<X extends Block, G extends Channels = never, W extends Channels = never, B extends Block = X>(
    q: X,
    k: X,
    v: X,
    options?: RelaOptions & Run & { gain?: G | undefined; gate?: W | undefined; bias?: B | undefined },
  ): Promise<[Like<X>, AsyncPullback<Like<X>, RelaGradients<X, G, W, B>, DefaultRelaGradients<G, W>>]>;
}
