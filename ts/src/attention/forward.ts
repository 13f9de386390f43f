/** The forward pass: keys are packed, then blocks of queries are attended, each as a job for any number of threads. */

import { elementBytes, viewOf } from '../elements.ts';
import { EntmaxError } from '../errors.ts';
import type { Prepared } from '../maps/forms.ts';
import type { Parameter } from '../maps/parameter.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { Operand } from '../maps/staging.ts';
import type { Job } from '../runtime/job.ts';
import type { Kernel } from '../runtime/load.ts';
import type { Plan } from '../runtime/plan.ts';
import { memory } from '../runtime/runtime.ts';
import type { ReadScores } from '../scores.ts';
import { sizeOf } from '../shape.ts';
import { addressOf } from '../tensor.ts';
import { readAttentionCall, readsOf } from './attention-call.ts';
import type { AttentionCall, Layout, ReadCall } from './attention-call.ts';
import { CAUSAL, descriptionBytes, RULE, writeDescription } from './description.ts';
import type { Description, Heads, Screening, Settings } from './description.ts';
import { attentionFamily } from './family.ts';
import { placeOutput, readAttentionOut } from './output.ts';
import type { PlacedResult } from './output.ts';
import { placeBias, placeMask } from './tables.ts';

/** Keys of a panel, and what rows of values are padded to (crates/entmax-core/src/attention/panels.rs). */
export const LANES = 16;
/** Keys that are packed together (blocks.rs). */
const PACKED = 64;
/**
 * From so many keys on that a query sees on average, and so many queries, a look at the first block tells whether integers
 * should screen the others. Below, the look and the records that it needs cost up to a fifth, and integers gain nothing.
 */
const SCREENED_KEYS = 1280;
const SCREENED_QUERIES = 64;
/** Rough time of one product of a query and a key, and of their value, for each channel on one thread. */
export const NANOSECONDS_PER_CHANNEL = { float32: 0.05, float64: 0.4 };

export function prepareAttention(
  op: string,
  args: readonly unknown[],
  isAsync: boolean,
  read: ReadCall = readAttentionCall,
): Prepared<unknown> {
  const call = read(op, args, ['out'], isAsync);
  const out = readAttentionOut(call);
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const result = room.result(call.template, out);
        yield* attend(call, room, result.operand);
        return result.value;
      }),
    ...progressOf(call),
    reads: readsOf(call),
    writes: out,
    given: call.given,
  };
}

/** Queries are counted; what is done are packs of keys, blocks of queries and norms. */
export function progressOf(call: AttentionCall): { rows: number; steps: number } {
  return { rows: rowsOf(call), steps: packsOf(call) + blocksOf(call) + (call.norm?.rowsOf(call) ?? 0) };
}

/** Packs the keys, attends, and hands the output out as `result`. */
function* attend(call: AttentionCall, room: Room, result: Operand): Plan<void> {
  if (sizeOf(call.template.shape) === 0) return;
  const { batches, heads } = call.sizes;
  const out = placeOutput(call, result, room);
  const empty = emptyRows(call, room);
  const screening = isScreened(call) ? placeScreening(call, room) : undefined;
  const description = { ...describe(call, room, out.at), empty, screening };
  const address = room.allocate(descriptionBytes());
  writeDescription(address, description);
  yield packJob(call, address, out);
  // The probe attends the first block of each head.
  const probed = screening ? batches * heads : 0;
  if (probed > 0) refuseStatus(call, yield probeJob(call, address, out));
  refuseStatus(call, yield attendJob(call, address, 0, blocksOf(call) - probed, out));
  refuseEmptyRows(call, empty);
  yield* out.finish();
}

/** Whether the kernels may screen keys by integers: they decide by what the first rows show. */
function isScreened(call: AttentionCall): boolean {
  const { template, sizes, alpha, topk } = call;
  return (
    alpha !== undefined &&
    template.dtype === 'float32' &&
    topk === 0 &&
    sizes.queries >= SCREENED_QUERIES &&
    pairsOf(call) >= SCREENED_KEYS * rowsOf(call)
  );
}

