import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ALIGNMENT, Allocator, blockBytes } from '../../src/runtime/allocator.ts';

const BASE = 1 << 20;
const SIZE = 1 << 16;

function newAllocator(size = SIZE): Allocator {
  return new Allocator(BASE, BASE + size);
}

describe('one block', () => {
  test('begins at a cache line and takes whole cache lines', () => {
    const allocator = newAllocator();
    expect(allocator.allocate(1)).toBe(BASE);
    expect(allocator.allocate(65)).toBe(BASE + 64);
    expect(allocator.allocate(64)).toBe(BASE + 192);
    expect(allocator.used).toBe(256);
  });

  test('of no bytes has an address of its own', () => {
    const allocator = newAllocator();
    expect(allocator.allocate(0)).not.toBe(allocator.allocate(0));
  });

  test('may take the whole heap, and one byte more is refused', () => {
    const allocator = newAllocator();
    expect(allocator.allocate(SIZE + 1)).toBeUndefined();
    expect(allocator.used).toBe(0);
    expect(allocator.allocate(SIZE)).toBe(BASE);
    expect(allocator.allocate(0)).toBeUndefined();
  });

  test('of nearly 2 GiB is found again', () => {
    const allocator = newAllocator(0x7ff0_0000);
    expect(allocator.allocate(0x7ff0_0000 - 64)).toBe(BASE);
    allocator.free(BASE);
    expect(allocator.allocate(0x7ff0_0000)).toBe(BASE);
  });

  test('freed twice, or never handed out, is an error', () => {
    const allocator = newAllocator();
    const block = allocator.allocate(64) ?? 0;
    allocator.free(block);
    expect(() => allocator.free(block)).toThrow(/not live/);
    expect(() => allocator.free(BASE + 64)).toThrow(/not live/);
  });
});

const MEBIBYTE = 1 << 20;

describe('the choice of a block', () => {
  test('is the last one of just this size that was given back', () => {
    const allocator = newAllocator();
    const [first, , second] = [256, 64, 256, 64].map((bytes) => allocator.allocate(bytes) ?? 0);
    allocator.free(second ?? 0);
    allocator.free(first ?? 0);
    expect(allocator.allocate(200)).toBe(first);
    expect(allocator.allocate(200)).toBe(second);
  });

  test('is else the smallest that holds the request', () => {
    const allocator = newAllocator(64 * MEBIBYTE);
    const [large, , small] = [8, 1, 4, 1].map((size) => allocator.allocate(size * MEBIBYTE) ?? 0);
    allocator.free(large ?? 0);
    allocator.free(small ?? 0);
    expect(allocator.allocate(3 * MEBIBYTE)).toBe(small);
    expect(allocator.allocate(3 * MEBIBYTE)).toBe(large);
  });

  test('passes over blocks of the right class that are too small', () => {
    const allocator = newAllocator(64 * MEBIBYTE);
    // Blocks of 4 MiB and of 64 bytes more fall into one class; only the second holds the request.
    const more = 4 * MEBIBYTE + 64;
    const [first, , second] = [4 * MEBIBYTE, 64, more, 64].map((bytes) => allocator.allocate(bytes) ?? 0);
    allocator.free(first ?? 0);
    allocator.free(second ?? 0);
    expect(allocator.allocate(more)).toBe(second);
    expect(allocator.allocate(4 * MEBIBYTE)).toBe(first);
  });

  test('falls on recent blocks of other sizes before it is refused', () => {
    const allocator = newAllocator(4096);
    const blocks = Array.from({ length: 64 }, () => allocator.allocate(64) ?? 0);
    for (const block of blocks) allocator.free(block);
    expect(allocator.allocate(2048)).toBe(BASE);
    expect(allocator.allocate(2048)).toBe(BASE + 2048);
    expect(allocator.allocate(64)).toBeUndefined();
  });

  test('keeps small blocks together when many were given back', () => {
    const allocator = newAllocator(64 * MEBIBYTE);
    const blocks = Array.from({ length: 200 }, () => allocator.allocate(100_000) ?? 0);
    for (const block of blocks) allocator.free(block);
    expect(allocator.allocate(8 * MEBIBYTE)).toBe(BASE);
  });

  test('is the same for the same history', () => {
    const run = (): (number | undefined)[] => {
      const allocator = newAllocator();
      const blocks = [100, 2000, 30, 500].map((bytes) => allocator.allocate(bytes));
      allocator.free(blocks[1] ?? 0);
      return [...blocks, allocator.allocate(700), allocator.allocate(700)];
    };
    expect(run()).toEqual(run());
  });
});

