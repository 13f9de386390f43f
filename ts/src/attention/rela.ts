/** Attention whose weights are the positive scores: u = relu(scale q k^T + bias) v, and a norm of u (MATH.md §14). */

import { asynchronous, synchronous } from '../maps/forms.ts';
import type { Prepared } from '../maps/forms.ts';
import type { AnyPullback } from '../maps/pullback.ts';
import { prepareAttention } from './forward.ts';
import { prepareInspect } from './inspect.ts';
import { prepareAttentionVjp } from './pullback.ts';
import { readRelaCall } from './rela-call.ts';
import type { RelaAttention } from './rela-types.ts';

function prepareRela(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  return prepareAttention(op, args, isAsync, readRelaCall);
}

function prepareRelaInspect(op: string, args: readonly unknown[], isAsync: boolean): Prepared<unknown> {
  return prepareInspect(op, args, isAsync, readRelaCall);
}

function prepareRelaVjp(op: string, args: readonly unknown[], isAsync: boolean): Prepared<[unknown, AnyPullback]> {
  return prepareAttentionVjp(op, args, isAsync, readRelaCall);
}

/** Attention whose weights are the positive scores, with a norm over the heads and a gate; its forms are those of `RelaAttention`. */
export const relaAttention: RelaAttention = /*#__PURE__*/ Object.assign(
  /*#__PURE__*/ synchronous('relaAttention', prepareRela),
  {
    inspect: /*#__PURE__*/ synchronous('relaAttention.inspect', prepareRelaInspect),
    vjp: /*#__PURE__*/ synchronous('relaAttention.vjp', prepareRelaVjp),
    async: /*#__PURE__*/ Object.assign(/*#__PURE__*/ asynchronous('relaAttention.async', prepareRela), {
      inspect: /*#__PURE__*/ asynchronous('relaAttention.async.inspect', prepareRelaInspect),
      vjp: /*#__PURE__*/ asynchronous('relaAttention.async.vjp', prepareRelaVjp),
    }),
  },
) as unknown as RelaAttention;
