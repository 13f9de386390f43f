/** Packages of Debian that a peer is built with, installed as the set-up installs its own. */

import { CommandError, run, succeeds } from '../../scripts/setup/process.js';

/** @param {string[]} packages */
export async function installDebian(...packages) {
  if (await succeeds('dpkg', ['--status', ...packages])) return;
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  if (process.getuid?.() !== 0 || !(await succeeds('apt-get', ['--version']))) {
    throw new CommandError(`${packages.join(' or ')} is missing. Install it with: sudo apt-get ${install.join(' ')}`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update'], { env });
  await run('apt-get', install, { env });
}
