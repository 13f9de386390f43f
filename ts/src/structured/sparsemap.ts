/** SparseMAP and its forms. */

import { asynchronous, synchronous } from '../maps/forms.ts';
import { prepareSparseMapVjp } from './pullback.ts';
import { prepareSparseMap } from './solve.ts';
import type { SparseMap } from './types.ts';

/** The sparse distribution over structures that SparseMAP finds; its forms are those of `SparseMap`. */
export const sparsemap: SparseMap = /*#__PURE__*/ Object.assign(
  /*#__PURE__*/ synchronous('sparsemap', prepareSparseMap),
  {
    vjp: /*#__PURE__*/ synchronous('sparsemap.vjp', prepareSparseMapVjp),
    async: /*#__PURE__*/ Object.assign(/*#__PURE__*/ asynchronous('sparsemap.async', prepareSparseMap), {
      vjp: /*#__PURE__*/ asynchronous('sparsemap.async.vjp', prepareSparseMapVjp),
    }),
  },
) as unknown as SparseMap;
