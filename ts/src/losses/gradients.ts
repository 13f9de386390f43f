/**
 * The kernels of a loss over all rows: the losses alone, with the dense gradient of the scores, or with its entries.
 * The map writes its probabilities where the gradient will lie, and the target is subtracted there: one pass.
 */

import { slotsOf, toCsr } from '../maps/csr.ts';
import type { inputsOf } from '../maps/dense.ts';
import { arrayOperand, inRoom, operandOf } from '../maps/room.ts';
import type { Result, Room } from '../maps/room.ts';
import { parameterAt, runKernel } from '../maps/row-job.ts';
import { stagedRows } from '../maps/staging.ts';
import type { StagedRows } from '../maps/staging.ts';
import type { Plan } from '../runtime/plan.ts';
import type { Csr, Entries } from '../csr.ts';
import type { Destination } from '../scores.ts';
import type { Float } from '../types.ts';
import type { LossCall } from './loss-call.ts';

/** What a pass over the rows has found. Gradients are multiplied by the rows' scale, losses are not. */
export interface Losses {
  readonly losses: Float64Array;
  /** Gradient of the parameter for each row; undefined when the map has none. */
  readonly parameter: Float64Array | undefined;
}

/** The values per row that the kernels read and write. */
class RowValues {
  readonly #call: LossCall;
  readonly #parameters: number;
  readonly #classes;
  readonly #scale;
  readonly #losses;
  readonly #gradients;

  constructor(call: LossCall, room: Room, wantsGradients: boolean) {
    const { targets, layout, descriptor } = call;
    this.#call = call;
    this.#parameters = room.copyOfNumbers(call.parameter.values);
    this.#classes = targets.kind === 'classes' ? room.perRowOf('int32', targets.classes) : undefined;
    this.#scale = room.perRowOf('float64', call.scale);
    this.#losses = room.perRow('float64', layout.rows, Infinity);
    const named = wantsGradients && descriptor.parameter.name !== undefined;
    this.#gradients = named ? room.perRow('float64', layout.rows, 0) : undefined;
  }

  /** Classes (or the address of the distributions), scale and loss of the staged rows. */
  inputs(stage: StagedRows, distributions: number): number[] {
    return [this.#classes?.at(stage) ?? 0, distributions, this.#scale.at(stage), this.#losses.at(stage)];
  }

  /** The gradient of the parameter, and what all kernels are told. */
  rest(stage: StagedRows): number[] {
    const { layout, map, temperature } = this.#call;
    const parameter = parameterAt(this.#call, stage, this.#parameters);
    return [this.#gradients?.at(stage) ?? 0, layout.n, stage.inner, map, ...parameter, temperature];
  }

  take(): Losses {
    const { targets } = this.#call;
    const losses = this.#losses.take();
    // Rows without scores are in no stage.
    if (targets.kind === 'classes') targets.classes.forEach((k, row) => k < 0 && (losses[row] = 0));
    return { losses, parameter: this.#gradients?.take() };
  }
}

/** Scores, mask and distributions. */
function operandsOf(call: LossCall): ReturnType<typeof inputsOf> {
  const { targets, scores, mask } = call;
  const distributions = targets.kind === 'distributions' ? operandOf(targets.scores) : undefined;
  return [operandOf(scores), arrayOperand('uint8', mask), distributions];
}

/** The losses, and the gradient of the scores in `target` if there is one. */
function* denseRows(call: LossCall, room: Room, target: Result['operand'] | undefined, wants: boolean): Plan<Losses> {
  const { op, layout, large } = call;
  const rows = new RowValues(call, room, wants);
  for (const stage of stagedRows(op, layout, [...operandsOf(call), target], room, large)) {
    const [z, mask, distributions, dz] = stage.at as [number, number, number, number];
    const args = [z, mask, ...rows.inputs(stage, distributions), dz, ...rows.rest(stage)];
    yield* runKernel(call, stage, 'row_loss', args, 'row_loss_workspace');
    stage.finish();
  }
  return rows.take();
}

/** The losses alone. */
export function lossesOf(call: LossCall): Plan<Losses> {
  return inRoom(call.op, (room) => denseRows(call, room, undefined, false));
}

/** The losses with the gradient of the scores, in `out` or in the form of the scores. */
export function denseGradient(call: LossCall, out?: Destination): Plan<Losses & { x: unknown }> {
  return inRoom(call.op, function* (room) {
    const result = room.result(call.template, out);
    const losses = yield* denseRows(call, room, result.operand, true);
    return { ...losses, x: result.value };
  });
}

/** The losses with the gradient of the scores as a typed array. */
export function arrayGradient(call: LossCall, target: Float): Plan<Losses> {
  return inRoom(call.op, (room) => denseRows(call, room, { dtype: call.template.dtype, target }, true));
}

/** The losses with the entries of the gradient: support and target of each row. */
export function sparseGradient(call: LossCall): Plan<Losses & { entries: Entries & { thresholds: Float } }> {
  const { op, layout, template, large } = call;
  return inRoom(op, function* (room) {
    const rows = new RowValues(call, room, true);
    const thresholds = room.perRow(template.dtype, layout.rows, Infinity);
    const slots = slotsOf(call, room);
    for (const stage of stagedRows(op, layout, operandsOf(call), room, large, false)) {
      const [z, mask, distributions] = stage.at as [number, number, number];
      const [sizes, indices, values] = slots.at(stage);
      const results = [sizes, thresholds.at(stage), indices, values];
      const args = [z, mask, ...rows.inputs(stage, distributions), ...results, ...rows.rest(stage)];
      yield* runKernel(call, stage, 'row_loss_csr', args, 'row_loss_workspace');
      slots.collect(stage);
    }
    return { ...rows.take(), entries: { ...slots.take(), thresholds: thresholds.take() } };
  });
}

/** The entries as the user gets them. */
export function gradientCsr(call: LossCall, entries: Entries & { thresholds: Float }): Csr {
  return toCsr(call, { ...entries, exact: undefined });
}
