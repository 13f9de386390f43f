/** The JavaScript peers, pinned by npm/package.json and its lock file and installed into the cache. */

import { copyFile, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ROOT } from '../../scripts/setup/paths.js';
import { run } from '../../scripts/setup/process.js';
import { cached } from './cache.js';

const HERE = join(ROOT, 'bench/peers/npm');
const PINS = ['package.json', 'package-lock.json'];

/** @type {Promise<string> | undefined} */
let folder;

/** @returns {Promise<string>} the folder that has node_modules */
const installed = () =>
  (folder ??= cached(
    'bench-peers',
    PINS.map((file) => join(HERE, file)),
    async (target) => {
      for (const file of PINS) await copyFile(join(HERE, file), join(target, file));
      await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier'], { cwd: target });
    },
  ));

/** A `require` that finds the peers, as CommonJS: tfjs and onnxruntime-web have a build for Node in that form. */
export async function requirePeers() {
  return createRequire(join(await installed(), 'package.json'));
}

/** The path of a peer that is imported elsewhere. @param {string} name */
export async function resolvePeer(name) {
  return (await requirePeers()).resolve(name);
}

/** @param {string} name of a peer */
export async function peerVersion(name) {
  return JSON.parse(await readFile(join(HERE, 'package.json'), 'utf8')).dependencies[name];
}
