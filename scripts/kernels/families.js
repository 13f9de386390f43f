/** Which families of kernels there are, and the SIMD levels that each is built for. */

/** @typedef {'simd128' | 'relaxed-int' | 'relaxed-fma'} Level */

/** @type {Record<string, Level[]>} */
export const FAMILIES = {
  // Without integer work: `relaxed-int` is `simd128`.
  maps: ['simd128', 'relaxed-fma'],
  attention: ['simd128', 'relaxed-int', 'relaxed-fma'],
  // f64, which no relaxed instruction makes faster.
  structured: ['simd128'],
  // The same.
  regularised: ['simd128'],
};

/** The names of all modules, such as `maps.simd128`. */
export const MODULES = Object.entries(FAMILIES).flatMap(([family, levels]) =>
  levels.map((level) => `${family}.${level}`),
);
