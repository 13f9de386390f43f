/** Modules of the package in the scripts that build it, so that both sides of a format are one text. */

import { join } from 'node:path';
import { build } from 'esbuild';
import { ROOT } from './paths.js';

/** @param {string} path of a TypeScript module, relative to the project */
export async function importTypeScript(path) {
  const options = { bundle: true, write: false, format: /** @type {const} */ ('esm'), target: 'es2022' };
  const { outputFiles } = await build({ entryPoints: [join(ROOT, path)], ...options });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`);
}
