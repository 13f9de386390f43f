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
 * @param {() => string | Promise<string>} findPython asked where it is not installed yet
 * @returns {Promise<string>} the path of its interpreter
 */
export async function pythonWith(name, requirements, findPython = () => 'python3') {
  const pins = pythonFile(requirements);
  const folder = await cached(name, [pins], async (target) => {
    await run(await findPython(), ['-m', 'venv', target]);
    await run(join(target, 'bin/python'), ['-m', 'pip', 'install', '--quiet', '-r', pins]);
  });
  return join(folder, 'bin/python');
}
