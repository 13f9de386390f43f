/** Blocks of queries in chunks whose weights as sparse rows fit the slots that are filled before they are copied out. */

import { elementBytes } from '../elements.ts';
import type { AttentionCall } from './attention-call.ts';
import { blockQueries } from './forward.ts';

/** A few blocks for each thread of a large pool. */
const SLOT_BYTES = 8 << 20;

/** Neighbouring blocks of queries: of whole heads, or of a part of one. */
export interface Chunk {
  readonly firstBlock: number;
  readonly blocks: number;
  readonly firstRow: number;
  readonly rows: number;
}

/** The blocks of the heads from `first` to `end` of all B H in chunks, in the order of the rows, the largest first. */
export function chunksOf(call: AttentionCall, first: number, end: number): Chunk[] {
  const { queries, keys } = call.sizes;
  const size = blockQueries(keys);
  const perHead = Math.ceil(queries / size);
  const rowsAtOnce = Math.floor(SLOT_BYTES / ((4 + elementBytes(call.template.dtype)) * Math.max(keys, 1)));
  const chunks: Chunk[] = [];
  if (perHead === 0) return chunks;
  const headsAtOnce = Math.floor(rowsAtOnce / queries);
  if (headsAtOnce > 0) {
    for (let head = first; head < end; head += headsAtOnce) {
      const count = Math.min(headsAtOnce, end - head);
      const blocks = { firstBlock: head * perHead, blocks: count * perHead };
      chunks.push({ ...blocks, firstRow: head * queries, rows: count * queries });
    }
    return chunks;
  }
  const blocksAtOnce = Math.max(1, Math.floor(rowsAtOnce / size));
  for (let head = first; head < end; head++) {
    for (let from = 0; from < perHead; from += blocksAtOnce) {
      const to = Math.min(from + blocksAtOnce, perHead);
      // Of a head the last queries are the first block.
      const blocks = { firstBlock: (head + 1) * perHead - to, blocks: to - from };
      const rows = Math.min(to * size, queries) - from * size;
      chunks.push({ ...blocks, firstRow: head * queries + from * size, rows });
    }
  }
  return chunks;
}
