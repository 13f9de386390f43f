/**
 * Losses by row with their pullback. The gradient of a row's loss is known when the loss is, so the pullback only
 * multiplies it by the row's cotangent. It keeps support and target, or the dense gradient where everything is support,
 * in arrays of JavaScript's own.
 */

import type { Entries } from '../csr.ts';
import { EntmaxError } from '../errors.ts';
import { readWrt } from '../maps/backward.ts';
import type { NamedGradients } from '../maps/backward.ts';
import type { Prepared } from '../maps/forms.ts';
import type { AnyPullback } from '../maps/pullback.ts';
import { ENTMAX } from '../maps/row-call.ts';
import type { RowMapDescriptor } from '../maps/row-call.ts';
import { inFormOf, newArray, readLike, scoresView } from '../scores.ts';
import { sizeOf } from '../shape.ts';
import { tensor } from '../tensor.ts';
import type { Float } from '../types.ts';
import { arrayGradient, sparseGradient } from './gradients.ts';
import type { Losses } from './gradients.ts';
import { perRow, prepared, readLossCall, rowsShape } from './loss-call.ts';
import type { LossCall } from './loss-call.ts';

/** Gradients of all rows, as if every cotangent were 1. */
interface Saved {
  readonly x: Float | Entries;
  readonly parameter: Losses['parameter'];
}

export function prepareLossVjp(
  descriptor: RowMapDescriptor,
  op: string,
  args: readonly unknown[],
  isAsync: boolean,
): Prepared<[unknown, AnyPullback]> {
  const call = readLossCall(op, descriptor, args, isAsync, { reductions: ['sum'] });
  return prepared(call, function* () {
    const softmax = call.map === ENTMAX && call.parameter.values.every((alphaMinusOne) => alphaMinusOne === 0);
    if (softmax) {
      const x = newArray(call.template.dtype, sizeOf(call.template.shape));
      const { losses, parameter } = yield* arrayGradient(call, x);
      return [perRow(call, losses), lossPullback(call, { x, parameter }, isAsync)];
    }
    const { losses, parameter, entries } = yield* sparseGradient(call);
    return [perRow(call, losses), lossPullback(call, { x: entries, parameter }, isAsync)];
  });
}

function lossPullback(call: LossCall, gradients: Saved, isAsync: boolean): AnyPullback {
  let saved: Saved | undefined = gradients;
  const { descriptor, template, parameter } = call;
  const { name } = descriptor.parameter;
  const names = ['x', ...(name === undefined ? [] : [name])];
  const op = `${descriptor.name}.${isAsync ? 'async.' : ''}pullback`;
  const pull = (dy: unknown, wrt?: unknown): NamedGradients => {
    if (!saved) throw new EntmaxError('ENTMAX_DISPOSED', op, 'a live pullback', 'a disposed one');
    const cotangents = scoresView(
      readLike(op, dy, { dtype: template.dtype, shape: rowsShape(call) }, 'dy'),
      op,
    ).slice();
    const result: NamedGradients = {};
    for (const each of readWrt(op, wrt, names)) {
      if (each === 'x') result[each] = inForm(call, multiplied(call, saved.x, cotangents));
      else
        result[each] = parameter.gradient(
          (saved.parameter ?? new Float64Array()).map((g, row) => g * cotangents[row]!),
        );
    }
    return result;
  };
  const dispose = (): void => {
    saved = undefined;
  };
  const pullback: (dy: unknown, wrt?: unknown) => unknown = isAsync
    ? async (dy, wrt) => Promise.resolve(pull(dy, wrt))
    : pull;
  return Object.assign(pullback, { dispose, [Symbol.dispose]: dispose });
}

function inForm({ template }: LossCall, data: Float): unknown {
  return template.form === 'tensor' ? tensor(data, template.shape) : inFormOf(template, data);
}

/** The gradient in the scores' layout, each row multiplied by its cotangent. */
function multiplied({ template, layout }: LossCall, x: Float | Entries, cotangents: Float): Float {
  const { n, inner } = layout;
  const data = newArray(template.dtype, sizeOf(template.shape));
  const startOf = (row: number): number => Math.floor(row / inner) * n * inner + (row % inner);
  cotangents.forEach((cotangent, row) => {
    const start = startOf(row);
    if ('indptr' in x) {
      for (let k = x.indptr[row]!; k < x.indptr[row + 1]!; k++) {
        data[start + x.indices[k]! * inner] = x.values[k]! * cotangent;
      }
    } else {
      for (let at = start; at < start + n * inner; at += inner) data[at] = x[at]! * cotangent;
    }
  });
  return data;
}
