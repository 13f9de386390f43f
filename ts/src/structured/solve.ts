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
import type { Turn } from './description.ts';
import { Dialogue, KnownStructures } from './dialogue.ts';
import type { Known } from './dialogue.ts';
import { keyLength, structureOf } from './factors.ts';
import { structuredFamily } from './family.ts';
import { lengthOf, oracleNanoseconds, readSolveCall } from './solve-call.ts';
import type { ReadProblems, SolveCall } from './solve-call.ts';
import type { CustomOracle } from './types.ts';
import { placeResults, placeTables } from './tables.ts';
import type { PlacedTables } from './tables.ts';
import type { Solution, SolveStatus } from './types.ts';

/** How the kernels say that a turn ended (active_set.rs and solve.rs). */
const ENDING = { converged: 0, maxCalls: 1, infeasible: 2, needRoom: 3, paused: 4, invalid: 5, asks: 6 } as const;
const STATUS: readonly SolveStatus[] = ['converged', 'maxIter', 'infeasible'];

/** Calls of the oracle before an asynchronous solve looks at its signal again. */
const TURN = 256;
/** Room for this many structures of a caller's oracle at first. */
const FIRST_NAMED = 32;
/** Slots of one turn take no more than this, where one problem alone does not. */
const SLOT_BYTES = 32 << 20;

/** The atoms of a problem: keys behind each other, and their weights. */
export interface Atoms {
  readonly keys: Int32Array;
  readonly weights: Float64Array<ArrayBuffer>;
  /** What the caller's oracle has named them; a key is then a number of this list. */
  readonly named?: readonly Known[];
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
  const { op, problems, lengths, descriptor } = call;
  const state = {
    counts: room.perRow('int32', problems, 0),
    gaps: room.perRow('float64', problems, NaN),
    objectives: room.perRow('float64', problems, -Infinity),
    calls: room.perRow('int32', problems, 0),
    endings: room.perRow('int32', problems, ENDING.paused),
  };
  const shared: Shared = {
    scores: placeTables(call.scores, op, room),
    marginals: marginals.places,
    lengths: lengths ? room.perRowOf('int32', lengths).address : 0,
    counts: state.counts.address,
    gaps: state.gaps.address,
    objectives: state.objectives.address,
    calls: state.calls.address,
    endings: state.endings.address,
  };
  const atoms = descriptor.oracle
    ? yield* inDialogue(call, descriptor.oracle, start, shared)
    : yield* inTurns(call, start, isAsync, shared);
  return {
    atoms,
    gap: state.gaps.take(),
    objectives: state.objectives.take(),
    iterations: state.calls.take(),
    endings: state.endings.take(),
  };
}

/** What all turns of a call have in common; addresses. */
type Shared = Omit<Turn, 'problems' | 'capacity' | 'keys' | 'weights' | 'turn' | 'dialogue'>;

/** Solves all problems side by side. */
function* inTurns(call: SolveCall, start: Starts, isAsync: boolean, shared: Shared): Plan<readonly Atoms[]> {
  const { op, problems } = call;
  const atoms = Array.from({ length: problems }, (_, b) => start[b] ?? NO_ATOMS);
  let capacity = firstCapacity(call, start);
  let left = Array.from({ length: problems }, (_, b) => b);
  while (left.length > 0) {
    const again: number[] = [];
    const fits = Math.max(1, Math.floor(SLOT_BYTES / slotBytes(call, capacity)));
    for (let from = 0; from < left.length; from += fits) {
      const some = left.slice(from, from + fits);
      // Of a turn: its slots go back before the next.
      yield* inRoom(op, function* (room) {
        const slots = new Slots(call, some, capacity, room);
        slots.write(atoms, shared);
        yield solveJob(call, slots.turn(shared, isAsync ? TURN : Infinity, 0), some.length, capacity, room);
        const endings = memory().i32(shared.endings, problems);
        some.forEach((b, slot) => {
          if (endings[b] === ENDING.invalid) throw invalidScores(call, b);
          atoms[b] = slots.read(slot, shared);
          if (endings[b] === ENDING.needRoom || endings[b] === ENDING.paused) again.push(b);
        });
      });
    }
    const endings = memory().i32(shared.endings, problems);
    if (again.some((b) => endings[b] === ENDING.needRoom)) capacity *= 2;
    left = again;
  }
  return atoms;
}

/** Solves one problem after the other, because they all talk to one oracle. */
function* inDialogue(
  call: SolveCall,
  oracle: CustomOracle<unknown>,
  start: Starts,
  shared: Shared,
): Plan<readonly Atoms[]> {
  const atoms: Atoms[] = [];
  for (let b = 0; b < call.problems; b++) {
    const known = new KnownStructures(call.op, oracle, start[b]?.named ?? []);
    const found = yield* inRoom(call.op, (room) => converse(call, b, start[b] ?? NO_ATOMS, known, shared, room));
    memory().i32(shared.calls, call.problems)[b] = known.calls;
    const named = Array.from(found.keys, (number) => known.list[number]!);
    atoms.push({ keys: Int32Array.from(named.keys()), weights: found.weights, named });
  }
  return atoms;
}

