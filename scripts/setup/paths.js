/** Where things lie: the project, its build products, and the cache of tools that all clones share. */

import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RUST, WASM_BINDGEN, WASM_PACK } from './versions.js';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const BUILD = join(ROOT, 'build');
export const KERNELS = join(BUILD, 'kernels');

/** Outside the clone and named by version, so that the next clone finds the tools and an upgrade never mixes them. */
export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'entmax-tools');
export const WASM_BINDGEN_ROOT = join(CACHE, `wasm-bindgen-cli-${WASM_BINDGEN}`);
export const WASM_PACK_ROOT = join(CACHE, `wasm-pack-${WASM_PACK}`);

/** The environment in which cargo and wasm-pack run: the pinned toolchain, the pinned tools first on PATH. */
export function toolEnvironment() {
  const cargoHome = process.env.CARGO_HOME || join(homedir(), '.cargo');
  const path = [join(WASM_BINDGEN_ROOT, 'bin'), join(WASM_PACK_ROOT, 'bin'), join(cargoHome, 'bin'), process.env.PATH];
  return { ...process.env, PATH: path.join(':'), RUSTUP_TOOLCHAIN: RUST };
}