export function placeScreening({ sizes }: AttentionCall, room: Room): Screening {
  const { batches, heads, keyHeads, keys, width } = sizes;
  const panels = batches * keyHeads * Math.ceil(keys / LANES);
  return {
    records: room.allocate(panels * attentionKernel('attention_record_bytes')(width)),
    screened: room.allocate(batches * heads),
    // By the probe.
    blocksDone: 1,
    blocks: room.allocate(4 * batches * keyHeads * attentionKernel('attention_block_floats')(keys, width)),
  };
}

/** The description of a call whose output lies at `out`; what is not in linear memory is copied there. */
export function describe(call: AttentionCall, room: Room, out: number): Description {
  const { batches, heads, keyHeads, queries, keys, width, valueWidth } = call.sizes;
  const padded = paddedWidth(valueWidth);
  const v = placeHeads(call.v, call, room, keyHeads, keys, valueWidth);
  const size = elementBytes(call.template.dtype);
  const copy = (): number => room.allocate(batches * keyHeads * keys * padded * size);
  return {
    settings: settingsOf(call, room),
    q: placeHeads(call.q, call, room, heads, queries, width),
    k: placeHeads(call.k, call, room, keyHeads, keys, width),
    v,
    out: headsAt(out, call.layout, heads, queries, valueWidth),
    panels: room.allocate(batches * keyHeads * Math.ceil(keys / LANES) * LANES * width * size),
    values: padded === valueWidth ? v : headsAt(copy(), 'BHND', keyHeads, keys, padded),
  };
}

/** Channels of a row that is readable in whole strips. */
export function paddedWidth(width: number): number {
  return Math.ceil(width / LANES) * LANES;
}

/** The settings of a call; what they need in linear memory is copied there. */
export function settingsOf(call: AttentionCall, room: Room): Settings {
  const { op, sizes, scale, alpha, bias, mask, keyMask, slopes, lengths, causal, topk, template } = call;
  return {
    sizes,
    scale,
    rule: alpha ? RULE.entmax : RULE.relu,
    alpha: alpha ? room.copyOfNumbers(headValues(alpha, sizes.heads)) : 0,
    bias: bias && placeBias(bias, room, op),
    mask: mask && placeMask(mask, room, op),
    keyMask: keyMask ? room.copyOf(keyMask) : 0,
    slopes: slopes ? room.perRowOf(template.dtype, slopes).address : 0,
    queryLengths: lengths.queries ? room.perRowOf('int32', lengths.queries).address : 0,
    keyLengths: lengths.keys ? room.perRowOf('int32', lengths.keys).address : 0,
    causal,
    topk,
    emptyRowIsNan: call.emptyRow === 'nan',
  };
}

/** A byte for each row, in which the kernels say that nothing is left of it: for `emptyRow: 'throw'` only. */
export function emptyRows(call: AttentionCall, room: Room): number {
  return call.emptyRow === 'throw' ? room.perRow('uint8', rowsOf(call), 0).address : 0;
}

/** Refuses empty rows once the scores are known, and before the output is given away. */
export function refuseEmptyRows(call: AttentionCall, empty: number): void {
  const row = empty === 0 ? -1 : viewOf('uint8', empty, rowsOf(call)).indexOf(1);
  if (row < 0) return;
  const { heads, queries } = call.sizes;
  const head = Math.floor(row / queries);
  const place = `batch ${Math.floor(head / heads)}, head ${head % heads}, query ${row % queries}`;
  throw new EntmaxError('ENTMAX_EMPTY_ROW', call.op, 'a key for every query', `none for ${place}`);
}

/** B H N. */
export function rowsOf({ sizes }: AttentionCall): number {
  return sizes.batches * sizes.heads * sizes.queries;
}

/** Runs of keys that are packed together, of all heads. */
export function packsOf({ sizes }: AttentionCall): number {
  return sizes.batches * sizes.keyHeads * Math.ceil(sizes.keys / PACKED);
}

/** Blocks of queries of all heads. */
export function blocksOf({ sizes }: AttentionCall): number {
  return sizes.batches * sizes.heads * Math.ceil(sizes.queries / blockQueries(sizes.keys));
}

export function blockQueries(keys: number): number {
  return attentionKernel('attention_block_queries')(keys);
}

