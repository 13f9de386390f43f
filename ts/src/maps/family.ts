/** The kernel family `maps`: its simd128 module comes inlined, its relaxed twin is a chunk that `init()` loads. */

import simd128 from '../../../build/kernels/maps.simd128.inline.js';
import { KernelFamily } from '../runtime/family.ts';
import { registerFamily } from '../runtime/runtime.ts';

export const mapsFamily: KernelFamily = /*#__PURE__*/ registerFamily(
  /*#__PURE__*/ new KernelFamily('maps', simd128, {
    'relaxed-fma': async () => (await import('../../../build/kernels/maps.relaxed-fma.inline.js')).default,
  }),
);
