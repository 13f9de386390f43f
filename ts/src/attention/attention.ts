/** Attention with a sparse map: out = entmax(scale q k^T) v (MATH.md §13). */

import { asynchronous, synchronous } from '../maps/forms.ts';
import type { Block, Like } from '../types.ts';
import { prepareAttention } from './forward.ts';

export const attention: {
  <X extends Block>(q: X, k: X, v: X, options?: Record<string, unknown>): Like<X>;
  async<X extends Block>(q: X, k: X, v: X, options?: Record<string, unknown>): Promise<Like<X>>;
} = /*#__PURE__*/ Object.assign(/*#__PURE__*/ synchronous('attention', prepareAttention), {
  async: /*#__PURE__*/ asynchronous('attention.async', prepareAttention),
}) as never;
