/**
 * One descriptor for each loss, that of its map; all forms are derived here. As for the maps, a form reads its arguments
 * and hands back a plan, and forms.ts runs it, at once or asynchronously.
 */

import { asynchronous, synchronous } from '../maps/forms.ts';
import type { Prepare, Prepared } from '../maps/forms.ts';
import type { RowMapDescriptor } from '../maps/row-call.ts';
import { readOut } from '../scores.ts';
import { denseGradient, gradientCsr, lossesOf, sparseGradient } from './gradients.ts';
import type { Losses } from './gradients.ts';
import { prepareHvp } from './hessian.ts';
import { perRow, prepared, readLossCall, reduced } from './loss-call.ts';
import type { LossCall } from './loss-call.ts';
import { prepareLossVjp } from './pullback.ts';

type PrepareLoss = (descriptor: RowMapDescriptor, ...rest: Parameters<Prepare<unknown>>) => Prepared<unknown>;

const prepareValue: PrepareLoss = (descriptor, op, args, isAsync) => {
  const call = readLossCall(op, descriptor, args, isAsync, { reductions: ['mean', 'sum', 'none'] });
  return prepared(call, function* () {
    const { losses } = yield* lossesOf(call);
    return call.reduction === 'none' ? perRow(call, losses) : reduced(call, losses);
  });
};

const prepareValueAndGrad: PrepareLoss = (descriptor, op, args, isAsync) => {
  const call = readLossCall(op, descriptor, args, isAsync, { reductions: ['mean', 'sum'], more: ['out'] });
  const out = call.given['out'] === undefined ? undefined : readOut(op, call.given['out'], call.scores);
  return prepared(
    call,
    function* () {
      const { x, ...rest } = yield* denseGradient(call, out);
      return [reduced(call, rest.losses), { x, ...parameterGradient(call, rest) }];
    },
    out,
  );
};

const prepareValueAndCsr: PrepareLoss = (descriptor, op, args, isAsync) => {
  const call = readLossCall(op, descriptor, args, isAsync, { reductions: ['mean', 'sum'] });
  return prepared(call, function* () {
    const { entries, ...rest } = yield* sparseGradient(call);
    return [reduced(call, rest.losses), { x: gradientCsr(call, entries), ...parameterGradient(call, rest) }];
  });
};

const FORMS: Readonly<Record<string, PrepareLoss>> = {
  valueAndGrad: prepareValueAndGrad,
  valueAndCsr: prepareValueAndCsr,
  vjp: prepareLossVjp,
  hvp: prepareHvp,
};

/** Derives all forms of a loss. The result is typed where it is exported (losses.ts). */
export function defineLoss(descriptor: RowMapDescriptor): unknown {
  const { name } = descriptor;
  const value: Prepare<unknown> = (...args) => prepareValue(descriptor, ...args);
  const loss = Object.assign(synchronous(name, value), { async: asynchronous(`${name}.async`, value) });
  for (const [form, prepare] of Object.entries(FORMS)) {
    const prepareForm: Prepare<unknown> = (...args) => prepare(descriptor, ...args);
    Object.assign(loss, { [form]: synchronous(`${name}.${form}`, prepareForm) });
    Object.assign(loss.async, { [form]: asynchronous(`${name}.async.${form}`, prepareForm) });
  }
  return loss;
}

/** The gradient of the map's parameter, by its name. */
function parameterGradient(
  { descriptor, parameter }: LossCall,
  { parameter: perRow }: Losses,
): Record<string, unknown> {
  const { name } = descriptor.parameter;
  return name === undefined || !perRow ? {} : { [name]: parameter.gradient(perRow) };
}
