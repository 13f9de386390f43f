/**
 * lp-sparsemap from Python, the code of SparseMAP's authors (peers/python/lp_sparsemap.py). Its wheel is for CPython 3.9 and
 * 3.8, and elsewhere it cannot be built: one of these is looked for on the path and among those of pyenv.
 */

import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { succeeds } from '../../scripts/setup/process.js';
import { pythonFile, pythonWith } from './python-environment.js';
import { Server } from './server.js';

const VERSIONS = ['3.9', '3.8'];

async function findPython() {
  const pyenv = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions');
  const installed = existsSync(pyenv) ? readdirSync(pyenv) : [];
  const candidates = VERSIONS.flatMap((version) => [
    `python${version}`,
    ...installed
      .filter((name) => name.startsWith(`${version}.`))
      .map((name) => join(pyenv, name, `bin/python${version}`)),
  ]);
  for (const candidate of candidates) if (await succeeds(candidate, ['-c', 'import venv'])) return candidate;
  throw new Error(`no Python ${VERSIONS.join(' or ')} here, for which alone it can be had`);
}

/** Operations that answer with structures and weights. */
const SOLUTIONS = ['sparsemap', 'sparsemapBackward'];

const GRAPHS = ['graphSolve', 'graphBackward'];

/**
 * It stops at a number of steps without a word, and where its inverse drifts it never arrives: a gap is a property of its
 * answer that is shown, and no error. What is no structure is one, so are gradients that are right nowhere, and another
 * objective where the gap is 0.
 */
const ANY = Number.MAX_VALUE;
const tolerances = {
  sparsemap: ANY,
  sparsemapBackward: ANY,
  map: 1e-9,
  marginals: 1e-7,
};

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const python = await pythonWith('bench-lp-sparsemap', 'requirements-lp-sparsemap.txt', { findPython });
  const server = new Server(python, [pythonFile('lp_sparsemap.py')]);
  return {
    about: () => server.about(),
    engines: {
      'lp-sparsemap': {
        label: 'lp-sparsemap, Python',
        async prepare(task, data) {
          if (GRAPHS.includes(task.operation)) {
            const prepared = await server.prepareGraphs(task, data);
            return { ...prepared, tolerance: ANY };
          }
          if (!(task.operation in tolerances)) return undefined;
          const prepared = await server.prepareProblems(task, data);
          if (!prepared) return undefined;
          const problems = data.leading(task.problems);
          const output = async () => read(task, problems, await prepared.output());
          return { ...prepared, output, tolerance: tolerances[task.operation] };
        },
      },
    },
    close: () => server.close(),
  };
}

function read({ operation }, problems, { values }) {
  if (operation === 'map') return { values, structures: structuresOf(values, problems) };
  if (!SOLUTIONS.includes(operation)) return { values };
  const gradients = operation === 'sparsemapBackward' ? problems.unary.length : 0;
  const unary = values.subarray(0, gradients);
  return { values, unary, solution: solutionOf(values.subarray(gradients), problems) };
}

/** For each problem the number of structures, their weights, the structures. */
function solutionOf(values, { count, sizes: { factor, table } }) {
  const length = factor === 'sequence' ? table[0] : table[0] - 1;
  const solution = { indptr: [0], structures: [], weights: [] };
  let at = 0;
  const take = (size) => values.subarray(at, (at += size));
  for (let b = 0; b < count; b++) {
    const [size] = take(1);
    solution.weights.push(...take(size));
    for (let j = 0; j < size; j++) solution.structures.push(take(length));
    solution.indptr.push(solution.structures.length);
  }
  return solution;
}

/** From tables with 1 at the parts of the best structures. */
function structuresOf(values, { count, size, sizes: { factor, table } }) {
  const [rows, columns] = table;
  return Array.from({ length: count }, (_, b) => {
    const at = (row, column) => values[b * size + row * columns + column] > 0.5;
    const lines = (length, test) => Array.from({ length }, (_, i) => i).findIndex(test);
    if (factor === 'sequence') {
      return Array.from({ length: rows }, (_, t) => lines(columns, (state) => at(t, state)));
    }
    return Array.from({ length: columns - 1 }, (_, i) => lines(rows, (head) => at(head, i + 1)));
  });
}
