/** SparseMAP with its pullback, which keeps the structures and the factor of their Gram matrix (MATH.md §9). */

import { EntmaxError, show } from '../errors.ts';
import type { Prepared } from '../maps/forms.ts';
import type { AnyPullback } from '../maps/pullback.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { Job } from '../runtime/job.ts';
import type { Plan } from '../runtime/plan.ts';
import { memory } from '../runtime/runtime.ts';
import { readLike } from '../scores.ts';
import type { ReadScores } from '../scores.ts';
import { FORM_BYTES, structuredKernel, writeForm, writePull } from './description.ts';
import type { Pull } from './description.ts';
import { keyLength } from './factors.ts';
import { structuredFamily } from './family.ts';
import { heldPullback } from './held-pullback.ts';
import { lengthOf, readSolveCall } from './solve-call.ts';
import type { SolveCall, TableName } from './solve-call.ts';
import { commonOf, solutionOf, solve, warmAtoms } from './solve.ts';
import type { Atoms, Solved } from './solve.ts';
import { eachTable, placeResults, placeTables } from './tables.ts';

export function prepareSparseMapVjp(
  op: string,
  args: readonly unknown[],
  isAsync: boolean,
): Prepared<[unknown, AnyPullback]> {
  const call = readSolveCall(op, args, isAsync);
  const start = warmAtoms(call);
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const marginals = placeResults(call.scores, op, room);
        const solved = yield* solve(call, start, isAsync, marginals, room);
        const saved = yield* factorise(call, solved, room);
        return [solutionOf(call, solved, marginals.take()), makePullback(call, saved, isAsync)];
      }),
    ...commonOf(call),
    steps: 2 * call.problems,
  };
}

/** What a pullback keeps: for each problem where its structures and its factor begin, and these. */
interface Saved {
  readonly indptr: Int32Array;
  /** Each of the length of a full problem. */
  readonly keys: Int32Array;
  readonly places: Int32Array;
  readonly factors: Float64Array<ArrayBuffer>;
  /** Of structures that the caller's oracle has named: their vertices behind each other. */
  readonly vertices: Float64Array<ArrayBuffer> | undefined;
  /** The most structures that a problem has. */
  readonly most: number;
}

function* factorise(call: SolveCall, { atoms }: Solved, room: Room): Plan<Saved> {
  const counts = atoms.map(({ weights }) => weights.length);
  const size = structuredKernel('structured_factor_numbers');
  const indptr = Int32Array.from(runningSum(counts));
  const places = Int32Array.from(runningSum(counts.map((count) => size(count))));
  const vertices = call.descriptor.oracle && gatherVertices(call, atoms);
  const keys = vertices ? Int32Array.from({ length: indptr.at(-1)! }, (_, j) => j) : gatherKeys(call, atoms, indptr);
  const length = places.at(-1)!;
  const factors = room.allocate(8 * length);
  const most = Math.max(1, ...counts);
  const pull = { cotangents: {}, gradients: presence(call), weights: 0, factors };
  yield pullJob('factorise', call, { ...pull, ...placeSaved({ indptr, keys, places, vertices }, room) }, most, room);
  return { indptr, keys, places, factors: Float64Array.from(memory().f64(factors, length)), vertices, most };
}

/** That a table was given, which is all that the factorisation asks of it. */
function presence(call: SolveCall): Pull['gradients'] {
  return eachTable(call.scores, () => 8);
}

function placeSaved(
  { indptr, keys, places, vertices }: Pick<Saved, 'indptr' | 'keys' | 'places' | 'vertices'>,
  room: Room,
): Pick<Pull, 'indptr' | 'keys' | 'places' | 'vertices'> {
  const at = (values: Int32Array): number => room.perRowOf('int32', values).address;
  const verticesAt = vertices ? room.perRowOf('float64', vertices).address : 0;
  return { indptr: at(indptr), keys: at(keys), places: at(places), vertices: verticesAt };
}

