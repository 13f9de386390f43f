/**
 * A call of attention as the kernels read it: the fields of `Attention` in crates/entmax-core/src/attention/call.rs, in
 * their order, addresses and distances as 32-bit numbers. Letters as there: B, H, G, N, M, D, E.
 */

import { EntmaxError } from '../errors.ts';
import { memory } from '../runtime/runtime.ts';
import { attentionFamily } from './family.ts';

/** An array of heads in linear memory: its address, and the distances of batches, heads and rows in elements. */
export interface Heads {
  readonly at: number;
  readonly batch: number;
  readonly head: number;
  readonly row: number;
}

/** An array that broadcasts to [B, H, N, M]: distances along these axes, 0 where it repeats. */
export interface Table {
  readonly at: number;
  readonly distances: readonly [number, number, number, number];
}

/** What makes weights of scores (call.rs). */
export const RULE = { entmax: 0, relu: 1 } as const;

/** Which keys a query sees by its place (call.rs). */
export const CAUSAL = { none: 0, upperLeft: 1, lowerRight: 2 } as const;

/** How the keys of a head are screened (call.rs, `path`), as far as a caller chooses. */
export const PATH = { plain: 0, integers: 1 } as const;

/** Where the weights go. */
export interface WeightSlots {
  readonly sizes: number;
  readonly thresholds: number;
  readonly indices: number;
  readonly values: number;
  readonly firstRow: number;
}

export interface Description {
  readonly scale: number;
  /** Address of alpha - 1 of each head, 0 where the rule has none. */
  readonly alpha: number;
  readonly q: Heads;
  readonly k: Heads;
  readonly v: Heads;
  readonly out: Heads;
  readonly panels: number;
  readonly values: Heads;
  readonly bias?: Table | undefined;
  readonly mask?: Table | undefined;
  /** Addresses, 0 for none. */
  readonly keyMask: number;
  readonly slopes: number;
  readonly queryLengths: number;
  readonly keyLengths: number;
  readonly batches: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly queries: number;
  readonly keys: number;
  readonly width: number;
  readonly valueWidth: number;
  readonly causal: number;
  readonly topk: number;
  readonly emptyRowIsNan: boolean;
  readonly weights?: WeightSlots | undefined;
  readonly screening?: Screening | undefined;
  readonly pages?: PageTable | undefined;
  /** Addresses of what is counted and noted for each row (call.rs), 0 for none. */
  readonly work?: number;
  readonly empty?: number;
  /** Of RULE; entmax where it is not said. */
  readonly rule?: number;
}

/** The pages of a cache, instead of keys and values of the call's own. */
export interface PageTable {
  /** Address of the pages' addresses, `perBatch` for each batch. */
  readonly at: number;
  readonly perBatch: number;
  /** Keys of a page. */
  readonly keys: number;
}

/** What screening needs (crates/entmax-core/src/attention/screen.rs). */
export interface Screening {
  /** Addresses of the panels' records, and of a byte for each of the B H heads. */
  readonly records: number;
  readonly screened: number;
  /** Blocks of each head that are attended already, the last ones. */
  readonly blocksDone: number;
  /** Address of what describes the blocks of keys. */
  readonly blocks: number;
}

const NO_TABLE: Table = { at: 0, distances: [0, 0, 0, 0] };
const NO_WEIGHTS: WeightSlots = { sizes: 0, thresholds: 0, indices: 0, values: 0, firstRow: 0 };

/** Writes the description to `address`, where `descriptionBytes()` are free. */
export function writeDescription(address: number, description: Description): void {
  const { scale, alpha, q, k, v, out, panels, values, bias = NO_TABLE, mask = NO_TABLE } = description;
  const { keyMask, slopes, queryLengths, keyLengths, weights = NO_WEIGHTS, screening, pages } = description;
  const heads = (each: Heads): number[] => [each.at, each.batch, each.head, each.row];
  const table = (each: Table): number[] => [each.at, ...each.distances];
  const words = [
    alpha,
    ...[q, k, v, out].flatMap(heads),
    panels,
    ...heads(values),
    ...table(bias),
    ...table(mask),
    keyMask,
    slopes,
    queryLengths,
    keyLengths,
    description.batches,
    description.heads,
    description.keyHeads,
    description.queries,
    description.keys,
    description.width,
    description.valueWidth,
    description.causal,
    description.topk,
    description.emptyRowIsNan ? 1 : 0,
    weights.sizes,
    weights.thresholds,
    weights.indices,
    weights.values,
    weights.firstRow,
    screening?.records ?? 0,
    screening?.screened ?? 0,
    screening?.blocksDone ?? 0,
    screening?.blocks ?? 0,
    pages?.at ?? 0,
    pages?.perBatch ?? 0,
    pages?.keys ?? 0,
    description.work ?? 0,
    description.empty ?? 0,
    description.rule ?? RULE.entmax,
  ];
  writeFields(address, scale, words, descriptionBytes());
}

/** Writes a description to `address`: a float64, then 32-bit numbers, `bytes` of both as the kernels know it. */
export function writeFields(address: number, first: number, words: readonly number[], bytes: number): void {
  const room = bytes - 8 - 4 * words.length;
  if (room < 0 || room >= 8) {
    throw new EntmaxError('ENTMAX_INIT', 'attention', `a description of ${8 + 4 * words.length} bytes`, `${bytes}`);
  }
  memory().f64(address, 1)[0] = first;
  memory()
    .i32(address + 8, words.length)
    .set(words);
}

export function descriptionBytes(): number {
  return attentionFamily.kernel(memory(), 'attention_description_bytes')();
}
