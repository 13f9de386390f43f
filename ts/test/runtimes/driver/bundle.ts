/**
 * Bundles a program and the built package, as a user's bundler would, into one folder of ES modules that every runtime
 * can run: `entmax` is dist/index.js, `entmax/attention` dist/attention.js and so on: the very files that are published. The
 * worker script, which a page may name in `init({ workerUrl })`, lies beside it.
 */

import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll } from 'vitest';

const DIST = fileURLToPath(new URL('../../../../dist/', import.meta.url));

/**
 * Bundles a program (a path seen from the tests) and resolves with the path of its entry. To be called while a test
 * file is loaded: what it makes is removed after the file's tests.
 */
export async function bundle(program: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'entmax-program-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  afterAll(remove);
  await build({
    entryPoints: [fileURLToPath(new URL(`../${program}`, import.meta.url))],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    alias: {
      entmax: join(DIST, 'index.js'),
      'entmax/attention': join(DIST, 'attention.js'),
      'entmax/structured': join(DIST, 'structured.js'),
      'entmax/regularised': join(DIST, 'regularised.js'),
    },
    loader: { '.safetensors': 'binary' },
    logLevel: 'silent', // errors come back in the rejection
  }).catch(async (error: unknown) => {
    await remove(); // a test file that cannot be loaded has no afterAll
    throw error;
  });
  await copyFile(join(DIST, 'worker.js'), join(folder, 'worker.js'));
  return join(folder, basename(program).replace(/\.ts$/, '.mjs'));
}
