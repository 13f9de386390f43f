/**
 * Solves a graph in turns, and pulls cotangents back. A problem's memory holds all that the method knows of it: it is copied out
 * at the end, for warm starts and for pullbacks, and a turn that needs more room for structures goes on in larger memory.
 */

import { EntmaxError, show, showShape } from '../errors.ts';
import { viewOf } from '../elements.ts';
import { runPrepared, runPreparedAsync } from '../maps/forms.ts';
import type { Prepare, Prepared } from '../maps/forms.ts';
import { readOptions } from '../maps/options.ts';
import type { AnyPullback } from '../maps/pullback.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { Job } from '../runtime/job.ts';
import type { Plan } from '../runtime/plan.ts';
import { memory } from '../runtime/runtime.ts';
import { readLike, readScores, scoresView, withNumbersAs } from '../scores.ts';
import type { FloatType, ReadScores, Template } from '../scores.ts';
import { sameShape, sizeOf } from '../shape.ts';
import { addressOf } from '../tensor.ts';
import { structuredKernel } from './description.ts';
import { structuredFamily } from './family.ts';
import type { GraphModel } from './graph.ts';
import { firstCapacities, placeGraph, writeGraphPull, writeGraphTurn } from './graph-call.ts';
import type { PlacedGraph } from './graph-call.ts';
import { GraphOracles } from './graph-oracles.ts';
import type { Oracles } from './graph-oracles.ts';
import { readMaxIter, readTolerance } from './solve-call.ts';
import type { GraphSolution, SolveStatus } from './types.ts';

/** How the kernels say that a turn ended (active_set.rs), and what they read there before the first (graph_call.rs). */
const ENDING = { converged: 0, maxTurns: 1, infeasible: 2, needRoom: 3, paused: 4, asks: 6 } as const;
const BEGIN = -1;
const BEGIN_AGAIN = -2;
const STATUS: readonly SolveStatus[] = ['converged', 'maxIter', 'infeasible'];

const TOLERANCE = 1e-8;
const MOST_TURNS = 10_000;
/** graph.rs. */
const STEP = 5;
/** Turns before an asynchronous solve looks at its signal again. */
const TURN = 64;
/** Steps of conjugate gradients, and the residual at which they end. */
const STEPS = 1000;
const LINEAR_TOLERANCE = 1e-12;

/** A call that has been read. */
interface GraphCall {
  readonly op: string;
  readonly owner: object;
  readonly model: GraphModel;
  readonly scores: Readonly<Record<string, ReadScores>>;
  readonly problems: number;
  readonly tolerance: number;
  readonly maxIter: number;
  readonly step: number;
  readonly start: Kept | undefined;
  readonly given: Readonly<Record<string, unknown>>;
}

/** What is left of a solve. */
interface Kept {
  readonly owner: object;
  readonly model: GraphModel;
  readonly capacities: readonly number[];
  /** Of each problem. */
  readonly memories: readonly Uint8Array<ArrayBuffer>[];
  readonly progress: Uint8Array<ArrayBuffer>;
  readonly oracles: Oracles;
}

const origins = new WeakMap<object, Kept>();

/** `graph.solve`. */
export function prepareGraphSolve(owner: object, model: () => GraphModel): Prepare<unknown> {
  return (op, args, isAsync) => {
    const call = readGraphCall(op, owner, model(), args, isAsync);
    return prepared(call, function* (room) {
      return (yield* solveGraph(call, isAsync, room)).solution;
    });
  };
}

/** `graph.vjp`. */
export function prepareGraphVjp(owner: object, model: () => GraphModel): Prepare<unknown> {
  return (op, args, isAsync) => {
    const call = readGraphCall(op, owner, model(), args, isAsync);
    return prepared(call, function* (room) {
      const { solution, kept, scores } = yield* solveGraph(call, isAsync, room);
      return [solution, makePullback(call, kept, scores, isAsync)];
    });
  };
}

function prepared(call: GraphCall, run: (room: Room) => Plan<unknown>): Prepared<unknown> {
  const { op, problems, given } = call;
  return { op, plan: () => inRoom(op, run), rows: problems, reads: Object.values(call.scores), given };
}

