/** Everybody who takes part, in the order of the tables. A peer that cannot be had here is left out, with a line. */

import { open as openAssemblyScript } from './assemblyscript.js';
import { open as openJax } from './jax.js';
import { open as openJaxopt } from './jaxopt.js';
import { open as openLpSparsemap } from './lp-sparsemap.js';
import { open as openNative } from './native.js';
import { open as openOnnxRuntime, openNative as openOnnxRuntimeNode } from './onnxruntime.js';
import { open as openOurs } from './ours.js';
import { open as openPlain } from './plain.js';
import { open as openProximal } from './proximal.js';
import { open as openPython } from './python.js';
import { open as openTensorFlow } from './tfjs.js';

/**
 * @param {{ python: boolean, alone: boolean }} options `alone`: nobody but the package
 * @returns {Promise<Record<string, import('../run-suite.js').Peer>>} `entmax` is always among them
 */
export async function openPeers({ python, alone }) {
  const peers = { entmax: await openOurs() };
  if (alone) return peers;
  peers.plain = await openPlain();
  const others = {
    assemblyscript: openAssemblyScript,
    tfjs: openTensorFlow,
    onnxruntime: openOnnxRuntime,
    'onnxruntime-node': openOnnxRuntimeNode,
    jax: openJax,
    native: openNative,
  };
  if (python)
    Object.assign(others, {
      python: openPython,
      'lp-sparsemap': openLpSparsemap,
      jaxopt: openJaxopt,
      proximal: openProximal,
    });
  for (const [name, open] of Object.entries(others)) {
    try {
      const peer = await open();
      if (peer) peers[name] = peer;
      else console.log(`${name} is left out: not on this processor`);
    } catch (error) {
      console.log(`${name} is left out: ${error.message}`);
    }
  }
  return peers;
}

/** @param {Record<string, import('../run-suite.js').Peer>} peers */
export async function closePeers(peers) {
  for (const peer of Object.values(peers)) await peer.close?.();
}
