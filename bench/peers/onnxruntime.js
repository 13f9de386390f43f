/**
 * ONNX Runtime, one thread, as its users call it: onnxruntime-web on its WebAssembly backend, where `run` takes a tensor of
 * JavaScript, copies it in, computes and copies the result out, for there is no other way; and onnxruntime-node, which is
 * native. softmax is one node, sparsemax is composed of the sorted scores (TopK) and their cumulative sums (CumSum),
 * attention of two products and a softmax, with a causal mask that the session computes once.
 */

import { PEER_TOLERANCE } from '../check.js';
import { local } from '../samplers.js';
import { peerVersion, requirePeers } from './npm.js';
import { constant, LAST_AXIS, model, node } from './onnx.js';

const matrixModel = (shape, nodes, constants) => model({ x: shape }, shape, nodes, constants);

const MAPS = {
  softmax: (shape) => matrixModel(shape, [node('Softmax', ['x'], ['y'], { axis: LAST_AXIS })]),
  sparsemax: (shape) => {
    const n = shape[1];
    const nodes = [
      node('TopK', ['x', 'n'], ['sorted', 'places'], { axis: LAST_AXIS }),
      node('CumSum', ['sorted', 'axis'], ['sums']),
      node('Mul', ['sorted', 'k'], ['scaled']),
      node('Add', ['scaled', 'one'], ['bound']),
      node('Greater', ['bound', 'sums'], ['is inside']),
      node('Cast', ['is inside'], ['inside'], { to: 1 }),
      node('ReduceSum', ['inside', 'axes'], ['count'], { keepdims: 1 }),
      node('Mul', ['sorted', 'inside'], ['kept']),
      node('ReduceSum', ['kept', 'axes'], ['sum'], { keepdims: 1 }),
      node('Sub', ['sum', 'one'], ['numerator']),
      node('Div', ['numerator', 'count'], ['tau']),
      node('Sub', ['x', 'tau'], ['rest']),
      node('Relu', ['rest'], ['y']),
    ];
    const constants = [
      constant('n', [n]),
      constant('axes', [LAST_AXIS]),
      constant('axis', [LAST_AXIS]),
      constant('one', Float32Array.of(1)),
      constant(
        'k',
        Float32Array.from({ length: n }, (_, i) => i + 1),
      ),
    ];
    return matrixModel(shape, nodes, constants);
  },
};

/** Added to the score of a key that a query does not see. */
const UNSEEN = -1e9;

function attentionModel({ queryShape, keyShape, queries, keys, scale, isCausal }) {
  const mask = [
    node('Expand', ['unseen', 'sizes'], ['everywhere']),
    node('Trilu', ['everywhere', 'one'], ['mask'], { upper: 1 }),
    node('Add', ['scores', 'mask'], ['masked']),
  ];
  const nodes = [
    node('Transpose', ['k'], ['columns'], { perm: [0, 1, 3, 2] }),
    node('MatMul', ['q', 'columns'], ['products']),
    node('Mul', ['products', 'scale'], ['scores']),
    ...(isCausal ? mask : []),
    node('Softmax', [isCausal ? 'masked' : 'scores'], ['p'], { axis: 3 }),
    node('MatMul', ['p', 'v'], ['y']),
  ];
  const constants = [
    constant('scale', Float32Array.of(scale)),
    ...(isCausal
      ? [constant('unseen', Float32Array.of(UNSEEN)), constant('sizes', [queries, keys]), constant('one', [1])]
      : []),
  ];
  return model({ q: queryShape, k: keyShape, v: keyShape }, queryShape, nodes, constants);
}

/** The model of a task, and its inputs with their shapes. */
function problem({ operation, map }, data) {
  if (operation === 'forward' && map in MAPS)
    return { bytes: MAPS[map](data.shape), inputs: { x: [data.x, data.shape] } };
  if (operation !== 'attention' || map !== 'softmax') return undefined;
  const { q, k, v, queryShape, keyShape } = data;
  return { bytes: attentionModel(data), inputs: { q: [q, queryShape], k: [k, keyShape], v: [v, keyShape] } };
}

function engine(ort, label, provider) {
  const prepare = async (task, data) => {
    const { bytes, inputs } = problem(task, data) ?? {};
    if (bytes === undefined) return undefined;
    const options = { executionProviders: [provider], intraOpNumThreads: 1, interOpNumThreads: 1 };
    const session = await ort.InferenceSession.create(bytes, options);
    const feeds = Object.fromEntries(
      Object.entries(inputs).map(([name, [values, shape]]) => [name, new ort.Tensor('float32', values, shape)]),
    );
    let last;
    const call = async () => {
      last = (await session.run(feeds)).y;
    };
    return {
      call,
      sampler: local(call, { promises: true }),
      output: () => ({ values: last.data }),
      clear: () => void (last = undefined),
      dispose: () => session.release(),
      tolerance: PEER_TOLERANCE,
    };
  };
  return { label, prepare };
}

/**
 * Each with a copy of onnxruntime-common of its own: backends register there by names that both use, and who comes second
 * would be given sessions of the first.
 */
async function load(name) {
  const require = await requirePeers();
  for (const path of Object.keys(require.cache)) {
    if (path.includes('onnxruntime-common')) delete require.cache[path];
  }
  const ort = require(name);
  ort.env.logLevel = 'error';
  return ort;
}

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const ort = await load('onnxruntime-web');
  ort.env.wasm.numThreads = 1;
  return {
    about: async () => ({ version: await peerVersion('onnxruntime-web'), threads: 1 }),
    engines: { onnxruntime: engine(ort, 'ONNX Runtime Web, wasm', 'wasm') },
  };
}

/** @type {import('../run-suite.js').Open} */
export async function openNative() {
  const ort = await load('onnxruntime-node');
  return {
    about: async () => ({ version: await peerVersion('onnxruntime-node'), threads: 1 }),
    engines: { 'onnxruntime-node': engine(ort, 'ONNX Runtime for Node, native', 'cpu') },
  };
}
