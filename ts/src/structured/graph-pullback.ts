/** The pullback of a graph: conjugate gradients on the faces that its factors ended on (MATH.md §11). */

import { EntmaxError, show } from '../errors.ts';
import type { AnyPullback } from '../maps/pullback.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { Plan } from '../runtime/plan.ts';
import { memory } from '../runtime/runtime.ts';
import { readLike } from '../scores.ts';
import type { ReadScores, Template } from '../scores.ts';
import { structuredKernel } from './description.ts';
import { structuredFamily } from './family.ts';
import { placeGraph, writeGraphPull } from './graph-call.ts';
import { heldPullback } from './held-pullback.ts';
import { GraphOracles } from './graph-oracles.ts';
import type { GraphCall, Kept } from './graph-read.ts';
import { placeTablesOf, takeTables } from './graph-tables.ts';
import type { TablesOf } from './graph-tables.ts';

/** Steps of conjugate gradients, and the residual at which they end. */
const STEPS = 1000;
const LINEAR_TOLERANCE = 1e-12;

/** Cotangents by name, as they came. */
type Cotangents = Readonly<Record<string, ReadScores | undefined>>;

/** The pullback of a solve that has left this, for these scores. */
export function makeGraphPullback(
  made: GraphCall,
  left: Kept,
  scores: Float64Array<ArrayBuffer>,
  isAsync: boolean,
): AnyPullback {
  const op = made.op.replace('vjp', 'pullback');
  const { model, problems } = made;
  const templates = Object.fromEntries(
    Object.entries(made.scores).map(([name, { form, dtype, shape }]): [string, Template] => [
      name,
      { form, dtype, shape },
    ]),
  );
  return heldPullback(op, left, isAsync, (kept, given) => {
    const cotangents = readCotangents(op, templates, given);
    return {
      plan: () =>
        inRoom(op, function* (room) {
          const gradients = yield* pullBack({ op, model, problems }, kept, scores, cotangents, room);
          return takeTables({ op, model, problems }, templates, gradients, room);
        }),
      rows: problems,
      reads: Object.values(cotangents),
    };
  });
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
  tables: TablesOf,
  kept: Kept,
  scores: Float64Array,
  cotangents: Cotangents,
  room: Room,
): Plan<number> {
  const { op, model, problems } = tables;
  const gradients = room.allocate(8 * problems * model.size);
  const graph = placeGraph(model, kept.capacities, room);
  const memories = kept.memories.map((bytes) => {
    const address = room.allocate(bytes.length);
    memory().u8(address, bytes.length).set(bytes);
    return address;
  });
  const address = room.allocate(structuredKernel('structured_graph_backward_bytes')());
  writeGraphPull(address, graph, LINEAR_TOLERANCE, {
    scores: room.perRowOf('float64', scores).address,
    cotangents: placeTablesOf(tables, cotangents, room),
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
