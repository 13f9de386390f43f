/** The goals of attention (PERFORMANCE.md §6), as goals.js has them. In `shape` stand heads x keys. */

const FORWARD = ['causal', 'full'];
const LONG = ['1x8192', '4x8192'];
const SHORT = ['8x64', '8x128', '8x256', '8x512'];

const longCausal = (scores) => ({ group: 'attention', map: ['causal'], shape: LONG, scores });
const clustered = (scores) => ({ group: 'attention', map: FORWARD, scores: [scores] });
const dense = { slow: 'softmax', fast: 'ours', says: 'our softmax / ours' };

const softmaxOfOthers = { tfjs: 'TensorFlow.js', onnxruntime: 'ONNX Runtime Web', jax: 'jax-js' };

export const ATTENTION_GOALS = [
  { ...longCausal(['normal', 'language-model']), ...dense, atLeast: 2.5, simd: 'simd128' },
  { ...longCausal(['normal', 'language-model']), ...dense, atLeast: 3.5, simd: 'relaxed-int' },
  { ...longCausal(['normal', 'language-model']), slow: 'torch', fast: 'ours', atLeast: 1, says: 'torch SDPA / ours' },
  {
    ...longCausal(['normal', 'language-model']),
    slow: 'torch, 2 threads',
    fast: 'ours, 2 threads',
    atLeast: 1,
    says: 'torch SDPA / ours, 2 threads',
  },
  { group: 'attention', map: FORWARD, scores: ['normal'], ...dense, atLeast: 1, worst: true },
  { group: 'attention', map: ['causal'], shape: ['128x256'], ...dense },

  { ...clustered('clusters-32'), ...dense, atLeast: 10 },
  { ...clustered('clusters-256'), ...dense },

  // Support-heavy: a quarter of the scale, or an alpha near 1.
  ...['ours', 'sparsemax', 'entmax1.1'].map((map) => ({
    group: 'attention',
    scores: ['warm'],
    slow: map,
    fast: 'softmax',
    atMost: 1.3,
    says: `${map === 'ours' ? '1.5-entmax' : map} / our softmax`,
  })),
  {
    group: 'attention',
    map: FORWARD,
    scores: ['normal'],
    slow: 'entmax1.1',
    fast: 'softmax',
    atMost: 1.3,
    worst: true,
    says: 'entmax1.1 / our softmax',
  },

  {
    group: 'attention',
    map: FORWARD,
    scores: ['normal'],
    slow: 'onnxruntime',
    fast: 'softmax',
    atLeast: 2,
    says: 'ONNX Runtime Web / our softmax',
  },
  {
    group: 'attention',
    map: FORWARD,
    scores: ['normal'],
    slow: 'onnxruntime-node',
    fast: 'softmax',
    says: 'ONNX Runtime for Node / our softmax',
  },
  ...Object.entries(softmaxOfOthers).map(([slow, name]) => ({
    group: 'attention',
    map: FORWARD,
    scores: ['normal'],
    shape: SHORT,
    slow,
    fast: 'ours',
    atLeast: 2,
    says: `${name} / ours`,
  })),
  { group: 'attention', map: FORWARD, slow: 'PyTorch entmax', fast: 'ours', says: 'PyTorch, composed / ours' },

  {
    group: 'attention',
    map: ['causal'],
    shape: ['8x2048'],
    slow: 'ours',
    fast: 'ours, 2 threads',
    atLeast: 1.8,
    says: '1 thread / 2 threads',
  },

  ...[
    ['simd128', 0.2],
    ['relaxed-int', 0.1],
  ].map(([simd, atMost]) => ({
    group: 'attention',
    map: ['decode'],
    shape: ['8x32768'],
    slow: 'ours',
    fast: 'softmax',
    atMost,
    simd,
    says: 'ours / our softmax',
  })),
  { group: 'attention', map: ['decode'], shape: ['8x8192'], slow: 'ours', fast: 'softmax', says: 'ours / our softmax' },
  { group: 'attention', map: ['decode'], slow: 'torch', fast: 'ours', says: 'torch SDPA / ours' },

  {
    group: 'attention',
    map: ['backward'],
    slow: 'ours',
    fast: 'forward',
    atMost: 3.5,
    says: 'forward and backward / forward',
  },
  {
    group: 'attention',
    map: ['backward', 'training'],
    slow: 'PyTorch entmax',
    fast: 'ours',
    atLeast: 10,
    says: 'PyTorch, composed / ours',
  },
];