describe('free neighbours', () => {
  test.each([
    ['from the left', [0, 1, 2]],
    ['from the right', [2, 1, 0]],
    ['the middle last', [0, 2, 1]],
    ['the middle first', [1, 0, 2]],
  ])('melt together, freed %s', (_, order) => {
    const allocator = newAllocator(3 * 4096);
    const blocks = [0, 1, 2].map(() => allocator.allocate(4096) ?? 0);
    for (const index of order) allocator.free(blocks[index] ?? 0);
    expect(allocator.allocate(3 * 4096)).toBe(BASE);
  });
});

describe('growth', () => {
  test('appends to a free block at the end', () => {
    const allocator = newAllocator(4096);
    allocator.allocate(1024);
    expect(allocator.shortfall(8192)).toBe(8192 - 3072);
    allocator.extend(allocator.end + 8192 - 3072);
    expect(allocator.allocate(8192)).toBe(BASE + 1024);
    expect(allocator.used).toBe(allocator.end - BASE);
  });

  test('behind a live block asks for the whole request', () => {
    const allocator = newAllocator(4096);
    allocator.allocate(4096);
    expect(allocator.shortfall(100)).toBe(blockBytes(100));
  });

  test('to an end that is not further on changes nothing', () => {
    const allocator = newAllocator(4096);
    allocator.extend(BASE + 64);
    expect(allocator.end).toBe(BASE + 4096);
    expect(allocator.allocate(4096)).toBe(BASE);
    expect(allocator.allocate(64)).toBeUndefined();
  });
});

type Step = { allocate: number } | { free: number } | { extend: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ allocate: fc.oneof(fc.nat(300), fc.nat(20_000)) }) },
  { weight: 4, arbitrary: fc.record({ free: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ extend: fc.integer({ min: 1, max: 256 }).map((lines) => lines * ALIGNMENT) }) },
);

test('any history keeps blocks apart, aligned and counted, and gives everything back in the end', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const allocator = newAllocator();
      const live = new Map<number, number>();
      let peak = 0;
      for (const each of steps) {
        if ('extend' in each) {
          allocator.extend(allocator.end + each.extend);
        } else if ('free' in each) {
          const block = [...live.keys()][each.free % Math.max(1, live.size)];
          if (block === undefined) continue;
          allocator.free(block);
          live.delete(block);
        } else {
          const block = allocator.allocate(each.allocate);
          const size = blockBytes(each.allocate);
          if (block === undefined) {
            expect(largestGap(live, allocator.end)).toBeLessThan(size);
            continue;
          }
          expect(block % ALIGNMENT).toBe(0);
          expect(block).toBeGreaterThanOrEqual(BASE);
          expect(block + size).toBeLessThanOrEqual(allocator.end);
          for (const [start, length] of live) expect(block + size <= start || start + length <= block).toBe(true);
          live.set(block, size);
        }
        const used = [...live.values()].reduce((sum, size) => sum + size, 0);
        peak = Math.max(peak, used);
        expect(allocator.used).toBe(used);
        expect(allocator.peak).toBe(peak);
      }
      for (const block of live.keys()) allocator.free(block);
      expect(allocator.used).toBe(0);
      expect(allocator.allocate(allocator.end - BASE)).toBe(BASE);
    }),
    { numRuns: 300 },
  );
});

/** The longest run of bytes that no live block covers: the model's answer to whether a request could be served. */
function largestGap(live: ReadonlyMap<number, number>, end: number): number {
  let largest = 0;
  let at = BASE;
  for (const [start, size] of [...live].sort(([a], [b]) => a - b)) {
    largest = Math.max(largest, start - at);
    at = start + size;
  }
  return Math.max(largest, end - at);
}
