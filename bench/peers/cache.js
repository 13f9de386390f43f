/**
 * Peers that are large and that only the benchmark needs lie in the cache of tools, in a folder named by the hash of
 * what pins them: the next clone finds them, and a new pin never mixes with an old one. An install happens in a folder
 * beside it, which takes the final name only when it is complete.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE } from '../../scripts/setup/paths.js';

/**
 * @param {string} name
 * @param {string[]} pins files that say what is installed
 * @param {(folder: string) => Promise<unknown>} install
 * @returns {Promise<string>} the folder
 */
export async function cached(name, pins, install) {
  const hash = createHash('sha256');
  for (const file of pins) hash.update(await readFile(file));
  const folder = join(CACHE, `${name}-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(folder)) return folder;
  const started = performance.now();
  process.stderr.write(`bench: installing ${name} ... `);
  await mkdir(CACHE, { recursive: true });
  const unfinished = await mkdtemp(join(CACHE, `installing-${name}-`));
  try {
    await install(unfinished);
    await rename(unfinished, folder);
    process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0)} s\n`);
  } catch (error) {
    // Two runs at once: the other one has finished first.
    if (!existsSync(folder)) throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}
