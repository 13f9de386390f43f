/** The forward pass: keys are packed, then blocks of queries are attended, each as a job for any number of threads. */

import { elementBytes, viewOf } from '../elements.ts';
import { EntmaxError } from '../errors.ts';
import type { Prepared } from '../maps/forms.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { Operand } from '../maps/staging.ts';
import type { Job } from '../runtime/job.ts';
import type { Kernel } from '../runtime/load.ts';
import type { Plan } from '../runtime/plan.ts';
import { memory } from '../runtime/runtime.ts';
import { readOut } from '../scores.ts';
import type { ReadScores } from '../scores.ts';
import { sizeOf } from '../shape.ts';
import { abandoning, addressOf } from '../tensor.ts';
import { readAttentionCall } from './attention-call.ts';
import type { AttentionCall, Layout } from './attention-call.ts';
import { descriptionBytes, writeDescription } from './description.ts';
import type { Description, Heads } from './description.ts';
import { attentionFamily } from './family.ts';

/** Keys of a panel, and what rows of values are padded to (crates/entmax-core/src/attention/panels.rs). */
const LANES = 16;
/** Keys that are packed together (blocks.rs). */
const PACKED = 64;
/** From so many keys on, and so many queries, a look at the first block tells whether integers should screen the others. */
const SCREENED_KEYS = 1024;
const SCREENED_QUERIES = 64;
/** Rough time of one product of a query and a key, and of their value, for each channel on one thread. */
const NANOSECONDS_PER_CHANNEL = { float32: 0.05, float64: 0.4 };

export function prepareAttention(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  const call = readAttentionCall(op, args, ['out'], isAsync);
  const { template, given } = call;
  const like: ReadScores = { ...call.q, shape: template.shape };
  const out = given['out'] === undefined ? undefined : readOut(op, given['out'], like);
  const { batches, heads, queries } = call.sizes;
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const result = room.result(template, out);
        yield* attend(call, room, result.operand);
        return result.value;
      }),
    rows: batches * heads * queries,
    reads: [call.q, call.k, call.v],
    writes: out,
    given,
  };
}

/** Runs both jobs; the output goes to `result`. */
function* attend(call: AttentionCall, room: Room, result: Operand): Plan<void> {
  const { op, template, sizes } = call;
  const { batches, heads, keyHeads, queries, keys, width, valueWidth } = sizes;
  if (sizeOf(template.shape) === 0) return;
  const size = elementBytes(template.dtype);
  const out = placeResult(result, room, op, sizeOf(template.shape));
  const padded = Math.ceil(valueWidth / LANES) * LANES;
  const panels = Math.ceil(keys / LANES);
  const v = placeHeads(call.v, call, room, keyHeads, keys, valueWidth);
  const copied = padded === valueWidth ? v : undefined;
  const description: Description = {
    scale: call.scale,
    alpha: room.copyOfNumbers(headValues(call)),
    q: placeHeads(call.q, call, room, heads, queries, width),
    k: placeHeads(call.k, call, room, keyHeads, keys, width),
    v,
    out: headsAt(out.at, call.layout, heads, queries, valueWidth),
    panels: room.allocate(batches * keyHeads * panels * LANES * width * size),
    values: copied ?? headsAt(room.allocate(batches * keyHeads * keys * padded * size), 'BHND', keyHeads, keys, padded),
    keyMask: 0,
    slopes: 0,
    queryLengths: 0,
    keyLengths: 0,
    batches,
    heads,
    keyHeads,
    queries,
    keys,
    width,
    valueWidth,
    causal: call.causal,
    topk: call.topk,
    emptyRowIsNan: call.emptyRow === 'nan',
    screening: isScreened(call)
      ? {
          records: room.allocate(batches * keyHeads * panels * kernelOf('attention_record_bytes')(width)),
          screened: room.allocate(batches * heads),
          blocks: room.allocate(4 * batches * keyHeads * kernelOf('attention_block_floats')(keys, width)),
        }
      : undefined,
  };
  const address = room.allocate(descriptionBytes());
  writeDescription(address, description);
  const nanoseconds = NANOSECONDS_PER_CHANNEL[template.dtype];
  const job = (kernel: string, rows: number, nanosecondsPerRow: number, workspaceBytes: number): Job => ({
    op,
    family: attentionFamily,
    kernel: kernel + suffixOf(call),
    args: [address],
    rows,
    rowMultiple: 1,
    nanosecondsPerRow,
    workspaceBytes,
    repeatable: out.repeatable,
    setAside: out.setAside,
  });
  yield job('attention_pack', batches * keyHeads * Math.ceil(keys / PACKED), 4 * PACKED * width, 0);
  const block = kernelOf('attention_block_queries')(keys);
  const blocks = Math.ceil(queries / block);
  const workspace = kernelOf(`attention_workspace${suffixOf(call)}`)(keys, width, valueWidth);
  const perBlock = block * keys * (width + valueWidth) * nanoseconds + 1000;
  const allHeads = batches * heads;
  if (!description.screening) {
    refuseStatus(call, yield job('attention', allHeads * blocks, perBlock, workspace));
  } else {
    refuseStatus(call, yield job('attention_probe', allHeads, 2 * perBlock, workspace));
    refuseStatus(call, yield job('attention', allHeads * (blocks - 1), perBlock, workspace));
  }
  out.finish();
}

