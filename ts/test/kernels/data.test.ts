/** The rule that no kernel writes to a family's data, watched while kernels run. */

import { describe, expect, it } from 'vitest';
import layout from '../../../crates/memory-layout.json';
import { DRIVERS } from './drivers.ts';
import { fixture, newMemory, runnableModules, start } from './modules.ts';

const ROWS = 100;

/** Everything below the heap but the stack: the data of all families. */
function dataOf(memory: WebAssembly.Memory): Uint8Array {
  return new Uint8Array(memory.buffer).slice(layout.stackBytes, layout.heapBase);
}

/** True when running the kernels leaves all data as instantiating the module made it. */
function keepsItsData(
  wasm: Uint8Array,
  use: (kernels: Record<string, (...args: number[]) => number>, memory: WebAssembly.Memory) => void,
): boolean {
  const memory = newMemory();
  const { kernels } = start(wasm, memory);
  const before = dataOf(memory);
  use(kernels, memory);
  return Buffer.compare(before, dataOf(memory)) === 0;
}

describe('no kernel writes to the data of a family', () => {
  it('in any module of any family', async () => {
    for (const { product, specification } of await runnableModules()) {
      const drive = DRIVERS[specification.feature];
      expect(drive, `a driver for the family ${specification.feature}`).toBeTypeOf('function');
      const kept = keepsItsData(product.wasm, (kernels, memory) => {
        expect(drive?.({ kernels, memory, heap: layout.heapBase })).toBeGreaterThan(100);
      });
      expect(kept, specification.name).toBe(true);
    }
  });

  it('in the fixture "sound", whose table is read from the family\'s slot', async () => {
    const { product } = await fixture('sound');
    const kept = keepsItsData(product.wasm, (kernels, memory) => {
      kernels['square_rows']?.(0, ROWS, 0, layout.heapBase);
      const squares = new Uint32Array(memory.buffer, layout.heapBase, ROWS);
      expect([...squares]).toEqual(Array.from({ length: ROWS }, (_, row) => (row % 16) ** 2));
    });
    expect(kept).toBe(true);
  });

  it.each(['mutable-static', 'writable-data'])('and the fixture "%s", which does, is caught', async (name) => {
    const { product } = await fixture(name);
    const kept = keepsItsData(product.wasm, (kernels) => {
      for (const kernel of Object.values(kernels)) kernel(1, 5, 0);
    });
    expect(kept).toBe(false);
  });
});
