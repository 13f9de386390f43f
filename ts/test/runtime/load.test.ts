import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import relaxedText from '../../../build/kernels/maps.relaxed-fma.inline.js';
import simd128Text from '../../../build/kernels/maps.simd128.inline.js';
import { encodeInline } from '../../../scripts/kernels/inline-text.js';
import { decodeInline } from '../../src/runtime/inline-text.ts';
import { instantiate, withSharedMemory } from '../../src/runtime/load.ts';
import { relaxedSimdWorks } from '../../src/runtime/probe.ts';
import { soundBytes } from './fixture-jobs.ts';
import { expectSameBits } from './same-bits.ts';

const fileOf = (path: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../build/${path}`, import.meta.url)));
const simd128 = fileOf('kernels/maps.simd128.wasm');
const relaxed = fileOf('kernels/maps.relaxed-fma.wasm');

/** A module of the given sections, each `[id, ...content]`. */
function moduleOf(...sections: number[][]): Uint8Array {
  const body = sections.flatMap(([id = 0, ...content]) => [id, content.length, ...content]);
  return Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...body]);
}

const CUSTOM = [0, 1, 0x61, 9, 9];
const TYPES = [1, 1, 0x60, 0, 0];
const NAME = [1, 0x61, 1, 0x62];

describe('the inlined text', () => {
  test('decodes to the bytes of the file', () => {
    expectSameBits(decodeInline(simd128Text), simd128);
    expectSameBits(decodeInline(relaxedText), relaxed);
  });

  test('decodes every byte value, and nothing', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(decodeInline(encodeInline(bytes))).toEqual(bytes);
    expect(decodeInline(encodeInline(new Uint8Array(0)))).toEqual(new Uint8Array(0));
  });

  test('needs no escaping in any quotation of JavaScript or HTML', () => {
    expect(simd128Text).toMatch(/^[ !#%&()*+,\-./0-9:;=>?@A-Z[\]^_a-z{|}~]+$/);
  });
});

describe('the flip to shared memory', () => {
  test.each([
    ['maps.simd128', simd128],
    ['maps.relaxed-fma', relaxed],
    ['the fixture', soundBytes],
  ])('changes one byte of %s, from unshared to shared with a maximum', (_, bytes) => {
    const before = bytes.slice();
    const flipped = withSharedMemory(bytes);
    expectSameBits(bytes, before);
    const changed = [...flipped.keys()].filter((at) => flipped[at] !== bytes[at]);
    expect(changed).toHaveLength(1);
    expect([bytes[changed[0] ?? -1], flipped[changed[0] ?? -1]]).toEqual([1, 3]);
  });

  test('makes a module that takes shared memory and no other', () => {
    const descriptor = { initial: 64, maximum: 32768 };
    const shared = new WebAssembly.Memory({ ...descriptor, shared: true });
    const unshared = new WebAssembly.Memory(descriptor);
    const plain = new WebAssembly.Module(new Uint8Array(simd128));
    const flipped = new WebAssembly.Module(withSharedMemory(simd128));
    expect(instantiate(flipped, shared).kernels['row_map_f32']).toBeTypeOf('function');
    expect(instantiate(plain, unshared).kernels['row_map_f32']).toBeTypeOf('function');
    expect(() => instantiate(flipped, unshared)).toThrow(WebAssembly.LinkError);
    expect(() => instantiate(plain, shared)).toThrow(WebAssembly.LinkError);
  });

  test('finds the import behind other sections, and with long numbers', () => {
    const bytes = moduleOf(CUSTOM, TYPES, CUSTOM, [2, 1, ...NAME, 2, 1, 0, 0x80, 0x80, 2]);
    const flag = bytes.length - 5;
    expect(bytes[flag]).toBe(1);
    expect(withSharedMemory(bytes)[flag]).toBe(3);
    const longCount = moduleOf([2, 0x81, 0x80, 0, ...NAME, 2, 1, 0, 1]);
    expect(withSharedMemory(longCount)[longCount.length - 3]).toBe(3);
  });

  test.each([
    ['text', new TextEncoder().encode('<!doctype html><title>404</title>')],
    ['nothing', new Uint8Array(0)],
    ['a module without imports', moduleOf(TYPES)],
    ['a module with an empty import section', moduleOf(TYPES, [2, 0])],
    ['a module that ends inside its imports', moduleOf([2, 1, ...NAME, 2]).subarray(0, 14)],
    ['a module that imports a function first', moduleOf(TYPES, [2, 1, ...NAME, 0, 0])],
    ['a module whose memory is its own', moduleOf([5, 1, 1, 1, 2])],
  ])('refuses %s', (_, bytes) => {
    expect(() => withSharedMemory(bytes)).toThrow(
      /^kernel module: expected a WebAssembly module with an imported memory/,
    );
  });

  test.each([
    ['without a maximum', [0, 1]],
    ['that is shared already', [3, 1, 2]],
    ['with 64-bit addresses', [5, 1, 2]],
  ])('refuses a memory %s', (_, limits) => {
    expect(() => withSharedMemory(moduleOf([2, 1, ...NAME, 2, ...limits]))).toThrow(/got flag/);
  });
});

test('a module that imports anything but memory is refused', () => {
  const module = new WebAssembly.Module(new Uint8Array(moduleOf(TYPES, [2, 1, ...NAME, 0, 0])));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  expect(() => instantiate(module, memory)).toThrow(/import a memory only, got a\.b/);
});

test('the probe for relaxed SIMD agrees with the relaxed module', () => {
  expect(relaxedSimdWorks()).toBe(WebAssembly.validate(new Uint8Array(relaxed)));
});
