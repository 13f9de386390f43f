/** Built modules on disk: `<name>.wasm` is the product, the other two files are what the checkers read beside it. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeProduct } from './module.js';

/** @typedef {Pick<import('./module.js').BuiltModule, 'wasm' | 'named' | 'linkerMap'>} CheckedFiles */

/**
 * @param {string} folder
 * @param {string} name
 * @param {CheckedFiles} product
 */
export async function writeModule(folder, name, { wasm, named, linkerMap }) {
  await writeProduct(join(folder, `${name}.wasm`), wasm);
  await writeProduct(join(folder, `${name}.named.wasm`), named);
  await writeProduct(join(folder, `${name}.map`), linkerMap);
}

/**
 * @param {string} folder
 * @param {string} name
 * @returns {Promise<CheckedFiles>}
 */
export async function readModule(folder, name) {
  return {
    wasm: new Uint8Array(await readFile(join(folder, `${name}.wasm`))),
    named: new Uint8Array(await readFile(join(folder, `${name}.named.wasm`))),
    linkerMap: await readFile(join(folder, `${name}.map`), 'utf8'),
  };
}
