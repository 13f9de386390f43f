/**
 * A pullback as the kernels read it: the fields of `Backward` in crates/entmax-core/src/attention/backward/call.rs, in their
 * order, as 32-bit numbers. Letters as there.
 */

import { EntmaxError } from '../errors.ts';
import { memory } from '../runtime/runtime.ts';
import type { Heads, Table } from './description.ts';
import { attentionFamily } from './family.ts';

/** The steps of a pullback (backward/mod.rs). */
export const STEP = { rows: 0, sort: 1, keys: 2, bias: 3, blocks: 4, blockKeys: 5, blockBias: 6 } as const;

/** Addresses of the kept weights as sparse rows, with room for the gradients of their scores. */
export interface KeptRows {
  readonly starts: number;
  readonly indices: number;
  readonly weights: number;
  readonly scores: number;
  readonly thresholds: number;
}

/** Room for the same as sparse columns. */
export interface KeptColumns {
  readonly ends: number;
  readonly queries: number;
  readonly weights: number;
  readonly scores: number;
}

/** Room for dense rows of `count` queries of one head. */
export interface DenseBlock {
  readonly panels: number;
  readonly weights: number;
  readonly scores: number;
  readonly head: number;
  readonly first: number;
  readonly count: number;
}

export interface BackwardDescription {
  /** Address of the call's description. */
  readonly call: number;
  readonly dout: Heads;
  /** What is not asked for is undefined. */
  readonly dq: Heads | undefined;
  readonly dk: Heads | undefined;
  readonly dv: Heads | undefined;
  /** Address, 0 for none. */
  readonly dalpha: number;
  readonly dbias: Table | undefined;
  readonly rows: KeptRows;
  readonly columns: KeptColumns;
  readonly block: DenseBlock;
}

const heads = (each: Heads | undefined): number[] => (each ? [each.at, each.batch, each.head, each.row] : [0, 0, 0, 0]);

/** Writes the description to `address`, where `backwardDescriptionBytes()` are free. */
export function writeBackwardDescription(address: number, description: BackwardDescription): void {
  const { call, dout, dq, dk, dv, dalpha, dbias, rows, columns, block } = description;
  const words = [
    call,
    ...[dout, dq, dk, dv].flatMap(heads),
    dalpha,
    ...(dbias ? [dbias.at, ...dbias.distances] : [0, 0, 0, 0, 0]),
    ...[rows.starts, rows.indices, rows.weights, rows.scores, rows.thresholds],
    ...[columns.ends, columns.queries, columns.weights, columns.scores],
    ...[block.panels, block.weights, block.scores, block.head, block.first, block.count],
  ];
  if (4 * words.length !== backwardDescriptionBytes()) {
    const expected = `a description of ${4 * words.length} bytes`;
    throw new EntmaxError('ENTMAX_INIT', 'attention.pullback', expected, `${backwardDescriptionBytes()}`);
  }
  memory().i32(address, words.length).set(words);
}

export function backwardDescriptionBytes(): number {
  return attentionFamily.kernel(memory(), 'attention_backward_description_bytes')();
}
