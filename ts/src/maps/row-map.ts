/**
 * One descriptor for each row map; all its forms are derived here and not written again.
 *
 * The way of a call: `prepare` reads the scores and options into a `RowCall` (and throws before anything is written),
 * a plan yields jobs over staged rows, and the form runs the plan, at once or asynchronously. Kernels take
 * `(first, last, workspace, x, mask, out..., n, inner, map, parameter, stride, upper, k, temperature, emptyRowIsNaN)`,
 * see crates/entmax-wasm/src/maps.rs.
 */

import { EntmaxError } from '../errors.ts';
import type { Run } from '../runtime/execute.ts';
import type { KernelFamily } from '../runtime/family.ts';
import type { Job } from '../runtime/job.ts';
import { readRun, runPlan, runPlanAsync } from '../runtime/plan.ts';
import type { Plan } from '../runtime/plan.ts';
import { memory, runtimeInfo } from '../runtime/runtime.ts';
import { Scratch } from '../runtime/scratch.ts';
import { elementBytes, inFormOf, newArray, readOut, readScores } from '../scores.ts';
import type { Destination, ReadScores } from '../scores.ts';
import { rowLayout, sizeOf } from '../shape.ts';
import type { RowLayout } from '../shape.ts';
import { abandoning, addressOf, allocateTensor, isBusy, pin, refuseHalfWritten } from '../tensor.ts';
import { readEmptyRow, readMask, readOptions, readTemperature } from './options.ts';
import type { EmptyRow } from './options.ts';
import { readParameter } from './parameter.ts';
import type { ParameterRule } from './parameter.ts';
import { readFloats, stagedRows } from './staging.ts';
import type { DenseTarget, StagedRows } from './staging.ts';

/** What distinguishes one row map from another. */
export interface RowMapDescriptor {
  readonly name: string;
  readonly family: KernelFamily;
  /** Names of the kernels without their `_f32` or `_f64`. */
  readonly kernels: { readonly dense: string; readonly support: string; readonly workspace: string };
  readonly parameter: ParameterRule;
}

/** Support sizes and thresholds of all rows, in row order. */
export interface Support<A> {
  /** Number of entries with p > 0, for each row. */
  readonly sizes: Int32Array;
  /** In the support <=> unmasked and score > threshold, in the scores' units; NaN for NaN rows, Infinity for empty ones. */
  readonly thresholds: A;
}

/** A call whose arguments have been read and checked. */
interface RowCall {
  readonly op: string;
  readonly descriptor: RowMapDescriptor;
  readonly scores: ReadScores;
  readonly layout: RowLayout;
  readonly mask: Uint8Array | undefined;
  readonly parameter: Float64Array;
  readonly temperature: number;
  readonly emptyRow: EmptyRow;
  readonly out: Destination | undefined;
  /** Large stages: for the pool and for asynchronous calls. */
  readonly large: boolean;
}

const ROW_OPTIONS = ['shape', 'axis', 'mask', 'lengths', 'temperature', 'emptyRow'];

/** Derives all forms of a row map. The result is typed where it is exported (ts/src/maps/maps.ts). */
export function defineRowMap(descriptor: RowMapDescriptor): unknown {
  const { name } = descriptor;
  const op = { dense: name, support: `${name}.support`, async: `${name}.async`, asyncSupport: `${name}.async.support` };

  const dense = (x: unknown, options?: unknown): unknown =>
    runPlan(densePlan(prepare(op.dense, descriptor, x, options, ['out'])));
  const support = (x: unknown, options?: unknown): unknown =>
    runPlan(supportPlan(prepare(op.support, descriptor, x, options, [])));
  const asyncDense = async (x: unknown, options?: unknown): Promise<unknown> => {
    const [call, run] = prepareAsync(op.async, descriptor, x, options, ['out']);
    return pinned(call, () => runPlanAsync(densePlan(call), call.layout.rows, run));
  };
  const asyncSupport = async (x: unknown, options?: unknown): Promise<unknown> => {
    const [call, run] = prepareAsync(op.asyncSupport, descriptor, x, options, []);
    return pinned(call, () => runPlanAsync(supportPlan(call), call.layout.rows, run));
  };
  return Object.assign(dense, { support, async: Object.assign(asyncDense, { support: asyncSupport }) });
}

