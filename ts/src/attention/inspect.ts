/**
 * Attention with its weights as sparse rows. Kernels write a row's weights to a slot of M entries; a chunk of queries at a
 * time is attended and its slots are moved together and copied out, so that no array of N times M entries comes into being.
 */

import { makeCsr } from '../csr.ts';
import { viewOf } from '../elements.ts';
import type { Prepared } from '../maps/forms.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import { Slots } from '../maps/slots.ts';
import type { Operand } from '../maps/staging.ts';
import type { Plan } from '../runtime/plan.ts';
import { readAttentionCall, readsOf } from './attention-call.ts';
import type { AttentionCall, ReadCall } from './attention-call.ts';
import { chunksOf } from './chunks.ts';
import { descriptionBytes, writeDescription } from './description.ts';
import type { Description } from './description.ts';
import { attendJob, attentionKernel, describe, emptyRows, packJob, pairsOf } from './forward.ts';
import { progressOf, refuseEmptyRows, refuseStatus, rowsOf, suffixOf } from './forward.ts';
import { placeOutput } from './output.ts';
import type { Inspection } from './types.ts';

/** Everything of an inspection but the output. */
type Seen = Omit<Inspection<unknown>, 'output'>;

export function prepareInspect(
  op: string,
  args: readonly unknown[],
  isAsync: boolean,
  read: ReadCall = readAttentionCall,
): Prepared<unknown> {
  const call = read(op, args, [], isAsync);
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const result = room.result(call.template);
        const description = (out: number): Description => describe(call, room, out);
        const seen = yield* inspect(call, room, result.operand, description);
        return { output: result.value, ...seen };
      }),
    ...progressOf(call),
    reads: readsOf(call),
    given: call.given,
  };
}

/** Attends with the weights kept; `describe` tells where the keys lie, given where the output goes. */
export function* inspect(
  call: AttentionCall,
  room: Room,
  result: Operand,
  describe: (out: number) => Description,
): Plan<Seen> {
  const { op, sizes, template } = call;
  const { batches, heads, queries, keys, width, valueWidth } = sizes;
  const { dtype } = template;
  const rows = rowsOf(call);
  const thresholds = room.perRow(dtype, rows, Infinity);
  const work = room.perRow('float64', rows, 0);
  const compact = attentionKernel(`attention_compact${suffixOf(dtype)}`);
  const slots = new Slots({ op, dtype, rows, n: keys, compact }, room);
  const out = placeOutput(call, result, room);
  const empty = emptyRows(call, room);
  const description = { ...describe(out.at), work: work.address, empty };
  const address = room.allocate(descriptionBytes());
  writeDescription(address, description);
  if (rows > 0 && !description.pages) yield packJob(call, address, out);
  for (const chunk of chunksOf(call, 0, batches * heads)) {
    const [sizes, indices, values] = slots.at(chunk);
    const { firstRow } = chunk;
    // Sizes and thresholds are those of all rows, the slots those of the chunk.
    const ofRows = { sizes: sizes - 4 * firstRow, thresholds: thresholds.address };
    writeDescription(address, { ...description, weights: { ...ofRows, indices, values, firstRow } });
    refuseStatus(call, yield attendJob(call, address, chunk.firstBlock, chunk.blocks, out));
    slots.collect(chunk);
  }
  refuseEmptyRows(call, empty);
  yield* out.finish();
  const dense = pairsOf(call) * (width + valueWidth);
  const done = viewOf('float64', work.address, rows).reduce((sum, row) => sum + row, 0);
  const shape = [batches, heads, queries, keys];
  return {
    weights: makeCsr({ ...slots.take(), thresholds: thresholds.take(), shape, axis: 3 }),
    skipped: dense === 0 ? 0 : 1 - done / dense,
  };
}
