/**
 * The forward pass of a pullback: it keeps the weights as sparse rows, as an inspection gives them. Heads of softmax have
 * weights everywhere: nothing is kept of them, and the pullback forms their weights again.
 */

import type { Entries } from '../csr.ts';
import { viewOf } from '../elements.ts';
import type { Room } from '../maps/room.ts';
import { Slots } from '../maps/slots.ts';
import type { Operand } from '../maps/staging.ts';
import type { Plan } from '../runtime/plan.ts';
import type { Float } from '../types.ts';
import type { AttentionCall } from './attention-call.ts';
import { chunksOf } from './chunks.ts';
import type { Chunk } from './chunks.ts';
import { descriptionBytes, writeDescription } from './description.ts';
import { attendJob, attentionKernel, blocksOf, describe, emptyRows, headValues, packJob } from './forward.ts';
import { refuseEmptyRows, refuseStatus, rowsOf, suffixOf } from './forward.ts';
import { placeOutput } from './output.ts';

/** Weights as sparse rows, B H N of them, and the sums of which a norm has made the output. */
export interface SavedWeights extends Entries {
  readonly thresholds: Float;
  readonly sums: Float | undefined;
}

/** For each head: whether a pullback keeps its weights. */
export function keepsWeights({ alpha, topk, sizes }: AttentionCall): boolean[] {
  if (!alpha) return new Array<boolean>(sizes.heads).fill(true);
  return Array.from(headValues(alpha, sizes.heads), (alphaMinusOne) => topk > 0 || alphaMinusOne !== 0);
}

/** Attends, and returns the weights. */
export function* attendKeeping(call: AttentionCall, room: Room, result: Operand): Plan<SavedWeights> {
  const { op, sizes, template } = call;
  const { dtype } = template;
  const rows = rowsOf(call);
  const thresholds = room.perRow(dtype, rows, Infinity);
  const compact = attentionKernel(`attention_compact${suffixOf(dtype)}`);
  const slots = new Slots({ op, dtype, rows, n: sizes.keys, compact }, room);
  const out = placeOutput(call, result, room);
  const empty = emptyRows(call, room);
  const description = { ...describe(call, room, out.at), empty };
  const address = room.allocate(descriptionBytes());
  writeDescription(address, description);
  if (rows > 0) yield packJob(call, address, out);
  const runs = runsOf(call);
  // The slots are as large as the largest chunk, which is asked for first.
  slots.at({ firstRow: 0, rows: Math.max(0, ...runs.map(({ rows, kept }) => (kept ? rows : 0))) });
  for (const run of runs) {
    const { firstRow, kept } = run;
    const [sizesAt, indices, values] = slots.at(run);
    const ofRows = { sizes: sizesAt - 4 * firstRow, thresholds: thresholds.address };
    writeDescription(
      address,
      kept ? { ...description, weights: { ...ofRows, indices, values, firstRow } } : description,
    );
    refuseStatus(call, yield attendJob(call, address, run.firstBlock, run.blocks, out));
    if (!kept) continue;
    if (call.emptyRow === 'nan') forgetEmptyRows(call, run, sizesAt, thresholds.at(run));
    slots.collect(run);
  }
  refuseEmptyRows(call, empty);
  yield* out.finish();
  return { ...slots.take(), thresholds: thresholds.take(), sums: out.sums() };
}

/** Blocks of queries of which all weights are kept, or none. */
interface Run extends Chunk {
  readonly kept: boolean;
}

/** All blocks, in the order of the rows. */
function runsOf(call: AttentionCall): Run[] {
  const { batches, heads, queries } = call.sizes;
  const kept = keepsWeights(call);
  const perHead = blocksOf(call) / Math.max(batches * heads, 1);
  const runs: Run[] = [];
  let head = 0;
  while (head < batches * heads && perHead > 0) {
    const isKept = kept[head % heads]!;
    let end = head + 1;
    while (end < batches * heads && kept[end % heads] === isKept) end++;
    const count = end - head;
    const whole = {
      firstBlock: head * perHead,
      blocks: count * perHead,
      firstRow: head * queries,
      rows: count * queries,
    };
    for (const chunk of isKept ? chunksOf(call, head, end) : [whole]) runs.push({ ...chunk, kept: isKept });
    head = end;
  }
  return runs;
}

/** A row that is NaN because nothing is left of it is constant: no weights are kept. */
function forgetEmptyRows({ template }: AttentionCall, { rows }: Chunk, sizes: number, thresholds: number): void {
  const sizeOfRow = viewOf('int32', sizes, rows);
  const thresholdOfRow = viewOf(template.dtype, thresholds, rows);
  for (let row = 0; row < rows; row++) if (thresholdOfRow[row] === Infinity) sizeOfRow[row] = 0;
}
