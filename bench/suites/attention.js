/**
 * Attention, 1.5-entmax before everything else, beside our dense softmax attention and the peers' softmax attention of the
 * same queries, keys and values. `rows` are heads, `n` keys; elements are pairs of a query and a key that it sees.
 *
 * Peers that store all scores take seconds at n = 8192: there they are asked only without a causal mask, which costs them
 * the same. The composed PyTorch entmax would need 4 GB.
 */

import { each, MAP, suite } from './suite.js';

const WIDTH = 64;
/** Kinds in which every query sees every key. */
const SEES_ALL = ['full', 'decode'];

const task = (map, operation = 'attention') => ({ operation, ...MAP[map] });
const ours = (map, more) => ({ engine: 'tensor-1', task: task(map), ...more });
/** The same bits are promised for every number of threads. */
const twoThreads = (id, map) => ({
  [`${id}, 2 threads`]: { engine: 'tensor-2', task: task(map), label: label(map), sameBits: id },
});
const label = (map) => `entmax, ${map}`;
const maps = (...names) => Object.fromEntries(names.map((map) => [map, ours(map, { label: label(map) })]));

/** 1.5-entmax first, for all ratios are its. */
const OURS = { ours: ours('entmax15', { label: label('entmax15') }), ...maps('softmax', 'sparsemax') };
const OURS_TWICE = { ...OURS, ...twoThreads('ours', 'entmax15'), ...twoThreads('softmax', 'softmax') };

const PEERS = {
  tfjs: { engine: 'tfjs' },
  onnxruntime: { engine: 'onnxruntime' },
  'onnxruntime-node': { engine: 'onnxruntime-node' },
  jax: { engine: 'jax' },
  torch: { engine: 'python', label: 'torch SDPA' },
  'torch, 2 threads': { engine: 'python-2', label: 'torch SDPA' },
};
/** Softmax attention of others. */
const peers = (...names) => Object.fromEntries(names.map((name) => [name, { ...PEERS[name], task: task('softmax') }]));
const composed = { 'PyTorch entmax': { engine: 'python', task: task('entmax15'), label: 'PyTorch entmax, composed' } };

const TORCH = ['torch', 'torch, 2 threads'];
const ORT = ['onnxruntime', 'onnxruntime-node'];

/** Long calls are made once in each of fewer rounds, and only the longest are left out of some. */
const effortAt = (pairs) =>
  pairs < 2 ** 22
    ? { rounds: 12 }
    : pairs < 2 ** 25
      ? { rounds: 8, time: 50, calls: 1 }
      : { rounds: 8, time: 250, calls: 1 };

/** @param {{ map: string, heads: number, n: number, scores: string, batches?: number, queries?: number, width?: number }} facts */
function heads({ map, heads, n, scores, batches = 1, queries = n, width = WIDTH, ...more }, entries) {
  const isCausal = !SEES_ALL.includes(map);
  const pairs = isCausal ? (n * (n + 1)) / 2 : queries * n;
  const elements = batches * heads * pairs;
  const sizes = {
    data: 'heads',
    batches,
    heads,
    queries,
    keys: n,
    width,
    isCausal,
    elements,
    effort: effortAt(elements),
  };
  return suite('attention', { map, rows: batches * heads, n, scores, ...sizes, ...more }, entries);
}

/** Some maps of one causal head. */
export const oneHead = (facts, ...names) => heads({ map: 'causal', heads: 1, ...facts }, maps(...names));

/** Sizes of models that run in a browser: eight heads. */
const short = each({ n: [64, 128, 256, 512], map: ['causal', 'full'] }, ({ n, map }) =>
  heads(
    { map, heads: 8, n, scores: 'normal' },
    { ...OURS_TWICE, ...maps('entmax1.1'), ...peers('tfjs', ...ORT, 'jax', ...TORCH), ...composed },
  ),
);

const long = each({ n: [1024, 2048, 4096, 8192], map: ['causal', 'full'] }, ({ n, map }) =>
  heads(
    { map, heads: 1, n, scores: 'normal' },
    {
      ...OURS_TWICE,
      ...maps('entmax1.1'),
      ...peers(...ORT, ...TORCH),
      ...(n <= 2048 || (n === 8192 && map === 'full') ? peers('tfjs', 'jax') : {}),
      ...(n <= 2048 ? composed : {}),
    },
  ),
);

