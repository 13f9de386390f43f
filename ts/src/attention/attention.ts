/** Attention with a sparse map: out = entmax(scale q k^T + bias) v (MATH.md §13). */

import { asynchronous, synchronous } from '../maps/forms.ts';
import { prepareDecode, prepareDecodeInspect } from './decode.ts';
import { prepareAttention } from './forward.ts';
import { prepareInspect } from './inspect.ts';
import { prepareAttentionVjp } from './pullback.ts';
import type { Attention } from './types.ts';

/** Attention whose weights are a sparse map of the scores, with an alpha for each head; its forms are those of `Attention`. */
export const attention: Attention = /*#__PURE__*/ Object.assign(
  /*#__PURE__*/ synchronous('attention', prepareAttention),
  {
    inspect: /*#__PURE__*/ synchronous('attention.inspect', prepareInspect),
    vjp: /*#__PURE__*/ synchronous('attention.vjp', prepareAttentionVjp),
    decode: /*#__PURE__*/ Object.assign(/*#__PURE__*/ synchronous('attention.decode', prepareDecode), {
      inspect: /*#__PURE__*/ synchronous('attention.decode.inspect', prepareDecodeInspect),
    }),
    async: /*#__PURE__*/ Object.assign(/*#__PURE__*/ asynchronous('attention.async', prepareAttention), {
      inspect: /*#__PURE__*/ asynchronous('attention.async.inspect', prepareInspect),
      vjp: /*#__PURE__*/ asynchronous('attention.async.vjp', prepareAttentionVjp),
      decode: /*#__PURE__*/ Object.assign(/*#__PURE__*/ asynchronous('attention.async.decode', prepareDecode), {
        inspect: /*#__PURE__*/ asynchronous('attention.async.decode.inspect', prepareDecodeInspect),
      }),
    }),
  },
) as unknown as Attention;
