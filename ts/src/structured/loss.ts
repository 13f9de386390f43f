/**
 * The loss of SparseMAP, the Fenchel-Young loss of its objective (Niculae et al. 2018, section 4):
 *
 *     L = max_xi (<mu, eta> + <nu, eta'> - 1/2 |mu|^2) - (<m_y, eta> + <n_y, eta'> - 1/2 |m_y|^2),   dL = (mu - m_y, nu - n_y)
 */

import { viewOf } from '../elements.ts';
import { EntmaxError, show } from '../errors.ts';
import { asynchronous, synchronous } from '../maps/forms.ts';
import type { Prepared } from '../maps/forms.ts';
import { inRoom } from '../maps/room.ts';
import type { Room } from '../maps/room.ts';
import type { AnyPullback } from '../maps/pullback.ts';
import type { Plan } from '../runtime/plan.ts';
import { scoresView } from '../scores.ts';
import type { ReadScores, Template } from '../scores.ts';
import { sizeOf } from '../shape.ts';
import type { Float } from '../types.ts';
import { heldPullback } from './held-pullback.ts';
import { partsOf } from './parts.ts';
import type { Parts } from './parts.ts';
import { lengthOf, readSolveCall } from './solve-call.ts';
import type { SolveCall, TableName } from './solve-call.ts';
import { solve, warmAtoms } from './solve.ts';
import { eachTable, placeResults } from './tables.ts';
import type { Named } from './tables.ts';
import type { SparseMapLoss } from './types.ts';

interface LossCall {
  readonly call: SolveCall;
  /** The parts of each problem's target. */
  readonly targets: readonly Parts[];
}

function readLossCall(op: string, args: readonly unknown[], isAsync: boolean, more: readonly string[]): LossCall {
  const [scores, factor, targets, options] = args;
  const call = readSolveCall(op, [scores, factor, options], isAsync, more);
  const isBatch = call.scores.unary.shape.length > call.descriptor.axes.length;
  const list: unknown = isBatch ? targets : [targets];
  if (!Array.isArray(list) || list.length !== call.problems) {
    const expected = `targets with one structure for each of ${call.problems} problems`;
    throw new EntmaxError('ENTMAX_SHAPE', op, expected, show(targets));
  }
  const read = (target: unknown, b: number): Parts =>
    partsOf(call, target, lengthOf(call, b), `the target of problem ${b}`);
  return { call, targets: list.map(read) };
}

function readReduction(op: string, reduction: unknown, allowed: readonly string[]): string {
  if (reduction === undefined) return 'mean';
  if (allowed.includes(reduction as string)) return reduction as string;
  throw new EntmaxError('ENTMAX_OPTION', op, `reduction among ${allowed.join(', ')}`, show(reduction));
}

/** Losses and gradients of the problems: mu less the target's parts, times `weight`; 0 where the loss is infinite. */
interface Found {
  readonly losses: Float64Array<ArrayBuffer>;
  readonly gradients: (weight: (problem: number) => number) => Record<string, unknown>;
}

function* lossesOf({ call, targets }: LossCall, isAsync: boolean, room: Room): Plan<Found> {
  const { op, scores, problems } = call;
  const values = valuesOf({ call, targets });
  const marginals = placeResults(scores, op, room);
  const { objectives } = yield* solve(call, warmAtoms(call), isAsync, marginals, room);
  const losses = Float64Array.from(objectives, (most, b) => lossOf(most, values[b]!));
  const gradients: Found['gradients'] = (weight) => {
    eachTable(scores, ({ dtype, shape }, name) => {
      const size = sizeOf(shape);
      const gradient = viewOf(dtype, marginals.places[name]!, size);
      for (let b = 0; b < problems; b++) {
        const own = gradient.subarray((b * size) / problems, ((b + 1) * size) / problems);
        finishGradient(own, entriesOf(targets[b]!, name), losses[b]! < Infinity ? weight(b) : 0);
      }
    });
    return marginals.take();
  };
  return { losses, gradients };
}

/** Rounding may leave a loss of nothing a little below 0. */
function lossOf(most: number, value: number): number {
  return most === -Infinity || value === -Infinity ? Infinity : Math.max(0, most - value);
}

/** Places in a table, and what counts there. */
const entriesOf = (parts: Parts, name: TableName): (readonly [part: number, entry: number])[] =>
  parts[name].map((part, j) => [part, (name === 'unary' ? parts.entries?.[j] : undefined) ?? 1]);

function finishGradient(gradient: Float, entries: ReturnType<typeof entriesOf>, weight: number): void {
  if (weight === 0) {
    gradient.fill(0);
    return;
  }
  for (const [part, entry] of entries) gradient[part]! -= entry;
  if (weight !== 1) for (let at = 0; at < gradient.length; at++) gradient[at]! *= weight;
}

/** What the targets have in the place of the maximum. */
function valuesOf({ call, targets }: LossCall): Float64Array {
  const square = (parts: Parts): number => entriesOf(parts, 'unary').reduce((sum, [, entry]) => sum + entry * entry, 0);
  const values = Float64Array.from(targets, (parts) => -0.5 * square(parts));
  eachTable(call.scores, (source, name) => {
    const table = scoresView(source, call.op);
    targets.forEach((parts, b) => {
      const from = (b * table.length) / call.problems;
      for (const [part, entry] of entriesOf(parts, name)) values[b]! += entry * table[from + part]!;
    });
  });
  return values;
}

