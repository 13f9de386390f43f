/** Sizes and thresholds of all supports, without the probabilities. */

import type { F32, F64 } from '../types.ts';
import { inputsOf } from './dense.ts';
import type { Prepared } from './forms.ts';
import { inRoom } from './room.ts';
import { readRowCall, refuseRows } from './row-call.ts';
import type { RowMapDescriptor } from './row-call.ts';
import { batchArguments, runKernel, sharedOf, workspaceOf } from './row-job.ts';
import { stagedRows } from './staging.ts';

/** Support sizes and thresholds of all rows, in row order. */
export interface Support<A = F32 | F64> {
  /** Number of entries with p > 0, for each row. */
  readonly sizes: Int32Array;
  /**
   * In the support <=> unmasked, of a bound above 0, and score > threshold, in the scores' units; NaN for NaN rows, Infinity for empty
   * ones. Of the maps with groups (`GroupedMap` of entmax/regularised) that of the sparsemax in which they end.
   */
  readonly thresholds: A;
  /** For the top-k maps: 1 where the result equals that of the unrestricted map. */
  readonly exact?: Uint8Array;
}

export function prepareSupport(
  descriptor: RowMapDescriptor,
  op: string,
  [x, options]: readonly unknown[],
  isAsync: boolean,
): Prepared<Support> {
  const call = refuseRows(readRowCall(op, descriptor, x, options, [], isAsync));
  const { scores, layout, given, large } = call;
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const shared = sharedOf(call, room);
        const sizes = room.perRow('int32', layout.rows, 0);
        const thresholds = room.perRow(scores.dtype, layout.rows, Infinity);
        const exact = call.k > 0 ? room.perRow('uint8', layout.rows, 1) : undefined;
        for (const stage of stagedRows(op, layout, inputsOf(call), room, large)) {
          const [x, mask, upper] = stage.at as [number, number, number];
          const results = [sizes.at(stage), thresholds.at(stage), exact?.at(stage) ?? 0];
          const args = [x, mask, ...results, ...batchArguments(call, stage, shared, upper)];
          yield* runKernel(call, stage, 'row_map_support', args, workspaceOf(call));
        }
        return { sizes: sizes.take(), thresholds: thresholds.take(), ...(exact && { exact: exact.take() }) };
      }),
    rows: layout.rows,
    reads: [scores, call.upper?.each],
    given,
  };
}
