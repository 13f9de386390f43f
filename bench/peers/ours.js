/**
 * The package under test, as its users call it: on Tensors and on typed arrays, on one thread and on two. The same
 * prepared data serves every thread count; `useThreads` changes the pool between the rounds.
 */

import { ATTENTION_TOLERANCE, GRAPH_GRADIENT_TOLERANCE, STRUCTURED_TOLERANCE, TOLERANCE } from '../check.js';
import { local } from '../samplers.js';
import { ATTENTION_OPERATIONS } from './ours-attention.js';
import { GRAPH_OPERATIONS } from './ours-graphs.js';
import { REGULARISED_OPERATIONS } from './ours-regularised.js';
import { STRUCTURED_OPERATIONS } from './ours-structured.js';
import { fresh, inPlace } from './prepared.js';

const THREADS = [1, 2];

/** The loss that belongs to a map. */
const LOSSES = {
  softmax: 'softmaxLoss',
  sparsemax: 'sparsemaxLoss',
  entmax15: 'entmax15Loss',
  entmax: 'entmaxLoss',
  budget: 'budgetLoss',
};

/**
 * Where data lie and how results come back: as Tensors in the package's own memory, or as ordinary arrays.
 *
 * @typedef {object} Form
 * @property {(values: Float32Array, shape: number[]) => any} of
 * @property {(shape: number[]) => any} zeros
 * @property {(block: any) => Float32Array} read as it lies
 * @property {(block: any) => void} dispose
 * @property {(shape: number[]) => object} options that the form needs
 */

/**
 * @typedef {typeof import('entmax') & typeof import('entmax/attention') & typeof import('entmax/structured') &
 *   typeof import('entmax/regularised')} Package
 */

/** @param {Package} entmax @returns {Record<'tensor' | 'arrays', Form>} */
const formsOf = (entmax) => ({
  tensor: {
    of: (values, shape) => entmax.tensor(values, shape),
    zeros: (shape) => entmax.zeros(shape),
    read: (tensor) => tensor.view(),
    dispose: (tensor) => tensor?.dispose(),
    options: () => ({}),
  },
  arrays: {
    of: (values) => values.slice(),
    zeros: (shape) => new Float32Array(shape.reduce((a, b) => a * b, 1)),
    read: (array) => array,
    dispose: () => {},
    options: (shape) => ({ shape }),
  },
});

/** The task's options as the package takes them: alpha, where it differs, as one for each row. */
const optionsOf = (task, data, form) => ({
  ...form.options(data.shape),
  ...task.options,
  ...(task.alphas && { alpha: data.alphas(task) }),
});