function readGraphCall(
  op: string,
  owner: object,
  model: GraphModel,
  [given, options]: readonly unknown[],
  isAsync: boolean,
): GraphCall {
  const known = ['tol', 'maxIter', 'step', 'warmStart', ...(isAsync ? ['signal', 'onProgress'] : [])];
  const read = readOptions(op, options, known);
  const { scores, problems } = readGraphScores(op, model, given);
  const step = read['step'] ?? STEP;
  if (typeof step !== 'number' || !(step > 0 && step < Infinity)) {
    throw new EntmaxError('ENTMAX_OPTION', op, 'step to be a positive number', show(step));
  }
  return {
    op,
    owner,
    model,
    scores,
    problems,
    tolerance: readTolerance(op, read['tol'], TOLERANCE),
    maxIter: readMaxIter(op, read['maxIter'], MOST_TURNS),
    step,
    start: readStart(op, owner, model, problems, read['warmStart']),
    given: read,
  };
}

function readGraphScores(op: string, { names }: GraphModel, given: unknown): Pick<GraphCall, 'scores' | 'problems'> {
  const known = names.map(({ name }) => name);
  const source = (typeof given === 'object' && given !== null ? given : {}) as Readonly<Record<string, unknown>>;
  const got = Object.keys(source);
  if (got.length !== known.length || !got.every((name) => known.includes(name))) {
    throw new EntmaxError('ENTMAX_OPTION', op, `scores as { ${known.join(', ')} }`, `{ ${got.join(', ')} }`);
  }
  const scores: Record<string, ReadScores> = {};
  let batch: readonly number[] | undefined;
  let dtype: FloatType | undefined;
  for (const { name, shape } of names) {
    let read = readScores(op, source[name], undefined, name);
    if (dtype) read = withNumbersAs(dtype, read);
    dtype ??= read.dtype;
    batch ??= read.shape.slice(0, Math.max(0, read.shape.length - shape.length));
    const expected = [...batch, ...shape];
    if (batch.length > 1 || !sameShape(read.shape, expected)) {
      const what = `${name} of shape ${showShape(batch.length > 1 ? shape : expected)}`;
      throw new EntmaxError('ENTMAX_SHAPE', op, what, showShape(read.shape));
    }
    if (read.dtype !== dtype) {
      throw new EntmaxError('ENTMAX_DTYPE', op, `${name} of ${dtype}, as ${known[0]}`, read.dtype);
    }
    scores[name] = read;
  }
  return { scores, problems: sizeOf(batch ?? []) };
}

function readStart(
  op: string,
  owner: object,
  model: GraphModel,
  problems: number,
  warmStart: unknown,
): Kept | undefined {
  if (warmStart === undefined) return undefined;
  const kept = typeof warmStart === 'object' && warmStart !== null ? origins.get(warmStart) : undefined;
  const isAlike = kept?.owner === owner && kept.model.factors.length === model.factors.length;
  if (isAlike && kept.memories.length === problems) return kept;
  const expected = `warmStart to be a solution of this graph for ${problems} problems`;
  throw new EntmaxError('ENTMAX_OPTION', op, expected, kept ? 'one of another graph or batch' : show(warmStart));
}

/** The scores of all problems, each behind the other, in linear memory. */
function placeScores({ op, model, scores, problems }: GraphCall, room: Room): number {
  const address = room.allocate(8 * problems * model.size);
  for (const { name, first, size } of model.names) {
    const source = scoresView(scores[name]!, op);
    const target = memory().f64(address, problems * model.size);
    source.forEach((score, at) => {
      if (!(score < Infinity)) {
        const got = `one in ${name}, problem ${Math.floor(at / size)}`;
        throw new EntmaxError('ENTMAX_OPTION', op, 'scores without NaN and +Infinity', got);
      }
      target[Math.floor(at / size) * model.size + first + (at % size)] = score;
    });
  }
  return address;
}

