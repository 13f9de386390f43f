/** `solve` and `vjp` of a graph. */

import type { Prepare, Prepared } from '../maps/forms.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { Plan } from '../runtime/plan.ts';
import type { GraphModel } from './graph.ts';
import { makeGraphPullback } from './graph-pullback.ts';
import { readGraphCall } from './graph-read.ts';
import type { GraphCall } from './graph-read.ts';
import { solveGraph } from './graph-turns.ts';

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
      return [solution, makeGraphPullback(call, kept, scores, isAsync)];
    });
  };
}

function prepared(call: GraphCall, run: (room: Room) => Plan<unknown>): Prepared<unknown> {
  const { op, problems, given } = call;
  return { op, plan: () => inRoom(op, run), rows: problems, reads: Object.values(call.scores), given };
}
