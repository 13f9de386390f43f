/**
 * The regularised maps: fusedmax, oscarmax and TVmax beside the packages that have them, normmax and the constrained maps beside sparsemax
 * of the same rows. Sizes name the type, for everything but prox-tv and copt has both.
 */

import { each, suite } from './suite.js';

const TYPES = ['float32', 'float64'];

/** @param {string} map @param {Record<string, number | string>} [options] */
export const taskOf = (map, options) => ({ operation: 'regularised', map, options });
export const ours = (task, label = task.map) => ({ engine: 'tensor-1', task, label });
const onTwo = (task, sameBits = 'ours', label = task.map) => ({ engine: 'tensor-2', task, sameBits, label });
const sparsemax = { sparsemax: ours(taskOf('sparsemax'), 'our sparsemax') };

/** @param {{ map: string, rows: number, n: number, dtype: string, scores: string, grid?: [number, number] }} facts */
export function regularised({ size, rows, n, dtype, ...more }, entries) {
  const facts = { size: `${size ?? `${rows}x${n}`}-${dtype}`, rows, n, dtype, data: 'regularised', ...more };
  return suite('regularised', facts, entries);
}

const ROWS = 512;
/** As prox-tv and torchsparseattn were looked at when the goals were set (STRUCTURED.md §4). */
export const LAMBDA = 0.1;
export const LARGE_LAMBDA = 1;

/** prox-tv works in float64. */
const proxTv = (task) => ({ engine: 'prox-tv', task, label: 'prox-tv, the prox alone' });

const fused = (facts, lambda) => {
  const task = taskOf('fusedmax', { lambda });
  const prox = { ...task, operation: 'prox' };
  const entries = { ours: ours(task), 'ours, 2 threads': onTwo(task), ...sparsemax };
  if (facts.n <= 4096) {
    entries.torchsparseattn = { engine: 'torchsparseattn', task };
    entries['torchsparseattn prox'] = {
      engine: 'torchsparseattn',
      task: prox,
      label: 'torchsparseattn, its prox alone',
    };
  }
  return regularised(
    { map: 'fusedmax', ...facts },
    facts.dtype === 'float64' ? { ...entries, 'prox-tv': proxTv(prox) } : entries,
  );
};

const fusedmax = [
  ...each({ dtype: TYPES, n: [64, 512, 4096] }, ({ dtype, n }) =>
    fused({ rows: ROWS, n, dtype, scores: 'normal' }, LAMBDA),
  ),
  ...each({ n: [64, 512, 4096] }, ({ n }) =>
    fused({ size: `${ROWS}x${n}-lambda1`, rows: ROWS, n, dtype: 'float64', scores: 'normal' }, LARGE_LAMBDA),
  ),
];

/** A quadratic algorithm needs a second for more. */
const RAMP_ELEMENTS = 2 ** 18;
const ramps = each({ dtype: TYPES, n: [64, 512, 4096, 32768] }, ({ dtype, n }) =>
  fused({ rows: RAMP_ELEMENTS / n, n, dtype, scores: 'ramp' }, LARGE_LAMBDA),
);

/** There are n / 2 pairs for each entry. */
export const lambdaOf = (n) => LAMBDA / n;

const oscarmax = each({ dtype: TYPES, n: [64, 512, 4096] }, ({ dtype, n }) => {
  const lambda = lambdaOf(n);
  const task = taskOf('oscarmax', { lambda });
  const published = taskOf('oscarmax', { lambda, compat: 'torchsparseattn' });
  return regularised(
    { map: 'oscarmax', rows: ROWS, n, dtype, scores: 'normal' },
    {
      ours: ours(task),
      'ours, 2 threads': onTwo(task),
      published: ours(published, 'oscarmax as published'),
      ...sparsemax,
      torchsparseattn: { engine: 'torchsparseattn', task: published },
    },
  );
});

/** The same scores as long rows and as eight times shorter ones: an element of the long ones must not cost more. */
const growth = each({ map: ['fusedmax', 'oscarmax'] }, ({ map }) => {
  const [rows, n] = [64, 32768];
  const task = taskOf(map, { lambda: map === 'oscarmax' ? lambdaOf(n) : LAMBDA });
  return regularised(
    { map, rows, n, dtype: 'float64', scores: 'normal' },
    { ours: ours(task), 'shorter rows': ours({ ...task, rows: 8 * rows }, `${map}, rows of ${n / 8}`) },
  );
});

