/** The modules that these tests look at, and what they need to run a kernel of one by addresses. */

import { readdir } from 'node:fs/promises';
import layout from '../../../crates/memory-layout.json';
import { FIXTURES, FIXTURES_FOLDER } from '../../../scripts/kernels/fixtures.js';
import type { Level } from '../../../scripts/kernels/families.js';
import type { ModuleSpecification } from '../../../scripts/kernels/module.js';
import type { CheckedFiles } from '../../../scripts/kernels/store.js';
import { readModule } from '../../../scripts/kernels/store.js';
import { KERNELS } from '../../../scripts/setup/paths.js';
import type { Instance } from '../../src/runtime/load.ts';
import { instantiate } from '../../src/runtime/load.ts';

export interface Module {
  readonly specification: ModuleSpecification;
  readonly product: CheckedFiles;
}

const MAXIMUM_PAGES = layout.maximumBytes / 65536;

/** A fixture of crates/entmax-fixtures, as `node scripts/kernels/fixtures.js` has built it. */
export async function fixture(name: string): Promise<Module> {
  const specification = FIXTURES.find((candidate) => candidate.name === name);
  if (!specification) throw new Error(`there is no fixture ${name}`);
  return { specification, product: await readModule(FIXTURES_FOLDER, name) };
}

/** Every module of every kernel family, as the build has left it. */
export async function realModules(): Promise<Module[]> {
  const names = (await readdir(KERNELS)).flatMap((file) => /^(\w+\.[\w-]+)\.named\.wasm$/.exec(file)?.[1] ?? []);
  return Promise.all(
    names.map(async (name) => {
      const [feature = '', level = ''] = name.split('.');
      const base = (layout.families as Record<string, number>)[feature] ?? NaN;
      const specification = { crate: 'entmax-wasm', name, feature, level: level as Level, base };
      return { specification, product: await readModule(KERNELS, name) };
    }),
  );
}

/** The real modules that this host can run: Node 20 does not know relaxed SIMD. */
export async function runnableModules(): Promise<Module[]> {
  return (await realModules()).filter(({ product }) => WebAssembly.validate(new Uint8Array(product.wasm)));
}

/** An unshared memory of `bytes`, at least as large as the modules ask for. */
export function newMemory(bytes = 16 << 20): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536), maximum: MAXIMUM_PAGES });
}

export function start(wasm: Uint8Array, memory: WebAssembly.Memory): Instance {
  return instantiate(new WebAssembly.Module(new Uint8Array(wasm)), memory);
}