/** What there is of each name, taken from a table of all problems, in the form of the scores. */
function takeTables(
  { op, model, problems }: Pick<GraphCall, 'op' | 'model' | 'problems'>,
  templates: Readonly<Record<string, Template>>,
  table: number,
  room: Room,
): Record<string, unknown> {
  const taken = model.names.map(({ name, first, size }): [string, unknown] => {
    const { dtype, form, shape } = templates[name]!;
    const result = room.result({ dtype, form, shape });
    const { tensor, target } = result.operand;
    const numbers = tensor ? viewOf(dtype, addressOf(tensor, op), sizeOf(shape)) : target!;
    const source = memory().f64(table, problems * model.size);
    for (let at = 0; at < numbers.length; at++) {
      numbers[at] = source[Math.floor(at / size) * model.size + first + (at % size)]!;
    }
    return [name, result.value];
  });
  return Object.fromEntries(taken);
}

interface Found {
  readonly solution: GraphSolution<string, never>;
  readonly kept: Kept;
  readonly scores: Float64Array<ArrayBuffer>;
}

function* solveGraph(call: GraphCall, isAsync: boolean, room: Room): Plan<Found> {
  const { op, model, problems, start } = call;
  const progressBytes = structuredKernel('structured_graph_progress_bytes')();
  const scores = placeScores(call, room);
  const marginals = room.allocate(8 * problems * model.size);
  const progress = room.allocate(progressBytes * problems);
  const endings = room.perRow('int32', problems, start ? BEGIN_AGAIN : BEGIN);
  const oracles = new GraphOracles(op, model, problems, start?.oracles, room);
  let capacities = start ? [...start.capacities] : firstCapacities(model);
  let graph = placeGraph(model, capacities, room);
  let memories = Array.from({ length: problems }, () => room.allocate(graph.bytes));
  if (start) {
    start.memories.forEach((bytes, b) => memory().u8(memories[b]!, bytes.length).set(bytes));
    memory().u8(progress, start.progress.length).set(start.progress);
  }
  let left = Array.from({ length: problems }, (_, b) => b);
  while (left.length > 0) {
    const some = left;
    yield* inRoom(op, function* (own) {
      const address = own.allocate(structuredKernel('structured_graph_solve_bytes')());
      writeGraphTurn(address, graph, call, {
        ...{ scores, marginals, progress, endings: endings.address, maxIter: call.maxIter, ...oracles.places },
        problems: own.perRowOf('int32', some).address,
        memories: own.perRowOf('int32', memories).address,
        turn: isAsync ? TURN : 0x7fffffff,
      });
      yield turnJob(op, graph, address, some.length);
    });
    const ended = Int32Array.from(memory().i32(endings.address, problems));
    const factorOf = (b: number): number => memory().i32(progress + progressBytes * b + FACTOR, 1)[0]!;
    const short = left.filter((b) => ended[b] === ENDING.needRoom).map(factorOf);
    if (short.length > 0) {
      capacities = capacities.map((capacity, f) => (short.includes(f) ? 2 * capacity : capacity));
      const larger = placeGraph(model, capacities, room);
      memories = memories.map((from) => {
        const target = room.allocate(larger.bytes);
        structuredKernel('structured_graph_move')(graph.address, from, larger.address, target);
        return target;
      });
      graph = larger;
    }
    for (const b of left) if (ended[b] === ENDING.asks) oracles.ask(b, factorOf(b));
    left = left.filter((b) => ended[b]! >= ENDING.needRoom);
  }
  const ended = endings.take();
  const copy = (address: number, bytes: number): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(memory().u8(address, bytes));
  const kept: Kept = {
    ...{ owner: call.owner, model, capacities },
    memories: memories.map((address) => copy(address, graph.bytes)),
    progress: copy(progress, progressBytes * problems),
    oracles: oracles.known,
  };
  clearInfeasible(call, ended, marginals);
  const solution = solutionOf(call, ended, kept, takeTables(call, call.scores, marginals, room));
  origins.set(solution, kept);
  return { solution, kept, scores: Float64Array.from(memory().f64(scores, problems * model.size)) };
}

