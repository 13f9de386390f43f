/** Attention with a sparse map: out = entmax(scale q k^T + bias) v (MATH.md §13). */

import { asynchronous, synchronous } from '../maps/forms.ts';
import { prepareAttention } from './forward.ts';
import { prepareInspect } from './inspect.ts';
import type { Attention } from './types.ts';

export const attention: Attention = /*#__PURE__*/ Object.assign(
  /*#__PURE__*/ synchronous('attention', prepareAttention),
  {
    inspect: /*#__PURE__*/ synchronous('attention.inspect', prepareInspect),
    async: /*#__PURE__*/ Object.assign(/*#__PURE__*/ asynchronous('attention.async', prepareAttention), {
      inspect: /*#__PURE__*/ asynchronous('attention.async.inspect', prepareInspect),
    }),
  },
) as unknown as Attention;
