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
      const head = [kind, flag, budget, rows, columns];
      const formAt = allocate(20);
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
      const turn = allocate(8 + 4 * 25);
      new Float64Array(memory.buffer, turn, 1)[0] = 1e-7;
      const places = [0, problems, CAPACITY, keys, weights, counts, gaps, objectives, made, endings, 10_000, 10_000];
      words([...head, ...scores, ...tables(() => 0), ...places], turn + 8);
      const workspace = allocate(
        Math.max(
          call('structured_solve_workspace')(formAt, CAPACITY),
          call('structured_best_workspace')(formAt, 1),
          call('structured_backward_workspace')(formAt, CAPACITY),
        ),
      );
      call(`structured_solve_${type}`)(0, PROBLEMS, workspace, turn);
      const found = new Int32Array(memory.buffer, counts, PROBLEMS).slice();
      const search = allocate(4 * 14);
      words([...head, ...scores, 0, 1, allocate(4 * PROBLEMS * keyLength), gaps, made], search);
      call(`structured_best_${type}`)(0, PROBLEMS, workspace, search);
      // The structures of the first problem, three times.
      const count = found[0]!;
      const size = call('structured_factor_numbers')(count);
      const [indptr, begins] = [allocate(16), allocate(16)];
      words([0, count, count, count], indptr);
      words([0, size, size + call('structured_factor_numbers')(0), size], begins);
      const pull = allocate(4 * 19);
      const factor = allocate(8 * (size + 16));
      words([...head, ...tables((i) => Math.cos(i)), ...tables(() => 0), 0, indptr, keys, 0, begins, factor], pull);
      call(`structured_factorise_${type}`)(0, 1, workspace, pull);
      call(`structured_pull_back_${type}`)(0, 1, workspace, pull);
      calls += 8;
    }
  }
  return calls;
}
