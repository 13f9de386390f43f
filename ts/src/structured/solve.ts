/**
 * SparseMAP of a batch, in turns: a kernel leaves a problem that needs more atoms than its slot holds, or more calls of its
 * oracle than a turn has, and the next turn goes on from the atoms that it has, in a larger slot.
 */

import { EntmaxError, show } from '../errors.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { Prepared } from '../maps/forms.ts';
import type { Job } from '../runtime/job.ts';
import type { Plan } from '../runtime/plan.ts';
import { memory } from '../runtime/runtime.ts';
import { FORM_BYTES, structuredKernel, writeForm, writeTurn } from './description.ts';
import { keyLength, structureOf } from './factors.ts';
import { structuredFamily } from './family.ts';
import { lengthOf, oracleNanoseconds, readSolveCall } from './solve-call.ts';
import type { ReadProblems, SolveCall } from './solve-call.ts';
import { placeResults, placeTables } from './tables.ts';
import type { PlacedTables } from './tables.ts';
import type { Solution, SolveStatus } from './types.ts';

/** How the kernels say that a turn ended (active_set.rs and solve.rs). */
const ENDING = { converged: 0, maxCalls: 1, infeasible: 2, needRoom: 3, paused: 4, invalid: 5 } as const;
const STATUS: readonly SolveStatus[] = ['converged', 'maxIter', 'infeasible'];

/** Calls of the oracle before an asynchronous solve looks at its signal again. */
const TURN = 256;
/** Slots of one turn take no more than this, where one problem alone does not. */
const SLOT_BYTES = 32 << 20;

/** The atoms of a problem: keys behind each other, and their weights. */
export interface Atoms {
  readonly keys: Int32Array;
  readonly weights: Float64Array<ArrayBuffer>;
}

/** What the kernels found. */
export interface Solved {
  readonly atoms: readonly Atoms[];
  readonly gap: Float64Array<ArrayBuffer>;
  /** What is maximised. */
  readonly objectives: Float64Array<ArrayBuffer>;
  readonly iterations: Int32Array;
  readonly endings: Int32Array;
}

export function prepareSparseMap(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  const call = readSolveCall(op, args, isAsync);
  const start = warmAtoms(call);
  return {
    op,
    plan: () => inRoom(op, (room) => solveInRoom(call, start, isAsync, room)),
    ...commonOf(call),
  };
}

/** What any solve says of itself. */
export function commonOf(call: SolveCall): Pick<Prepared<unknown>, 'rows' | 'reads' | 'given'> {
  return { rows: call.problems, reads: Object.values(call.scores), given: call.given };
}

function* solveInRoom(call: SolveCall, start: Starts, isAsync: boolean, room: Room): Plan<unknown> {
  const marginals = placeResults(call.scores, call.op, room);
  const solved = yield* solve(call, start, isAsync, marginals, room);
  return solutionOf(call, solved, marginals.take());
}

/** Atoms to begin from, where there are some. */
export type Starts = readonly (Atoms | undefined)[];

/** Solves all problems; their marginals are where they were placed. */
export function* solve(
  call: SolveCall,
  start: Starts,
  isAsync: boolean,
  marginals: PlacedTables,
  room: Room,
): Plan<Solved> {
  const { op, problems, lengths } = call;
  const state = {
    counts: room.perRow('int32', problems, 0),
    gaps: room.perRow('float64', problems, NaN),
    objectives: room.perRow('float64', problems, -Infinity),
    calls: room.perRow('int32', problems, 0),
    endings: room.perRow('int32', problems, ENDING.paused),
  };
  const places = {
    scores: placeTables(call.scores, op, room),
    marginals: marginals.places,
    lengths: lengths ? room.perRowOf('int32', lengths).address : 0,
  };
  const atoms: (Atoms | undefined)[] = Array.from({ length: problems }, (_, b) => start[b]);
  let capacity = firstCapacity(call, start);
  let left = Array.from({ length: problems }, (_, b) => b);
  while (left.length > 0) {
    const again: number[] = [];
    const fits = Math.max(1, Math.floor(SLOT_BYTES / slotBytes(call, capacity)));
    for (let from = 0; from < left.length; from += fits) {
      const some = left.slice(from, from + fits);
      // Of a turn: its slots go back before the next.
      yield* inRoom(op, function* (slots) {
        const keys = slots.allocate(4 * some.length * capacity * call.keyLength);
        const weights = slots.allocate(8 * some.length * capacity);
        const counts = memory().i32(state.counts.address, problems);
        some.forEach((b, slot) => {
          counts[b] = writeAtoms(call, atoms[b], keys, weights, slot, capacity);
        });
        const turn = {
          ...places,
          problems: slots.perRowOf('int32', some).address,
          ...{ capacity, keys, weights, counts: state.counts.address, gaps: state.gaps.address },
          objectives: state.objectives.address,
          ...{ calls: state.calls.address, endings: state.endings.address },
          turn: isAsync ? TURN : 0x7fffffff,
        };
        const address = slots.allocate(structuredKernel('structured_solve_bytes')());
        writeTurn(address, call, turn);
        yield solveJob(call, address, some.length, capacity, slots);
        const endings = memory().i32(state.endings.address, problems);
        some.forEach((b, slot) => {
          if (endings[b] === ENDING.invalid) throw invalidScores(call, b);
          const count = memory().i32(state.counts.address, problems)[b]!;
          atoms[b] = readAtoms(call, b, keys, weights, slot, capacity, count);
          if (endings[b] === ENDING.needRoom || endings[b] === ENDING.paused) again.push(b);
        });
      });
    }
    const endings = memory().i32(state.endings.address, problems);
    if (again.some((b) => endings[b] === ENDING.needRoom)) capacity *= 2;
    left = again;
  }
  return {
    atoms: atoms.map((each) => each ?? { keys: new Int32Array(0), weights: new Float64Array(0) }),
    gap: state.gaps.take(),
    objectives: state.objectives.take(),
    iterations: state.calls.take(),
    endings: state.endings.take(),
  };
}

