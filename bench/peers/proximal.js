/**
 * torchsparseattn, prox-tv and copt from Python (peers/python/proximal.py), in one process on one thread. torch and entmax are those of the
 * PyTorch packages' environment: theirs alone is gigabytes.
 */

import { installDebian } from '../../scripts/setup/debian.js';
import { run, succeeds } from '../../scripts/setup/process.js';
import { PEER_TOLERANCE } from '../check.js';
import { pythonFile, pythonWith } from './python-environment.js';
import { Server } from './server.js';

/** The C++ of prox-tv is written for these. */
const LIBRARIES = ['g++', 'liblapacke-dev', 'libopenblas-dev'];

/** torchsparseattn brings C of a Cython that is too old for today's Python: it is made anew, by the last Cython that reads its sources. */
const BUILT = { requirements: 'requirements-torchsparseattn.txt', env: { CYTHON_FORCE_REGEN: '1' } };

const PACKAGES = ['torchsparseattn', 'prox-tv', 'copt'];

/** copt is asked for 1e-10 between passes; prox-tv's splitting of grids stops after a fixed number of passes. */
const TOLERANCES = { 'copt tvmax': 1e-8, 'prox-tv tvmax': 1e-3 };

async function installLibraries() {
  if (await succeeds('dpkg', ['--status', ...LIBRARIES])) return;
  await installDebian(LIBRARIES, `${LIBRARIES.join(' or ')} is missing`);
}

async function openServer() {
  const torch = await pythonWith('bench-python', 'requirements.txt');
  const packages = await run(torch, ['-c', "import sysconfig; print(sysconfig.get_path('purelib'))"]);
  const python = await pythonWith('bench-proximal', 'requirements-proximal.txt', {
    before: installLibraries,
    built: BUILT,
  });
  return new Server(python, [pythonFile('proximal.py'), '1'], {
    env: { ...process.env, PYTHONPATH: packages.trim(), OMP_NUM_THREADS: '1', NUMBA_NUM_THREADS: '1' },
  });
}

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const server = await openServer();
  const engine = (name) => ({
    label: name,
    async prepare(task, data) {
      if (task.operation !== 'regularised' && task.operation !== 'prox') return undefined;
      const settings = { ...task.options, package: name, ...(data.grid && { grid: data.grid }) };
      const prepared = await server.prepare({ ...task, options: settings }, { x: data.x }, data.shape);
      return prepared && { ...prepared, tolerance: TOLERANCES[`${name} ${task.map}`] ?? PEER_TOLERANCE };
    },
  });
  return {
    about: () => server.about(),
    engines: Object.fromEntries(PACKAGES.map((name) => [name, engine(name)])),
    close: () => server.close(),
  };
}
