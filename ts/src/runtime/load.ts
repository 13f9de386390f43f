/**
 * From bytes to callable kernels.
 *
 * A kernel module imports nothing but its memory, so instantiating needs no generated glue. The file says that the
 * memory is unshared; for threads one byte of that import is flipped to "shared" before compiling. This is sound
 * because a kernel module has no mutable state of its own (ARCHITECTURE.md, "The rules of a kernel module").
 */

/** A kernel: numbers in, a status or a number out. */
export type Kernel = (...args: number[]) => number;

/** The exports of an instantiated kernel module, with the stack pointer that a trap leaves displaced. */
export interface Instance {
  readonly kernels: Readonly<Record<string, Kernel>>;
  readonly stackPointer: { value: number };
}

const UNSHARED_WITH_MAXIMUM = 0x01;
const SHARED_WITH_MAXIMUM = 0x03;
const IMPORT_SECTION = 2;
const EXTERNAL_MEMORY = 2;

/** A copy of the module whose imported memory is declared shared. */
export function withSharedMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const flipped = new Uint8Array(bytes);
  const flag = memoryFlagOffset(flipped);
  if (flipped[flag] !== UNSHARED_WITH_MAXIMUM) {
    throw new Error(`kernel module: expected an unshared memory with a maximum (flag 1), got flag ${flipped[flag]}`);
  }
  flipped[flag] = SHARED_WITH_MAXIMUM;
  return flipped;
}

/** Instantiates synchronously; kernel modules are small enough for every host's main thread. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Instance {
  const imports: Record<string, Record<string, WebAssembly.Memory>> = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== 'memory') throw new Error(`kernel module: expected to import a memory only, got ${from}.${name}`);
    (imports[from] ??= {})[name] = memory;
  }
  const { __stack_pointer: stackPointer, ...kernels } = new WebAssembly.Instance(module, imports).exports;
  return { kernels: kernels as Record<string, Kernel>, stackPointer: stackPointer as WebAssembly.Global };
}

/** The offset of the limits flag of the imported memory, found by walking the import section. */
function memoryFlagOffset(bytes: Uint8Array): number {
  let at = 8;
  const byte = (): number => bytes[at++] ?? fail('it ends inside its import section');
  const number = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const digit = byte();
      value |= (digit & 0x7f) << shift;
      if (digit < 0x80) return value;
    }
  };
  const skip = (): void => {
    const length = number();
    at += length;
  };
  while (at < bytes.length) {
    const section = byte();
    const end = number() + at;
    if (section !== IMPORT_SECTION) {
      at = end;
      continue;
    }
    for (let count = number(); count > 0; count--) {
      skip(); // the module's name
      skip(); // the name in it
      if (byte() === EXTERNAL_MEMORY) return at;
      fail('it imports something other than a memory first');
    }
  }
  return fail('it imports no memory');
}

function fail(why: string): never {
  throw new Error(`kernel module: expected a WebAssembly module with an imported memory, but ${why}`);
}
