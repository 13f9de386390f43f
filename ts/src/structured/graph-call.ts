/** A graph, a solve and a pullback as the kernels read them: the structs of crates/entmax-core/src/structured/graph_*.rs. */

import type { Room } from '../maps/room.ts';
import { memory } from '../runtime/runtime.ts';
import { FORM_BYTES, formWords, structuredKernel, writeWords } from './description.ts';
import { fullLength, KIND } from './factors.ts';
import type { GraphFactor, GraphModel } from './graph.ts';

/** Of `Layout`. */
const LAYOUT_BYTES = 52;

/** Atoms that a structured factor has room for at first. */
export function firstCapacities({ factors }: GraphModel): number[] {
  return factors.map(({ descriptor, rows, columns }) => {
    if (descriptor.logic) return 0;
    const full = fullLength(descriptor, descriptor.axes.length === 1 ? [columns] : [rows, columns]);
    return Math.min(rows * columns + 1, 4 * full + 16);
  });
}

/** A graph in linear memory. */
export interface PlacedGraph {
  /** The words of its layout. */
  readonly words: readonly number[];
  /** Where these are. */
  readonly address: number;
  /** What a problem needs. */
  readonly bytes: number;
}

/** Writes a graph, with room for so many atoms of each structured factor. */
export function placeGraph({ size, factors }: GraphModel, capacities: readonly number[], room: Room): PlacedGraph {
  const literals = factors.flatMap((factor) => factor.literals);
  const i32 = (values: readonly number[]): number => room.perRowOf('int32', values).address;
  const f64 = (values: readonly number[]): number => room.perRowOf('float64', values).address;
  const words = [
    size,
    factors.length,
    i32(offsets(factors.map((factor) => factor.literals.length))),
    i32(literals.map(({ variable }) => variable)),
    room.perRowOf(
      'uint8',
      literals.map(({ negated }) => Number(negated)),
    ).address,
    f64(factors.flatMap(({ descriptor, literals: own }) => own.map((_, at) => descriptor.logic?.costs?.[at] ?? 1))),
    placeForms(factors, room),
    f64(factors.map(({ descriptor }) => descriptor.logic?.number ?? 0)),
    i32(offsets(factors.map(({ couplings }) => couplings.length))),
    i32(factors.flatMap(({ couplings }) => couplings)),
    i32(capacities),
    room.allocate(4 * factors.length),
    room.allocate(4 * factors.length),
  ];
  const address = room.allocate(LAYOUT_BYTES);
  writeWords(address, words, LAYOUT_BYTES);
  return { words, address, bytes: structuredKernel('structured_graph_measure')(address) };
}

function offsets(counts: readonly number[]): number[] {
  let sum = 0;
  return [0, ...counts.map((count) => (sum += count))];
}

function placeForms(factors: readonly GraphFactor[], room: Room): number {
  const address = room.allocate(FORM_BYTES * factors.length);
  factors.forEach(({ descriptor, rows, columns }, f) => {
    const { logic } = descriptor;
    const own = logic ? { ...descriptor, kind: KIND.logic + logic.kind, flag: false, budget: 0 } : descriptor;
    const words = formWords({ descriptor: own, rows, columns, dtype: 'float64' });
    writeWords(address + FORM_BYTES * f, words, FORM_BYTES);
  });
  return address;
}

/** What turns of a solve need besides the graph; addresses. */
export interface GraphTurn {
  readonly scores: number;
  readonly marginals: number;
  readonly problems: number;
  readonly memories: number;
  readonly progress: number;
  readonly endings: number;
  readonly turn: number;
  readonly maxIter: number;
  readonly named: number;
  readonly questions: number;
  readonly questionLength: number;
}

/** Writes turns where `structured_graph_solve_bytes` are free. */
export function writeGraphTurn(
  address: number,
  graph: PlacedGraph,
  { tolerance, step }: { readonly tolerance: number; readonly step: number },
  turn: GraphTurn,
): void {
  memory().f64(address, 2).set([tolerance, step]);
  const words = [...graph.words, turn.scores, turn.marginals, turn.problems, turn.memories, turn.progress];
  words.push(turn.endings, turn.turn, turn.maxIter, turn.named, turn.questions, turn.questionLength);
  writeWords(address + 16, words, structuredKernel('structured_graph_solve_bytes')() - 16);
}

/** What a pullback needs besides the graph; addresses. */
export interface GraphPull {
  readonly scores: number;
  readonly cotangents: number;
  readonly gradients: number;
  readonly memories: number;
  readonly named: number;
  readonly steps: number;
}

/** Writes a pullback where `structured_graph_backward_bytes` are free. */
export function writeGraphPull(address: number, graph: PlacedGraph, tolerance: number, pull: GraphPull): void {
  memory().f64(address, 1)[0] = tolerance;
  const words = [...graph.words, pull.scores, pull.cotangents, pull.gradients, pull.memories, pull.named, pull.steps];
  writeWords(address + 8, words, structuredKernel('structured_graph_backward_bytes')() - 8);
}
