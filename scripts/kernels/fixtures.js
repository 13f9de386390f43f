/**
 * Builds the kernel modules that only tests load (crates/entmax-fixtures), into build/fixtures.
 *
 *   sound         keeps every rule
 *   overlapping   the same, linked to the addresses of the family `maps`
 *   the others    break the one rule that they are named after
 *
 * Six modules take ten seconds, so nothing is built while the sources are the ones of the last time.
 */

import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUILD, ROOT } from '../setup/paths.js';
import { buildModule, layout, writeProduct } from './module.js';
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

/** Builds all fixtures unless they are up to date, and says whether it did. */
export async function buildFixtures() {
  const stamp = join(FIXTURES_FOLDER, 'sources.sha256');
  const hash = await hashOfSources();
  if ((await readFile(stamp, 'utf8').catch(() => '')) === hash) return false;
  for (const specification of FIXTURES) {
    const built = await buildModule({ ...specification, name: `fixture.${specification.name}` });
    await writeModule(FIXTURES_FOLDER, specification.name, built);
  }
  await writeProduct(stamp, hash);
  return true;
}

async function hashOfSources() {
  const files = await readdir(join(ROOT, 'crates/entmax-fixtures'), { recursive: true, withFileTypes: true });
  const sources = [
    ...files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name)),
    ...['crates/entmax-wasm/src/no_allocator.rs', 'crates/memory-layout.json', 'Cargo.toml', 'Cargo.lock'].map(inRoot),
    ...['scripts/kernels/module.js', 'scripts/kernels/fixtures.js', 'scripts/setup/versions.js'].map(inRoot),
    inRoot('node_modules/binaryen/package.json'),
  ].sort();
  const hash = createHash('sha256');
  for (const source of sources) hash.update(source.slice(ROOT.length)).update(await readFile(source));
  return hash.digest('hex');
}

/** @param {string} path */
function inRoot(path) {
  return join(ROOT, path);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log((await buildFixtures()) ? 'fixtures: built' : 'fixtures: up to date');
}
