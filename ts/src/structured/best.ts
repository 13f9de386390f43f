/** The best structures of a factor: its MAP oracle alone, and the k best where a factor finds these. */

import { EntmaxError, show } from '../errors.ts';
import type { Prepared } from '../maps/forms.ts';
import { asynchronous, synchronous } from '../maps/forms.ts';
import { readOptions } from '../maps/options.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { Plan } from '../runtime/plan.ts';
import { memory } from '../runtime/runtime.ts';
import { scoresView } from '../scores.ts';
import { FORM_BYTES, structuredKernel, writeForm, writeSearch } from './description.ts';
import { KnownStructures } from './dialogue.ts';
import { findsMany, keyLength, structureOf } from './factors.ts';
import { structuredFamily } from './family.ts';
import { lengthOf, oracleNanoseconds, readProblems } from './solve-call.ts';
import type { ReadProblems } from './solve-call.ts';
import { invalidScores } from './solve.ts';
import { placeTables } from './tables.ts';
import type { Best, CustomOracle, KBest, MapOracle } from './types.ts';

/** -5, where a score is NaN or +inf (best.rs). */
const INVALID = -5;

function prepareMap(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  const [scores, factor, options] = args;
  return prepare(op, scores, factor, 1, options, isAsync);
}

function prepareKBest(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  const [scores, factor, k, options] = args;
  if (!Number.isInteger(k) || (k as number) < 1 || (k as number) > 0x7fffffff) {
    throw new EntmaxError('ENTMAX_OPTION', op, 'k to be a positive integer', show(k));
  }
  return prepare(op, scores, factor, k as number, options, isAsync);
}

function prepare(
  op: string,
  scores: unknown,
  factor: unknown,
  k: number,
  options: unknown,
  isAsync: boolean,
): Prepared<unknown> {
  const given = readOptions(op, options, ['lengths', ...(isAsync ? ['signal', 'onProgress'] : [])]);
  const call = readProblems(op, scores, factor, given['lengths']);
  if (k > 1 && !findsMany(call.descriptor)) {
    throw new EntmaxError('ENTMAX_OPTION', op, 'factors.sequence or factors.bits where k is above 1', `k = ${k}`);
  }
  const { oracle } = call.descriptor;
  return {
    op,
    plan: () => (oracle ? askAll(call, oracle) : inRoom(op, (room) => search(call, k, room))),
    rows: call.problems,
    reads: Object.values(call.scores),
    given,
  };
}

function* search(call: ReadProblems, k: number, room: Room): Plan<Best<Int32Array | Uint8Array>> {
  const { op, problems } = call;
  const keys = room.allocate(4 * problems * k * call.keyLength);
  const totals = room.perRow('float64', problems * k, -Infinity);
  const counts = room.perRow('int32', problems, 0);
  const lengths = call.lengths ? room.perRowOf('int32', call.lengths).address : 0;
  const address = room.allocate(structuredKernel('structured_best_bytes')());
  const places = { keys, totals: totals.address, counts: counts.address };
  writeSearch(address, call, { scores: placeTables(call.scores, op, room), lengths, k, ...places });
  const form = room.allocate(FORM_BYTES);
  writeForm(form, call);
  yield {
    op,
    family: structuredFamily,
    kernel: 'structured_best',
    args: [address],
    rows: problems,
    rowMultiple: 1,
    nanosecondsPerRow: k * oracleNanoseconds(call),
    workspaceBytes: structuredKernel('structured_best_workspace')(form, k),
    repeatable: true,
    setAside: () => undefined,
  };
  return gather(call, k, keys, totals.take(), counts.take());
}

// eslint-disable-next-line require-yield -- a plan without a step
function* askAll(call: ReadProblems, oracle: CustomOracle<unknown>): Plan<Best<unknown>> {
  const { op, columns, problems } = call;
  const indptr = new Int32Array(problems + 1);
  const structures: unknown[] = [];
  const totals: number[] = [];
  for (let b = 0; b < problems; b++) {
    const scores = Float64Array.from(scoresView(call.scores.unary, op).subarray(b * columns, (b + 1) * columns));
    if (!scores.every((score) => score < Infinity)) throw invalidScores(call, b);
    const known = new KnownStructures(op, oracle, []);
    known.ask(scores);
    if (known.score > -Infinity) {
      structures.push(known.list[0]!.value);
      totals.push(known.score);
    }
    indptr[b + 1] = structures.length;
  }
  return { indptr, structures, scores: Float64Array.from(totals) };
}

function gather(
  call: ReadProblems,
  k: number,
  keys: number,
  totals: Float64Array,
  counts: Int32Array,
): Best<Int32Array | Uint8Array> {
  const indptr = new Int32Array(call.problems + 1);
  const structures: (Int32Array | Uint8Array)[] = [];
  const scores: number[] = [];
  counts.forEach((count, b) => {
    if (count === INVALID) throw invalidScores(call, b);
    const length = lengthOf(call, b);
    const size = keyLength(call.descriptor, length);
    for (let j = 0; j < count; j++) {
      const key = memory().i32(keys + 4 * (b * k * call.keyLength + j * size), size);
      structures.push(structureOf(call.descriptor, key, length));
      scores.push(totals[b * k + j]!);
    }
    indptr[b + 1] = structures.length;
  });
  return { indptr, structures, scores: Float64Array.from(scores) };
}

/** The structure of the highest score of each problem; its form is that of `MapOracle`. */
export const map: MapOracle = /*#__PURE__*/ Object.assign(/*#__PURE__*/ synchronous('map', prepareMap), {
  async: /*#__PURE__*/ asynchronous('map.async', prepareMap),
}) as unknown as MapOracle;

/** The k structures of the highest scores of each problem; its form is that of `KBest`. */
export const kbest: KBest = /*#__PURE__*/ Object.assign(/*#__PURE__*/ synchronous('kbest', prepareKBest), {
  async: /*#__PURE__*/ asynchronous('kbest.async', prepareKBest),
}) as unknown as KBest;