/** Each key where a full one would be. */
function gatherKeys(call: SolveCall, atoms: readonly Atoms[], indptr: Int32Array): Int32Array {
  const keys = new Int32Array(indptr.at(-1)! * call.keyLength);
  atoms.forEach((each, b) => {
    const size = keyLength(call.descriptor, lengthOf(call, b));
    for (let j = 0; j < each.weights.length; j++) {
      keys.set(each.keys.subarray(j * size, (j + 1) * size), (indptr[b]! + j) * call.keyLength);
    }
  });
  return keys;
}

function gatherVertices(call: SolveCall, atoms: readonly Atoms[]): Float64Array<ArrayBuffer> {
  const all = atoms.flatMap(({ named = [] }) => named);
  const vertices = new Float64Array(all.length * call.columns);
  all.forEach(({ vertex }, j) => vertices.set(vertex, j * call.columns));
  return vertices;
}

function runningSum(numbers: readonly number[]): number[] {
  let sum = 0;
  return [0, ...numbers.map((each) => (sum += each))];
}

function pullJob(
  step: 'factorise' | 'pull_back',
  call: SolveCall,
  pull: Omit<Pull, 'lengths'>,
  most: number,
  room: Room,
): Job {
  const lengths = call.lengths ? room.perRowOf('int32', call.lengths).address : 0;
  const address = room.allocate(structuredKernel('structured_backward_bytes')());
  writePull(address, call, { ...pull, lengths });
  const form = room.allocate(FORM_BYTES);
  writeForm(form, call);
  return {
    op: call.op,
    family: structuredFamily,
    kernel: `structured_${step}`,
    args: [address],
    rows: call.problems,
    rowMultiple: 1,
    nanosecondsPerRow: 200 + most * (most * (step === 'factorise' ? most / 3 : 1) + call.full),
    workspaceBytes: structuredKernel('structured_backward_workspace')(form, most),
    repeatable: true,
    setAside: () => undefined,
  };
}

/** Those that were given; the others are 0. */
type Cotangents = Partial<Record<TableName, ReadScores>>;

function makePullback(made: SolveCall, kept: Saved, isAsync: boolean): AnyPullback {
  const op = made.op.replace(/vjp$/, 'pullback');
  // Only the form of the scores is needed.
  const call: SolveCall = { ...made, op, given: {}, warmStart: undefined };
  return heldPullback(op, kept, isAsync, (held, given) => {
    const { tables, weights } = readCotangents(call, given, held);
    return {
      plan: () => inRoom(op, (room) => pullBack(call, held, tables, weights, room)),
      rows: call.problems,
      reads: Object.values(tables),
    };
  });
}

function readCotangents(
  { op, scores }: SolveCall,
  given: unknown,
  { indptr }: Saved,
): { tables: Cotangents; weights: Float64Array | undefined } {
  const names = [...Object.keys(scores), 'weights'];
  const named = typeof given === 'object' && given !== null && Object.keys(given).every((name) => names.includes(name));
  if (!named) throw new EntmaxError('ENTMAX_OPTION', op, `cotangents as { ${names.join(', ')} }`, show(given));
  const source = given as Record<string, unknown>;
  const tables = eachTable(scores, (table, name) =>
    source[name] === undefined ? undefined : readLike(op, source[name], table, name),
  );
  const { weights } = source;
  if (weights === undefined) return { tables, weights: undefined };
  if (weights instanceof Float64Array && weights.length === indptr.at(-1)) return { tables, weights };
  const expected = `weights as a Float64Array of ${indptr.at(-1)}, one for each structure`;
  throw new EntmaxError('ENTMAX_SHAPE', op, expected, show(weights));
}

function* pullBack(
  call: SolveCall,
  saved: Saved,
  tables: Cotangents,
  weights: Float64Array | undefined,
  room: Room,
): Plan<unknown> {
  const gradients = placeResults(call.scores, call.op, room);
  const pull = {
    cotangents: placeTables(tables, call.op, room),
    gradients: gradients.places,
    ...placeSaved(saved, room),
    weights: weights ? room.perRowOf('float64', weights).address : 0,
    factors: room.perRowOf('float64', saved.factors).address,
  };
  yield pullJob('pull_back', call, pull, saved.most, room);
  return gradients.take();
}
