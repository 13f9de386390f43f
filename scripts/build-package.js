/** Bundles the package into dist/ (rollup.config.js) and adds the files that are loaded by URL. */

import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MODULES } from './kernels/families.js';
import { importTypeScript } from './setup/import-typescript.js';
import { BUILD, KERNELS, ROOT } from './setup/paths.js';
import { run } from './setup/process.js';

const DIST = join(ROOT, 'dist');

await rm(DIST, { recursive: true, force: true });
await run(process.execPath, [join(ROOT, 'node_modules/rollup/dist/bin/rollup'), '-c', '--silent'], { cwd: ROOT });
await copyFile(join(BUILD, 'generated/worker.script.js'), join(DIST, 'worker.js'));
await copyFile(join(ROOT, 'ts/src/cli/attention-page.html'), join(DIST, 'attention-page.html'));
await writeFile(
  join(DIST, 'worker.d.ts'),
  '/** A script to start as a worker (see init, workerUrl); it exports nothing. */\nexport {};\n',
);

// The build flips the memory's byte by the same code as the runtime.
const { withSharedMemory } = await importTypeScript('ts/src/runtime/load.ts');
await mkdir(join(DIST, 'kernels'));
for (const name of MODULES) {
  const wasm = await readFile(join(KERNELS, `${name}.wasm`));
  await writeFile(join(DIST, 'kernels', `${name}.wasm`), wasm);
  await writeFile(join(DIST, 'kernels', `${name}.shared.wasm`), withSharedMemory(wasm));
}
