/**
 * The AssemblyScript twin (bench/peers/assembly), compiled when the benchmark starts, and memcpy, which is one
 * instruction of the same module. Both work in the module's own, plain memory.
 */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { instantiate } from '@assemblyscript/loader';
import { BUILD, ROOT } from '../../scripts/setup/paths.js';
import { run } from '../../scripts/setup/process.js';
import { local } from '../samplers.js';
import { versionOf } from './versions.js';

const SOURCE = 'bench/peers/assembly/index.ts';
const OPTIONS = ['--optimizeLevel', '3', '--shrinkLevel', '0', '--noAssert', '--enable', 'simd', '--exportRuntime'];

/** Compiles in a process of its own, so that the compiler leaves no heap behind in the one that measures. */
async function compile() {
  const compiler = join(ROOT, 'node_modules/assemblyscript/bin/asc.js');
  const target = join(BUILD, 'bench/assembly.wasm');
  await run(process.execPath, [compiler, SOURCE, ...OPTIONS, '--outFile', target], { cwd: ROOT });
  return readFile(target);
}

/** @type {import('../run-suite.js').Open} */
export async function open() {
  const { exports } = await instantiate(await compile());

  /** A managed Float32Array that the collector leaves alone until it is unpinned. */
  const array = (contents) => exports.__pin(exports.__newArray(exports.FLOAT32_ARRAY, contents));

  const engine = (label, calls) => ({
    label,
    prepare: ({ operation, map = operation }, { x: values, n, rows }) => {
      const run = (operation === 'forward' || operation === 'copy') && calls[map];
      if (!run) return undefined;
      const arrays = [array(values), array(values.length), array(2 * n)];
      const [x, out, workspace] = arrays;
      const call = () => run(x, out, workspace, rows, n);
      return {
        call,
        sampler: local(call),
        output: () => ({ values: exports.__getFloat32ArrayView(out) }),
        clear: () => void exports.__getFloat32ArrayView(out).fill(NaN),
        dispose: () => {
          for (const pointer of arrays) exports.__unpin(pointer);
          exports.__collect();
        },
      };
    },
  });

  return {
    about: () => ({ version: versionOf('assemblyscript'), options: OPTIONS.join(' ') }),
    engines: {
      assemblyscript: engine('AssemblyScript', {
        softmax: (x, out, _, rows, n) => exports.softmax(x, out, rows, n),
        sparsemax: (x, out, workspace, rows, n) => exports.sparsemax(x, out, workspace, rows, n),
      }),
      memcpy: engine('memcpy', { copy: (x, out) => exports.copy(x, out) }),
    },
  };
}
