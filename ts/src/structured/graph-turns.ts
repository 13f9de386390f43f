/**
 * Solves a graph in turns. A problem's memory holds all that the method knows of it: it is copied out at the end, for warm starts and
 * for pullbacks, and a turn that needs more room for structures goes on in larger memory.
 */

import { inRoom } from '../maps/room.ts';
import type { PerRow, Room } from '../maps/room.ts';
import type { Job } from '../runtime/job.ts';
import type { Plan } from '../runtime/plan.ts';
import { memory } from '../runtime/runtime.ts';
import { structuredKernel } from './description.ts';
import { structuredFamily } from './family.ts';
import { firstCapacities, placeGraph, writeGraphTurn } from './graph-call.ts';
import type { PlacedGraph } from './graph-call.ts';
import { GraphOracles } from './graph-oracles.ts';
import { origins } from './graph-read.ts';
import type { GraphCall, Kept } from './graph-read.ts';
import { checkScores, placeTablesOf, takeTables } from './graph-tables.ts';
import type { GraphSolution } from './graph-types.ts';
import type { SolveStatus } from './types.ts';

/** How the kernels say that a turn ended (active_set.rs), and what they read there before the first (graph_call.rs). */
const ENDING = { converged: 0, maxTurns: 1, infeasible: 2, needRoom: 3, paused: 4, asks: 6 } as const;
const BEGIN = -1;
const BEGIN_AGAIN = -2;
const STATUS: readonly SolveStatus[] = ['converged', 'maxIter', 'infeasible'];

/** Turns before an asynchronous solve looks at its signal again. */
const TURN = 64;

/** Where `Progress` (graph.rs) has its residuals, in f64, and its turns and the factor to go on with, in bytes. */
const RESIDUALS = 1;
const TURNS = 24;
const FACTOR = 28;

/** A solution, and what is left for its pullback. */
export interface Found {
  readonly solution: GraphSolution<string, never>;
  readonly kept: Kept;
  readonly scores: Float64Array<ArrayBuffer>;
}

/** The graph and its problems in linear memory. */
class Memories {
  readonly #model: GraphCall['model'];
  readonly #room: Room;
  #capacities: readonly number[];
  graph: PlacedGraph;
  addresses: number[];

