/**
 * Bundles ts/src/runtime/worker.ts into one import-free classic script, and that script into a module that exports it
 * as text: the package starts its workers from the text, or from the file where a content policy forbids that.
 */

import { join } from 'node:path';
import { build } from 'esbuild';
import { writeProduct } from './kernels/module.js';
import { BUILD, ROOT } from './setup/paths.js';

const { outputFiles } = await build({
  entryPoints: [join(ROOT, 'ts/src/runtime/worker.ts')],
  bundle: true,
  minify: true,
  write: false,
  format: 'iife',
  target: 'es2022',
  legalComments: 'none',
});
const source = outputFiles[0].text.trimEnd();
await writeProduct(join(BUILD, 'generated', 'worker.script.js'), `${source}\n`);
await writeProduct(join(BUILD, 'generated', 'worker.js'), `export default ${JSON.stringify(source)};\n`);
await writeProduct(join(BUILD, 'generated', 'worker.d.ts'), 'declare const source: string;\nexport default source;\n');
