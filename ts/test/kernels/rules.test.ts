/** The static rules of a kernel module: the real modules keep them, and each fixture is refused for the rule it breaks. */

import binaryen from 'binaryen';
import { describe, expect, it } from 'vitest';
import layout from '../../../crates/memory-layout.json';
import { checkFamilies, checkModule, refuse } from '../../../scripts/kernels/check.js';
import { MODULES } from '../../../scripts/kernels/families.js';
import { readLinkerMap } from '../../../scripts/kernels/linker-map.js';
import { withSharedMemory } from '../../src/runtime/load.ts';
import { fixture, realModules, runnableModules } from './modules.ts';
import type { Module } from './modules.ts';

const real = await realModules();
const sound = await fixture('sound');

/** The module with its product changed by binaryen: every change below breaks one rule. */
function changed({ specification, product }: Module, change: (module: binaryen.Module) => void): Module {
  const module = binaryen.readBinary(product.wasm);
  module.setFeatures(binaryen.Features.All);
  change(module);
  const wasm = module.emitBinary();
  module.dispose();
  return { specification, product: { ...product, wasm } };
}

function violations({ product, specification }: Module): string[] {
  return checkModule(product, specification).map(({ rule, symbol }) => `${rule}: ${symbol}`);
}

describe('the rules of a kernel module', () => {
  it('are kept by the module of every family at every level', () => {
    expect(real.map(({ specification }) => specification.name).sort()).toEqual([...MODULES].sort());
    for (const module of real) expect(violations(module)).toEqual([]);
    expect(checkFamilies([...real, sound])).toEqual([]);
  });

  it('are kept by the fixture "sound"', () => {
    expect(violations(sound)).toEqual([]);
  });

  it.each([
    ['mutable-static', 'no-mutable-static', /mutable_static5CALLS/],
    ['writable-data', 'no-writable-data', /writable_data9LAST_ROWS/],
    ['allocation', 'no-allocation', /^alloc::raw_vec/],
    ['memory-grow', 'no-memory-grow', /^grow$/],
    ['overlapping', 'data-addresses', /^\.(rodata|data|bss)$/],
  ])('refuse the fixture "%s" for breaking %s alone, and name the symbol', async (name, rule, symbol) => {
    const { product, specification } = await fixture(name);
    const found = checkModule(product, specification);
    expect(found.length).toBeGreaterThan(0);
    for (const violation of found) {
      expect(violation).toMatchObject({ rule, module: name, symbol: expect.stringMatching(symbol) });
      expect(violation.message).toContain(rule);
      expect(violation.message).toContain(violation.symbol);
    }
  });

  it('say in the message which export reaches the allocator', async () => {
    const { product, specification } = await fixture('allocation');
    expect(() => refuse(checkModule(product, specification))).toThrow(
      /^allocation: no-allocation: an export reaches the allocator: scratch_from_the_heap > alloc::raw_vec/,
    );
  });

  it('refuse a mutable global beside the stack pointer', () => {
    const module = changed(sound, (it) => {
      it.addGlobal('counter', binaryen.i32, true, it.i32.const(0));
      it.addFunction('count', binaryen.none, binaryen.none, [], it.global.set('counter', it.i32.const(1)));
      it.addFunctionExport('count', 'count');
    });
    expect(violations(module)).toEqual([expect.stringMatching(/^no-mutable-static: /)]);
  });

  it('refuse to judge allocations by a module that has lost its names', () => {
    const product = { ...sound.product, named: sound.product.wasm };
    expect(violations({ ...sound, product })).toEqual(['no-allocation: 0']);
  });

  it('refuse to read a linker map of another form', () => {
    expect(() => readLinkerMap('VMA LMA Size Align Out In Symbol\n')).toThrow(/^linker map: expected the columns/);
    expect(() => readLinkerMap('Addr Off Size Out In Symbol\n')).toThrow('linker map: expected a part DATA, got none');
    const empty =
      '    Addr      Off     Size Out     In      Symbol\n       -       10       20 DATA\n   a0000       10       20 .bss\n';
    expect(() => readLinkerMap(empty)).toThrow('linker map: expected statics in .bss, found none');
  });
});

