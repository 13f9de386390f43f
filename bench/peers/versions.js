/** Versions of what the root package.json pins. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/setup/paths.js';

const { devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** @param {string} name of a package */
export const versionOf = (name) => devDependencies[name];
