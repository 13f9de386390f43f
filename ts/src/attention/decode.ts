/**
 * Decoding: the keys and values of what was just read go into a cache, and its queries attend to all that the cache holds.
 * Both or neither: the cache's lengths change last.
 */

import { EntmaxError, show, showShape } from '../errors.ts';
import { viewOf } from '../elements.ts';
import type { Prepared } from '../maps/forms.ts';
import { readOptions } from '../maps/options.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { Operand } from '../maps/staging.ts';
import type { Plan } from '../runtime/plan.ts';
import { sizeOf } from '../shape.ts';
import { appending, placeTable, readNewKeys } from './append.ts';
import type { NewKeys } from './append.ts';
import { outputShape, readHeads } from './attention-call.ts';
import type { AttentionCall } from './attention-call.ts';
import { CAUSAL, descriptionBytes, PATH, writeDescription } from './description.ts';
import type { Description } from './description.ts';
import { attendJob, blocksOf, headsAt, placeHeads, refuseStatus, rowsOf, settingsOf } from './forward.ts';
import { inspect } from './inspect.ts';
import { atRest, KvCache, readSequences } from './kv-cache.ts';
import { HINTS, readAlpha, readLayout, readScale, readSlopes, readTopk } from './options.ts';
import { placeResult, readAttentionOut } from './output.ts';
import type { Pages } from './pages.ts';

const OPTIONS = ['alpha', 'topk', 'scale', 'alibiSlopes', 'layout', 'sequences'];
const RUN_OPTIONS = ['signal', 'onProgress'];

/** From so many keys on, integers are tried first. Below, f32 products of them all cost less than looking twice. */
const SCREENED_KEYS = 512;

/** A call that has been read: the new keys, and the attention to them and all before. */
interface Decoding {
  readonly call: AttentionCall;
  readonly keys: NewKeys;
}

export function prepareDecode(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  const { call, keys } = readDecoding(op, args, ['out'], isAsync);
  const out = readAttentionOut(call);
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const result = room.result(call.template, out);
        yield* appending(keys, room, () => attend({ call, keys }, room, result.operand));
        return result.value;
      }),
    rows: rowsOf(call),
    steps: stepsOf({ call, keys }),
    reads: [call.q, keys.k, keys.v],
    writes: out,
    given: call.given,
  };
}

export function prepareDecodeInspect(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  const decoding = readDecoding(op, args, [], isAsync);
  const { call, keys } = decoding;
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const result = room.result(call.template);
        const description = (out: number): Description => describe(decoding, room, out);
        const seen = yield* appending(keys, room, () => inspect(call, room, result.operand, description));
        return { output: result.value, ...seen };
      }),
    rows: rowsOf(call),
    steps: stepsOf(decoding),
    reads: [call.q, keys.k, keys.v],
    given: call.given,
  };
}

function stepsOf({ call, keys }: Decoding): number {
  const { pages, sequences } = keys;
  // Of sequences that were cut the last panel is rounded anew, before what is new is appended.
  return (sequences.length + pages.cut(sequences).length) * pages.sizes.heads + blocksOf(call);
}

