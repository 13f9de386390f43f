/**
 * JAXopt's projection onto doubly stochastic matrices on the CPU and scipy's assignment, from Python
 * (peers/python/birkhoff.py), on one thread.
 */

import { pythonFile, pythonWith } from './python-environment.js';
import { Server } from './server.js';

/** Its projection stops where rows sum to 1 up to 1e-3. */
const INEXACT = 5e-3;
const tolerances = { marginals: INEXACT, map: 1e-9 };

const ONE_THREAD = {
  JAX_PLATFORMS: 'cpu',
  XLA_FLAGS: '--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1',
  OMP_NUM_THREADS: '1',
};

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const python = await pythonWith('bench-jaxopt', 'requirements-jaxopt.txt');
  const server = new Server(python, [pythonFile('birkhoff.py')], { env: { ...process.env, ...ONE_THREAD } });
  return {
    about: () => server.about(),
    engines: {
      jaxopt: {
        label: 'JAXopt',
        async prepare(task, data) {
          if (!(task.operation in tolerances)) return undefined;
          const prepared = await server.prepareProblems(task, data);
          if (!prepared) return undefined;
          const output = async () => read(task, data, await prepared.output());
          return { ...prepared, output, tolerance: tolerances[task.operation] };
        },
      },
    },
    close: () => server.close(),
  };
}

function read({ operation }, { sizes: { table } }, { values }) {
  if (operation === 'marginals') return { values };
  const [n] = table;
  return {
    values,
    structures: Array.from({ length: values.length / n }, (_, b) => values.subarray(b * n, (b + 1) * n)),
  };
}
