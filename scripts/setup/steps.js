/** The steps of set-up, in order. Each says whether it is done already, and does itself. */

import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { MODULES } from '../kernels/families.js';
import { installDebian } from './debian.js';
import { BUILD, CACHE, KERNELS, ROOT, toolEnvironment, WASM_BINDGEN_ROOT, WASM_PACK_ROOT } from './paths.js';
import { CommandError, run, succeeds } from './process.js';
import { hashOf, isUpToDate, writeStamp } from './stamp.js';
import { RUST, WASM_BINDGEN, WASM_PACK } from './versions.js';

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {() => Promise<boolean>} isDone
 * @property {() => Promise<void>} perform
 */

const TARGET = 'wasm32-unknown-unknown';

/** @type {Step} */
const toolchain = {
  name: `Rust ${RUST} with ${TARGET}`,
  async isDone() {
    const env = { ...toolEnvironment(), RUSTUP_AUTO_INSTALL: '0' };
    if (!(await succeeds('rustup', ['--version'], { env }))) {
      throw new CommandError(
        "rustup is missing. Install it with: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y",
      );
    }
    const components = ['component', 'list', '--toolchain', RUST, '--installed'];
    if (!(await succeeds('rustup', components, { env }))) return false;
    const installed = await run('rustup', components, { env });
    return [`rust-std-${TARGET}`, 'rustfmt', 'clippy'].every((part) => installed.includes(part));
  },
  async perform() {
    const options = ['--profile', 'minimal', '--component', 'rustfmt', '--component', 'clippy', '--target', TARGET];
    await run('rustup', ['toolchain', 'install', RUST, ...options, '--no-self-update'], { env: toolEnvironment() });
  },
};

/** cargo links the tools with the system's C compiler, which a bare Debian does not have. @type {Step} */
const linker = {
  name: 'C linker',
  isDone: () => succeeds('cc', ['--version']),
  perform: () => installDebian(['gcc', 'libc6-dev'], 'a C linker (cc) is missing'),
};

/** @type {Step} */
const npmPackages = {
  name: 'npm packages',
  async isDone() {
    return isUpToDate(NPM_STAMP, await npmHash(), [join(ROOT, 'node_modules/typescript')]);
  },
  async perform() {
    await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: ROOT });
    await writeStamp(NPM_STAMP, await npmHash());
  },
};
const NPM_STAMP = join(ROOT, 'node_modules/.entmax-setup');
const npmHash = () => hashOf(['package.json', 'package-lock.json']);

/**
 * A tool built by cargo into the cache that all clones share; it appears there only when it is complete.
 *
 * @param {string} crate
 * @param {string} version
 * @param {string} root
 * @returns {Step}
 */
function cargoTool(crate, version, root) {
  return {
    name: `${crate} ${version}`,
    isDone: async () => existsSync(root),
    async perform() {
      await mkdir(CACHE, { recursive: true });
      const temporary = `${root}.${process.pid}`;
      // Without --locked: wasm-bindgen-cli's lock file can name crates that a registry mirror does not have yet.
      await run('cargo', ['install', crate, '--version', version, '--root', temporary], { env: toolEnvironment() });
      await rename(temporary, root).catch(() => rm(temporary, { recursive: true }));
    },
  };
}

/** @type {Step} */
const kernels = {
  name: 'kernels (Rust to WebAssembly)',
  async isDone() {
    const products = MODULES.flatMap((name) => ['wasm', 'inline.js'].map((form) => join(KERNELS, `${name}.${form}`)));
    return isUpToDate(KERNEL_STAMP, await kernelHash(), products);
  },
  async perform() {
    await run(process.execPath, [join(ROOT, 'scripts/kernels/build.js')], { cwd: ROOT });
    await writeStamp(KERNEL_STAMP, await kernelHash());
  },
};
const KERNEL_STAMP = join(BUILD, 'kernels.stamp');
const KERNEL_INPUTS = [
  'Cargo.toml',
  'Cargo.lock',
  'crates',
  'scripts/kernels',
  'scripts/setup/versions.js',
  'ts/src/runtime/inline-text.ts',
  'package-lock.json',
];
const kernelHash = () => hashOf(KERNEL_INPUTS);

/** @type {Step} */
const distribution = {
  name: 'package (worker, library, command)',
  async isDone() {
    const products = [
      'index.js',
      'index.d.ts',
      'attention.js',
      'attention.d.ts',
      'structured.js',
      'structured.d.ts',
      'regularised.js',
      'regularised.d.ts',
      'cli.js',
      'worker.js',
    ].map((file) => join(ROOT, 'dist', file));
    return isUpToDate(DISTRIBUTION_STAMP, await distributionHash(), products);
  },
  async perform() {
    await run(process.execPath, [join(ROOT, 'scripts/build-worker.js')], { cwd: ROOT });
    await run(process.execPath, [join(ROOT, 'scripts/build-package.js')], { cwd: ROOT });
    await writeStamp(DISTRIBUTION_STAMP, await distributionHash());
  },
};
const DISTRIBUTION_STAMP = join(BUILD, 'package.stamp');
const DISTRIBUTION_INPUTS = ['ts/src', 'examples', 'scripts', 'rollup.config.js', 'tsconfig.json', 'package.json'];
const distributionHash = async () => hashOf(DISTRIBUTION_INPUTS, await kernelHash());

/** What building and running needs. @type {Step[]} */
export const buildSteps = [
  toolchain,
  linker,
  npmPackages,
  cargoTool('wasm-bindgen-cli', WASM_BINDGEN, WASM_BINDGEN_ROOT),
  cargoTool('wasm-pack', WASM_PACK, WASM_PACK_ROOT),
  kernels,
  distribution,
];

/** What the tests need besides. @type {() => Promise<Step[]>} */
export async function testSteps() {
  const [{ buildFixtures, fixturesAreBuilt }, { installRuntimes }, { findBrowsers }] = await Promise.all([
    import('../kernels/fixtures.js'),
    import('./runtimes.js'),
    import('./browsers.js'),
  ]);
  const always = async () => false;
  return [
    { name: 'fixture kernels', isDone: fixturesAreBuilt, perform: buildFixtures },
    { name: 'Node 20.16, newest Node, Deno, Bun', isDone: always, perform: async () => void (await installRuntimes()) },
    { name: 'Chromium, Firefox, WebKitGTK', isDone: always, perform: async () => void (await findBrowsers()) },
  ];
}
