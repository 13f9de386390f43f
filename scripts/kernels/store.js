/** Built modules on disk: `<name>.wasm` is the product, the other three files are what the checkers read. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeProduct } from './module.js';

/** @typedef {import('./module.js').BuiltModule} BuiltModule */

/**
 * @param {string} folder
 * @param {string} name
 * @param {BuiltModule} built
 */
export async function writeModule(folder, name, { wasm, named, linkerMap, declarations }) {
  await writeProduct(join(folder, `${name}.wasm`), wasm);
  await writeProduct(join(folder, `${name}.named.wasm`), named);
  await writeProduct(join(folder, `${name}.map`), linkerMap);
  await writeProduct(join(folder, `${name}.d.ts`), declarations);
}

/**
 * @param {string} folder
 * @param {string} name
 * @returns {Promise<BuiltModule>}
 */
export async function readModule(folder, name) {
  return {
    wasm: new Uint8Array(await readFile(join(folder, `${name}.wasm`))),
    named: new Uint8Array(await readFile(join(folder, `${name}.named.wasm`))),
    linkerMap: await readFile(join(folder, `${name}.map`), 'utf8'),
    declarations: await readFile(join(folder, `${name}.d.ts`), 'utf8'),
  };
}
