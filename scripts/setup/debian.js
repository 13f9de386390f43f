/** Packages of Debian, which root may install. */

import { CommandError, run, succeeds } from './process.js';

/**
 * @param {string[]} packages
 * @param {string} missing what is not there, for whoever has to install it by hand
 */
export async function installDebian(packages, missing) {
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  if (process.getuid?.() !== 0 || !(await succeeds('apt-get', ['--version']))) {
    throw new CommandError(`${missing}. Install it with\n  sudo apt-get update && sudo apt-get ${install.join(' ')}`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update'], { env });
  await run('apt-get', install, { env });
}
