/**
 * TensorFlow.js on its WebAssembly backend, SIMD and one thread, as its users call it. Its softmax is one operation;
 * sparsemax is composed as a user would, from the sorted scores and their cumulative sums. Data lie in the backend's
 * own memory; a call allocates its result, the one before it is given back.
 */

import { dirname } from 'node:path';
import { PEER_TOLERANCE } from '../check.js';
import { local } from '../samplers.js';
import { causalMask } from './causal-mask.js';
import { peerVersion, requirePeers } from './npm.js';

/** What composes an operation of ours from those of tfjs. */
const operations = (tf) => ({
  forward: {
    softmax: ({ x }) => tf.softmax(x),
    sparsemax: ({ x, k }) =>
      tf.tidy(() => {
        const sorted = tf.topk(x, x.shape[1], true).values;
        const inside = tf.cast(tf.greater(tf.add(tf.mul(sorted, k), 1), tf.cumsum(sorted, 1)), 'float32');
        const count = tf.sum(inside, 1, true);
        const tau = tf.div(tf.sub(tf.sum(tf.mul(sorted, inside), 1, true), 1), count);
        return tf.relu(tf.sub(x, tau));
      }),
  },
  attention: {
    softmax: ({ q, k, v, mask, scale }) =>
      tf.tidy(() => {
        const scores = tf.mul(tf.matMul(q, k, false, true), scale);
        return tf.matMul(tf.softmax(mask ? tf.add(scores, mask) : scores), v);
      }),
  },
  backward: {
    softmax: ({ p, dp }) => tf.tidy(() => tf.mul(p, tf.sub(dp, tf.sum(tf.mul(p, dp), 1, true)))),
  },
});

/** What an operation reads. */
const inputs = {
  forward: (tf, _, data) => ({ x: tf.tensor2d(data.x, data.shape), k: tf.range(1, data.n + 1) }),
  attention: (tf, _, { q, k, v, queryShape, keyShape, isCausal, queries, keys, scale }) => ({
    q: tf.tensor4d(q, queryShape),
    k: tf.tensor4d(k, keyShape),
    v: tf.tensor4d(v, keyShape),
    mask: isCausal ? tf.tensor2d(causalMask(queries, keys), [queries, keys]) : undefined,
    scale,
  }),
  backward: (tf, task, data) => ({ p: tf.tensor2d(data.p(task), data.shape), dp: tf.tensor2d(data.dp, data.shape) }),
};

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const require = await requirePeers();
  const tf = require('@tensorflow/tfjs-core');
  const { setWasmPaths } = require('@tensorflow/tfjs-backend-wasm');
  setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  await tf.setBackend('wasm');
  await tf.ready();
  const runs = operations(tf);

  const prepare = (task, data) => {
    const run = runs[task.operation]?.[task.map];
    if (run === undefined) return undefined;
    const given = inputs[task.operation](tf, task, data);
    let last;
    const clear = () => {
      last?.dispose();
      last = undefined;
    };
    const call = () => {
      clear();
      last = run(given);
    };
    const dispose = () => {
      clear();
      tf.dispose(given);
    };
    const output = () => ({ values: last.dataSync() });
    return { call, sampler: local(call), output, clear, dispose, tolerance: PEER_TOLERANCE };
  };

  return {
    about: async () => ({
      version: await peerVersion('@tensorflow/tfjs-backend-wasm'),
      simd: await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'),
      threads: await tf.env().getAsync('WASM_HAS_MULTITHREAD_SUPPORT'),
    }),
    engines: { tfjs: { label: 'TensorFlow.js, wasm', prepare } },
  };
}
