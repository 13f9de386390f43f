/** Bundles the package into dist/ (rollup.config.js) and adds the files that are loaded by URL. */

import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { BUILD, KERNELS, ROOT } from './setup/paths.js';
import { run } from './setup/process.js';

const DIST = join(ROOT, 'dist');

await rm(DIST, { recursive: true, force: true });
await run(process.execPath, [join(ROOT, 'node_modules/rollup/dist/bin/rollup'), '-c', '--silent'], { cwd: ROOT });
await copyFile(join(BUILD, 'generated/worker.script.js'), join(DIST, 'worker.js'));
await writeFile(
  join(DIST, 'worker.d.ts'),
  '/** A script to start as a worker (see init, workerUrl); it exports nothing. */\nexport {};\n',
);

const { withSharedMemory } = await importTypeScript('ts/src/runtime/load.ts');
await mkdir(join(DIST, 'kernels'));
for (const name of ['maps.simd128', 'maps.relaxed']) {
  const wasm = await readFile(join(KERNELS, `${name}.wasm`));
  await writeFile(join(DIST, 'kernels', `${name}.wasm`), wasm);
  await writeFile(join(DIST, 'kernels', `${name}.shared.wasm`), withSharedMemory(wasm));
}

/**
 * A module of the package itself, so that the build flips the memory's byte by the same code as the runtime.
 *
 * @param {string} path
 */
async function importTypeScript(path) {
  const options = { bundle: true, write: false, format: /** @type {const} */ ('esm'), target: 'es2022' };
  const { outputFiles } = await build({ entryPoints: [join(ROOT, path)], ...options });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`);
}
