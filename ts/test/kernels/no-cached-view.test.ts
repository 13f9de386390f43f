/** The ESLint rule that holds "no view of linear memory is kept across growth", on code that keeps it and code that does not. */

import { RuleTester } from 'eslint';
import { parser } from 'typescript-eslint';
import { describe, it } from 'vitest';
import rule from '../../../scripts/lint/no-cached-view.js';

RuleTester.describe = describe;
RuleTester.it = it;

const options = [{ growing: ['runJob'], views: ['readFloats'] }];
const tester = new RuleTester({ languageOptions: { parser } });

const accepted = {
  'a view that is used where it is asked for': 'memory.f32(a, n).set(x);',
  'a view in a local that dies before memory may grow': `
    function f(a: number) { const x = memory.f32(a, 4); x[0] = 1; memory.allocate(64, 'f'); }`,
  'a view that is asked for again after growth': `
    function f() { let x = memory.f32(a, 4); x.fill(0); const b = memory.allocate(64, 'f'); x = memory.f32(b, 4); x.fill(1); }`,
  'growth on a path that never comes back to the view': `
    function f() { const x = memory.f32(a, 4); if (big) { memory.allocate(64, 'f'); return 0; } return x[0]; }`,
  'a view taken anew in each round of a loop': `
    async function f() { for (const a of list) { const x = memory.u8(a, 4); x.fill(0); await pause(); } }`,
  'a copy that is kept': 'class A { y = memory.f32(a, 4).slice(); z = new Float32Array(memory.f32(a, 4)); }',
  'numbers read from a view': 'async function f() { const [x, y] = memory.f32(a, 2); await pause(); return x + y; }',
  'a callback that runs at once':
    'function f() { const x = memory.f64(a, 4); rows.forEach((row) => { x[row] = 0; }); }',
  'an accessor that hands its view out': 'class T { view() { return memory().i32(this.address, 4); } }',
  'a function that is known to hand out views': 'function readFloats(a) { return memory().f32(a, 4); }',
  'the size of the buffer': 'const size = memory.buffer.byteLength + memory.wasm.buffer.byteLength;',
  'buffers of other things': 'const bytes = new Uint8Array(data.buffer, data.byteOffset);',
};

