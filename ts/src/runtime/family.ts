/**
 * A family of kernels: one WebAssembly module with its own place in the common memory.
 *
 * The `simd128` module comes with the package as text and is compiled synchronously at first use. `init()` may replace
 * it before that: by a twin for relaxed SIMD, or by bytes that the user hosts elsewhere.
 */

import { families } from '../../../crates/memory-layout.json';
import { EntmaxError } from '../errors.ts';
import { kernelNames } from './control.ts';
import { decodeInline } from './inline-text.ts';
import { instantiate, withSharedMemory } from './load.ts';
import type { Instance, Kernel } from './load.ts';
import type { LinearMemory } from './memory.ts';

export type FamilyName = keyof typeof families;

/** Where a family's code comes from: the file itself, or a module that somebody has compiled. */
export type KernelSource = Uint8Array | WebAssembly.Module;

/** Modules of the same family for relaxed SIMD, as text. That of `relaxed-int` gives the same bits. */
export type Twins = Readonly<Partial<Record<'relaxed-int' | 'relaxed-fma', () => Promise<string>>>>;

export class KernelFamily {
  readonly name: FamilyName;
  /** Number of the family in job descriptors, the same on every thread. */
  readonly index: number;
  readonly #inlined: string;
  readonly #twins: Twins;
  #source: KernelSource | undefined;
  #module: WebAssembly.Module | undefined;
  #instance: Instance | undefined;

  /** `inlined` is the simd128 module as text (inline-text.ts); its twins are fetched where they run. */
  constructor(name: FamilyName, inlined: string, twins: Twins = {}) {
    this.name = name;
    this.index = Object.keys(families).indexOf(name);
    this.#inlined = inlined;
    this.#twins = twins;
  }

  /** True once kernels may have run: from then on the code cannot be replaced. */
  get loaded(): boolean {
    return this.#module !== undefined;
  }

  /** Replaces the code by what the user gave, before first use. Code that cannot run here throws and changes nothing. */
  replaceSource(source: KernelSource, memory: LinearMemory): void {
    const before = this.#source;
    this.#source = source;
    try {
      const { kernels } = this.instance(memory);
      const missing = kernelNames(new WebAssembly.Module(decodeInline(this.#inlined))).find((name) => !kernels[name]);
      if (missing === undefined) return;
      throw new EntmaxError(
        'ENTMAX_INIT',
        'init',
        `a module of the family ${this.name} with the kernel ${missing}`,
        'none',
      );
    } catch (error) {
      this.#instance = undefined;
      this.#source = before;
      this.#module = undefined;
      throw error;
    }
  }

  /** Replaces the code by the twin for a level, before first use. A family without one keeps its module. */
  async useTwin(level: keyof Twins): Promise<void> {
    const load = this.#twins[level];
    if (load) this.#source = decodeInline(await load());
  }

  /** The compiled module, for the memory's kind. */
  module(memory: LinearMemory): WebAssembly.Module {
    this.#module ??= this.#compile(memory);
    return this.#module;
  }

  /** The instance of the calling thread. */
  instance(memory: LinearMemory): Instance {
    this.#instance ??= this.#link(this.module(memory), memory);
    return this.#instance;
  }

  /** One kernel of the calling thread. */
  kernel(memory: LinearMemory, name: string): Kernel {
    const kernel = this.instance(memory).kernels[name];
    if (!kernel) throw new EntmaxError('ENTMAX_INIT', 'init', `a kernel ${name} in the family ${this.name}`, 'none');
    return kernel;
  }

  #compile(memory: LinearMemory): WebAssembly.Module {
    const source = this.#source ?? decodeInline(this.#inlined);
    if (source instanceof WebAssembly.Module) return source;
    try {
      return new WebAssembly.Module(memory.shared ? withSharedMemory(source) : new Uint8Array(source));
    } catch (error) {
      throw new EntmaxError('ENTMAX_INIT', 'init', `a kernel module for the family ${this.name}`, String(error));
    }
  }

  #link(module: WebAssembly.Module, memory: LinearMemory): Instance {
    try {
      return instantiate(module, memory.wasm);
    } catch (error) {
      const kind = memory.shared ? 'shared' : 'unshared';
      const expected = `a kernel module of the family ${this.name} that imports ${kind} memory`;
      throw new EntmaxError('ENTMAX_INIT', 'init', expected, String(error));
    }
  }
}
