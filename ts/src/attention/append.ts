/** Appending to a KvCache: new keys and values are laid out behind those that its sequences hold, and rounded for screening. */

import { EntmaxError, showShape } from '../errors.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { Job } from '../runtime/job.ts';
import type { Plan } from '../runtime/plan.ts';
import type { ReadScores } from '../scores.ts';
import { sameShape, sizeOf } from '../shape.ts';
import { readHeads } from './attention-call.ts';
import type { Layout } from './attention-call.ts';
import { CAUSAL, descriptionBytes, NOWHERE, RULE, writeDescription } from './description.ts';
import type { Description, Heads, PageTable } from './description.ts';
import { attentionFamily } from './family.ts';
import { placeHeads, suffixOf } from './forward.ts';
import type { Pages } from './pages.ts';

/** Keys and values to be appended, N of each sequence: [S, G, N, D] and [S, G, N, E], or N before G by the layout. */
export interface NewKeys {
  readonly op: string;
  readonly pages: Pages;
  readonly sequences: readonly number[];
  readonly k: ReadScores;
  readonly v: ReadScores;
  readonly layout: Layout;
  readonly count: number;
}

/** Reads and checks what is to be appended. */
export function readNewKeys(
  op: string,
  pages: Pages,
  k: unknown,
  v: unknown,
  sequences: readonly number[],
  layout: Layout = 'BHND',
): NewKeys {
  const { heads, headDim, valueDim, dtype } = pages.sizes;
  const [keys, values] = [readHeads(op, 'k', k, dtype, 'the cache'), readHeads(op, 'v', v, dtype, 'the cache')];
  const count = keys.shape[layout === 'BHND' ? 2 : 1]!;
  for (const [name, source, width] of [['k', keys, headDim] as const, ['v', values, valueDim] as const]) {
    const rows = layout === 'BHND' ? [heads, count] : [count, heads];
    const expected = [sequences.length, ...rows, width];
    if (sameShape(source.shape, expected)) continue;
    const of = `for ${sequences.length} sequences of a cache of ${heads} heads`;
    throw new EntmaxError('ENTMAX_SHAPE', op, `${name} of shape ${showShape(expected)} ${of}`, showShape(source.shape));
  }
  return { op, pages, sequences, k: keys, v: values, layout, count };
}

/** Appends. */
export function appendPlan(keys: NewKeys): Plan<void> {
  return inRoom(keys.op, (room) => appending(keys, room, noFurtherWork));
}

// eslint-disable-next-line require-yield -- a plan without a step
function* noFurtherWork(): Plan<void> {
  return undefined;
}

/** Appends, then runs `further` with the new keys in their places; only if that ends well do they stay. */
export function* appending<R>(keys: NewKeys, room: Room, further: () => Plan<R>): Plan<R> {
  const { op, pages, sequences, count } = keys;
  const letGo = pages.hold();
  let isDone = false;
  try {
    pages.makeRoom(sequences, count, op);
    yield* write(keys, room);
    const result = yield* further();
    pages.commit(sequences, count);
    isDone = true;
    return result;
  } finally {
    if (!isDone) pages.forget(sequences);
    letGo();
  }
}

/** Writes behind the sequences' ends; what was cut off there is forgotten first. */
function* write(keys: NewKeys, room: Room): Plan<void> {
  const { pages, sequences, k, v, layout, count, op } = keys;
  const { heads, headDim, valueDim } = pages.sizes;
  if (count === 0 || sizeOf([sequences.length, heads]) === 0) return;
  const cut = pages.cut(sequences);
  if (cut.length > 0) yield appendJob(keys, room, describe(pages, cut, [NOWHERE, NOWHERE, 0], room));
  const [at, from] = [
    placeHeads(k, { op, layout }, room, heads, count, headDim),
    placeHeads(v, { op, layout }, room, heads, count, valueDim),
  ];
  yield appendJob(keys, room, describe(pages, sequences, [at, from, count], room));
}

/** Describes the appending of `count` keys behind those that the sequences hold. */
function describe(
  pages: Pages,
  sequences: readonly number[],
  [k, v, count]: readonly [Heads, Heads, number],
  room: Room,
): Description {
  const { heads, headDim, valueDim } = pages.sizes;
  const { lengths } = pages;
  const ends = sequences.map((sequence) => lengths[sequence]!);
  const batches = sequences.length;
  const sizes = { batches, heads, keyHeads: heads, queries: 0, keys: count, width: headDim, valueWidth: valueDim };
  const settings = {
    ...{ sizes, scale: 1, rule: RULE.entmax, alpha: 0, bias: undefined, mask: undefined, keyMask: 0, slopes: 0 },
    ...{ queryLengths: 0, keyLengths: room.perRowOf('int32', ends).address },
    ...{ causal: CAUSAL.none, topk: 0, emptyRowIsNan: false },
  };
  return {
    settings,
    q: NOWHERE,
    k,
    v,
    out: NOWHERE,
    panels: 0,
    values: NOWHERE,
    pages: placeTable(pages, sequences, room),
  };
}

/** The sequences' pages, in linear memory. */
export function placeTable(pages: Pages, sequences: readonly number[], room: Room): PageTable {
  const { addresses, perSequence } = pages.table(sequences);
  return { at: room.perRowOf('int32', addresses).address, perBatch: perSequence, keys: pages.pageKeys };
}

/** Rough time of a channel of a key, rounding included. */
const NANOSECONDS_PER_CHANNEL = 10;

function appendJob({ op, pages, sequences }: NewKeys, room: Room, description: Description): Job {
  const address = room.allocate(descriptionBytes());
  writeDescription(address, description);
  const { batches, keyHeads, keys, width } = description.settings.sizes;
  return {
    op,
    family: attentionFamily,
    kernel: `attention_append${suffixOf(pages.sizes.dtype)}`,
    args: [address],
    rows: batches * keyHeads,
    rowMultiple: 1,
    nanosecondsPerRow: keys * width * NANOSECONDS_PER_CHANNEL + 1000,
    workspaceBytes: 0,
    repeatable: true,
    setAside: () => pages.setAside(sequences, op),
  };
}
