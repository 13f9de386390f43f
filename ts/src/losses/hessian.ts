/**
 * Hessian-vector products. The gradient of a loss is p(z) - q, so its Hessian is the Jacobian of the map (MATH.md
 * section 4), which is symmetric: the product is the map's vector-Jacobian product, of the tangent weighted by row.
 */

import { gradients } from '../maps/backward.ts';
import type { Prepared } from '../maps/forms.ts';
import type { RowMapDescriptor } from '../maps/row-call.ts';
import { savedSupport } from '../maps/vjp.ts';
import { newArray, readLike, scoresView } from '../scores.ts';
import type { ReadScores } from '../scores.ts';
import { prepared, readLossCall } from './loss-call.ts';
import type { LossCall } from './loss-call.ts';

export function prepareHvp(
  descriptor: RowMapDescriptor,
  op: string,
  [z, target, v, options]: readonly unknown[],
  isAsync: boolean,
): Prepared<unknown> {
  const call = readLossCall(op, descriptor, [z, target, options], isAsync, { reductions: ['mean', 'sum'] });
  const tangent = readLike(op, v, call.scores, 'v');
  const base = prepared(call, function* () {
    const support = yield* savedSupport(call);
    const { x } = yield* gradients(call, support, weighted(call, tangent), ['x']);
    return x;
  });
  return { ...base, steps: 2 * base.rows, reads: [...base.reads, tangent] };
}

/** The tangent times each row's weight, and divided by the temperature: the map's own derivative divides once more. */
function weighted({ op, scale, layout, temperature }: LossCall, tangent: ReadScores): ReadScores {
  const { n, inner } = layout;
  const source = scoresView(tangent, op);
  const data = newArray(tangent.dtype, source.length);
  for (let at = 0; at < data.length; at++) {
    const row = Math.floor(at / (n * inner)) * inner + (at % inner);
    data[at] = (source[at]! * scale[row]!) / temperature;
  }
  return { form: 'array', dtype: tangent.dtype, shape: tangent.shape, data };
}
