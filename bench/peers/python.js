/**
 * The PyTorch packages, torch and entmax, on one thread in a Python process of their own (peers/python/server.py).
 * Their environment is made in the cache of tools; pip brings a few gigabytes.
 */

import { join } from 'node:path';
import { ROOT } from '../../scripts/setup/paths.js';
import { run } from '../../scripts/setup/process.js';
import { PEER_TOLERANCE } from '../check.js';
import { cached } from './cache.js';
import { Server } from './server.js';

const HERE = join(ROOT, 'bench/peers/python');
const REQUIREMENTS = join(HERE, 'requirements.txt');

/** What each operation reads. */
const INPUTS = {
  forward: ({ x }) => ({ x }),
  backward: ({ x, dp }) => ({ x, dp }),
  loss: ({ x, targets }) => ({ x, targets }),
};

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const folder = await cached('bench-python', [REQUIREMENTS], async (target) => {
    await run('python3', ['-m', 'venv', target]);
    await run(join(target, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '-r', REQUIREMENTS]);
  });
  const environment = { ...process.env, OMP_NUM_THREADS: '1' };
  const server = new Server(join(folder, 'bin/python'), [join(HERE, 'server.py')], { env: environment });
  return {
    about: () => server.about(),
    engines: {
      python: {
        label: 'PyTorch packages',
        async prepare(task, data) {
          const prepared = await (task.operation in INPUTS
            ? server.prepare(task, INPUTS[task.operation](data), data.shape)
            : undefined);
          return prepared && { ...prepared, tolerance: PEER_TOLERANCE };
        },
      },
    },
    close: () => server.close(),
  };
}
