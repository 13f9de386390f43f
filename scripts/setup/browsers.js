/**
 * The browsers of the tests: those on PATH, else Debian's, which root may install. Not from npm: the packages there
 * download browsers from code hosts at first use, and their libraries would be missing all the same.
 */

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { installDebian } from './debian.js';
import { CommandError, succeeds } from './process.js';

/** @typedef {'Chromium' | 'Firefox' | 'WebKitGTK'} Browser */

/**
 * How each is found, and Debian's packages of it. WebKitGTK's browser is no command, and its window needs a display.
 *
 * @type {Record<Browser, { find: () => Promise<string | undefined>, packages: string[] }>}
 */
const BROWSERS = {
  Chromium: { find: () => onPath('chromium', 'chromium-browser', 'google-chrome'), packages: ['chromium'] },
  Firefox: { find: () => onPath('firefox-esr', 'firefox'), packages: ['firefox-esr'] },
  WebKitGTK: { find: findMiniBrowser, packages: ['libwebkit2gtk-4.1-0', 'xvfb', 'xauth'] },
};

export const browserNames = /** @type {Browser[]} */ (Object.keys(BROWSERS));

/**
 * Resolves with the commands that start the browsers. All that are missing are installed at once, when root may do so.
 *
 * @returns {Promise<Record<Browser, string>>}
 */
export async function findBrowsers() {
  const found = await findAll();
  const missing = browserNames.filter((name) => found[name] === undefined);
  if (missing.length === 0) return /** @type {Record<Browser, string>} */ (found);
  const packages = missing.flatMap((name) => BROWSERS[name].packages);
  await installDebian(packages, `The browser tests need ${missing.join(' and ')}, which is not to be found`);
  const installed = await findAll();
  const absent = browserNames.find((name) => installed[name] === undefined);
  if (absent) throw new CommandError(`apt-get has installed ${packages.join(', ')}, but no ${absent} starts`);
  return /** @type {Record<Browser, string>} */ (installed);
}

/** @returns {Promise<Partial<Record<Browser, string>>>} */
async function findAll() {
  const found = browserNames.map(async (name) => [name, await BROWSERS[name].find()]);
  return Object.fromEntries(await Promise.all(found));
}

/**
 * The first name that starts: a stub that only points at another installer does not count.
 *
 * @param {string[]} names
 */
async function onPath(...names) {
  for (const name of names) if (await succeeds(name, ['--version'])) return name;
  return undefined;
}

/** WebKitGTK's plain window with one page, in the folder of its library; with the display that it needs. */
async function findMiniBrowser() {
  if (!(await succeeds('xvfb-run', ['--help']))) return undefined;
  const folders = ['/usr/libexec', ...(await readdir('/usr/lib')).map((name) => join('/usr/lib', name))];
  return folders.map((folder) => join(folder, 'webkit2gtk-4.1/MiniBrowser')).find((path) => existsSync(path));
}
