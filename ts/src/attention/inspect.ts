/**
 * Attention with its weights as sparse rows. Kernels write a row's weights to a slot of M entries; a chunk of queries at a
 * time is attended and its slots are moved together and copied out, so that no array of N times M entries comes into being.
 */

import { makeCsr } from '../csr.ts';
import { elementBytes, viewOf } from '../elements.ts';
import type { Prepared } from '../maps/forms.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import { Slots } from '../maps/slots.ts';
import type { Operand } from '../maps/staging.ts';
import type { Plan } from '../runtime/plan.ts';
import { readAttentionCall, readsOf } from './attention-call.ts';
import type { AttentionCall } from './attention-call.ts';
import { descriptionBytes, writeDescription } from './description.ts';
import { attendJob, attentionKernel, blockQueries, describe, emptyRows, packJob, pairsOf } from './forward.ts';
import { progressOf, refuseEmptyRows, refuseStatus, rowsOf, suffixOf } from './forward.ts';
import { placeResult } from './output.ts';
import type { Inspection } from './types.ts';

/** Slots that are filled before they are copied out: a few blocks for each thread of a large pool. */
const SLOT_BYTES = 8 << 20;

/** Everything of an inspection but the output. */
type Seen = Omit<Inspection<unknown>, 'output'>;

export function prepareInspect(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  const call = readAttentionCall(op, args, [], isAsync);
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const result = room.result(call.template);
        const seen = yield* inspect(call, room, result.operand);
        return { output: result.value, ...seen };
      }),
    ...progressOf(call),
    reads: readsOf(call),
    given: call.given,
  };
}

function* inspect(call: AttentionCall, room: Room, result: Operand): Plan<Seen> {
  const { op, sizes, template } = call;
  const { batches, heads, queries, keys, width, valueWidth } = sizes;
  const { dtype } = template;
  const rows = rowsOf(call);
  const thresholds = room.perRow(dtype, rows, Infinity);
  const work = room.perRow('float64', rows, 0);
  const compact = attentionKernel(`attention_compact${suffixOf(dtype)}`);
  const slots = new Slots({ op, dtype, rows, n: keys, compact }, room);
  const out = placeResult(call, result, room);
  const empty = emptyRows(call, room);
  const description = { ...describe(call, room, out.at), work: work.address, empty };
  const address = room.allocate(descriptionBytes());
  writeDescription(address, description);
  if (rows > 0) yield packJob(call, address, out);
  for (const chunk of chunksOf(call)) {
    const [sizes, indices, values] = slots.at(chunk);
    const { firstRow } = chunk;
    // Sizes and thresholds are those of all rows, the slots those of the chunk.
    const ofRows = { sizes: sizes - 4 * firstRow, thresholds: thresholds.address };
    writeDescription(address, { ...description, weights: { ...ofRows, indices, values, firstRow } });
    refuseStatus(call, yield attendJob(call, address, chunk.firstBlock, chunk.blocks, out));
    slots.collect(chunk);
  }
  refuseEmptyRows(call, empty);
  out.finish();
  const dense = pairsOf(call) * (width + valueWidth);
  const done = viewOf('float64', work.address, rows).reduce((sum, row) => sum + row, 0);
  const shape = [batches, heads, queries, keys];
  return {
    weights: makeCsr({ ...slots.take(), thresholds: thresholds.take(), shape, axis: 3 }),
    skipped: dense === 0 ? 0 : 1 - done / dense,
  };
}

/** Neighbouring blocks of queries: of whole heads, or of a part of one. */
interface Chunk {
  readonly firstBlock: number;
  readonly blocks: number;
  readonly firstRow: number;
  readonly rows: number;
}

/** All blocks in chunks, in the order of the rows, the largest first. */
function chunksOf(call: AttentionCall): Chunk[] {
  const { batches, heads, queries, keys } = call.sizes;
  const size = blockQueries(keys);
  const perHead = Math.ceil(queries / size);
  const rowsAtOnce = Math.floor(SLOT_BYTES / ((4 + elementBytes(call.template.dtype)) * Math.max(keys, 1)));
  const chunks: Chunk[] = [];
  if (perHead === 0) return chunks;
  const headsAtOnce = Math.floor(rowsAtOnce / queries);
  if (headsAtOnce > 0) {
    for (let head = 0; head < batches * heads; head += headsAtOnce) {
      const count = Math.min(headsAtOnce, batches * heads - head);
      const blocks = { firstBlock: head * perHead, blocks: count * perHead };
      chunks.push({ ...blocks, firstRow: head * queries, rows: count * queries });
    }
    return chunks;
  }
  const blocksAtOnce = Math.max(1, Math.floor(rowsAtOnce / size));
  for (let head = 0; head < batches * heads; head++) {
    for (let from = 0; from < perHead; from += blocksAtOnce) {
      const end = Math.min(from + blocksAtOnce, perHead);
      // Of a head the last queries are the first block.
      const blocks = { firstBlock: (head + 1) * perHead - end, blocks: end - from };
      const rows = Math.min(end * size, queries) - from * size;
      chunks.push({ ...blocks, firstRow: head * queries + from * size, rows });
    }
  }
  return chunks;
}
