/**
 * jax-js on its WebAssembly backend: `nn.dotProductAttention` under `jit`. It needs Node 22 or newer (iterator helpers), so
 * it runs in the newest Node of the tests, in a process of its own (peers/jax/server.js). It has one thread there, because
 * its workers are those of browsers.
 */

import { join } from 'node:path';
import { ROOT } from '../../scripts/setup/paths.js';
import { installRuntimes } from '../../scripts/setup/runtimes.js';
import { PEER_TOLERANCE } from '../check.js';
import { peerVersion, resolvePeer } from './npm.js';
import { Server } from './server.js';

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const { nodeNewest } = await installRuntimes();
  const server = new Server(nodeNewest, [join(ROOT, 'bench/peers/jax/server.js'), await resolvePeer('@jax-js/jax')]);
  return {
    about: async () => ({ version: await peerVersion('@jax-js/jax'), ...(await server.about()) }),
    engines: {
      jax: {
        label: 'jax-js, wasm, in the newest Node',
        async prepare(task, data) {
          if (task.operation !== 'attention' || task.map !== 'softmax') return undefined;
          const prepared = await server.prepareAttention(task, data);
          return { ...prepared, tolerance: PEER_TOLERANCE };
        },
      },
    },
    close: () => server.close(),
  };
}
