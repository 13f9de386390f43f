/**
 * The PyTorch packages, torch and entmax, in a Python process of their own (peers/python/server.py), and on two threads in
 * another one that starts when a suite asks for it. Their environment is made in the cache of tools; pip brings a few
 * gigabytes.
 */

import { PEER_TOLERANCE } from '../check.js';
import { pythonFile, pythonWith } from './python-environment.js';
import { Server } from './server.js';

/** What each operation on a matrix of scores reads. */
const INPUTS = {
  forward: ({ x }) => ({ x }),
  backward: ({ x, dp }) => ({ x, dp }),
  loss: ({ x, targets }) => ({ x, targets }),
  regularised: ({ x }) => ({ x }),
};
const ATTENTION = ['attention', 'decode', 'attentionBackward'];

async function prepare(server, task, data) {
  const { operation } = task;
  if (operation in INPUTS) return server.prepare(task, INPUTS[operation](data), data.shape);
  if (ATTENTION.includes(operation)) return server.prepareAttention(task, data);
  return operation === 'trainingStep' ? server.prepareTraining(task, data) : undefined;
}

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const python = await pythonWith('bench-python', 'requirements.txt');
  /** @type {Server[]} by the number of threads */
  const servers = [];
  const serverWith = (threads) =>
    (servers[threads] ??= new Server(python, [pythonFile('server.py'), `${threads}`], {
      env: { ...process.env, OMP_NUM_THREADS: `${threads}` },
    }));

  const engine = (threads) => ({
    label: 'PyTorch packages',
    threads,
    async prepare(task, data) {
      const prepared = await prepare(serverWith(threads), task, data);
      return prepared && { ...prepared, tolerance: PEER_TOLERANCE };
    },
  });

  return {
    about: () => serverWith(1).about(),
    engines: { python: engine(1), 'python-2': engine(2) },
    close: async () => {
      for (const server of Object.values(servers)) await server.close();
    },
  };
}
