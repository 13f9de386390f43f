/** Calls the kernels of structured inference as their TypeScript does: every factor, both types, all steps. */

import type { Kernel } from '../../src/runtime/load.ts';

/** kind, flag, budget, rows, columns, whether there are transitions (crates/entmax-core/src/structured/call.rs). */
const NO_BUDGET = 0xffffffff;
const FORMS: readonly (readonly [number, number, number, number, number, boolean])[] = [
  [0, 0, NO_BUDGET, 12, 7, true],
  [0, 0, NO_BUDGET, 30, 12, true],
  [0, 0, 3, 9, 2, true],
  [0, 0, NO_BUDGET, 5, 4, false],
  [1, 0, 0, 13, 13, false],
  [1, 1, 0, 21, 21, false],
  [2, 0, 0, 11, 11, false],
  [2, 1, 0, 17, 17, false],
  [3, 0, 0, 9, 12, false],
  [3, 1, 0, 12, 12, false],
  [4, 0, 9, 1, 50, false],
  [4, 1, 5, 1, 33, false],
  [5, 0, 0, 1, 70, false],
  [6, 0, 0, 1, 40, false],
];
const PROBLEMS = 3;
const CAPACITY = 100;

export interface Tools {
  readonly call: (name: string) => Kernel;
  readonly allocate: (bytes: number) => number;
  readonly memory: WebAssembly.Memory;
}

/** Returns how many kernels it has called. */
export function runStructuredWith({ call, allocate, memory }: Tools): number {
  let calls = 0;
  for (const type of ['f32', 'f64'] as const) {
    for (const [at, form] of FORMS.entries()) {
      const [kind, flag, budget, rows, columns, coupled] = form;
      const bytes = type === 'f32' ? 4 : 8;
      const sizes = [rows * columns, coupled ? (rows - 1) * columns * columns : 0];
      const table = (size: number, fill: (i: number) => number): number => {
        if (size === 0) return 0;
        const place = allocate(PROBLEMS * size * bytes);
        const View = type === 'f32' ? Float32Array : Float64Array;
        new View(memory.buffer, place, PROBLEMS * size).forEach((_, i, view) => (view[i] = fill(i)));
        return place;
      };
      const tables = (fill: (i: number) => number): number[] => [...sizes.map((size) => table(size, fill)), 0, 0];
      const words = (values: readonly number[], address: number): void =>
        new Uint32Array(memory.buffer, address, values.length).set(values);
      const head = [kind, flag, budget, rows, columns, type === 'f32' ? 1 : 0];
      const formAt = allocate(24);
      words(head, formAt);
      const scores = tables((i) => 2 * Math.sin(3 * i + at));
      const problems = allocate(4 * PROBLEMS);
      words([0, 1, 2], problems);
      const keyLength =
        kind === 6 ? 1 : kind >= 4 ? Math.ceil(columns / 32) : kind === 1 || kind === 2 ? rows - 1 : rows;
      const keys = allocate(4 * PROBLEMS * CAPACITY * keyLength);
      const [weights, gaps, objectives] = [8 * CAPACITY, 8, 8].map((size) => allocate(PROBLEMS * size)) as [
        number,
        number,
        number,
      ];
      const [counts, made, endings] = [0, 0, 0].map(() => allocate(4 * PROBLEMS)) as [number, number, number];
      for (const place of [counts, made, endings]) words([0, 0, 0], place);
      const turn = allocate(8 + 4 * 27);
      new Float64Array(memory.buffer, turn, 1)[0] = 1e-7;
      const places = [0, problems, CAPACITY, keys, weights, counts, gaps, objectives, made, endings, 10_000, 10_000, 0];
      words([...head, ...scores, ...tables(() => 0), ...places], turn + 8);
      const workspace = allocate(
        Math.max(
          call('structured_solve_workspace')(formAt, CAPACITY),
          call('structured_best_workspace')(formAt, 1),
          call('structured_backward_workspace')(formAt, CAPACITY),
        ),
      );
      call('structured_solve')(0, PROBLEMS, workspace, turn);
      const found = new Int32Array(memory.buffer, counts, PROBLEMS).slice();
      const search = allocate(4 * 15);
      words([...head, ...scores, 0, 1, allocate(4 * PROBLEMS * keyLength), gaps, made], search);
      call('structured_best')(0, PROBLEMS, workspace, search);
      // The structures of the first problem, three times.
      const count = found[0]!;
      const size = call('structured_factor_numbers')(count);
      const [indptr, begins] = [allocate(16), allocate(16)];
      words([0, count, count, count], indptr);
      words([0, size, size + call('structured_factor_numbers')(0), size], begins);
      const pull = allocate(4 * 21);
      const factor = allocate(8 * (size + 16));
      words([...head, ...tables((i) => Math.cos(i)), ...tables(() => 0), 0, indptr, keys, 0, begins, factor, 0], pull);
      call('structured_factorise')(0, 1, workspace, pull);
      call('structured_pull_back')(0, 1, workspace, pull);
      calls += 8;
    }
  }
  return calls + runDialogue({ call, allocate, memory }) + runGraph({ call, allocate, memory });
}

const wordsAt = (memory: WebAssembly.Memory, address: number, values: readonly number[]): number => {
  new Uint32Array(memory.buffer, address, values.length).set(values);
  return address;
};

