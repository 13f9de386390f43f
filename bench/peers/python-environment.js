/** Environments of Python, one for each file of requirements beside the servers, in the cache of tools. */

import { join } from 'node:path';
import { ROOT } from '../../scripts/setup/paths.js';
import { run } from '../../scripts/setup/process.js';
import { cached } from './cache.js';

const HERE = join(ROOT, 'bench/peers/python');

/** @param {string} file in peers/python */
export const pythonFile = (file) => join(HERE, file);

/**
 * @param {string} name of the folder in the cache
 * @param {string} requirements a file in peers/python
 * @param {object} [how]
 * @param {() => string | Promise<string>} [how.findPython] asked where it is not installed yet
 * @param {() => Promise<unknown>} [how.before] what must be there first; called where it is not installed yet
 * @param {{ requirements: string, env: Record<string, string> }} [how.built] what is built from its sources by the packages of the first
 *   file, with these variables
 * @returns {Promise<string>} the path of its interpreter
 */
export async function pythonWith(name, requirements, { findPython = () => 'python3', before, built } = {}) {
  const pins = [requirements, ...(built ? [built.requirements] : [])].map(pythonFile);
  const folder = await cached(name, pins, async (target) => {
    await before?.();
    await run(await findPython(), ['-m', 'venv', target]);
    const install = (options, env) =>
      run(join(target, 'bin/python'), ['-m', 'pip', 'install', '--quiet', ...options], { env });
    await install(['-r', pins[0]]);
    if (built) {
      const env = { ...process.env, ...built.env };
      await install(['--no-build-isolation', '--no-deps', '--no-binary', ':all:', '-r', pins[1]], env);
    }
  });
  return join(folder, 'bin/python');
}