function reduce(losses: Float64Array, reduction: string): number {
  const sum = losses.reduce((a, b) => a + b, 0);
  return reduction === 'sum' || losses.length === 0 ? sum : sum / losses.length;
}

function prepareLoss(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  const loss = readLossCall(op, args, isAsync, ['reduction']);
  const reduction = readReduction(op, loss.call.given['reduction'], ['mean', 'sum', 'none']);
  return prepared(loss, function* (room) {
    const { losses } = yield* lossesOf(loss, isAsync, room);
    return reduction === 'none' ? losses : reduce(losses, reduction);
  });
}

function prepareValueAndGrad(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  const loss = readLossCall(op, args, isAsync, ['reduction']);
  const reduction = readReduction(op, loss.call.given['reduction'], ['mean', 'sum']);
  const weight = reduction === 'sum' ? 1 : 1 / Math.max(1, loss.call.problems);
  return prepared(loss, function* (room) {
    const { losses, gradients } = yield* lossesOf(loss, isAsync, room);
    return [reduce(losses, reduction), gradients(() => weight)];
  });
}

function prepareVjp(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  const loss = readLossCall(op, args, isAsync, []);
  return prepared(loss, function* (room) {
    // The pullback scales the gradients of the losses themselves, which it keeps in arrays.
    const scores = eachTable(loss.call.scores, asBlock);
    const call = { ...loss.call, scores: scores as SolveCall['scores'] };
    const { losses, gradients } = yield* lossesOf({ ...loss, call }, isAsync, room);
    const kept = gradients(() => 1) as Record<TableName, { data: Float }>;
    return [losses, makePullback(loss.call, kept, isAsync)];
  });
}

function asBlock(source: ReadScores): ReadScores {
  return source.form === 'tensor' ? source : { ...source, form: 'block' };
}

function prepared(loss: LossCall, run: (room: Room) => Plan<unknown>): Prepared<unknown> {
  const { op, problems, scores, given } = loss.call;
  return { op, plan: () => inRoom(op, run), rows: problems, reads: Object.values(scores), given };
}

function makePullback(call: SolveCall, kept: Record<string, unknown>, isAsync: boolean): AnyPullback {
  const op = call.op.replace(/vjp$/, 'pullback');
  const saved = eachTable(call.scores, (_, name) => arrayOf(kept[name]));
  const templates = eachTable(call.scores, ({ form, dtype, shape }): Template => ({ form, dtype, shape }));
  return heldPullback(op, saved, isAsync, (gradients, dloss) => {
    const weights: ArrayLike<number> = typeof dloss === 'number' ? [dloss] : (dloss as ArrayLike<number>);
    const isList = Array.isArray(dloss) || dloss instanceof Float64Array || dloss instanceof Float32Array;
    if (!(isList || typeof dloss === 'number') || weights.length !== call.problems) {
      throw new EntmaxError('ENTMAX_SHAPE', op, `dloss with ${call.problems} numbers`, show(dloss));
    }
    return {
      plan: () => inRoom(op, (room) => scaled(call, templates, gradients, weights, room)),
      rows: call.problems,
      reads: [],
    };
  });
}

/** The numbers of a table of gradients; a Tensor's are copied and its memory goes back. */
function arrayOf(table: unknown): Float {
  if (typeof table === 'object' && table !== null && 'toTypedArray' in table) {
    const tensor = table as { toTypedArray(): Float; dispose(): void };
    const data = tensor.toTypedArray();
    tensor.dispose();
    return data;
  }
  return (table as { data: Float }).data;
}

// eslint-disable-next-line require-yield -- a plan without a step
function* scaled(
  call: SolveCall,
  templates: Named<Template>,
  gradients: Named<Float>,
  weights: ArrayLike<number>,
  room: Room,
): Plan<unknown> {
  const results = placeResults(templates as Named<ReadScores>, call.op, room);
  eachTable(gradients, (gradient, name) => {
    const { dtype } = templates[name]!;
    const target = viewOf(dtype, results.places[name]!, gradient.length);
    const size = gradient.length / Math.max(1, call.problems);
    gradient.forEach((each, at) => {
      target[at] = each * weights[Math.floor(at / size)]!;
    });
  });
  return results.take();
}

/** The loss of SparseMAP; its forms are those of `SparseMapLoss`. */
export const sparsemapLoss: SparseMapLoss = /*#__PURE__*/ Object.assign(
  /*#__PURE__*/ synchronous('sparsemapLoss', prepareLoss),
  {
    valueAndGrad: /*#__PURE__*/ synchronous('sparsemapLoss.valueAndGrad', prepareValueAndGrad),
    vjp: /*#__PURE__*/ synchronous('sparsemapLoss.vjp', prepareVjp),
    async: /*#__PURE__*/ Object.assign(/*#__PURE__*/ asynchronous('sparsemapLoss.async', prepareLoss), {
      valueAndGrad: /*#__PURE__*/ asynchronous('sparsemapLoss.async.valueAndGrad', prepareValueAndGrad),
      vjp: /*#__PURE__*/ asynchronous('sparsemapLoss.async.vjp', prepareVjp),
    }),
  },
) as unknown as SparseMapLoss;