describe('the places of data', () => {
  it('refuse two families whose data overlap', async () => {
    const overlapping = await fixture('overlapping');
    const found = checkFamilies([...real, overlapping]);
    expect(found.map(({ rule, symbol }) => `${rule}: ${symbol}`)).toEqual(
      // It lies in the slot of the maps.
      real.filter(({ specification }) => specification.feature === 'maps').map(() => 'data-addresses: overlapping'),
    );
  });

  it('refuse a segment that the linker map does not know', () => {
    const base = layout.families.fixtures;
    const moved = (base + 4).toString(16);
    const first = new RegExp(`^ *${base.toString(16)} .*\\.rodata$`, 'm');
    const elsewhere = sound.product.linkerMap.replace(first, `   ${moved}       10       3c .rodata`);
    const found = violations({ ...sound, product: { ...sound.product, linkerMap: elsewhere } });
    expect(found).toEqual([`data-addresses: segment at ${base}`]);
  });

  it('refuse a family without a slot', () => {
    const specification = { ...sound.specification, crate: 'entmax-wasm', feature: 'unknown' };
    expect(violations({ ...sound, specification })).toEqual(['data-addresses: unknown']);
  });

  it.each([
    ['two slots that overlap', { families: { maps: 131072, attention: 196608 } }, 'maps', 'attention'],
    ['a slot on the stack', { families: { maps: 32768 } }, 'the stack', 'maps'],
    ['a slot in the heap', { families: { maps: 983040 } }, 'maps', 'the heap'],
  ])('refuse a table with %s', (_, change, module, symbol) => {
    const found = checkFamilies([], { ...layout, ...change });
    expect(found).toEqual([expect.objectContaining({ rule: 'data-addresses', module, symbol })]);
  });
});

describe('the boundary of a module', () => {
  const breaches: Record<string, [symbol: string, change: (module: binaryen.Module) => void]> = {
    'an imported function': [
      'function env.log',
      (it) => {
        it.addFunctionImport('log', 'env', 'log', binaryen.none, binaryen.none);
        it.addFunction('logs', binaryen.none, binaryen.none, [], it.call('log', [], binaryen.none));
        it.addFunctionExport('logs', 'logs');
      },
    ],
    'an exported memory': ['memory', (it) => it.addMemoryExport('mimport$0', 'memory')],
    'a kernel over 64-bit integers, which JavaScript sees as BigInt': [
      'wide',
      (it) => {
        it.addFunction('wide', binaryen.createType([binaryen.i64]), binaryen.none, [], it.nop());
        it.addFunctionExport('wide', 'wide');
      },
    ],
    'an exported constant': [
      'constant',
      (it) => {
        it.addGlobal('constant', binaryen.i32, false, it.i32.const(1));
        it.addGlobalExport('constant', 'constant');
      },
    ],
    'no stack pointer': ['__stack_pointer', (it) => it.removeExport('__stack_pointer')],
    'code that runs at the start': [
      'start',
      (it) => it.setStart(it.addFunction('begin', binaryen.none, binaryen.none, [], it.nop())),
    ],
  };

  it.each(Object.entries(breaches))('has no %s', (_, [symbol, change]) => {
    const module = changed(sound, change);
    expect(violations(module).filter((found) => !found.startsWith('no-mutable-static'))).toEqual([
      `boundary: ${symbol}`,
    ]);
  });

  it('declares its memory unshared in the file', () => {
    const product = { ...sound.product, wasm: withSharedMemory(sound.product.wasm) };
    const [found, ...others] = checkModule(product, sound.specification);
    expect(others).toEqual([]);
    expect(found).toMatchObject({
      rule: 'boundary',
      message: 'sound: boundary: the limits flag of its memory is 3, not 1 (unshared)',
    });
  });

  it('asks for the memory of the layout', () => {
    const small = changed(sound, (it) => it.setMemory(11, 4096, null, [], false, false, 'mimport$0'));
    expect(violations(small)).toContain('boundary: memory');
  });

  it('is valid with a shared memory once the runtime has flipped one byte', async () => {
    for (const { product } of [sound, ...(await runnableModules())])
      expect(WebAssembly.validate(withSharedMemory(product.wasm))).toBe(true);
  });
});