/** Pairs of a query and a key it may see by its place: within the lengths and the causal limit, masks aside. */
export function pairsOf({ sizes, causal, lengths }: AttentionCall): number {
  const { batches, heads, queries, keys } = sizes;
  let pairs = 0;
  for (let b = 0; b < batches; b++) {
    const [n, m] = [lengths.queries?.[b] ?? queries, lengths.keys?.[b] ?? keys];
    // Under a causal mask query i sees the keys up to i + shift.
    const shift = causal === CAUSAL.lowerRight ? m - n : 0;
    if (causal === CAUSAL.none) pairs += n * m;
    else for (let i = 0; i < n; i++) pairs += Math.max(0, Math.min(m, i + 1 + shift));
  }
  return pairs * heads;
}

type Target = Pick<PlacedResult, 'repeatable' | 'setAside'>;

export function attentionJob(
  { op, template }: AttentionCall,
  job: Pick<Job, 'kernel' | 'args' | 'rows' | 'nanosecondsPerRow' | 'workspaceBytes'>,
  { repeatable, setAside }: Target,
): Job {
  const kernel = job.kernel + suffixOf(template.dtype);
  return { ...job, op, family: attentionFamily, kernel, rowMultiple: 1, repeatable, setAside };
}

/** Packs the keys of the described call, and its values where these are copied. */
export function packJob(call: AttentionCall, address: number, out: Target): Job {
  const nanosecondsPerRow = 4 * PACKED * call.sizes.width + 20;
  const rows = packsOf(call);
  const job = { kernel: 'attention_pack', args: [address], rows, nanosecondsPerRow, workspaceBytes: 0 };
  return attentionJob(call, job, { ...out, repeatable: true });
}

/** Attends the first block of every head, and decides how keys are screened for the others. */
export function probeJob(call: AttentionCall, address: number, out: Target): Job {
  const { batches, heads } = call.sizes;
  const cost = blockCost(call);
  const nanosecondsPerRow = 2 * cost.nanosecondsPerRow;
  const job = { ...cost, kernel: 'attention_probe', args: [address], rows: batches * heads, nanosecondsPerRow };
  return attentionJob(call, job, out);
}

/** Attends `count` blocks of queries from number `from` on. */
export function attendJob(call: AttentionCall, address: number, from: number, count: number, out: Target): Job {
  const job = { ...blockCost(call), kernel: 'attention_range', args: [address, from], rows: count };
  return attentionJob(call, job, out);
}

/** What a block of queries needs, on average. */
function blockCost(call: AttentionCall): Pick<Job, 'nanosecondsPerRow' | 'workspaceBytes'> {
  const { sizes, template } = call;
  const { keys, width, valueWidth } = sizes;
  const perPair = (width + valueWidth) * NANOSECONDS_PER_CHANNEL[template.dtype];
  return {
    nanosecondsPerRow: (pairsOf(call) / blocksOf(call)) * perPair + 1000,
    workspaceBytes: attentionKernel(`attention_workspace${suffixOf(template.dtype)}`)(keys, width, valueWidth),
  };
}

/** alpha - 1, H of them. */
export function headValues({ values }: Parameter, heads: number): Float64Array {
  return values.length === heads ? values : new Float64Array(heads).fill(values[0] ?? 0);
}

/** Heads of an array in linear memory, in the layout of the call. */
export function headsAt(at: number, layout: Layout, heads: number, rows: number, width: number): Heads {
  const batch = heads * rows * width;
  return layout === 'BHND'
    ? { at, batch, head: rows * width, row: width }
    : { at, batch, head: width, row: heads * width };
}

/** A tensor where it lies, an array in a copy. */
export function placeHeads(
  source: ReadScores,
  { op, layout }: Pick<AttentionCall, 'op' | 'layout'>,
  room: Room,
  heads: number,
  rows: number,
  width: number,
): Heads {
  if (source.form === 'tensor') return headsAt(addressOf(source.tensor, op), layout, heads, rows, width);
  const { data, dtype } = source;
  return headsAt(room.perRowOf(dtype, data).address, layout, heads, rows, width);
}

export function attentionKernel(name: string): Kernel {
  return attentionFamily.kernel(memory(), name);
}

export function suffixOf(dtype: 'float32' | 'float64'): string {
  return dtype === 'float32' ? '_f32' : '_f64';
}

export function refuseStatus({ op }: AttentionCall, status: number): void {
  if (status === 0) return;
  throw new EntmaxError('ENTMAX_KERNEL', op, 'every row to be solved', `status ${status}`);
}