/** Turn after turn, with a question in between. */
function* converse(
  call: SolveCall,
  b: number,
  start: Atoms,
  known: KnownStructures,
  shared: Shared,
  room: Room,
): Plan<Atoms> {
  const dialogue = new Dialogue(call, known, room);
  let atoms = start;
  let capacity = Math.max(start.weights.length + 1, Math.min(call.columns + 1, FIRST_NAMED));
  for (;;) {
    const slots = new Slots(call, [b], capacity, room);
    slots.write({ [b]: atoms }, shared);
    dialogue.begin(capacity);
    const job = solveJob(call, slots.turn(shared, Infinity, dialogue.address), 1, capacity, room);
    let ending: number = ENDING.asks;
    while (ending === ENDING.asks) {
      yield job;
      ending = memory().i32(shared.endings, call.problems)[b]!;
      if (ending === ENDING.invalid) throw invalidScores(call, b);
      known.check(memory().f64(shared.gaps, call.problems)[b]!);
      if (ending === ENDING.asks) dialogue.ask();
    }
    atoms = slots.read(0, shared);
    if (ending !== ENDING.needRoom) return atoms;
    capacity *= 2;
  }
}

/** Supports are 0.7 to 1.9 times as many as a problem is long; no more are independent than there are parts, and one. */
function firstCapacity({ full, rows, columns }: SolveCall, start: Starts): number {
  const most = Math.max(0, ...start.map((each) => each?.weights.length ?? 0));
  return Math.max(most + 1, Math.min(rows * columns + 1, 2 * full + 8));
}

function slotBytes(call: SolveCall, capacity: number): number {
  return capacity * (4 * call.keyLength + 8);
}

const NO_ATOMS: Atoms = { keys: new Int32Array(0), weights: new Float64Array(0) };

/** The slots of some problems in linear memory, each with room for `capacity` atoms. */
class Slots {
  readonly #call: SolveCall;
  readonly #problems: readonly number[];
  readonly #capacity: number;
  readonly #room: Room;
  readonly #keys: number;
  readonly #weights: number;

  constructor(call: SolveCall, problems: readonly number[], capacity: number, room: Room) {
    this.#call = call;
    this.#problems = problems;
    this.#capacity = capacity;
    this.#room = room;
    this.#keys = room.allocate(4 * problems.length * capacity * call.keyLength);
    this.#weights = room.allocate(8 * problems.length * capacity);
  }

  /** Puts the atoms of the problems where a turn begins from. */
  write(atoms: Readonly<Record<number, Atoms>>, { counts }: Shared): void {
    const { keyLength: length, problems } = this.#call;
    this.#problems.forEach((b, slot) => {
      const { keys, weights } = atoms[b]!;
      const first = slot * this.#capacity;
      memory()
        .i32(this.#keys + 4 * first * length, keys.length)
        .set(keys);
      memory()
        .f64(this.#weights + 8 * first, weights.length)
        .set(weights);
      memory().i32(counts, problems)[b] = weights.length;
    });
  }

  /** Describes a turn of so many calls of the oracle, and returns the address. */
  turn(shared: Shared, calls: number, dialogue: number): number {
    const address = this.#room.allocate(structuredKernel('structured_solve_bytes')());
    writeTurn(address, this.#call, {
      ...shared,
      problems: this.#room.perRowOf('int32', this.#problems).address,
      capacity: this.#capacity,
      keys: this.#keys,
      weights: this.#weights,
      turn: Math.min(calls, 0x7fffffff),
      dialogue,
    });
    return address;
  }

  /** The atoms that a problem has. */
  read(slot: number, { counts }: Shared): Atoms {
    const b = this.#problems[slot]!;
    const first = slot * this.#capacity;
    const count = memory().i32(counts, this.#call.problems)[b]!;
    const size = count * keyLength(this.#call.descriptor, lengthOf(this.#call, b));
    return {
      keys: Int32Array.from(memory().i32(this.#keys + 4 * first * this.#call.keyLength, size)),
      weights: Float64Array.from(memory().f64(this.#weights + 8 * first, count)),
    };
  }
}

function solveJob(call: SolveCall, address: number, rows: number, capacity: number, room: Room): Job {
  const form = room.allocate(FORM_BYTES);
  writeForm(form, call);
  return {
    op: call.op,
    family: structuredFamily,
    kernel: 'structured_solve',
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
): Solution<string, unknown, never> {
  const indptr = new Int32Array(call.problems + 1);
  const structures: unknown[] = [];
  const weights: number[] = [];
  atoms.forEach((each, b) => {
    const length = lengthOf(call, b);
    const size = keyLength(call.descriptor, length);
    each.weights.forEach((weight, j) => {
      const key = each.keys.subarray(j * size, (j + 1) * size);
      structures.push(each.named ? each.named[j]!.value : structureOf(call.descriptor, key, length));
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
    (['kind', 'flag', 'budget', 'oracle'] as const).every(
      (name) => before.descriptor[name] === call.descriptor[name],
    ) &&
    (['problems', 'rows', 'columns'] as const).every((name) => before[name] === call[name]) &&
    Array.from({ length: call.problems }, (_, b) => b).every((b) => lengthOf(before, b) === lengthOf(call, b));
  if (isAlike) return origin.atoms;
  const got = 'one of another factor, shape or lengths';
  throw new EntmaxError('ENTMAX_OPTION', op, 'warmStart to be a solution of a like batch', got);
}
