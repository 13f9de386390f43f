/**
 * The other runtimes in which the tests run the package: the oldest Node that the package supports, the newest, Deno
 * and Bun. `ts/test/runtimes/package.json` and its lock file pin them; npm brings them as platform packages, which
 * are nothing but the executable, so no install script runs.
 *
 * They lie in the cache of tools, in a folder that is named by what was pinned: the next clone finds them, and a new
 * pin never mixes with an old one. An install happens in a folder beside it, which takes the final name only after
 * every executable has told its pinned version; what has that name is therefore complete.
 */

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE, ROOT } from './paths.js';
import { CommandError, run } from './process.js';

const PINS = join(ROOT, 'ts/test/runtimes');
const PIN_FILES = ['package.json', 'package-lock.json'];
/** Package (an alias in package.json) and executable of each runtime. */
const EXECUTABLES = {
  nodeFloor: ['node-floor', 'bin/node'],
  nodeNewest: ['node-newest', 'bin/node'],
  deno: ['deno', 'deno'],
  bun: ['bun', 'bin/bun'],
};
/** An install takes seconds; an unfinished one that is this old was interrupted. */
const ABANDONED_MILLISECONDS = 60 * 60 * 1000;

/** @typedef {Record<keyof typeof EXECUTABLES, string>} RuntimePaths */

/**
 * Installs what is missing and resolves with the paths of the executables. A runtime that cannot be installed or does
 * not start is an error.
 *
 * @returns {Promise<RuntimePaths>}
 */
export async function installRuntimes() {
  const hash = createHash('sha256');
  for (const file of PIN_FILES) hash.update(await readFile(join(PINS, file)));
  const folder = join(CACHE, `runtimes-${hash.digest('hex').slice(0, 16)}`);
  if (!existsSync(folder)) await install(folder);
  return executables(folder);
}

/**
 * @param {string} folder
 * @returns {RuntimePaths}
 */
function executables(folder) {
  const entries = Object.entries(EXECUTABLES).map(([name, [alias, file]]) => [
    name,
    join(folder, 'node_modules', alias, file),
  ]);
  return Object.fromEntries(entries);
}

/** @param {string} folder */
async function install(folder) {
  await mkdir(CACHE, { recursive: true });
  await removeAbandoned();
  const unfinished = await mkdtemp(join(CACHE, 'installing-runtimes-'));
  try {
    for (const file of PIN_FILES) await copyFile(join(PINS, file), join(unfinished, file));
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier'], {
      cwd: unfinished,
    });
    await checkVersions(executables(unfinished));
    await rename(unfinished, folder);
  } catch (error) {
    // Two set-ups at once: the other one has finished first.
    if (!existsSync(folder)) throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** @param {RuntimePaths} paths */
async function checkVersions(paths) {
  const { dependencies } = JSON.parse(await readFile(join(PINS, 'package.json'), 'utf8'));
  for (const [name, path] of Object.entries(paths)) {
    const alias = EXECUTABLES[/** @type {keyof RuntimePaths} */ (name)][0];
    const pinned = dependencies[alias].split('@').at(-1);
    const told = await run(path, ['--version']);
    if (!told.split(/[\sv]/).includes(pinned)) {
      throw new CommandError(`${alias} --version: expected ${pinned}, got ${told.trim()}`);
    }
  }
}

async function removeAbandoned() {
  for (const name of await readdir(CACHE)) {
    if (!name.startsWith('installing-runtimes-')) continue;
    const { mtimeMs } = await stat(join(CACHE, name));
    if (Date.now() - mtimeMs > ABANDONED_MILLISECONDS) await rm(join(CACHE, name), { recursive: true, force: true });
  }
}