function readDecoding(op: string, args: readonly unknown[], more: readonly string[], isAsync: boolean): Decoding {
  const [q, k, v, cache, options] = args;
  if (!(cache instanceof KvCache))
    throw new EntmaxError('ENTMAX_OPTION', op, 'a KvCache after q, k and v', show(cache));
  const pages = atRest(cache, op);
  const given = readOptions(op, options, [...OPTIONS, ...more, ...(isAsync ? RUN_OPTIONS : [])], HINTS);
  const layout = readLayout(op, given['layout']);
  const sequences = readSequences(op, given['sequences'], pages);
  const { dtype, headDim, valueDim, heads: keyHeads } = pages.sizes;
  const queries = readHeads(op, 'q', q, dtype, 'the cache');
  const keys = readNewKeys(op, pages, k, v, sequences, layout);
  const [h, n] = layout === 'BHND' ? [1, 2] : [2, 1];
  const [heads, count] = [queries.shape[h]!, queries.shape[n]!];
  const fits = queries.shape[0] === sequences.length && count === keys.count && queries.shape[3] === headDim;
  if (!fits || heads % keyHeads !== 0) {
    const rows = `${sequences.length} sequences, ${keys.count} queries each and width ${headDim}`;
    const expected = `q of ${rows}, with a multiple of ${keyHeads} heads, in layout ${show(layout)}`;
    throw new EntmaxError('ENTMAX_SHAPE', op, expected, showShape(queries.shape));
  }
  const lengths = Int32Array.from(sequences, (sequence) => pages.lengths[sequence]! + count);
  const sizes = {
    batches: sequences.length,
    heads,
    keyHeads,
    queries: count,
    keys: lengths.reduce((most, length) => Math.max(most, length), 0),
    width: headDim,
    valueWidth: valueDim,
  };
  const call: AttentionCall = {
    op,
    q: queries,
    k: keys.k,
    v: keys.v,
    template: { form: queries.form, dtype, shape: outputShape(sizes, layout) },
    sizes,
    layout,
    alpha: readAlpha(op, given['alpha'], heads),
    scale: readScale(op, given['scale'], headDim),
    causal: CAUSAL.lowerRight,
    topk: readTopk(op, given['topk']),
    bias: undefined,
    mask: undefined,
    keyMask: undefined,
    slopes: readSlopes(op, given['alibiSlopes'], dtype, heads),
    lengths: { queries: undefined, keys: lengths },
    emptyRow: 'zero',
    given,
  };
  return { call, keys };
}

/** Attends to the keys in the cache's pages, the new ones among them. */
function* attend(decoding: Decoding, room: Room, result: Operand): Plan<void> {
  const { call, keys } = decoding;
  if (sizeOf(call.template.shape) === 0) return;
  const { batches, heads } = call.sizes;
  const out = placeResult(call, result, room);
  const paths = firstPaths(keys.pages, keys.sequences, call);
  const screened = room.copyOf(paths);
  const screening = call.template.dtype === 'float32' ? { records: 0, screened, blocksDone: 0, blocks: 0 } : undefined;
  const address = room.allocate(descriptionBytes());
  writeDescription(address, { ...describe(decoding, room, out.at), screening });
  const job = attendJob(call, address, 0, blocksOf(call), out);
  // One thread to a head, because a head's queries tell the next ones how to look.
  refuseStatus(call, yield { ...job, rowMultiple: blocksOf(call) / (batches * heads) });
  keys.pages.keepPaths(keys.sequences, heads, viewOf('uint8', screened, paths.length));
  out.finish();
}

/** Heads of short sequences are not screened, others as the last call left it, or by integers. */
function firstPaths(pages: Pages, sequences: readonly number[], { sizes, lengths }: AttentionCall): Uint8Array {
  const paths = pages.paths(sequences, sizes.heads);
  return paths.map((path, at) => {
    if (lengths.keys![Math.floor(at / sizes.heads)]! < SCREENED_KEYS) return PATH.plain;
    return path === PATH.plain ? PATH.integers : path;
  });
}

/** The description of a call on pages whose output lies at `out`. */
function describe({ call, keys }: Decoding, room: Room, out: number): Description {
  const { heads, queries, keyHeads, width, valueWidth } = call.sizes;
  const nothing = (channels: number): Description['k'] => headsAt(0, 'BHND', keyHeads, 0, channels);
  return {
    settings: settingsOf(call, room),
    q: placeHeads(call.q, call, room, heads, queries, width),
    out: headsAt(out, call.layout, heads, queries, valueWidth),
    k: nothing(width),
    v: nothing(valueWidth),
    panels: 0,
    values: nothing(valueWidth),
    pages: placeTable(keys.pages, keys.sequences, room),
  };
}