/** Where supports are large, the work that is left is nearly the dense one. */
const warm = [
  { map: 'causal', heads: 8, n: 512 },
  { map: 'causal', heads: 1, n: 2048 },
  { map: 'full', heads: 1, n: 2048 },
  { map: 'causal', heads: 1, n: 8192 },
].map((facts) => heads({ ...facts, scores: 'warm' }, { ...OURS, ...maps('entmax1.1') }));

const clustered = [
  { map: 'full', scores: 'clusters-32' },
  { map: 'causal', scores: 'clusters-32' },
  { map: 'full', scores: 'clusters-256' },
].map((facts) => heads({ ...facts, heads: 1, n: 8192 }, { ...OURS, ...peers(...TORCH) }));

/** As it reads, 32 windows of its 256 characters, and these one after the other as one context. */
const languageModel = [
  { heads: 4, batches: 32, n: 256 },
  { heads: 4, n: 8192 },
].map((facts) =>
  heads(
    { map: 'causal', width: 32, scores: 'language-model', ...facts },
    {
      ...OURS_TWICE,
      learned: {
        engine: 'tensor-1',
        task: { operation: 'attention', map: 'learned' },
        label: 'entmax, learned alphas',
      },
      ...peers(...TORCH),
      ...(facts.n === 256 ? composed : {}),
    },
  ),
);

/** One query of each of eight heads, the newest; everybody reads all keys. */
const decode = [8192, 32768].map((n) => {
  const entry = (map, more) => ({ engine: 'tensor-1', task: task(map, 'decode'), label: label(map), ...more });
  return heads(
    { map: 'decode', heads: 8, queries: 1, n, scores: 'normal' },
    {
      ours: entry('entmax15'),
      softmax: entry('softmax'),
      sparsemax: entry('sparsemax'),
      'ours, 2 threads': entry('entmax15', { engine: 'tensor-2', sameBits: 'ours' }),
      'softmax, 2 threads': entry('softmax', { engine: 'tensor-2', sameBits: 'softmax' }),
      ...peers(...TORCH),
    },
  );
});

const threads = [heads({ map: 'causal', heads: 8, n: 2048, scores: 'normal' }, { ...OURS_TWICE, ...peers(...TORCH) })];

/** Forward and backward, beside the forward pass alone. */
const backward = ['normal', 'language-model'].map((scores) => {
  const both = (map) => ({ engine: 'tensor-1', task: task(map, 'attentionBackward'), label: `${label(map)}, both` });
  const sizes = scores === 'normal' ? { heads: 1 } : { heads: 4, width: 32 };
  return heads(
    { map: 'backward', n: 2048, scores, ...sizes },
    {
      ours: both('entmax15'),
      forward: ours('entmax15', { label: `${label('entmax15')}, forward` }),
      'ours, 2 threads': { ...both('entmax15'), engine: 'tensor-2', sameBits: 'ours' },
      softmax: both('softmax'),
      'softmax forward': ours('softmax', { label: `${label('softmax')}, forward` }),
      torch: { engine: 'python', task: task('softmax', 'attentionBackward'), label: 'torch SDPA, both' },
      'PyTorch entmax': {
        engine: 'python',
        task: task('entmax15', 'attentionBackward'),
        label: 'PyTorch entmax, composed, both',
      },
    },
  );
});

const training = (() => {
  const step = { operation: 'trainingStep', map: 'learned' };
  return heads(
    { map: 'training', heads: 4, batches: 2, n: 256, width: 32, scores: 'language-model', data: 'training' },
    {
      ours: { engine: 'tensor-1', task: step, label: 'entmax, a training step' },
      'ours, 2 threads': { engine: 'tensor-2', task: step, label: 'entmax, a training step', sameBits: 'ours' },
      'PyTorch entmax': { engine: 'python', task: step, label: 'PyTorch entmax, composed' },
    },
  );
})();

export const ATTENTION = [
  ...short,
  ...long,
  ...warm,
  ...clustered,
  ...languageModel,
  ...decode,
  ...threads,
  ...backward,
  training,
];
