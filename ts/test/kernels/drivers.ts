/**
 * Runs all kernels of a family by addresses, small rows and large ones, so that the tests can watch what the kernels
 * do to the rest of memory. The results are compared elsewhere; here only the statuses are.
 */

import type { Kernel } from '../../src/runtime/load.ts';
import { runStructuredWith } from './structured-driver.ts';

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
            // The last row of bounds, for all.
            const isShared = bounded && masked !== 0;
            const bounds = isShared ? upper + bytes - bytes / rows : bounded ? upper : 0;
            const rest = [n, inner, map, parameters, 1, bounds, isShared ? 1 : 0, k, temperature, 0] as const;
            const range = [0, rows, workspace, x, masked] as const;
            const support = [sizes, thresholds, exact] as const;
            const byValue = masked === 0 ? 0 : 1;
            const statuses = [
              call(kernels, `row_map_${type}`)(...range, out, ...rest),
              call(kernels, `row_map_support_${type}`)(...range, ...support, ...rest),
              call(kernels, `row_map_csr_${type}`)(...range, ...support, indices, out, byValue, ...rest),
            ];
            call(kernels, `csr_compact_${type}`)(rows, n, sizes, indices, out);
            call(kernels, `row_map_feasible_${type}`)(rows, x, masked, n, inner, parameters, 1, upper);
            if (statuses.some((status) => status !== 0))
              throw new Error(
                `row_map_${type} ${map} of n = ${n}, ${parameter}, k = ${k}: status ${statuses.join(', ')}`,
              );
            calls += 5;
          }
        }
      }
    }
  }
  const ground = { kernels, memory, heap };
  return calls + runGradients(ground) + runLosses(ground, ENTMAX, ALPHAS_MINUS_ONE);
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