const rejected: Record<string, [code: string, messageId: string]> = {
  'a typed array over the buffer of a memory': ['const x = new Float32Array(memory.buffer, a, n);', 'buffer'],
  'a DataView over the buffer inside the wrapper': [
    'function f() { return new DataView(this.#memory.wasm.buffer); }',
    'buffer',
  ],
  'the buffer taken out of the wrapper': ['const { buffer } = memory.wasm;', 'buffer'],
  'the buffer of a memory, handed to a function': ['gate(memory().wasm.buffer);', 'buffer'],
  'a view in a field': ['class A { start() { this.words = memory.i32(a, 4); } }', 'field'],
  'a view in a private field': ['class A { start() { this.#words = this.#memory.i32(a, 4).subarray(1); } }', 'field'],
  'a view as the initial value of a field': ['class A { #words = memory.i32(a, 4); }', 'field'],
  'a view inside an object': ['const f = () => ({ values: data.view(), shape });', 'object'],
  'a view inside an array': ["const f = () => ['words', memory.i32(a, 4)];", 'object'],
  'a view handed to the constructor of what may keep it': [
    'function f() { gate = new Gate(memory.i32(a, 4)); }',
    'object',
  ],
  'the buffer of a view': ['function f() { const x = memory.i32(a, 4); return new DataView(x.buffer); }', 'buffer'],
  'a function that hands out a view without being known for it': ['const words = () => memory.i32(a, 4);', 'handsOut'],
  'a generator that hands out a view': ['function* words() { yield memory.i32(a, 4); }', 'handsOut'],
  'a view inside an object in a field': ['class A { start() { this.job = { words: memory.i32(a, 4) }; } }', 'object'],
  'a view in a variable of the module': ['export const words = memory.i32(a, 4);', 'module'],
  'a view in a variable of the module, given later': [
    'let words; function f() { words = memory.i32(a, 4)!; }',
    'module',
  ],
  'a view in a function that runs later': [
    'function f() { const x = memory.f32(a, 4); return () => x[0]; }',
    'closure',
  ],
  'a view in a callback of a timer': [
    'function f() { const x = memory.f32(a, 4); setTimeout(() => { x.fill(0); }); }',
    'closure',
  ],
  'a view given to a variable of the function around': [
    'function f() { let x; return () => { x = memory.f32(a, 4); }; }',
    'closure',
  ],
  'a local after allocate': [
    "function f() { const x = memory.f32(a, 4); memory.allocate(64, 'f'); return x[0]; }",
    'stale',
  ],
  'a local after zeros': ['function f() { const x = memory.f32(a, 4); const y = zeros([4]); return x[0]; }', 'stale'],
  'a local after tensor': ['function f() { const x = memory.f32(a, 4); entmax.tensor([4]); x[0] = 1; }', 'stale'],
  'a local after await': ['async function f() { const x = memory.f32(a, 4); await pause(); x.fill(0); }', 'stale'],
  'a local after yield': ['function* f() { const x = memory.f32(a, 4); yield 1; x.fill(0); }', 'stale'],
  'a local after growth on one of two paths': [
    'function f() { const x = memory.f32(a, 4); if (big) zeros([4]); return x[0]; }',
    'stale',
  ],
  'a local in the next round of a loop': [
    "function f() { const x = memory.f32(a, 4); for (const i of list) { x[i] = 0; memory.allocate(64, 'f'); } }",
    'stale',
  ],
  'a view of a view': [
    'async function f() { const x = memory.f32(a, 4); const y = x.subarray(1); await pause(); y[0] = 1; }',
    'stale',
  ],
  'a view that waits for its argument': ['async function f() { memory.f32(a, 4).set(await load()); }', 'stale'],
  'an element that waits for its value': ['async function f() { memory.f32(a, 4)[0] = await load(); }', 'stale'],
  'a view handed to a function that may grow': ['const t = tensor(memory.f32(a, 4), [4]);', 'stale'],
  'a view beside an allocation in one call': ["copy(memory.f32(a, 4), memory.allocate(16, 'f'));", 'stale'],
  'a view during a loop that waits': [
    'async function f() { for (const x of memory.f32(a, 4)) await use(x); }',
    'stale',
  ],
  'growth inside a callback that runs at once': [
    "function f() { const x = memory.f32(a, 4); rows.forEach(() => memory.allocate(64, 'f')); return x[0]; }",
    'stale',
  ],
  'a view of a tensor': ['function f() { const x = t.view(); tensor(y); return x[0]; }', 'stale'],
  'a view from a function that hands it out': [
    'function f() { const x = readFloats(a); tensor(y); return x[0]; }',
    'stale',
  ],
  'a function of the same file that allocates': [
    'class S { constructor() { allocate(4); } } const make = () => new S(); function f(t) { const x = t.view(); make(); x.fill(0); }',
    'stale',
  ],
  'a function that the configuration names': [
    'function f() { const x = memory.f32(a, 4); runJob(job); return x[0]; }',
    'stale',
  ],
};

tester.run('no-cached-view', rule, {
  valid: [
    ...Object.entries(accepted).map(([name, code]) => ({ name: `accepts ${name}`, code, options })),
    {
      name: 'accepts everything in the file that owns the memory',
      filename: 'ts/src/runtime/memory.ts',
      code: 'class LinearMemory { #f32 = new Float32Array(this.memory.buffer); }',
    },
  ],
  invalid: Object.entries(rejected).map(([name, [code, messageId]]) => ({
    name: `rejects ${name}`,
    code,
    options,
    errors: [{ messageId }],
  })),
});
