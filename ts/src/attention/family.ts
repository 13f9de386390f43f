/** The kernel family `attention`: its simd128 module comes inlined, its relaxed twins are chunks that `init()` loads. */

import simd128 from '../../../build/kernels/attention.simd128.inline.js';
import { KernelFamily } from '../runtime/family.ts';
import { registerFamily } from '../runtime/runtime.ts';

export const attentionFamily: KernelFamily = /*#__PURE__*/ registerFamily(
  /*#__PURE__*/ new KernelFamily('attention', simd128, {
    'relaxed-int': async () => (await import('../../../build/kernels/attention.relaxed-int.inline.js')).default,
    'relaxed-fma': async () => (await import('../../../build/kernels/attention.relaxed-fma.inline.js')).default,
  }),
);
