/** The kernel family `regularised`: mostly f64, which relaxed instructions would not help, so its simd128 module is the only one. */

import simd128 from '../../../build/kernels/regularised.simd128.inline.js';
import { KernelFamily } from '../runtime/family.ts';
import { registerFamily } from '../runtime/runtime.ts';

export const regularisedFamily: KernelFamily = /*#__PURE__*/ registerFamily(
  /*#__PURE__*/ new KernelFamily('regularised', simd128),
);