/** Where `Progress` (graph.rs) has its residuals, in f64, and its turns and the factor to go on with, in bytes. */
const RESIDUALS = 1;
const TURNS = 24;
const FACTOR = 28;

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

/** Cotangents by name, as they came. */
type Cotangents = Readonly<Record<string, ReadScores | undefined>>;

function makePullback(made: GraphCall, left: Kept, scores: Float64Array<ArrayBuffer>, isAsync: boolean): AnyPullback {
  let saved: Kept | undefined = left;
  const op = made.op.replace('vjp', 'pullback');
  const { model, problems } = made;
  const templates = Object.fromEntries(
    Object.entries(made.scores).map(([name, { form, dtype, shape }]): [string, Template] => [
      name,
      { form, dtype, shape },
    ]),
  );
  const prepare = (given: unknown, run: unknown): Prepared<unknown> => {
    if (!saved) throw new EntmaxError('ENTMAX_DISPOSED', op, 'a live pullback', 'a disposed one');
    const kept = saved;
    const cotangents = readCotangents(op, templates, given);
    return {
      op,
      plan: () =>
        inRoom(op, function* (room) {
          const gradients = yield* pullBack({ op, model, problems }, kept, scores, cotangents, room);
          return takeTables({ op, model, problems }, templates, gradients, room);
        }),
      rows: problems,
      reads: Object.values(cotangents),
      given: readOptions(op, run, isAsync ? ['signal', 'onProgress'] : []),
    };
  };
  const pullback: (given: unknown, run?: unknown) => unknown = isAsync
    ? async (given, run) => runPreparedAsync(prepare(given, run))
    : (given, run) => runPrepared(prepare(given, run));
  const dispose = (): void => {
    saved = undefined;
  };
  return Object.assign(pullback, { dispose, [Symbol.dispose]: dispose });
}

function readCotangents(op: string, templates: Readonly<Record<string, Template>>, given: unknown): Cotangents {
  const known = Object.keys(templates);
  const named = typeof given === 'object' && given !== null && Object.keys(given).every((name) => known.includes(name));
  if (!named) throw new EntmaxError('ENTMAX_OPTION', op, `cotangents as { ${known.join(', ')} }`, show(given));
  const read = Object.entries(given)
    .filter(([, source]) => source !== undefined)
    .map(([name, source]): [string, ReadScores] => [name, readLike(op, source, templates[name]!, name)]);
  return Object.fromEntries(read);
}

function* pullBack(
  { op, model, problems }: Pick<GraphCall, 'op' | 'model' | 'problems'>,
  kept: Kept,
  scores: Float64Array,
  cotangents: Cotangents,
  room: Room,
): Plan<number> {
  const size = problems * model.size;
  const gradients = room.allocate(8 * size);
  const table = room.perRow('float64', size, 0).address;
  for (const { name, first, size: own } of model.names) {
    const source = cotangents[name];
    if (!source) continue;
    const target = memory().f64(table, size);
    scoresView(source, op).forEach((cotangent, at) => {
      target[Math.floor(at / own) * model.size + first + (at % own)] = cotangent;
    });
  }
  const graph = placeGraph(model, kept.capacities, room);
  const memories = kept.memories.map((bytes) => {
    const address = room.allocate(bytes.length);
    memory().u8(address, bytes.length).set(bytes);
    return address;
  });
  const address = room.allocate(structuredKernel('structured_graph_backward_bytes')());
  writeGraphPull(address, graph, LINEAR_TOLERANCE, {
    scores: room.perRowOf('float64', scores).address,
    cotangents: table,
    gradients,
    memories: room.perRowOf('int32', memories).address,
    named: new GraphOracles(op, model, problems, kept.oracles, room).places.named,
    steps: STEPS,
  });
  yield {
    op,
    family: structuredFamily,
    kernel: 'structured_graph_pull_back',
    args: [address],
    rows: problems,
    rowMultiple: 1,
    nanosecondsPerRow: 10 * graph.bytes,
    workspaceBytes: structuredKernel('structured_graph_workspace')(graph.address),
    repeatable: true,
    setAside: () => undefined,
  };
  return gradients;
}