/** What each operation does; undefined where the package does not have it. */
const OPERATIONS = {
  ...ATTENTION_OPERATIONS,
  ...STRUCTURED_OPERATIONS,
  ...GRAPH_OPERATIONS,
  ...REGULARISED_OPERATIONS,

  forward(entmax, form, task, data) {
    const map = entmax[task.map];
    if (map === undefined) return undefined;
    const x = form.of(data.x, data.shape);
    const out = form.zeros(data.shape);
    const options = { ...optionsOf(task, data, form), out };
    return inPlace(form, out, [x], () => void map(x, options));
  },

  /** One call for each head with its one alpha: what a call with an alpha for every row saves. */
  heads(entmax, form, { map, alphas }, data) {
    const shape = [data.rows / alphas.length, data.n];
    const size = shape[0] * shape[1];
    const heads = alphas.map((alpha, head) => ({
      x: form.of(data.x.subarray(head * size, (head + 1) * size), shape),
      options: { ...form.options(shape), alpha, out: form.zeros(shape) },
    }));
    const together = new Float32Array(data.x.length);
    return {
      call: () => heads.forEach(({ x, options }) => void entmax[map](x, options)),
      output: () => {
        heads.forEach(({ options }, head) => together.set(form.read(options.out), head * size));
        return { values: together };
      },
      clear: () => heads.forEach(({ options }) => void form.read(options.out).fill(NaN)),
      dispose: () => heads.forEach(({ x, options }) => [x, options.out].forEach(form.dispose)),
    };
  },

  backward(entmax, form, task, data) {
    const backward = entmax[task.map]?.backward;
    if (backward === undefined) return undefined;
    const [p, dp] = [form.of(data.p(task), data.shape), form.of(data.dp, data.shape)];
    const options = { ...optionsOf(task, data, form), wrt: ['x'] };
    return fresh([p, dp], {
      form,
      call: () => backward(p, dp, options).x,
      release: form.dispose,
      output: (dx) => ({ values: form.read(dx) }),
    });
  },

  csr(entmax, form, task, data) {
    const csr = entmax[task.map]?.csr;
    if (csr === undefined) return undefined;
    const x = form.of(data.x, data.shape);
    const options = optionsOf(task, data, form);
    return fresh([x], {
      form,
      call: () => csr(x, options),
      release: () => {},
      output: (sparse) => ({ values: sparse.toDense() }),
    });
  },

  loss(entmax, form, task, data) {
    const loss = entmax[LOSSES[task.map]];
    if (loss === undefined) return undefined;
    const z = form.of(data.x, data.shape);
    const out = form.zeros(data.shape);
    const options = { ...optionsOf(task, data, form), reduction: 'sum', out };
    let scalar = NaN;
    const prepared = inPlace(form, out, [z], () => {
      [scalar] = loss.valueAndGrad(z, data.targets, options);
    });
    return { ...prepared, output: () => ({ values: form.read(out), scalar }) };
  },

  lossCsr(entmax, form, task, data) {
    const loss = entmax[LOSSES[task.map]];
    if (loss === undefined) return undefined;
    const z = form.of(data.x, data.shape);
    const options = { ...optionsOf(task, data, form), reduction: 'sum' };
    return fresh([z], {
      form,
      call: () => loss.valueAndCsr(z, data.targets, options),
      release: () => {},
      output: ([scalar, { x }]) => ({ values: x.toDense(), scalar }),
    });
  },
};

function toleranceOf({ operation }, data) {
  if (operation in REGULARISED_OPERATIONS) return data.tolerance;
  if (operation in GRAPH_OPERATIONS)
    return operation === 'graphBackward' ? GRAPH_GRADIENT_TOLERANCE : STRUCTURED_TOLERANCE;
  if (operation in STRUCTURED_OPERATIONS) return STRUCTURED_TOLERANCE;
  return operation in ATTENTION_OPERATIONS ? ATTENTION_TOLERANCE : TOLERANCE;
}

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const names = ['entmax', 'entmax/attention', 'entmax/structured', 'entmax/regularised'];
  const modules = await Promise.all(names.map((name) => import(name))).catch((cause) => {
    throw new Error('bench: the package is not built, or not whole: npm run build', { cause });
  });
  const entmax = Object.assign({}, ...modules);
  const forms = formsOf(entmax);

  const engine = (form, label, threads) => ({
    label: `entmax, ${label}`,
    threads,
    prepare: (task, data, { pause }) => {
      const prepared = OPERATIONS[task.operation]?.(entmax, forms[form], task, data);
      return prepared && { ...prepared, sampler: local(prepared.call, { pause }), tolerance: toleranceOf(task, data) };
    },
  });

  return {
    useThreads: async (threads) => {
      const now = entmax.runtimeInfo().threads;
      return now === threads ? now : (await entmax.init({ threads })).threads;
    },
    about: () => ({ version: entmax.runtimeInfo().version, simd: entmax.runtimeInfo().simd }),
    engines: Object.fromEntries(
      THREADS.flatMap((threads) => [
        [`tensor-${threads}`, engine('tensor', 'Tensors', threads)],
        [`arrays-${threads}`, engine('arrays', 'typed arrays', threads)],
      ]),
    ),
    close: () => entmax.shutdown(),
  };
}
