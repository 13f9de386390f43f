/**
 * Builds the kernel modules that only tests load (crates/entmax-fixtures), into build/fixtures.
 *
 *   sound         keeps every rule
 *   overlapping   the same, linked to the addresses of the family `maps`
 *   the others    break the one rule that they are named after
 *
 * Six modules take ten seconds, so nothing is built while the sources are the ones of the last time.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUILD } from '../setup/paths.js';
import { hashOf, isUpToDate, writeStamp } from '../setup/stamp.js';
import { buildModule, layout } from './module.js';
import { writeModule } from './store.js';

/** @typedef {import('./module.js').ModuleSpecification} ModuleSpecification */

export const FIXTURES_FOLDER = join(BUILD, 'fixtures');

/** @type {ModuleSpecification[]} */
export const FIXTURES = [
  ...['sound', 'mutable-static', 'writable-data', 'allocation', 'memory-grow'].map((name) => fixture(name, name)),
  { ...fixture('overlapping', 'sound'), base: layout.families.maps },
];

/**
 * @param {string} name
 * @param {string} feature
 * @returns {ModuleSpecification}
 */
function fixture(name, feature) {
  return { crate: 'entmax-fixtures', name, feature, level: 'simd128', base: layout.families.fixtures };
}

const STAMP = join(FIXTURES_FOLDER, 'fixtures.stamp');
const INPUTS = [
  ...['Cargo.toml', 'Cargo.lock', 'crates/entmax-fixtures', 'crates/entmax-wasm/src/no_allocator.rs'],
  ...[
    'crates/memory-layout.json',
    'scripts/kernels/module.js',
    'scripts/kernels/store.js',
    'scripts/kernels/fixtures.js',
  ],
  ...['scripts/setup/versions.js', 'node_modules/binaryen/package.json'],
];

/** True when the fixtures are those of the present sources. */
export async function fixturesAreBuilt() {
  const products = FIXTURES.map(({ name }) => join(FIXTURES_FOLDER, `${name}.wasm`));
  return isUpToDate(STAMP, await hashOf(INPUTS), products);
}

/** Builds all fixtures unless they are up to date. */
export async function buildFixtures() {
  if (await fixturesAreBuilt()) return;
  for (const specification of FIXTURES) {
    const product = await buildModule({ ...specification, name: `fixture.${specification.name}` });
    await writeModule(FIXTURES_FOLDER, specification.name, product);
  }
  await writeStamp(STAMP, await hashOf(INPUTS));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildFixtures();
