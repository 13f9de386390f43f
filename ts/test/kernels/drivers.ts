/**
 * Runs all kernels of a family by addresses, small rows and large ones, so that the tests can watch what the kernels
 * do to the rest of memory. The results are compared elsewhere; here only the statuses are.
 */

import type { Kernel } from '../../src/runtime/load.ts';

export interface Ground {
  readonly kernels: Readonly<Record<string, Kernel>>;
  readonly memory: WebAssembly.Memory;
  /** First of the bytes that the driver may use, up to the end of memory. */
  readonly heap: number;
}

/** The maps, as the kernels number them. */
const [ENTMAX, BUDGET, BUDGET_AT_MOST] = [0, 1, 2];

/** What a row is solved with: alpha - 1 or the budget, whether there are upper bounds, and k (0 for no restriction). */
interface Settings {
  readonly map: number;
  readonly parameter: number;
  readonly bounded?: boolean;
  readonly k?: number;
}

const ALPHAS_MINUS_ONE = [0, 0.3, 0.5, 1, 1.7, 4, Infinity];

const SETTINGS: readonly Settings[] = [
  ...ALPHAS_MINUS_ONE.map((parameter) => ({ map: ENTMAX, parameter })),
  ...[0, 0.5, 1, 2].flatMap((parameter) => [1, 5, 700].map((k) => ({ map: ENTMAX, parameter, k }))),
  ...[BUDGET, BUDGET_AT_MOST].flatMap((map) =>
    [0, 0.4, 12, 900.5, Infinity].flatMap((parameter) => [false, true].map((bounded) => ({ map, parameter, bounded }))),
  ),
];

/** Lengths and layouts: one entry, around a vector, a page, several rows side by side, and long rows. */
const SHAPES: readonly (readonly [rows: number, n: number, inner: number])[] = [
  [1, 1, 1],
  [3, 7, 1],
  [2, 65, 1],
  [6, 129, 3],
  [40, 33, 20],
  [2, 5000, 1],
  [1, 30_011, 1],
];

/** Everything that the family `maps` exports. */
function runMaps({ kernels, memory, heap }: Ground): number {
  let calls = 0;
  for (const type of ['f32', 'f64']) {
    for (const [rows, n, inner] of SHAPES) {
      const Scores = type === 'f32' ? Float32Array : Float64Array;
      const bytes = rows * n * Scores.BYTES_PER_ELEMENT;
      const take = allocator(heap, memory);
      const [x, mask, out, parameters, sizes, thresholds, exact, indices, upper] = [
        take(bytes),
        take(rows * n),
        take(bytes),
        take(8 * rows),
        take(4 * rows),
        take(8 * rows),
        take(rows),
        take(4 * rows * n),
        take(bytes),
      ];
      const workspace = take(call(kernels, `row_map_workspace_${type}`)(n, inner));
      const scores = new Scores(memory.buffer, x, rows * n);
      new Scores(memory.buffer, upper, rows * n).forEach((_, i, all) => (all[i] = (i % 7) / 5));
      for (const { map, parameter, bounded = false, k = 0 } of SETTINGS) {
        new Float64Array(memory.buffer, parameters, rows).fill(parameter);
        for (const [row, fill] of FILLS.entries()) {
          for (let i = 0; i < scores.length; i++) scores[i] = fill(i);
          new Uint8Array(memory.buffer, mask, rows * n).forEach((_, i, all) => (all[i] = i % 5 === row ? 0 : 1));
          for (const [masked, temperature] of [
            [0, 1],
            [mask, 0.5],
          ] as const) {
            const rest = [n, inner, map, parameters, 1, bounded ? upper : 0, k, temperature, 0] as const;
            const range = [0, rows, workspace, x, masked] as const;
            const support = [sizes, thresholds, exact] as const;
            const byValue = masked === 0 ? 0 : 1;
            const statuses = [
              call(kernels, `row_map_${type}`)(...range, out, ...rest),
              call(kernels, `row_map_support_${type}`)(...range, ...support, ...rest),
              call(kernels, `row_map_csr_${type}`)(...range, ...support, indices, out, byValue, ...rest),
            ];
            call(kernels, `csr_compact_${type}`)(rows, n, sizes, indices, out);
            if (statuses.some((status) => status !== 0))
              throw new Error(
                `row_map_${type} ${map} of n = ${n}, ${parameter}, k = ${k}: status ${statuses.join(', ')}`,
              );
            calls += 4;
          }
        }
      }
    }
  }
  return calls + runGradients({ kernels, memory, heap }) + runLosses({ kernels, memory, heap });
}