/** Reads and checks everything; nothing has been written when it throws. */
function prepare(
  op: string,
  descriptor: RowMapDescriptor,
  x: unknown,
  options: unknown,
  more: readonly string[],
): RowCall {
  const { parameter } = descriptor;
  const own = parameter.name === undefined ? [] : [parameter.name];
  const given = readOptions(op, options, [...own, ...ROW_OPTIONS, ...more]);
  const scores = readScores(op, x, given['shape']);
  const layout = rowLayout(op, scores.shape, given['axis'] ?? -1);
  const call: RowCall = {
    op,
    descriptor,
    scores,
    layout,
    mask: readMask(op, given['mask'], given['lengths'], scores.shape, layout),
    parameter: readParameter(op, parameter, parameter.name && given[parameter.name], scores.shape, layout),
    temperature: readTemperature(op, given['temperature']),
    emptyRow: readEmptyRow(op, given['emptyRow']),
    out: given['out'] === undefined ? undefined : readOut(op, given['out'], scores),
    large: more.includes('signal') || runtimeInfo().threads > 1,
  };
  refuseBusy(call);
  if (call.emptyRow === 'throw') refuseEmptyRows(call);
  return call;
}

function prepareAsync(
  op: string,
  descriptor: RowMapDescriptor,
  x: unknown,
  options: unknown,
  more: readonly string[],
): [RowCall, Run] {
  const call = prepare(op, descriptor, x, options, [...more, 'signal', 'onProgress']);
  const { signal, onProgress } = (options ?? {}) as Record<string, unknown>;
  return [call, readRun(op, signal, onProgress)];
}

/** Keeps the tensors of an asynchronous call in place until it settles. */
async function pinned<R>(call: RowCall, run: () => Promise<R>): Promise<R> {
  const { op, scores, out } = call;
  const held: (() => void)[] = [];
  if (scores.form === 'tensor') held.push(pin(scores.tensor, op, 'reads'));
  if (out && 'tensor' in out) held.push(pin(out.tensor, op, 'writes'));
  try {
    return await run();
  } finally {
    for (const unpin of held) unpin();
  }
}

function refuseBusy({ op, scores, out }: RowCall): void {
  if (scores.form === 'tensor') refuseHalfWritten(scores.tensor, op);
  if (out && 'tensor' in out && isBusy(out.tensor, op)) {
    throw new EntmaxError('ENTMAX_BUSY', op, 'out to be at rest', 'a tensor in use by an asynchronous call');
  }
}

/** Probabilities of all rows, in the form of the scores or in `out`. */
function* densePlan(call: RowCall): Plan<unknown> {
  const { op, scores, layout } = call;
  const scratch = new Scratch(op);
  const created = scores.form === 'tensor' && !call.out ? allocateTensor(op, scores.dtype, scores.shape) : undefined;
  const tensorOut = created ?? (call.out && 'tensor' in call.out ? call.out.tensor : undefined);
  const data =
    call.out && 'data' in call.out
      ? call.out.data
      : tensorOut
        ? undefined
        : newArray(scores.dtype, sizeOf(scores.shape));
  const target: DenseTarget = tensorOut ? { address: addressOf(tensorOut, op) } : data ? { data } : {};
  // A `scope` around an asynchronous call may dispose the new tensor while workers still write to it.
  const unpin = created && pin(created, op, 'writes');
  const setAside = tensorOut && abandoning(tensorOut, op);
  let failure: unknown;
  try {
    const parameter = scratch.copyOfNumbers(call.parameter);
    for (const staged of layout.rows * layout.n === 0 ? [] : stage(call, target, scratch)) {
      refuseStatus(op, yield rowJob(call, 'dense', staged, [staged.out], parameter, setAside));
      staged.finish();
    }
  } catch (error) {
    failure = error;
    created?.dispose();
    throw error;
  } finally {
    unpin?.();
    scratch.release(failure);
  }
  if (call.out) return 'tensor' in call.out ? call.out.tensor : call.out.original;
  return created ?? (scores.form === 'tensor' || !data ? undefined : inFormOf(scores, data));
}

