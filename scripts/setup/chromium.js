/**
 * Chromium for the browser tests: the one on PATH, else Debian's, which root may install. Not from npm: the packages
 * there download a browser from a code host at first use, and its libraries would be missing all the same.
 */

import { CommandError, run, succeeds } from './process.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const INSTALL = ['install', '-y', '--no-install-recommends', 'chromium'];

/**
 * Resolves with the command that starts Chromium, which is installed when root may do so.
 *
 * @returns {Promise<string>}
 */
export async function findChromium() {
  const found = await onPath();
  if (found) return found;
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || !(await succeeds('apt-get', ['--version']))) {
    throw new CommandError(
      `Chromium is needed for the browser tests and is not on PATH (${NAMES.join(', ')}). Install it with\n` +
        `  sudo apt-get update && sudo apt-get ${INSTALL.join(' ')}`,
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update'], { env });
  await run('apt-get', INSTALL, { env });
  const installed = await onPath();
  if (!installed) throw new CommandError('apt-get has installed chromium, but no chromium on PATH starts');
  return installed;
}

/** The first name that starts: a stub that only points at another installer does not count. */
async function onPath() {
  for (const name of NAMES) if (await succeeds(name, ['--version'])) return name;
  return undefined;
}
