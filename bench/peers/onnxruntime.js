/**
 * onnxruntime-web on its WebAssembly backend, one thread, as its users call it: `run` takes a tensor of JavaScript,
 * copies it in, computes and copies the result out; there is no other way on this backend. softmax is one node,
 * sparsemax is composed of the sorted scores (TopK) and their cumulative sums (CumSum).
 */

import { PEER_TOLERANCE } from '../check.js';
import { local } from '../samplers.js';
import { peerVersion, requirePeers } from './npm.js';
import { constant, LAST_AXIS, model, node } from './onnx.js';

const MODELS = {
  softmax: (shape) => model(shape, [node('Softmax', ['x'], ['y'], { axis: LAST_AXIS })]),
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
    return model(shape, nodes, constants);
  },
};

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const require = await requirePeers();
  const ort = require('onnxruntime-web');
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';

  const prepare = async ({ operation, map }, { x, shape }) => {
    if (operation !== 'forward' || !(map in MODELS)) return undefined;
    const session = await ort.InferenceSession.create(MODELS[map](shape), { executionProviders: ['wasm'] });
    const feeds = { x: new ort.Tensor('float32', x, shape) };
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

  return {
    about: async () => ({ version: await peerVersion('onnxruntime-web'), threads: 1 }),
    engines: { onnxruntime: { label: 'ONNX Runtime Web, wasm', prepare } },
  };
}
