/** Calls as the kernels read them: the fields of `Solve` and `Backward` in crates/entmax-core/src/structured, in their order. */

import { EntmaxError } from '../errors.ts';
import type { Kernel } from '../runtime/load.ts';
import { memory } from '../runtime/runtime.ts';
import { structuredFamily } from './family.ts';
import { TABLES } from './solve-call.ts';
import type { ReadProblems, SolveCall, TableName } from './solve-call.ts';

/** Addresses of tables, by name. */
export type Places = Readonly<Partial<Record<TableName, number>>>;

/** What a turn needs besides the call; addresses. */
export interface Turn {
  readonly scores: Places;
  readonly marginals: Places;
  readonly lengths: number;
  readonly problems: number;
  readonly capacity: number;
  readonly keys: number;
  readonly weights: number;
  readonly counts: number;
  readonly gaps: number;
  readonly objectives: number;
  readonly calls: number;
  readonly endings: number;
  /** Calls of the oracle in this turn. */
  readonly turn: number;
  /** Questions and answers where the oracle is the caller's, or 0. */
  readonly dialogue: number;
}

/** Writes a turn where `structured_solve_bytes` are free. */
export function writeTurn(address: number, call: SolveCall, turn: Turn): void {
  const words = [...formWords(call), ...placeWords(turn.scores), ...placeWords(turn.marginals)];
  words.push(turn.lengths, turn.problems, turn.capacity, turn.keys, turn.weights);
  words.push(turn.counts, turn.gaps, turn.objectives, turn.calls, turn.endings, turn.turn, call.maxIter, turn.dialogue);
  memory().f64(address, 1)[0] = call.tolerance;
  writeWords(address + 8, words, structuredKernel('structured_solve_bytes')() - 8);
}

/** What a search for the best structures needs; addresses. */
export interface Search {
  readonly scores: Places;
  readonly lengths: number;
  readonly k: number;
  readonly keys: number;
  readonly totals: number;
  readonly counts: number;
}

/** Writes a search where `structured_best_bytes` are free. */
export function writeSearch(address: number, call: ReadProblems, search: Search): void {
  const words = [...formWords(call), ...placeWords(search.scores)];
  words.push(search.lengths, search.k, search.keys, search.totals, search.counts);
  writeWords(address, words, structuredKernel('structured_best_bytes')());
}

/** What a pullback needs; addresses. */
export interface Pull {
  readonly cotangents: Places;
  readonly gradients: Places;
  readonly lengths: number;
  readonly indptr: number;
  readonly keys: number;
  readonly weights: number;
  readonly places: number;
  readonly factors: number;
  /** Vertices of structures that the caller's oracle has named, or 0. */
  readonly vertices: number;
}

/** Writes a pullback where `structured_backward_bytes` are free. */
export function writePull(address: number, call: SolveCall, pull: Pull): void {
  const words = [...formWords(call), ...placeWords(pull.cotangents), ...placeWords(pull.gradients)];
  words.push(pull.lengths, pull.indptr, pull.keys, pull.weights, pull.places, pull.factors, pull.vertices);
  writeWords(address, words, structuredKernel('structured_backward_bytes')());
}

/** Writes the form alone, for the kernels that say how much room it needs. */
export function writeForm(address: number, call: FormOf): void {
  writeWords(address, formWords(call), FORM_BYTES);
}

/** Bytes of a form. */
export const FORM_BYTES = 24;

/** What a form is written from. */
export type FormOf = Pick<ReadProblems, 'descriptor' | 'rows' | 'columns' | 'dtype'>;

/** The words of a form. */
export function formWords({ descriptor, rows, columns, dtype }: FormOf): number[] {
  const { kind, flag, budget } = descriptor;
  return [kind, flag ? 1 : 0, budget, rows, columns, dtype === 'float32' ? 1 : 0];
}

function placeWords(places: Places): number[] {
  return TABLES.map((name) => places[name] ?? 0);
}

/** Writes words where a description of so many bytes is. */
export function writeWords(address: number, words: readonly number[], bytes: number): void {
  const left = bytes - 4 * words.length;
  if (left < 0 || left >= 8) {
    throw new EntmaxError('ENTMAX_INIT', 'sparsemap', `a description of ${bytes} bytes`, `${4 * words.length}`);
  }
  memory().i32(address, words.length).set(words);
}

export function structuredKernel(name: string): Kernel {
  return structuredFamily.kernel(memory(), name);
}