/** The pullbacks of all maps, and sparse rows made dense. */
function runGradients({ kernels, memory, heap }: Ground): number {
  let calls = 0;
  for (const type of ['f32', 'f64']) {
    for (const [rows, n, inner] of SHAPES) {
      const Scores = type === 'f32' ? Float32Array : Float64Array;
      const bytes = rows * n * Scores.BYTES_PER_ELEMENT;
      const take = allocator(heap, memory);
      const [p, dp, dx, dupper, upper, indptr, indices, parameters, dparameter] = [
        take(bytes),
        take(bytes),
        take(bytes),
        take(bytes),
        take(bytes),
        take(4 * rows + 4),
        take(4 * rows * n),
        take(8 * rows),
        take(8 * rows),
      ];
      const workspace = take(call(kernels, `row_map_backward_workspace_${type}`)(n, inner));
      new Int32Array(memory.buffer, indptr, rows + 1).forEach((_, r, all) => (all[r] = r * n));
      new Int32Array(memory.buffer, indices, rows * n).forEach((_, i, all) => (all[i] = i % n));
      const statuses = [call(kernels, `csr_expand_${type}`)(0, rows, 0, indptr, indices, p, dx, n, inner)];
      for (const density of [1, 3, 50]) {
        new Scores(memory.buffer, p, rows * n).forEach((_, i, all) => (all[i] = i % density === 0 ? density / n : 0));
        new Scores(memory.buffer, dp, rows * n).forEach((_, i, all) => (all[i] = (i % 13) - 6));
        new Scores(memory.buffer, upper, rows * n).fill(1);
        for (const [map, parameter] of [
          ...ALPHAS_MINUS_ONE.map((alpha) => [0, alpha] as const),
          [1, 1],
          [2, 3],
        ] as const) {
          new Float64Array(memory.buffer, parameters, rows).fill(parameter);
          const results = [dx, dparameter, map === 0 ? 0 : dupper] as const;
          const rest = [n, inner, map, parameters, 1, map === 0 ? 0 : upper, 0.5] as const;
          statuses.push(call(kernels, `row_map_backward_${type}`)(0, rows, workspace, p, dp, ...results, ...rest));
        }
      }
      if (statuses.some((status) => status !== 0))
        throw new Error(`row_map_backward_${type} of n = ${n}: status ${statuses.join(', ')}`);
      calls += statuses.length;
    }
  }
  return calls;
}

/** The losses of all maps, for classes and for distributions, dense and sparse. */
function runLosses({ kernels, memory, heap }: Ground): number {
  let calls = 0;
  for (const type of ['f32', 'f64']) {
    for (const [rows, n, inner] of SHAPES) {
      const Scores = type === 'f32' ? Float32Array : Float64Array;
      const bytes = rows * n * Scores.BYTES_PER_ELEMENT;
      const take = allocator(heap, memory);
      const [z, mask, soft, gradient, targets, scale, alphas, loss, dparameter, sizes, thresholds, indices] = [
        take(bytes),
        take(rows * n),
        take(bytes),
        take(bytes),
        take(4 * rows),
        take(8 * rows),
        take(8 * rows),
        take(8 * rows),
        take(8 * rows),
        take(4 * rows),
        take(8 * rows),
        take(4 * rows * n),
      ];
      const workspace = take(call(kernels, `row_loss_workspace_${type}`)(n, inner));
      new Int32Array(memory.buffer, targets, rows).forEach((_, r, all) => (all[r] = (r % (n + 1)) - 1));
      new Float64Array(memory.buffer, scale, rows).fill(0.3);
      new Uint8Array(memory.buffer, mask, rows * n).forEach((_, i, all) => (all[i] = i % 7 === 3 ? 0 : 1));
      new Scores(memory.buffer, soft, rows * n).forEach((_, i, all) => (all[i] = i % 3 === 1 ? 0 : 1.5 / n));
      const statuses = [];
      for (const fill of FILLS) {
        new Scores(memory.buffer, z, rows * n).forEach((_, i, all) => (all[i] = fill(i)));
        for (const alpha of ALPHAS_MINUS_ONE) {
          new Float64Array(memory.buffer, alphas, rows).fill(alpha);
          for (const [masked, classes, q] of [
            [0, targets, 0],
            [mask, 0, soft],
          ] as const) {
            const range = [0, rows, workspace, z, masked, classes, q, scale, loss] as const;
            const rest = [dparameter, n, inner, 0, alphas, 1, 0.7] as const;
            const sparse = [sizes, thresholds, indices, gradient] as const;
            statuses.push(
              call(kernels, `row_loss_${type}`)(...range, gradient, ...rest),
              call(kernels, `row_loss_csr_${type}`)(...range, ...sparse, ...rest),
            );
          }
        }
      }
      if (statuses.some((status) => status !== 0))
        throw new Error(`row_loss_${type} of n = ${n}: status ${statuses.join(', ')}`);
      calls += statuses.length;
    }
  }
  return calls;
}

/** Scores: scattered, all equal, one far above, and with what is not a number in some of the rows. */
const FILLS: readonly ((i: number) => number)[] = [
  (i) => ((i * 7919) % 1013) / 100,
  () => 1,
  (i) => (i % 31 === 3 ? 50 : -(i % 17)),
  (i) => (i % 211 === 5 ? [NaN, Infinity, -Infinity][i % 3]! : (i % 13) / 4),
];

/** One driver for each family; each returns how many kernels it has called. */
export const DRIVERS: Readonly<Record<string, (ground: Ground) => number>> = { maps: runMaps };

function call(kernels: Ground['kernels'], name: string): Kernel {
  const kernel = kernels[name];
  if (!kernel) throw new Error(`the module exports no kernel ${name}`);
  return kernel;
}

function allocator(heap: number, memory: WebAssembly.Memory): (bytes: number) => number {
  let end = heap;
  return (bytes) => {
    const start = end;
    end += Math.ceil(bytes / 64 + 1) * 64;
    if (end > memory.buffer.byteLength) throw new Error('the memory of this test is too small');
    return start;
  };
}