/** Supports are 0.7 to 1.9 times as many as a problem is long; no more are independent than there are parts, and one. */
function firstCapacity({ full, rows, columns }: SolveCall, start: Starts): number {
  const most = Math.max(0, ...start.map((each) => each?.weights.length ?? 0));
  return Math.max(most + 1, Math.min(rows * columns + 1, 2 * full + 8));
}

function slotBytes(call: SolveCall, capacity: number): number {
  return capacity * (4 * call.keyLength + 8);
}

/** Puts the atoms of a problem into a slot, and returns how many they are. */
function writeAtoms(
  call: SolveCall,
  atoms: Atoms | undefined,
  keys: number,
  weights: number,
  slot: number,
  capacity: number,
): number {
  if (!atoms) return 0;
  const first = slot * capacity;
  memory()
    .i32(keys + 4 * first * call.keyLength, atoms.keys.length)
    .set(atoms.keys);
  memory()
    .f64(weights + 8 * first, atoms.weights.length)
    .set(atoms.weights);
  return atoms.weights.length;
}

function readAtoms(
  call: SolveCall,
  b: number,
  keys: number,
  weights: number,
  slot: number,
  capacity: number,
  count: number,
): Atoms {
  const first = slot * capacity;
  const size = count * keyLength(call.descriptor, lengthOf(call, b));
  return {
    keys: Int32Array.from(memory().i32(keys + 4 * first * call.keyLength, size)),
    weights: Float64Array.from(memory().f64(weights + 8 * first, count)),
  };
}

function solveJob(call: SolveCall, address: number, rows: number, capacity: number, room: Room): Job {
  const form = room.allocate(FORM_BYTES);
  writeForm(form, call);
  return {
    op: call.op,
    family: structuredFamily,
    kernel: `structured_solve_${suffixOf(call)}`,
    args: [address],
    rows,
    rowMultiple: 1,
    // The calls are about as many as a problem is long, and twice that.
    nanosecondsPerRow: Math.max(1, 2 * call.full) * oracleNanoseconds(call),
    workspaceBytes: structuredKernel('structured_solve_workspace')(form, capacity),
    // A chunk that is computed again would count its calls twice.
    repeatable: false,
    setAside: () => undefined,
  };
}

export function suffixOf({ dtype }: ReadProblems): 'f32' | 'f64' {
  return dtype === 'float32' ? 'f32' : 'f64';
}

export function invalidScores({ op }: ReadProblems, b: number): EntmaxError {
  return new EntmaxError('ENTMAX_OPTION', op, 'scores without NaN and +Infinity', `one in problem ${b}`);
}

/** What a solution was made of, for warm starts; not its scores, which may be large. */
interface Origin {
  readonly alike: Pick<SolveCall, 'descriptor' | 'problems' | 'rows' | 'columns' | 'lengths' | 'full'>;
  readonly atoms: readonly Atoms[];
}

const origins = new WeakMap<object, Origin>();

/** The solution as the caller sees it. */
export function solutionOf(
  call: SolveCall,
  { atoms, gap, iterations, endings }: Solved,
  marginals: Record<string, unknown>,
): Solution<string, Int32Array | Uint8Array, never> {
  const indptr = new Int32Array(call.problems + 1);
  const structures: (Int32Array | Uint8Array)[] = [];
  const weights: number[] = [];
  atoms.forEach((each, b) => {
    const length = lengthOf(call, b);
    const size = keyLength(call.descriptor, length);
    each.weights.forEach((weight, j) => {
      structures.push(structureOf(call.descriptor, each.keys.subarray(j * size, (j + 1) * size), length));
      weights.push(weight);
    });
    indptr[b + 1] = structures.length;
  });
  const status = Array.from(endings, (ending) => STATUS[ending]!);
  const solution = {
    marginals: marginals as never,
    indptr,
    structures,
    weights: Float64Array.from(weights),
    gap,
    iterations,
    status,
    converged: status.every((each) => each === 'converged'),
  };
  const { descriptor, problems, rows, columns, lengths, full } = call;
  origins.set(solution, { alike: { descriptor, problems, rows, columns, lengths, full }, atoms });
  return solution;
}

/** The atoms of the option `warmStart`. */
export function warmAtoms(call: SolveCall): Starts {
  const { op, warmStart } = call;
  if (warmStart === undefined) return [];
  const origin = typeof warmStart === 'object' && warmStart !== null ? origins.get(warmStart) : undefined;
  if (!origin) throw new EntmaxError('ENTMAX_OPTION', op, 'warmStart to be a solution of sparsemap', show(warmStart));
  const before = origin.alike;
  const isAlike =
    (['kind', 'flag', 'budget'] as const).every((name) => before.descriptor[name] === call.descriptor[name]) &&
    (['problems', 'rows', 'columns'] as const).every((name) => before[name] === call[name]) &&
    Array.from({ length: call.problems }, (_, b) => b).every((b) => lengthOf(before, b) === lengthOf(call, b));
  if (isAlike) return origin.atoms;
  const got = 'one of another factor, shape or lengths';
  throw new EntmaxError('ENTMAX_OPTION', op, 'warmStart to be a solution of a like batch', got);
}
