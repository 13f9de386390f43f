/**
 * What may cross the boundary of a kernel module: the memory comes in; kernels over numbers and the stack pointer go
 * out. Nothing else could be given to several threads alike, and nothing else needs generated glue. And the one byte
 * that the runtime flips to share the memory is where it is expected, and leaves a valid module.
 */

import { isValid } from './facts.js';
import { layout } from './module.js';

const PAGE_BYTES = 65536;
const NUMBERS = ['i32', 'f32', 'f64'];

/**
 * @param {import('./facts.js').Facts} facts
 * @param {Uint8Array} wasm
 * @returns {{ rule: string, symbol: string, text: string }[]}
 */
export function boundary({ imports, exports, memory, hasStart }, wasm) {
  /** @type {[symbol: string, text: string][]} */
  const found = imports.filter((name) => !name.startsWith('memory ')).map((name) => [name, `it imports the ${name}`]);
  for (const { name, kind, types, mutable } of exports) {
    const isStackPointer = name === '__stack_pointer' && kind === 'global' && mutable;
    const isKernel = kind === 'function' && types.every((type) => NUMBERS.includes(type));
    if (!isStackPointer && !isKernel)
      found.push([name, `it exports the ${kind} ${name} (${types.join(', ')}), no kernel over numbers`]);
  }
  if (!exports.some(({ name }) => name === '__stack_pointer'))
    found.push(['__stack_pointer', 'it does not export __stack_pointer']);
  if (hasStart) found.push(['start', 'it runs code when it is instantiated (start)']);
  const expected = { initial: layout.heapBase / PAGE_BYTES, max: layout.maximumBytes / PAGE_BYTES };
  if (!memory || imports.length === 0) found.push(['memory', 'it imports no memory']);
  else if (memory.max !== expected.max || memory.initial > expected.initial) {
    found.push([
      'memory',
      `it asks for a memory of ${memory.initial} to ${memory.max} pages, not of at most ${expected.initial} to ${expected.max}`,
    ]);
  } else found.push(...flip(wasm));
  return found.map(([symbol, text]) => ({ rule: 'boundary', symbol, text }));
}

const UNSHARED_WITH_MAXIMUM = 0x01;
const SHARED_WITH_MAXIMUM = 0x03;
const MEMORY_IMPORT = Buffer.from('\x0e./module_bg.js\x06memory\x02', 'latin1');

/**
 * That the limits byte behind the import of the memory says "unshared", and that the module is valid with "shared".
 *
 * @param {Uint8Array} wasm
 * @returns {[symbol: string, text: string][]}
 */
function flip(wasm) {
  const shared = Buffer.from(wasm);
  const flag = shared.indexOf(MEMORY_IMPORT) + MEMORY_IMPORT.length;
  if (flag < MEMORY_IMPORT.length)
    return [['memory', 'it imports its memory under another name than ./module_bg.js memory']];
  if (shared[flag] !== UNSHARED_WITH_MAXIMUM)
    return [['memory', `the limits flag of its memory is ${shared[flag]}, not 1 (unshared)`]];
  shared[flag] = SHARED_WITH_MAXIMUM;
  return isValid(shared) ? [] : [['memory', 'it is not valid with a shared memory']];
}
