/**
 * A call of attention as the kernels read it: the fields of `Attention` in crates/entmax-core/src/attention/call.rs, in
 * their order, addresses and distances as 32-bit numbers. Letters as there: B, H, G, N, M, D, E.
 */

import { EntmaxError } from '../errors.ts';
import { memory } from '../runtime/runtime.ts';
import type { Sizes } from './attention-call.ts';
import { attentionFamily } from './family.ts';

/** An array of heads in linear memory: its address, and the distances of batches, heads and rows in elements. */
export interface Heads {
  readonly at: number;
  readonly batch: number;
  readonly head: number;
  readonly row: number;
}

/** No array. */
export const NOWHERE: Heads = { at: 0, batch: 0, head: 0, row: 0 };

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

/** What a call says besides the places of its arrays. Addresses are 0 for what is not given. */
export interface Settings {
  readonly sizes: Sizes;
  readonly scale: number;
  /** Of RULE. */
  readonly rule: number;
  /** Address of alpha - 1 of each head, where the rule has one. */
  readonly alpha: number;
  readonly bias: Table | undefined;
  readonly mask: Table | undefined;
  /** Addresses. */
  readonly keyMask: number;
  readonly slopes: number;
  readonly queryLengths: number;
  readonly keyLengths: number;
  readonly causal: number;
  readonly topk: number;
  readonly emptyRowIsNan: boolean;
}

export interface Description {
  readonly settings: Settings;
  readonly q: Heads;
  readonly k: Heads;
  readonly v: Heads;
  readonly out: Heads;
  readonly panels: number;
  readonly values: Heads;
  readonly weights?: WeightSlots | undefined;
  readonly screening?: Screening | undefined;
  readonly pages?: PageTable | undefined;
  /** Addresses of what is counted and noted for each row (call.rs), 0 for none. */
  readonly work?: number;
  readonly empty?: number;
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

/** Writes the description to `address`, where `descriptionBytes()` are free. */
export function writeDescription(address: number, description: Description): void {
  const { settings, weights, screening, pages } = description;
  const { sizes } = settings;
  // One by one, because a step of decoding is short.
  const words = [settings.alpha];
  for (const heads of [description.q, description.k, description.v, description.out]) pushHeads(words, heads);
  words.push(description.panels);
  pushHeads(words, description.values);
  pushTable(words, settings.bias);
  pushTable(words, settings.mask);
  words.push(settings.keyMask, settings.slopes, settings.queryLengths, settings.keyLengths);
  words.push(sizes.batches, sizes.heads, sizes.keyHeads, sizes.queries, sizes.keys, sizes.width, sizes.valueWidth);
  words.push(settings.causal, settings.topk, settings.emptyRowIsNan ? 1 : 0);
  words.push(weights?.sizes ?? 0, weights?.thresholds ?? 0, weights?.indices ?? 0);
  words.push(weights?.values ?? 0, weights?.firstRow ?? 0);
  words.push(screening?.records ?? 0, screening?.screened ?? 0, screening?.blocksDone ?? 0, screening?.blocks ?? 0);
  words.push(pages?.at ?? 0, pages?.perBatch ?? 0, pages?.keys ?? 0);
  words.push(description.work ?? 0, description.empty ?? 0, settings.rule);
  writeFields(address, settings.scale, words, descriptionBytes());
}

function pushHeads(words: number[], { at, batch, head, row }: Heads): void {
  words.push(at, batch, head, row);
}

function pushTable(words: number[], table: Table | undefined): void {
  if (!table) words.push(0, 0, 0, 0, 0);
  else words.push(table.at, table.distances[0], table.distances[1], table.distances[2], table.distances[3]);
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