/** Whether the kernels may screen keys by integers: they decide by what the first rows show. */
function isScreened({ template, sizes, topk }: AttentionCall): boolean {
  const { queries, keys } = sizes;
  return template.dtype === 'float32' && topk === 0 && keys >= SCREENED_KEYS && queries >= SCREENED_QUERIES;
}

/** alpha - 1, H of them. */
function headValues({ alpha, sizes }: AttentionCall): Float64Array {
  const { values } = alpha;
  return values.length === sizes.heads ? values : new Float64Array(sizes.heads).fill(values[0] ?? 0);
}

/** Heads of an array in linear memory, in the layout of the call. */
export function headsAt(at: number, layout: Layout, heads: number, rows: number, width: number): Heads {
  const batch = heads * rows * width;
  return layout === 'BHND'
    ? { at, batch, head: rows * width, row: width }
    : { at, batch, head: width, row: heads * width };
}

/** A tensor where it lies, an array in a copy. */
function placeHeads(
  source: ReadScores,
  { op, layout }: AttentionCall,
  room: Room,
  heads: number,
  rows: number,
  width: number,
): Heads {
  if (source.form === 'tensor') return headsAt(addressOf(source.tensor, op), layout, heads, rows, width);
  const size = source.data.length;
  const at = room.allocate(size * elementBytes(source.dtype));
  viewOf(source.dtype, at, size).set(source.data);
  return headsAt(at, layout, heads, rows, width);
}

interface PlacedResult {
  readonly at: number;
  readonly repeatable: boolean;
  readonly setAside: () => void;
  readonly finish: () => void;
}

function placeResult({ tensor, target, dtype }: Operand, room: Room, op: string, size: number): PlacedResult {
  if (tensor) {
    return { at: addressOf(tensor, op), repeatable: false, setAside: abandoning(tensor, op), finish: () => undefined };
  }
  const at = room.allocate(size * elementBytes(dtype));
  const finish = (): void => target?.set(viewOf(dtype, at, size));
  return { at, repeatable: true, setAside: () => undefined, finish };
}

function kernelOf(name: string): Kernel {
  return attentionFamily.kernel(memory(), name);
}

function suffixOf({ template }: AttentionCall): string {
  return template.dtype === 'float32' ? '_f32' : '_f64';
}

function refuseStatus({ op }: AttentionCall, status: number): void {
  if (status === 0) return;
  throw new EntmaxError('ENTMAX_KERNEL', op, 'every row to be solved', `status ${status}`);
}