/** The losses of a map, for classes and for distributions, dense and sparse. */
function runLosses({ kernels, memory, heap }: Ground, map: number, parameters: readonly number[]): number {
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
        for (const alpha of parameters) {
          new Float64Array(memory.buffer, alphas, rows).fill(alpha);
          for (const [masked, classes, q] of [
            [0, targets, 0],
            [mask, 0, soft],
          ] as const) {
            const range = [0, rows, workspace, z, masked, classes, q, scale, loss] as const;
            const rest = [dparameter, n, inner, map, alphas, 1, 0.7] as const;
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

/** Options of a call of attention: every table, and none. */
const ATTENTION: readonly {
  causal: number;
  topk: number;
  tables: boolean;
  sparse: boolean;
  screened: boolean;
  rule?: number;
}[] = [
  { causal: 0, topk: 0, tables: false, sparse: false, screened: true },
  { causal: 1, topk: 3, tables: true, sparse: true, screened: false },
  { causal: 2, topk: 0, tables: true, sparse: false, screened: true },
  { causal: 2, topk: 0, tables: false, sparse: true, screened: false },
  { causal: 1, topk: 0, tables: true, sparse: true, screened: false, rule: 1 },
];

/** N, M, D and E of calls with two batches, four query heads and two key heads: around blocks, panels and strips. */
const ATTENTION_SIZES: readonly (readonly [n: number, m: number, d: number, e: number])[] = [
  [1, 1, 4, 16],
  [3, 17, 3, 5],
  [17, 40, 16, 33],
  [5, 700, 8, 48],
  [40, 700, 8, 16],
];

/** What writes numbers to memory and says where. */
interface Places {
  numbers: (length: number, fill: (i: number) => number) => number;
  take: (bytes: number) => number;
  heads: (at: number, count: number, length: number, width: number) => number[];
  /** Address of the lengths of the queries. */
  queries: number;
}

/** The norm of relaAttention and its pullback, without a gate and with one. */
function runNorm(
  { kernels, memory }: Pick<Ground, 'kernels' | 'memory'>,
  type: string,
  [b, h, n, e]: readonly [number, number, number, number],
  { numbers, take, heads, queries }: Places,
): number {
  const of = (fill: (i: number) => number): number[] => heads(numbers(b * h * n * e, fill), h, n, e);
  const parts = Math.ceil((b * n) / call(kernels, 'attention_norm_queries')());
  const arrays = [of(FILLS[2]!), of(FILLS[1]!), of(FILLS[3]!), of(FILLS[1]!)].flat();
  // Of float64 in either type.
  const [gain, gate] = [take(8 * h * e), take(8 * h * e)];
  new Float64Array(memory.buffer, gain, h * e).forEach((_, i, all) => (all[i] = FILLS[0]!(i)));
  new Float64Array(memory.buffer, gate, h * e).forEach((_, i, all) => (all[i] = FILLS[3]!(i)));
  const [dgain, dgate] = [take(8 * parts * h * e), take(8 * parts * h * e)];
  const description = take(call(kernels, 'attention_norm_description_bytes')());
  const workspace = take(call(kernels, 'attention_norm_workspace')(h, e));
  const statuses = [
    [gain, 0, dgain, 0, 0],
    [gain, gate, dgain, dgate, queries],
  ].flatMap((own) => {
    const words = [...arrays, ...own, b, h, n, e];
    new Float64Array(memory.buffer, description, 1)[0] = 1e-6;
    new Int32Array(memory.buffer, description + 8, words.length).set(words);
    return [
      call(kernels, `attention_norm_${type}`)(0, b * n, workspace, description),
      call(kernels, `attention_norm_backward_${type}`)(0, parts, workspace, description),
    ];
  });
  if (statuses.some((status) => status !== 0)) throw new Error(`attention_norm_${type}: status ${statuses.join(', ')}`);
  return statuses.length;
}

/** Everything that the family `attention` exports. */
function runAttention({ kernels, memory, heap }: Ground): number {
  let calls = 0;
  for (const type of ['f32', 'f64']) {
    const Scores = type === 'f32' ? Float32Array : Float64Array;
    const bytes = Scores.BYTES_PER_ELEMENT;
    const [b, h, g] = [2, 4, 2];
    for (const [n, m, d, e] of ATTENTION_SIZES) {
      const [panels, wide] = [Math.ceil(m / 16), Math.ceil(e / 16) * 16];
      const block = call(kernels, 'attention_block_queries')(m);
      const blocks = b * h * Math.ceil(n / block);
      const rows = b * h * n;
      const take = allocator(heap, memory);
      const numbers = (length: number, fill: (i: number) => number): number => {
        const address = take(bytes * length);
        new Scores(memory.buffer, address, length).forEach((_, i, all) => (all[i] = fill(i)));
        return address;
      };
      const array = (
        values: ArrayLike<number>,
        Kind: typeof Float64Array | typeof Int32Array | typeof Uint8Array,
      ): number => {
        const address = take(Kind.BYTES_PER_ELEMENT * values.length);
        new Kind(memory.buffer, address, values.length).set(values);
        return address;
      };
      const heads = (at: number, count: number, length: number, width: number): number[] => [
        at,
        count * length * width,
        length * width,
        width,
      ];
      const [q, k, v] = [
        numbers(b * h * n * d, FILLS[0]!),
        numbers(b * g * m * d, FILLS[2]!),
        numbers(b * g * m * e, FILLS[3]!),
      ];
      const [out, packed, copied] = [
        take(bytes * rows * e),
        take(bytes * b * g * panels * 16 * d),
        take(bytes * b * g * m * wide),
      ];
      const [sizes, thresholds, work, empty] = [take(4 * rows), take(8 * rows), take(8 * rows), take(rows)];
      const [indices, values] = [take(4 * rows * m), take(bytes * rows * m)];
      const bias = numbers(h * m, FILLS[3]!);
      const mask = array(
        Uint8Array.from({ length: n * m }, (_, i) => Number(i % 5 > 0)),
        Uint8Array,
      );
      const keyMask = array(
        Uint8Array.from({ length: b * m }, (_, i) => Number(i % 7 > 0)),
        Uint8Array,
      );
      const slopes = numbers(h, (i) => 2 ** -i);
      const [queries, keys] = [array([n, n - 1], Int32Array), array([m, m - 1], Int32Array)];
      const description = take(call(kernels, 'attention_description_bytes')());
      const workspace = take(call(kernels, `attention_workspace_${type}`)(m, d, e));
      const records = take(b * g * panels * call(kernels, 'attention_record_bytes')(d));
      const [paths, described] = [take(b * h), take(4 * b * g * call(kernels, 'attention_block_floats')(m, d))];
      calls += runNorm({ kernels, memory }, type, [b, h, n, e], { numbers, take, heads, queries });
      for (const { causal, topk, tables, sparse, screened: wanted, rule = 0 } of ATTENTION) {
        const screened = wanted && type === 'f32';
        for (const alphas of [ALPHAS_MINUS_ONE.slice(0, 4), ALPHAS_MINUS_ONE.slice(3)]) {
          const none = [0, 0, 0, 0, 0];
          const words = [
            ...[array(alphas, Float64Array), ...heads(q, h, n, d), ...heads(k, g, m, d), ...heads(v, g, m, e)],
            ...[...heads(out, h, n, e), packed, ...(e === wide ? heads(v, g, m, e) : heads(copied, g, m, wide))],
            ...(tables
              ? [bias, 0, m, 0, 1, mask, 0, 0, m, 1, keyMask, slopes, queries, keys]
              : [...none, ...none, 0, 0, 0, 0]),
            ...[b, h, g, n, m, d, e, causal, topk, 1],
            ...(sparse ? [sizes, thresholds, indices, values, 0] : none),
            ...(screened ? [records, paths, 1, described] : [0, 0, 0, 0]),
            ...[0, 0, work, empty, rule],
          ];
          new Float64Array(memory.buffer, description, 1)[0] = 1 / Math.sqrt(d);
          new Int32Array(memory.buffer, description + 8, words.length).set(words);
          const left = screened ? blocks - b * h : blocks;
          const statuses = [
            call(kernels, `attention_pack_${type}`)(0, b * g * Math.ceil(m / 64), 0, description),
            ...(screened ? [call(kernels, 'attention_probe_f32')(0, b * h, workspace, description)] : []),
            call(kernels, `attention_${type}`)(0, left, workspace, description),
          ];
          // Every path, whatever the probe has chosen.
          for (const path of screened && left > 0 ? [0, 1, 2] : []) {
            new Uint8Array(memory.buffer, paths, b * h).fill(path);
            statuses.push(call(kernels, `attention_range_${type}`)(0, 1, workspace, description, left - 1));
          }
          if (sparse) call(kernels, `attention_compact_${type}`)(rows, m, sizes, indices, values);
          if (statuses.some((status) => status !== 0))
            throw new Error(`attention_${type} of ${n} x ${m}: status ${statuses.join(', ')}`);
          calls += statuses.length;
        }
      }
    }
  }
  return calls;
}

/** The regularised maps, as the kernels number them, with parameters; whether they have groups, and bounds. */
const REGULARISED: readonly (readonly [map: number, parameters: readonly number[], grouped: boolean])[] = [
  [3, [0, 0.1, 3, 1e300], true],
  [4, [0, 0.001, 0.1, 1e300], true],
  [5, [0, 0.001, 0.1, 1e300], true],
  [6, [0.01, 0.5, 1, 2.3, Infinity], false],
  [7, [0, 0.3, 0.5, 1, 2.3], false],
  [8, [0, 0.1, 3, 1e300], true],
];
const [NORMMAX, TVMAX] = [6, 8];

/** The largest divisor up to the root: the width of a grid of n. */
const widthOf = (n: number): number => {
  let width = Math.floor(Math.sqrt(n));
  while (n % width > 0) width--;
  return width;
};

/** Everything that the family `regularised` exports. */
function runRegularised({ kernels, memory, heap }: Ground): number {
  let calls = 0;
  for (const type of ['f32', 'f64']) {
    const Scores = type === 'f32' ? Float32Array : Float64Array;
    for (const [rows, n, inner] of SHAPES) {
      const bytes = rows * n * Scores.BYTES_PER_ELEMENT;
      const take = allocator(heap, memory);
      const [x, mask, out, groups, rates, dp, dx, upper, dupper] = [
        take(bytes),
        take(rows * n),
        take(bytes),
        take(4 * rows * n),
        take(bytes),
        take(bytes),
        take(bytes),
        take(bytes),
        take(bytes),
      ];
      const [parameters, dparameter, indices, values] = [
        take(8 * rows),
        take(8 * rows),
        take(4 * rows * n),
        take(bytes),
      ];
      const [sizes, thresholds, indptr] = [take(4 * rows), take(8 * rows), take(4 * rows + 4)];
      const workspace = take(call(kernels, `row_map_workspace_${type}`)(n, inner));
      const grid = take(call(kernels, `row_map_grid_workspace_${type}`)(n, inner));
      const backward = take(call(kernels, `row_map_backward_workspace_${type}`)(n, inner));
      new Scores(memory.buffer, dp, rows * n).forEach((_, i, all) => (all[i] = (i % 13) - 6));
      // What is left of a row can hold it.
      new Scores(memory.buffer, upper, rows * n).fill(Math.max(0.7, 3 / n));
      for (const [map, settings, grouped] of REGULARISED) {
        for (const [at, parameter] of settings.entries()) {
          new Float64Array(memory.buffer, parameters, rows).fill(parameter);
          const fill = FILLS[at % FILLS.length]!;
          new Scores(memory.buffer, x, rows * n).forEach((_, i, all) => (all[i] = fill(i)));
          new Uint8Array(memory.buffer, mask, rows * n).forEach((_, i, all) => (all[i] = i % 5 === at ? 0 : 1));
          for (const [masked, bounds, temperature] of [
            [0, 0, 1],
            [mask, n > 1 ? upper : 0, 0.5],
          ] as const) {
            const rest = [n, inner, map, parameters, 1, bounds] as const;
            // All rows have the same bounds.
            const shared = bounds === 0 ? 0 : at % 2;
            const labels = grouped ? [groups, rates] : [];
            const kernel = grouped ? 'row_map_groups' : 'row_map';
            const results = [dx, dparameter, map === 7 ? dupper : 0];
            const [room, width] = map === TVMAX ? [grid, widthOf(n)] : [workspace, 0];
            const sparse = [0, rows, room, x, masked, sizes, thresholds, 0] as const;
            const order = masked === 0 ? 0 : 1;
            const statuses = [
              call(kernels, `row_map_support_${type}`)(...sparse, ...rest, shared, width, temperature, 0),
              call(kernels, `row_map_csr_${type}`)(
                ...sparse,
                indices,
                values,
                order,
                ...rest,
                shared,
                width,
                temperature,
                0,
              ),
              call(kernels, `row_map_${type}`)(0, rows, room, x, masked, out, ...rest, shared, width, temperature, 0),
              call(
                kernels,
                `${kernel}_${type}`,
              )(...[0, rows, room, x, masked, out, ...labels, ...rest, shared, width, temperature, 0]),
              call(
                kernels,
                `${kernel}_backward_${type}`,
              )(...[0, rows, backward, out, dp, ...labels, ...results, ...rest, temperature]),
            ];
            if (statuses.some((status) => status !== 0))
              throw new Error(`${kernel}_${type} ${map} of n = ${n}, ${parameter}: status ${statuses.join(', ')}`);
            const lengths = new Int32Array(memory.buffer, sizes, rows);
            const offsets = new Int32Array(memory.buffer, indptr, rows + 1).fill(0);
            lengths.forEach((length, r) => (offsets[r + 1] = offsets[r]! + length));
            call(kernels, `csr_compact_${type}`)(rows, n, sizes, indices, values);
            call(kernels, `csr_expand_${type}`)(0, rows, 0, indptr, indices, values, dx, n, inner);
            call(kernels, `row_map_feasible_${type}`)(rows, x, masked, n, inner, parameters, 1, upper);
            calls += statuses.length + 3;
          }
        }
      }
    }
  }
  return calls + runLosses({ kernels, memory, heap }, NORMMAX, [0.01, 0.5, 1, 2.3, Infinity]);
}

/** Scores: scattered, all equal, one far above, and with what is not a number in some of the rows. */
const FILLS: readonly ((i: number) => number)[] = [
  (i) => ((i * 7919) % 1013) / 100,
  () => 1,
  (i) => (i % 31 === 3 ? 50 : -(i % 17)),
  (i) => (i % 211 === 5 ? [NaN, Infinity, -Infinity][i % 3]! : (i % 13) / 4),
];

/** One driver for each family; each returns how many kernels it has called. */
export const DRIVERS: Readonly<Record<string, (ground: Ground) => number>> = {
  maps: runMaps,
  attention: runAttention,
  regularised: runRegularised,
  structured: ({ kernels, memory, heap }) =>
    runStructuredWith({ call: (name) => call(kernels, name), allocate: allocator(heap, memory), memory }),
};

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
