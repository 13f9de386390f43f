import { afterEach, describe, expect, test, vi } from 'vitest';
import { HEAP_BASE, MAXIMUM_BYTES, PAGE_BYTES } from '../../src/runtime/layout.ts';
import { LinearMemory } from '../../src/runtime/memory.ts';
import { errorOf } from './errors.ts';

const MEBIBYTE = 1 << 20;

afterEach(() => vi.unstubAllGlobals());

describe.each([
  ['shared', true],
  ['unshared', false],
])('%s memory', (_, shared) => {
  test('hands out blocks above the data of all families', () => {
    const memory = new LinearMemory(shared);
    expect(memory.allocate(100, 'test')).toBe(HEAP_BASE);
    expect(memory.wasm.buffer instanceof ArrayBuffer).toBe(!shared);
  });

  test('grows when a request does not fit, and keeps what was written', () => {
    const memory = new LinearMemory(shared);
    const small = memory.allocate(64, 'test');
    memory.f64(small, 8).fill(0.25);
    const before = memory.wasm.buffer.byteLength;
    const large = memory.allocate(50 * MEBIBYTE, 'test');
    expect(memory.wasm.buffer.byteLength).toBeGreaterThan(before);
    expect(memory.f64(small, 8)).toEqual(new Float64Array(8).fill(0.25));
    expect(memory.f32(large, 12 * MEBIBYTE)).toHaveLength(12 * MEBIBYTE);
  });

  test('gives views of the grown memory from every accessor, whichever is asked first', () => {
    for (const first of ['f32', 'f64', 'i32', 'u8'] as const) {
      const memory = new LinearMemory(shared);
      memory.u8(HEAP_BASE, 1);
      const block = memory.allocate(20 * MEBIBYTE, 'test');
      for (const accessor of [first, 'f32', 'f64', 'i32', 'u8'] as const) {
        const view = memory[accessor](block, 100);
        expect(view.length, `${accessor} after ${first}`).toBe(100);
        expect(view.byteOffset).toBe(block);
        expect(view.buffer).toBe(memory.wasm.buffer);
      }
    }
  });

  test('grows by doubling, so that many small blocks grow it rarely', () => {
    const memory = new LinearMemory(shared);
    const grow = vi.spyOn(memory.wasm, 'grow');
    for (let i = 0; i < 1000; i++) memory.allocate(64 << 10, 'test');
    expect(grow.mock.calls.length).toBeLessThanOrEqual(5);
  });

  test('takes the exact need where doubling would pass the maximum', () => {
    const memory = new LinearMemory(shared, 12 * MEBIBYTE);
    const bytes = 12 * MEBIBYTE - HEAP_BASE;
    expect(memory.allocate(bytes, 'test')).toBe(HEAP_BASE);
    expect(memory.statistics).toMatchObject({ used: bytes, capacity: bytes, shared });
  });

  test('takes the exact need where the host refuses to double', () => {
    const memory = new LinearMemory(shared);
    const grow = memory.wasm.grow.bind(memory.wasm);
    vi.spyOn(memory.wasm, 'grow').mockImplementation((pages) => {
      if (pages > 20) throw new RangeError('the host refuses');
      return grow(pages);
    });
    memory.allocate(3 * MEBIBYTE, 'test');
    expect(memory.allocate(MEBIBYTE, 'test')).toBe(HEAP_BASE + 3 * MEBIBYTE);
  });

  test('refuses what passes the maximum, names the operation and stays as it was', () => {
    const memory = new LinearMemory(shared, 8 * MEBIBYTE);
    memory.allocate(MEBIBYTE, 'test');
    const before = memory.statistics;
    const error = errorOf('ENTMAX_MEMORY', () => memory.allocate(7 * MEBIBYTE, 'sparsemax'));
    expect(error.message).toMatch(
      /^sparsemax: expected 7340032 free bytes .*maxMemory.*, got 1048576 of 7340032 bytes/,
    );
    expect(memory.statistics).toEqual(before);
    expect(memory.wasm.buffer.byteLength).toBe(4 * MEBIBYTE);
    expect(memory.allocate(6 * MEBIBYTE, 'test')).toBe(HEAP_BASE + MEBIBYTE);
  });

  test('gives blocks back, and remembers the peak', () => {
    const memory = new LinearMemory(shared);
    const blocks = [1000, 2000, 3000].map((bytes) => memory.allocate(bytes, 'test'));
    const { used } = memory.statistics;
    for (const block of blocks) memory.free(block);
    expect(memory.statistics).toMatchObject({ used: 0, peak: used });
  });
});

test('a view taken before growth is void: of unshared memory it is empty, of shared memory it ends too early', () => {
  for (const shared of [false, true]) {
    const memory = new LinearMemory(shared);
    const block = memory.allocate(64, 'test');
    const old = memory.u8(block, 64);
    memory.allocate(20 * MEBIBYTE, 'test');
    expect(old.length).toBe(shared ? 64 : 0);
    expect(old.buffer).not.toBe(memory.u8(block, 64).buffer);
  }
});

/** Makes the host refuse memories with a maximum above `bytes`; returns the maxima that it was asked for. */
function refuseAbove(bytes: number): number[] {
  const asked: number[] = [];
  const Memory = WebAssembly.Memory;
  class Refusing extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      const maximum = (descriptor.maximum ?? Infinity) * PAGE_BYTES;
      asked.push(maximum);
      if (maximum > bytes) throw new RangeError('could not allocate memory');
      super(descriptor);
    }
  }
  vi.stubGlobal('WebAssembly', { ...allOf(WebAssembly), Memory: Refusing });
  return asked;
}

function allOf(namespace: typeof WebAssembly): object {
  return Object.fromEntries(Object.getOwnPropertyNames(namespace).map((name) => [name, Reflect.get(namespace, name)]));
}

describe('a host that reserves less than 2 GiB', () => {
  test('is asked for smaller and smaller maxima', () => {
    const asked = refuseAbove(300 * MEBIBYTE);
    const memory = new LinearMemory(true);
    expect(asked).toEqual([MAXIMUM_BYTES, 1024 * MEBIBYTE, 512 * MEBIBYTE, 256 * MEBIBYTE]);
    expect(memory.maximum).toBe(256 * MEBIBYTE);
    expect(memory.statistics.capacity).toBe(256 * MEBIBYTE - HEAP_BASE);
    errorOf('ENTMAX_MEMORY', () => memory.allocate(256 * MEBIBYTE, 'test'));
  });

  test('and refuses even 64 MiB gives an error in the end', () => {
    refuseAbove(MEBIBYTE);
    errorOf('ENTMAX_MEMORY', () => new LinearMemory(true));
  });

  test('gets no second try when the user has fixed the maximum', () => {
    const asked = refuseAbove(300 * MEBIBYTE);
    const error = errorOf('ENTMAX_MEMORY', () => new LinearMemory(true, 1024 * MEBIBYTE));
    expect(error.op).toBe('init');
    expect(asked).toEqual([1024 * MEBIBYTE]);
  });
});

test('a maximum that is not a whole number of pages is rounded up', () => {
  expect(new LinearMemory(false, 5 * MEBIBYTE + 1).maximum).toBe(5 * MEBIBYTE + PAGE_BYTES);
});
