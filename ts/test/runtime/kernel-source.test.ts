/** Kernels that the user hosts: every test has a package of its own, because kernels are chosen before first use. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type * as entmaxModule from '../../src/index.ts';
import { withSharedMemory } from '../../src/runtime/load.ts';
import { rejectionOf } from './errors.ts';
import { soundBytes } from './fixture-jobs.ts';

const url = new URL('../../../build/kernels/maps.simd128.wasm', import.meta.url);
const bytes = new Uint8Array(readFileSync(url));

let entmax: typeof entmaxModule;

beforeEach(async () => {
  vi.resetModules();
  entmax = await import('../../src/index.ts');
  return () => entmax.shutdown();
});

function works(): void {
  const p = entmax.sparsemax(Float32Array.of(1, 2, 2.5, -1));
  expect([...p]).toEqual([0, 0.25, 0.75, 0]);
}

describe('init({ wasm: { maps } }) takes', () => {
  const padded = new Uint8Array(bytes.length + 10);
  padded.set(bytes, 5);
  const onSharedBuffer = new Uint8Array(new SharedArrayBuffer(bytes.length));
  onSharedBuffer.set(bytes);

  test.each<[string, object | string]>([
    ['an ArrayBuffer', bytes.slice().buffer],
    ['a Uint8Array', bytes],
    ['a part of a larger array', padded.subarray(5, 5 + bytes.length)],
    ['a DataView', new DataView(padded.buffer, 5, bytes.length)],
    ['bytes in shared memory', onSharedBuffer],
    ['a file: URL', url],
    ['a file: URL as text', url.href],
    ['a path', fileURLToPath(url)],
    ['a data: URL', `data:application/wasm;base64,${Buffer.from(bytes).toString('base64')}`],
    ['a Response', new Response(bytes)],
    ['a compiled module for shared memory', new WebAssembly.Module(withSharedMemory(bytes))],
  ])('%s', async (_, source) => {
    const info = await entmax.init({ threads: 2, wasm: { maps: source } });
    expect(info.threads).toBe(2);
    works();
  });
});

describe('init({ wasm: { maps } }) refuses, and leaves the package usable', () => {
  const html = '<!doctype html><title>Not found</title>';

  test.each<[string, object | string, RegExp]>([
    ['a page of HTML', new TextEncoder().encode(html), /got 39 other bytes \(HTML: .*optimizeDeps\.exclude/],
    ['an empty array', new Uint8Array(0), /a WebAssembly file for maps, got 0 other bytes/],
    ['a Response that failed', new Response('gone', { status: 404 }), /HTTP status 404/],
    ['a Response with HTML', new Response(html), /HTML/],
    ['a file that is not there', new URL('missing.wasm', url), /from file:.*missing\.wasm, got Error: ENOENT/],
    ['a truncated module', bytes.subarray(0, 5000), /kernel module/],
    ['a module without imported memory', bytes.subarray(0, 8), /kernel module/],
    ['a compiled module for unshared memory', new WebAssembly.Module(bytes), /imports shared memory/],
    ['the module of another family', soundBytes, /a module of the family maps with the kernel \w+/],
  ])('%s', async (_, source, message) => {
    const error = await rejectionOf('ENTMAX_INIT', entmax.init({ threads: 1, wasm: { maps: source } }));
    expect(error.message).toMatch(message);
    expect(error.op).toBe('init');
    await entmax.init({ threads: 1, wasm: { maps: bytes } });
    works();
  });

  test.each<[string, object | string]>([
    ['a number', 5 as unknown as object],
    ['a plain object', { url: 'maps.wasm' }],
    ['null', null as unknown as object],
  ])('%s', async (_, source) => {
    const error = await rejectionOf('ENTMAX_OPTION', entmax.init({ wasm: { maps: source } }));
    expect(error.message).toMatch(/wasm\.maps to be bytes, a URL, a Response or a WebAssembly\.Module/);
    works();
  });

  test('a family that is not imported', async () => {
    const error = await rejectionOf('ENTMAX_OPTION', entmax.init({ wasm: { attention: bytes } }));
    expect(error.message).toMatch(/wasm for the imported families maps, got "attention"/);
  });
});

describe('too late', () => {
  test('are other kernels after the first call', async () => {
    works();
    const error = await rejectionOf('ENTMAX_INIT', entmax.init({ wasm: { maps: bytes } }));
    expect(error.message).toMatch(/wasm for maps before its first use/);
    works();
  });

  test('is another memory limit after the first call, or after the first tensor', async () => {
    entmax.zeros([3]).dispose();
    await rejectionOf('ENTMAX_INIT', entmax.init({ maxMemory: 64 << 20 }));
    works();
  });

  test('is a second, different memory limit; the same one may be said again', async () => {
    await entmax.init({ maxMemory: 64 << 20, threads: 1 });
    expect((await entmax.init({ maxMemory: 64 << 20, threads: 1 })).memory.capacity).toBe(63 << 20);
    await rejectionOf('ENTMAX_INIT', entmax.init({ maxMemory: 128 << 20 }));
  });

  test('is relaxed-fma after the first call, where the host has it; else it is refused at once', async () => {
    works();
    await rejectionOf('ENTMAX_INIT', entmax.init({ simd: 'relaxed-fma' }));
    works();
    expect((await entmax.init({ threads: 1, simd: 'simd128' })).simd).toBe('simd128');
  });
});

test('options that do not exist or cannot be are named', async () => {
  const refused = async (options: object): Promise<string> =>
    (await rejectionOf('ENTMAX_OPTION', entmax.init(options))).message;
  expect(await refused({ thread: 2 })).toMatch(/options among threads, simd, maxMemory, wasm, workerUrl, got "thread"/);
  expect(await refused({ threads: 0 })).toMatch(/threads to be 'auto' or an integer in \[1, 64\], got 0/);
  for (const threads of [1.5, -1, 65, NaN, '2', null]) expect(await refused({ threads })).toMatch(/threads/);
  for (const simd of ['avx2', 1, null]) expect(await refused({ simd })).toMatch(/simd among auto, simd128/);
  for (const maxMemory of [-1, 'much', {}]) expect(await refused({ maxMemory })).toMatch(/maxMemory/);
  expect(await refused(null as unknown as object)).toMatch(/an object of options, got null/);
  expect(entmax.runtimeInfo()).toMatchObject({ threads: 1, reason: 'init() was not called' });
});

test('a level of instructions is taken where the host has it, and named', async () => {
  const info = await entmax.init({ threads: 1 });
  const relaxed = WebAssembly.validate(readFileSync(new URL('maps.relaxed-fma.wasm', url)));
  expect(info.simd).toBe(relaxed ? 'relaxed-int' : 'simd128');
  works();
});
