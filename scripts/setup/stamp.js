/**
 * Doing a step only when something that it depends on has changed: a stamp file holds the hash of the inputs' contents.
 * The stamp is written after the step, so an interrupted step runs again.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ROOT } from './paths.js';

/**
 * Hash over names and contents of files and folders, given relative to the project.
 *
 * @param {string[]} inputs
 * @param {string} [extra] anything else that the step depends on
 */
export async function hashOf(inputs, extra = '') {
  const hash = createHash('sha256').update(extra);
  for (const input of inputs) await addTo(hash, input);
  return hash.digest('hex');
}

/**
 * @param {import('node:crypto').Hash} hash
 * @param {string} path
 */
async function addTo(hash, path) {
  let entries;
  try {
    entries = await readdir(join(ROOT, path), { withFileTypes: true });
  } catch {
    hash.update(`${path}\0`).update(await readFile(join(ROOT, path)));
    return;
  }
  for (const { name } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) await addTo(hash, join(path, name));
}

/**
 * True when the stamp holds this hash and all products are there.
 *
 * @param {string} stamp
 * @param {string} hash
 * @param {string[]} products absolute paths
 */
export async function isUpToDate(stamp, hash, products) {
  if (!products.every((product) => existsSync(product))) return false;
  return existsSync(stamp) && (await readFile(stamp, 'utf8')) === hash;
}

/**
 * @param {string} stamp
 * @param {string} hash
 */
export async function writeStamp(stamp, hash) {
  await mkdir(dirname(stamp), { recursive: true });
  await writeFile(stamp, hash);
}
