/**
 * The rule that no kernel overruns the stack of a worker, shown with twins of the modules that check every movement of
 * the stack pointer (scripts/kernels/stack-check.js), and with a stack full of known bytes.
 */

import { describe, expect, it } from 'vitest';
import layout from '../../../crates/memory-layout.json';
import { RED_ZONE, withStackCheck } from '../../../scripts/kernels/stack-check.js';
import { WORKER_STACK_BYTES } from '../../src/runtime/layout.ts';
import type { Instance } from '../../src/runtime/load.ts';
import { DRIVERS } from './drivers.ts';
import { fixture, newMemory, runnableModules, start } from './modules.ts';

/** A worker's stack in the heap, and below it the neighbour that an overrun would damage. */
const NEIGHBOUR = layout.heapBase;
const NEIGHBOUR_BYTES = 65536;
const STACK = NEIGHBOUR + NEIGHBOUR_BYTES;
const STACK_TOP = STACK + WORKER_STACK_BYTES;
const CANARY = 0xa5;
/** Bytes of a frame of the fixture's kernel `use_stack`. */
const FRAME = 64;

/** Kernels may use this part of a worker's stack; the rest is margin. */
const ALLOWED_PART = 1 / 8;

/** An instance that works on the worker's stack, checked when it is a twin. */
function onWorkerStack(wasm: Uint8Array, memory: WebAssembly.Memory): Instance {
  const instance = start(wasm, memory);
  instance.stackPointer.value = STACK_TOP;
  instance.kernels['__set_stack_limits']?.(STACK_TOP, STACK + RED_ZONE);
  new Uint8Array(memory.buffer, NEIGHBOUR, NEIGHBOUR_BYTES + WORKER_STACK_BYTES).fill(CANARY);
  return instance;
}

/** How far below the top of the stack anything was written. */
function deepestWrite(memory: WebAssembly.Memory): number {
  const bytes = new Uint8Array(memory.buffer, NEIGHBOUR, STACK_TOP - NEIGHBOUR);
  const untouched = bytes.findIndex((byte) => byte !== CANARY);
  return untouched < 0 ? 0 : bytes.length - untouched;
}

describe("a worker's stack", () => {
  it('is enough for all kernels of all families, eight times over', async () => {
    for (const { product, specification } of await runnableModules()) {
      const memory = newMemory();
      const { kernels, stackPointer } = onWorkerStack(withStackCheck(product.wasm), memory);
      expect(
        DRIVERS[specification.feature]?.({ kernels, memory, heap: STACK_TOP }),
        specification.name,
      ).toBeGreaterThan(100);
      expect(stackPointer.value).toBe(STACK_TOP);
      const used = deepestWrite(memory);
      console.log(`${specification.name}: ${used} of ${WORKER_STACK_BYTES} bytes of stack`);
      expect(used).toBeLessThanOrEqual(WORKER_STACK_BYTES * ALLOWED_PART);
    }
  });

  it('is watched by the twin: the fixture that stays inside runs, the one that leaves it traps', async () => {
    const { product } = await fixture('sound');
    const memory = newMemory();
    const { kernels } = onWorkerStack(withStackCheck(product.wasm), memory);
    const deepest = (WORKER_STACK_BYTES - RED_ZONE) / FRAME - 1;
    expect(kernels['use_stack']?.(0, 1, 0, deepest)).toBe(0);
    expect(() => kernels['use_stack']?.(0, 1, 0, deepest + 1)).toThrow(WebAssembly.RuntimeError);
    expect(deepestWrite(memory)).toBeLessThanOrEqual(WORKER_STACK_BYTES);
  });

  it('is overrun in silence without the twin: the neighbour in the heap is overwritten', async () => {
    const { product } = await fixture('sound');
    const memory = newMemory();
    const { kernels } = onWorkerStack(product.wasm, memory);
    expect(kernels['use_stack']?.(0, 1, 0, WORKER_STACK_BYTES / FRAME + 100)).toBe(0);
    expect(deepestWrite(memory)).toBeGreaterThan(WORKER_STACK_BYTES);
  });
});

describe("the calling thread's stack", () => {
  it('lies at the bottom of memory, so that its overrun traps by itself', async () => {
    const { product } = await fixture('sound');
    const { kernels, stackPointer } = start(product.wasm, newMemory());
    expect(stackPointer.value).toBe(layout.stackBytes);
    expect(() => kernels['use_stack']?.(0, 1, 0, layout.stackBytes / FRAME + 1)).toThrow(WebAssembly.RuntimeError);
  });
});