  constructor({ model, problems, start }: GraphCall, room: Room) {
    this.#model = model;
    this.#room = room;
    this.#capacities = start?.capacities ?? firstCapacities(model);
    this.graph = placeGraph(model, this.#capacities, room);
    this.addresses = Array.from({ length: problems }, () => room.allocate(this.graph.bytes));
    start?.memories.forEach((bytes, b) => memory().u8(this.addresses[b]!, bytes.length).set(bytes));
  }

  /** Moves all problems to where these factors have room for twice as many structures. */
  grow(factors: readonly number[]): void {
    this.#capacities = this.#capacities.map((capacity, f) => (factors.includes(f) ? 2 * capacity : capacity));
    const larger = placeGraph(this.#model, this.#capacities, this.#room);
    this.addresses = this.addresses.map((from) => {
      const target = this.#room.allocate(larger.bytes);
      structuredKernel('structured_graph_move')(this.graph.address, from, larger.address, target);
      return target;
    });
    this.graph = larger;
  }

  /** Copies of all. */
  take(): Pick<Kept, 'capacities' | 'memories'> {
    const memories = this.addresses.map((address) => copyOf(address, this.graph.bytes));
    return { capacities: this.#capacities, memories };
  }
}

const copyOf = (address: number, bytes: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(memory().u8(address, bytes));

/** The solution of all problems of a call. */
export function* solveGraph(call: GraphCall, isAsync: boolean, room: Room): Plan<Found> {
  const { model, problems, start } = call;
  checkScores(call);
  const progressBytes = structuredKernel('structured_graph_progress_bytes')() * problems;
  const places = {
    scores: placeTablesOf(call, call.scores, room),
    marginals: room.allocate(8 * problems * model.size),
    progress: room.allocate(progressBytes),
  };
  if (start) memory().u8(places.progress, progressBytes).set(start.progress);
  const endings = room.perRow('int32', problems, start ? BEGIN_AGAIN : BEGIN);
  const oracles = new GraphOracles(call.op, model, problems, start?.oracles, room);
  const memories = new Memories(call, room);
  yield* inTurns(call, isAsync, places, endings, oracles, memories);
  const ended = endings.take();
  const kept: Kept = {
    ...{ owner: call.owner, model, oracles: oracles.known },
    ...memories.take(),
    progress: copyOf(places.progress, progressBytes),
  };
  clearInfeasible(call, ended, places.marginals);
  const solution = solutionOf(call, ended, kept, takeTables(call, call.scores, places.marginals, room));
  origins.set(solution, kept);
  return { solution, kept, scores: Float64Array.from(memory().f64(places.scores, problems * model.size)) };
}

function* inTurns(
  call: GraphCall,
  isAsync: boolean,
  places: { readonly scores: number; readonly marginals: number; readonly progress: number },
  endings: PerRow<'int32'>,
  oracles: GraphOracles,
  memories: Memories,
): Plan<void> {
  const { op, problems } = call;
  let left = Array.from({ length: problems }, (_, b) => b);
  while (left.length > 0) {
    const some = left;
    yield* inRoom(op, function* (room) {
      const address = room.allocate(structuredKernel('structured_graph_solve_bytes')());
      writeGraphTurn(address, memories.graph, call, {
        ...{ ...places, ...oracles.places, endings: endings.address, maxIter: call.maxIter },
        problems: room.perRowOf('int32', some).address,
        memories: room.perRowOf('int32', memories.addresses).address,
        turn: isAsync ? TURN : 0x7fffffff,
      });
      yield turnJob(op, memories.graph, address, some.length);
    });
    const ended = endings.take();
    const bytes = structuredKernel('structured_graph_progress_bytes')();
    const factorOf = (b: number): number => memory().i32(places.progress + bytes * b + FACTOR, 1)[0]!;
    const short = left.filter((b) => ended[b] === ENDING.needRoom).map(factorOf);
    if (short.length > 0) memories.grow(short);
    for (const b of left) if (ended[b] === ENDING.asks) oracles.ask(b, factorOf(b));
    left = left.filter((b) => ended[b]! >= ENDING.needRoom);
  }
}

function clearInfeasible({ problems, model }: GraphCall, endings: Int32Array, marginals: number): void {
  const table = memory().f64(marginals, problems * model.size);
  endings.forEach((ending, b) => {
    if (ending === ENDING.infeasible) table.fill(0, b * model.size, (b + 1) * model.size);
  });
}

function solutionOf(
  { problems }: GraphCall,
  endings: Int32Array,
  { progress }: Kept,
  marginals: Record<string, unknown>,
): GraphSolution<string, never> {
  const bytes = progress.length / Math.max(1, problems);
  const residual = new Float64Array(problems);
  const iterations = new Int32Array(problems);
  for (let b = 0; b < problems; b++) {
    const view = new DataView(progress.buffer, b * bytes, bytes);
    residual[b] = Math.max(view.getFloat64(8 * RESIDUALS, true), view.getFloat64(8 * RESIDUALS + 8, true));
    iterations[b] = view.getInt32(TURNS, true);
  }
  const status = Array.from(endings, (ending) => STATUS[ending]!);
  const converged = status.every((each) => each === 'converged');
  return { marginals: marginals as never, residual, iterations, status, converged };
}

function turnJob(op: string, { bytes }: PlacedGraph, address: number, rows: number): Job {
  return {
    op,
    family: structuredFamily,
    kernel: 'structured_graph_solve',
    args: [address],
    rows,
    rowMultiple: 1,
    // Some fifty turns that go through most of the memory.
    nanosecondsPerRow: 50 * bytes,
    workspaceBytes: 0,
    // A turn goes on where the memory says.
    repeatable: false,
    setAside: () => undefined,
  };
}
