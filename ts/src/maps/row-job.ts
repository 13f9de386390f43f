/**
 * Kernels over staged rows. The arguments are those of crates/entmax-wasm/src/row_exports.rs: first, last and workspace come
 * from whoever runs the job, then the form's own arrays, then what all kernels of the family are told of the map.
 */

import { EntmaxError } from '../errors.ts';
import type { Job } from '../runtime/job.ts';
import type { Plan } from '../runtime/plan.ts';
import { memory } from '../runtime/runtime.ts';
import type { Kernel } from '../runtime/load.ts';
import type { Room } from './room.ts';
import type { RowMapCall } from './row-call.ts';
import type { StagedRows } from './staging.ts';

/** Rough time of one element on one thread, for chunk sizes and to see whether threads pay; float64 kernels are scalar. */
const NANOSECONDS_PER_ELEMENT = { float32: 0.8, float64: 5 };
/** Rows that kernels gather together when they are strided. */
const GATHERED_ROWS = 16;

/** A kernel of the call's family for its element type, on this thread. */
export function kernelOf({ descriptor, template }: RowMapCall, name: string): Kernel {
  return descriptor.family.kernel(memory(), name + suffixOf(template.dtype));
}

const suffixOf = (dtype: 'float32' | 'float64'): string => (dtype === 'float32' ? '_f32' : '_f64');

/** A kernel over staged rows; `workspace` names the function that says what it needs, if it needs any. */
export function rowJob(
  call: RowMapCall,
  { rows, inner, repeatable, setAside }: StagedRows,
  kernel: string,
  args: readonly number[],
  workspace?: string,
): Job {
  const { op, descriptor, template, layout } = call;
  const nanoseconds = descriptor.nanosecondsPerElement ?? NANOSECONDS_PER_ELEMENT[template.dtype];
  return {
    op,
    family: descriptor.family,
    kernel: kernel + suffixOf(template.dtype),
    args,
    rows,
    rowMultiple: Math.min(inner, GATHERED_ROWS),
    nanosecondsPerRow: layout.n * nanoseconds + 20,
    workspaceBytes: workspace === undefined ? 0 : kernelOf(call, workspace)(layout.n, inner),
    repeatable,
    setAside,
  };
}

/** Runs a kernel over staged rows. */
export function* runKernel(
  call: RowMapCall,
  stage: StagedRows,
  kernel: string,
  args: readonly number[],
  workspace?: string,
): Plan<void> {
  refuseStatus(call, yield rowJob(call, stage, kernel, args, workspace));
}

/** Refuses a job's answer. */
export function refuseStatus({ op }: RowMapCall, status: number): void {
  if (status === 0) return;
  throw new EntmaxError('ENTMAX_KERNEL', op, 'every row to be solved', STATUS[status] ?? `status ${status}`);
}

/** What kernels answer besides 0 (crates/entmax-core/src/status.rs). No input is known that causes either. */
const STATUS: Readonly<Record<number, string>> = {
  1: 'a parameter that the kernel refuses (nothing was written)',
  2: 'a row whose threshold did not converge (out holds the nearest)',
};

/** The function that says what the dense kernels need. */
export const workspaceOf = ({ layout }: RowMapCall): string =>
  layout.width === undefined ? 'row_map_workspace' : 'row_map_grid_workspace';

/** Address and stride of the parameter for staged rows, from the address of its values. */
export function parameterAt({ parameter }: RowMapCall, { firstRow }: StagedRows, address: number): [number, number] {
  return parameter.values.length > 1 ? [address + 8 * firstRow, 1] : [address, 0];
}

/** Addresses of what all chunks of a call share: parameters, and bounds that are those of every row. */
export interface Shared {
  readonly parameter: number;
  readonly bounds: number;
}

/** Copies what all chunks of a call share. */
export function sharedOf({ parameter, upper }: RowMapCall, room: Room): Shared {
  return {
    parameter: room.copyOfNumbers(parameter.values),
    bounds: upper?.row
      ? room.perRowOf(upper.row instanceof Float32Array ? 'float32' : 'float64', upper.row).address
      : 0,
  };
}

/** The arguments that the kernels of all forward forms end with; `upper` is the address of bounds of each score. */
export function batchArguments(call: RowMapCall, stage: StagedRows, shared: Shared, upper: number): number[] {
  const { layout, map, k, temperature, emptyRow } = call;
  const perRow = parameterAt(call, stage, shared.parameter);
  const { bounds } = shared;
  const ofRows = bounds ? 1 : 0;
  // Kernels of grids are told their width in the place of k.
  const rest = [layout.width ?? k, temperature, emptyRow === 'nan' ? 1 : 0] as const;
  return [layout.n, stage.inner, map, ...perRow, bounds || upper, ofRows, ...rest];
}