const IMAGES = 32;
const tvmax = each({ dtype: TYPES, side: [14, 32] }, ({ dtype, side }) => {
  const task = taskOf('tvmax', { lambda: LAMBDA });
  const peers = {
    copt: { engine: 'copt', task, label: "copt's prox to 1e-10, sparsemax" },
    'prox-tv': { engine: 'prox-tv', task: { ...task, operation: 'prox' }, label: 'prox-tv, dr, the prox alone' },
  };
  return regularised(
    {
      ...{ map: 'tvmax', size: `${IMAGES}x${side}x${side}`, rows: IMAGES, n: side * side, grid: [side, side], dtype },
      scores: 'normal',
    },
    { ours: ours(task), 'ours, 2 threads': onTwo(task), ...(dtype === 'float64' ? peers : {}) },
  );
});

/** The last has 0.2 ms of work and more. */
const SHAPES = [
  { rows: 512, n: 64 },
  { rows: 64, n: 512 },
  { rows: 64, n: 4096 },
];

export const ALPHAS = [1.5, 2, 4];

const normmax = each({ dtype: TYPES, shape: SHAPES }, ({ dtype, shape }) => {
  const entries = ALPHAS.flatMap((alpha) => {
    const task = taskOf('normmax', { alpha });
    const name = `normmax${alpha}`;
    return [
      [name, ours(task, name)],
      [`${name}, 2 threads`, onTwo(task, name, name)],
      [`bisect${alpha}`, { engine: 'python', task, label: `PyTorch normmax_bisect ${alpha}` }],
    ];
  });
  return regularised(
    { map: 'normmax', ...shape, dtype, scores: 'normal' },
    { ...Object.fromEntries(entries), ...sparsemax },
  );
});

export const CONSTRAINED = {
  constrainedSoftmax: taskOf('constrainedSoftmax'),
  constrainedSparsemax: taskOf('constrainedSparsemax'),
  constrainedEntmax: taskOf('constrainedEntmax', { alpha: 1.5 }),
};

const constrained = each(
  { dtype: TYPES, shape: SHAPES, scores: ['capped', 'half-capped'] },
  ({ dtype, shape, scores }) => {
    const entries = Object.entries(CONSTRAINED).flatMap(([name, task]) => [
      [name, ours(task)],
      [`${name}, 2 threads`, onTwo(task, name)],
    ]);
    return regularised(
      { map: 'constrained', ...shape, dtype, scores },
      { ...Object.fromEntries(entries), ...sparsemax },
    );
  },
);

/** A step of training beside the map alone, which time / ours then says. */
const GRADIENTS = [
  { rows: ROWS, n: 512, scores: 'normal', task: taskOf('fusedmax', { lambda: LAMBDA }) },
  { rows: ROWS, n: 512, scores: 'normal', task: taskOf('oscarmax', { lambda: lambdaOf(512) }) },
  {
    size: `${IMAGES}x32x32`,
    rows: IMAGES,
    n: 32 * 32,
    grid: [32, 32],
    scores: 'normal',
    task: taskOf('tvmax', { lambda: LAMBDA }),
  },
  ...ALPHAS.map((alpha) => ({ rows: 64, n: 512, scores: 'normal', task: taskOf('normmax', { alpha }) })),
  ...Object.values(CONSTRAINED).map((task) => ({ rows: 64, n: 512, scores: 'half-capped', task })),
];

const gradients = each({ dtype: TYPES, facts: GRADIENTS }, ({ dtype, facts: { task, ...facts } }) =>
  regularised(
    { map: `${task.map}${task.map === 'normmax' ? task.options.alpha : ''}.vjp`, ...facts, dtype },
    { ours: ours(task), vjp: ours({ ...task, operation: 'pullback' }, `${task.map}, then its pullback`) },
  ),
);

export const REGULARISED = [
  ...[...fusedmax, ...ramps, ...oscarmax, ...growth, ...tvmax, ...normmax, ...constrained],
  ...gradients,
];
