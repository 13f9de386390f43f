/**
 * The goals of the regularised maps (PERFORMANCE.md §7, and issue 7 where that asks for more), as goals.js has them. In `shape` stands the
 * size with the type.
 */

import { ALPHAS, CONSTRAINED } from '../suites/regularised.js';

const group = 'regularised';

const bothTypes = (...sizes) => sizes.flatMap((size) => [`${size}-float32`, `${size}-float64`]);
const doubles = (...sizes) => sizes.map((size) => `${size}-float64`);

/** Sizes of the suites beside torchsparseattn, and those of straight rows with enough of them for two threads. */
const BATCHES = ['512x64', '512x512', '512x4096'];
const RAMPS = ['4096x64', '512x512', '64x4096'];

/** As many times torchsparseattn's, size by size; and what is asked for at all of them. */
const overPublished = (map, ...times) => {
  const goal = { group, map: [map], scores: ['normal'], slow: 'torchsparseattn', fast: 'ours' };
  const says = 'torchsparseattn / ours';
  return [
    ...BATCHES.map((size, i) => ({ ...goal, shape: bothTypes(size), atLeast: times[i], says })),
    { ...goal, shape: bothTypes(...BATCHES), atLeast: 20, worst: true, says },
  ];
};

const asSparsemax = (map, slow, atMost) => ({
  ...{ group, map: [map], slow, fast: 'sparsemax', atMost, worst: true },
  says: `${slow === 'ours' ? map : slow} / our sparsemax`,
});

/** Batches of 32 rows and more that take 0.2 ms and more. */
const onTwoThreads = (map, shape, one) => ({
  ...{ group, map: [map], shape, slow: one, fast: `${one}, 2 threads`, atLeast: 1.85, worst: true },
  says: `${one === 'ours' ? map : one}, 1 thread / 2 threads`,
});

const NORMMAX = ALPHAS.map((alpha) => `normmax${alpha}`);
const LONG_ROWS = bothTypes('64x4096');

export const REGULARISED_GOALS = [
  ...overPublished('fusedmax', 25, 8, 10),
  ...['torchsparseattn prox', 'prox-tv'].map((fast) => ({
    ...{ group, map: ['fusedmax'], scores: ['normal'], shape: doubles('512x512', '512x4096'), slow: 'ours', fast },
    atMost: 1.5,
    says: `fusedmax, all of it / ${fast === 'prox-tv' ? "prox-tv's prox" : "torchsparseattn's prox"}`,
  })),
  {
    ...{ group, map: ['fusedmax'], scores: ['ramp'], slow: 'ours', cost: true, atMost: 10 },
    says: 'ns an element',
  },
  {
    ...{ group, map: ['fusedmax'], scores: ['ramp'], slow: 'torchsparseattn', fast: 'ours' },
    says: 'torchsparseattn / ours, straight rows',
  },
  ...['fusedmax', 'oscarmax'].map((map) => ({
    ...{ group, map: [map], shape: doubles('64x32768'), scores: ['normal'], slow: 'ours', fast: 'shorter rows' },
    atMost: 1.5,
    says: 'an element of 32768 / of 4096',
  })),
  ...overPublished('oscarmax', 60, 15, 15),
  asSparsemax('oscarmax', 'ours', 4),
  {
    ...{ group, map: ['tvmax'], slow: 'copt', fast: 'ours', atLeast: 3, shape: doubles('32x14x14', '32x32x32') },
    says: "copt's prox to 1e-10 and sparsemax / ours",
  },
  {
    ...{ group, map: ['tvmax'], slow: 'prox-tv', fast: 'ours', atLeast: 1, shape: doubles('32x14x14', '32x32x32') },
    says: "prox-tv's dr, less exact / ours",
  },
  ...NORMMAX.map((name) => asSparsemax('normmax', name, 3)),
  ...Object.keys(CONSTRAINED).map((name) => asSparsemax('constrained', name, 3)),
  // Of normmax nothing is said; this is what other maps are held to beside their bisections (PERFORMANCE.md §6).
  ...ALPHAS.map((alpha) => ({
    ...{ group, map: ['normmax'], slow: `bisect${alpha}`, fast: `normmax${alpha}`, atLeast: 100, worst: true },
    says: `normmax_bisect, ${alpha} / ours`,
  })),
  onTwoThreads('fusedmax', bothTypes(...BATCHES, ...RAMPS), 'ours'),
  onTwoThreads('oscarmax', bothTypes(...BATCHES), 'ours'),
  onTwoThreads('tvmax', undefined, 'ours'),
  ...NORMMAX.map((name) => onTwoThreads('normmax', LONG_ROWS, name)),
  ...Object.keys(CONSTRAINED).map((name) => onTwoThreads('constrained', LONG_ROWS, name)),
];