/** A budget of 2 in 7 whose oracle is ours: a question, its answer, until it has no more questions. */
function runDialogue({ call, allocate, memory }: Tools): number {
  const [size, capacity] = [7, 20];
  const numbers = (values: readonly number[]): number => {
    const place = allocate(8 * values.length);
    new Float64Array(memory.buffer, place, values.length).set(values);
    return place;
  };
  const words = (values: readonly number[]): number => wordsAt(memory, allocate(4 * values.length), values);
  const head = [7, 0, 0, 1, size, 0];
  const form = words(head);
  const vertices = numbers(Array<number>(50 * size).fill(0));
  const question = numbers(Array<number>(size).fill(0));
  const kept = allocate(8 * call('structured_kept_numbers')(form, capacity));
  const dialogue = wordsAt(memory, allocate(call('structured_dialogue_bytes')()), [vertices, 0, question, kept, -1, 0]);
  const scores = numbers(Array.from({ length: size }, (_, i) => Math.sin(3 * i)));
  const places = [words([0]), capacity, allocate(4 * capacity), allocate(8 * capacity), words([0]), numbers([0])];
  const endings = words([0]);
  const turn = allocate(call('structured_solve_bytes')());
  new Float64Array(memory.buffer, turn, 1)[0] = 1e-9;
  const tables = [scores, 0, 0, 0, numbers(Array<number>(size).fill(0)), 0, 0, 0];
  const rest = [0, ...places, numbers([0]), words([0]), endings, 1000, 1000, dialogue];
  wordsAt(memory, turn + 8, [...head, ...tables, ...rest]);
  const workspace = allocate(call('structured_solve_workspace')(form, capacity));
  let calls = 0;
  for (; calls < 50; calls++) {
    call('structured_solve')(0, 1, workspace, turn);
    if (new Int32Array(memory.buffer, endings, 1)[0] !== 6) break;
    const asked = new Float64Array(memory.buffer, question, size);
    const chosen = Array.from(asked.keys())
      .sort((a, b) => asked[b]! - asked[a]!)
      .slice(0, 2);
    chosen.forEach((part) => (new Float64Array(memory.buffer, vertices + 8 * calls * size, size)[part] = 1));
    wordsAt(memory, dialogue + 4, [calls + 1]);
    wordsAt(memory, dialogue + 16, [calls]);
  }
  return calls;
}

/** A sequence of 4 x 3 with its transitions, a pair and a negated choice, in larger memory half way, and a pullback. */
function runGraph({ call, allocate, memory }: Tools): number {
  const [unary, transitions] = [12, 27];
  const variables = unary + transitions + 1;
  const words = (values: readonly number[]): number => wordsAt(memory, allocate(4 * values.length), values);
  const numbers = (values: readonly number[]): number => {
    const place = allocate(8 * values.length);
    new Float64Array(memory.buffer, place, values.length).set(values);
    return place;
  };
  const upTo = (n: number, first = 0): number[] => Array.from({ length: n }, (_, i) => first + i);
  const places = [...upTo(unary), 0, 5, 2, 7, 9];
  const negated = allocate(places.length);
  new Uint8Array(memory.buffer, negated, places.length).set(places.map((_, at) => (at === 16 ? 1 : 0)));
  const layoutWith = (capacity: number): number[] => [
    ...[variables, 3, words([0, unary, unary + 2, unary + 5]), words(places), negated],
    ...[numbers(places.map(() => 1)), words([0, 0, NO_BUDGET, 4, 3, 0, 107, 0, 0, 1, 2, 0, 101, 0, 0, 1, 3, 0])],
    ...[numbers([0, 0, 0]), words([0, transitions, transitions + 1, transitions + 1])],
    ...[words(upTo(transitions + 1, unary)), words([capacity, 0, 0]), allocate(12), allocate(12)],
  ];
  const layouts = [layoutWith(2), layoutWith(30)];
  const placed = layouts.map((layout) => words(layout));
  const memories = placed.map((address) => allocate(call('structured_graph_measure')(address)));
  const scores = numbers(Array.from({ length: variables }, (_, i) => Math.sin(5 * i)));
  const [result, progress] = [numbers(upTo(variables)), allocate(call('structured_graph_progress_bytes')())];
  const endings = words([0xffffffff]);
  layouts.forEach((layout, at) => {
    if (at === 1) call('structured_graph_move')(placed[0]!, memories[0]!, placed[1]!, memories[1]!);
    const turn = allocate(call('structured_graph_solve_bytes')());
    new Float64Array(memory.buffer, turn, 2).set([1e-8, 5]);
    const rest = [scores, result, words([0]), words([memories[at]!]), progress, endings, 1000, 1000, 0, 0, 0];
    wordsAt(memory, turn + 16, [...layout, ...rest]);
    call('structured_graph_solve')(0, 1, 0, turn);
  });
  const pull = allocate(call('structured_graph_backward_bytes')());
  new Float64Array(memory.buffer, pull, 1)[0] = 1e-12;
  const cotangents = numbers(Array.from({ length: variables }, (_, i) => Math.cos(i)));
  const rest = [scores, cotangents, numbers(upTo(variables)), words([memories[1]!]), 0, 100];
  wordsAt(memory, pull + 8, [...layouts[1]!, ...rest]);
  call('structured_graph_pull_back')(0, 1, allocate(call('structured_graph_workspace')(placed[1]!)), pull);
  return 5;
}