/** Support sizes and thresholds of all rows. */
function* supportPlan(call: RowCall): Plan<Support<Float32Array | Float64Array>> {
  const { op, scores, layout } = call;
  const scratch = new Scratch(op);
  let failure: unknown;
  try {
    const parameter = scratch.copyOfNumbers(call.parameter);
    const sizes = scratch.allocate(4 * layout.rows);
    const thresholds = scratch.allocate(elementBytes(scores.dtype) * layout.rows);
    memory().i32(sizes, layout.rows).fill(0);
    readFloats(scores.dtype, thresholds, layout.rows).fill(Infinity);
    for (const staged of layout.rows * layout.n === 0 ? [] : stage(call, {}, scratch)) {
      const results = [sizes + 4 * staged.firstRow, thresholds + elementBytes(scores.dtype) * staged.firstRow, 0];
      refuseStatus(op, yield rowJob(call, 'support', staged, results, parameter));
    }
    const result = { sizes: new Int32Array(layout.rows), thresholds: newArray(scores.dtype, layout.rows) };
    result.sizes.set(memory().i32(sizes, layout.rows));
    result.thresholds.set(readFloats(scores.dtype, thresholds, layout.rows));
    return result;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    scratch.release(failure);
  }
}

function stage(
  { op, scores, layout, mask, large }: RowCall,
  target: DenseTarget,
  scratch: Scratch,
): Generator<StagedRows> {
  return stagedRows(op, scores, layout, mask, target, scratch, large);
}

/** Rough time of one element on one thread, for chunk sizes and to see whether threads pay; float64 kernels are scalar. */
const NANOSECONDS_PER_ELEMENT = { float32: 0.8, float64: 5 };
/** Rows that kernels gather together when they are strided. */
const GATHERED_ROWS = 16;

/** The kernel over staged rows. `results` are the addresses between the mask and the layout in the kernel's arguments. */
function rowJob(
  call: RowCall,
  form: 'dense' | 'support',
  staged: StagedRows,
  results: readonly number[],
  parameter: number,
  setResultAside?: () => void,
): Job {
  const { op, descriptor, scores, layout, emptyRow, temperature } = call;
  const { family, kernels } = descriptor;
  const suffix = scores.dtype === 'float32' ? 'f32' : 'f64';
  const perRow = call.parameter.length > 1;
  const setScoresAside = scores.form === 'tensor' ? abandoning(scores.tensor, op) : undefined;
  const parameterAddress = parameter + (perRow ? 8 * staged.firstRow : 0);
  return {
    op,
    family,
    kernel: `${kernels[form]}_${suffix}`,
    args: [
      staged.x,
      staged.mask,
      ...results,
      layout.n,
      staged.inner,
      0, // map: entmax
      parameterAddress,
      perRow ? 1 : 0,
      0, // no upper bounds
      0, // not restricted to k
      temperature,
      emptyRow === 'nan' ? 1 : 0,
    ],
    rows: staged.rows,
    rowMultiple: Math.min(staged.inner, GATHERED_ROWS),
    nanosecondsPerRow: layout.n * NANOSECONDS_PER_ELEMENT[scores.dtype] + 20,
    workspaceBytes: family.kernel(memory(), `${kernels.workspace}_${suffix}`)(layout.n, staged.inner),
    repeatable: !results.includes(staged.x),
    setAside: () => {
      setScoresAside?.();
      setResultAside?.();
    },
  };
}

/** What kernels answer besides 0 (crates/entmax-core/src/status.rs). No input is known that causes either. */
const STATUS: Readonly<Record<number, string>> = {
  1: 'a parameter that the kernel refuses (nothing was written)',
  2: 'a row whose threshold did not converge (out holds the nearest)',
};

function refuseStatus(op: string, status: number): void {
  if (status === 0) return;
  throw new EntmaxError('ENTMAX_KERNEL', op, 'every row to be solved', STATUS[status] ?? `status ${status}`);
}

/** `emptyRow: 'throw'` looks before anything is written. It reads a row up to the first score that counts. */
function refuseEmptyRows({ op, scores, layout, mask }: RowCall): void {
  const { rows, n, inner } = layout;
  const data = scores.form === 'tensor' ? scores.tensor.view() : scores.data;
  if (n === 0) return;
  for (let row = 0; row < rows; row++) {
    const start = Math.floor(row / inner) * n * inner + (row % inner);
    const end = start + n * inner;
    let at = start;
    while (at < end && (data[at] === -Infinity || mask?.[at] === 0)) at += inner;
    if (at >= end)
      throw new EntmaxError('ENTMAX_EMPTY_ROW', op, 'a score that counts in every row', `none in row ${row}`);
  }
}
