/**
 * The rules of a kernel module, as checks of what was product. ARCHITECTURE.md says why each of them must hold for one
 * binary to serve many threads and many families in one memory; here each is one function, and the build fails when
 * one of them is broken.
 *
 *   no-mutable-static   nothing of ours in .bss, no mutable global: threads share the former and not the latter
 *   no-writable-data    nothing of ours in .data: every thread that instantiates the module writes its segments anew
 *   no-allocation       no export reaches the allocator, whose state would be shared without locks
 *   no-memory-grow      no function grows memory: only TypeScript may, because it must renew its views
 *   data-addresses      all data of a module lies in its family's slot of crates/memory-layout.json
 *   boundary            the memory comes in, kernels over numbers and the stack pointer go out, one byte shares it
 *
 * Two rules show only when kernels run, so tests hold them: that no data is written to, and that no stack is overrun
 * (stack-check.js). Every check has a fixture in crates/entmax-fixtures or in ts/test/kernels that breaks it alone.
 */

import { boundary } from './boundary.js';
import { pathTo, readFacts } from './facts.js';
import { readLinkerMap } from './linker-map.js';
import { layout } from './module.js';

/**
 * @typedef {import('./facts.js').Facts} Facts
 * @typedef {import('./linker-map.js').DataSection} DataSection
 * @typedef {import('./store.js').CheckedFiles} CheckedFiles
 * @typedef {import('./module.js').ModuleSpecification} ModuleSpecification
 * @typedef {{ stackBytes: number, slotBytes: number, heapBase: number, maximumBytes: number, families: Record<string, number> }} Layout
 *
 * @typedef {object} Violation
 * @property {string} rule as in the table above
 * @property {string} module its name
 * @property {string} symbol what breaks the rule: a static, a function, a section, an export
 * @property {string} message one sentence with all of these
 */

/**
 * The broken rules of one module; none in a module that may be published.
 *
 * @param {CheckedFiles} product
 * @param {ModuleSpecification} specification
 * @returns {Violation[]}
 */
export function checkModule(product, specification) {
  const sections = readLinkerMap(product.linkerMap);
  const facts = readFacts(product.wasm);
  const named = readFacts(product.named, { withoutGlue: true });
  const found = [
    ...mutableStatics(sections, facts),
    ...writableData(sections),
    ...allocations(named),
    ...growths(facts, named),
    ...misplacedData(sections, facts, specification),
    ...boundary(facts, product.wasm),
  ];
  return found.map(({ rule, symbol, text }) => violation(rule, specification.name, symbol, text));
}

/**
 * The broken rules between families that share one memory. The levels of one family may overlap: a program loads one.
 *
 * @param {{ product: CheckedFiles, specification: ModuleSpecification }[]} modules
 * @param {Layout} table the places of the slots
 * @returns {Violation[]}
 */
export function checkFamilies(modules, table = layout) {
  const slots = Object.entries(table.families).map(([name, start]) => ({
    name,
    family: name,
    start,
    end: start + table.slotBytes,
  }));
  const stack = { name: 'the stack', family: 'the stack', start: 0, end: table.stackBytes };
  const heap = { name: 'the heap', family: 'the heap', start: table.heapBase, end: table.maximumBytes };
  const data = modules.map(({ product, specification }) => ({
    name: specification.name,
    family: familyOf(specification),
    ...extent(readLinkerMap(product.linkerMap)),
  }));
  return [...overlaps([stack, ...slots, heap]), ...overlaps(data)].map(([a, b]) => {
    const place = `[${a.start}, ${a.end}) overlaps ${b.name} at [${b.start}, ${b.end})`;
    return violation('data-addresses', a.name, b.name, `its data at ${place}`);
  });
}

/**
 * Throws one error that lists all violations, if there are any.
 *
 * @param {Violation[]} violations
 */
export function refuse(violations) {
  if (violations.length > 0) throw new Error(violations.map(({ message }) => message).join('\n'));
}

/** @typedef {{ rule: string, symbol: string, text: string }} Finding */

const WASM_BINDGENS = [
  /^__abort_handler$/,
  /^__instance_terminated$/,
  /^_ZN12wasm_bindgen9externref9HEAP_SLAB17h[0-9a-f]{16}E/,
];

/**
 * Statics in a section, other than the three that wasm-bindgen leaves in every module and no kernel touches.
 *
 * @param {DataSection[]} sections
 * @param {(name: string) => boolean} inSection
 */
function staticsOfOurs(sections, inSection) {
  const statics = sections.filter(({ name }) => inSection(name)).flatMap((section) => section.statics);
  return statics.flatMap(({ names }) => names).filter((name) => !WASM_BINDGENS.some((known) => known.test(name)));
}

/**
 * @param {DataSection[]} sections
 * @param {Facts} facts
 * @returns {Finding[]}
 */
function mutableStatics(sections, { mutableGlobals }) {
  const rule = 'no-mutable-static';
  const statics = staticsOfOurs(sections, (name) => name === '.bss');
  return [
    ...statics.map((symbol) => ({ rule, symbol, text: `the static ${symbol} begins as zeros and may be written to` })),
    ...mutableGlobals.map((symbol) => ({ rule, symbol, text: `the global ${symbol} is mutable` })),
  ];
}

/**
 * @param {DataSection[]} sections
 * @returns {Finding[]}
 */
function writableData(sections) {
  const statics = staticsOfOurs(sections, (name) => name !== '.bss' && name !== '.rodata');
  return statics.map((symbol) => ({
    rule: 'no-writable-data',
    symbol,
    text: `the static ${symbol} lies in writable data`,
  }));
}

const ALLOCATOR =
  /(^|[^\w])alloc(\[[0-9a-f]+\])?::|__rust_(no_)?(re|de)?alloc|__r(dl|g)_|GlobalAlloc|no_allocator|__wbindgen_(malloc|realloc|free)|_ZN5alloc|dlmalloc/;

/**
 * By the names of what the exports reach. With a module that has lost its names this would find nothing, so that is
 * refused too.
 *
 * @param {Facts} named
 * @returns {Finding[]}
 */
function allocations(named) {
  const rule = 'no-allocation';
  const names = [...named.functions.keys()];
  const nameless = names.find((name) => /^\d+$/.test(name));
  if (nameless !== undefined)
    return [{ rule, symbol: nameless, text: `the function ${nameless} has no name to judge it by` }];
  // The first function of the allocator on each way says enough; what it calls in turn is the same offence.
  const callers = [...named.functions].filter(([name]) => !ALLOCATOR.test(name)).flatMap(([, { calls }]) => calls);
  const entries = names.filter(
    (name) => ALLOCATOR.test(name) && (callers.includes(name) || named.functions.get(name)?.exportedAs),
  );
  return entries.map((symbol) => ({ rule, symbol, text: `an export reaches the allocator: ${pathTo(named, symbol)}` }));
}

/**
 * @param {Facts} facts
 * @param {Facts} named
 * @returns {Finding[]}
 */
function growths(facts, named) {
  // The module with names tells the name; what is published decides.
  const growing = [named, facts].map(({ functions }) => [...functions].filter(([, { growsMemory }]) => growsMemory));
  return (growing.find((list) => list.length > 0) ?? []).map(([name, { exportedAs }]) => {
    const symbol = exportedAs ?? name;
    return { rule: 'no-memory-grow', symbol, text: `the function ${symbol} contains memory.grow` };
  });
}

/**
 * @param {DataSection[]} sections
 * @param {Facts} facts
 * @param {ModuleSpecification} specification
 * @returns {Finding[]}
 */
function misplacedData(sections, { segments }, specification) {
  const rule = 'data-addresses';
  const family = familyOf(specification);
  const address = layout.families[family];
  if (address === undefined) return [{ rule, symbol: family, text: `the memory layout has no slot for ${family}` }];
  const slot = { address, size: layout.slotBytes };
  const outside = sections.filter((section) => section.size > 0 && !isInside(section, slot));
  const strangers = segments.filter((segment) => !sections.some((section) => isInside(segment, section)));
  return [
    ...outside.map((section) => {
      const text = `${section.name} at ${range(section)} is not inside ${range(slot)}, the slot of the family ${family}`;
      return { rule, symbol: section.name, text };
    }),
    ...strangers.map(({ address: at = 'no address', size }) => {
      const text = `a segment of ${size} bytes at ${at} is in no section of the linker map`;
      return { rule, symbol: `segment at ${at}`, text };
    }),
  ];
}

/**
 * @param {{ address: number | undefined, size: number }} inner
 * @param {{ address: number, size: number }} outer
 */
function isInside(inner, outer) {
  const { address = -1 } = inner; // a passive segment is placed by code, wherever it likes
  return outer.address <= address && address + inner.size <= outer.address + outer.size;
}

/** @param {{ address: number, size: number }} place */
function range({ address, size }) {
  return `[${address}, ${address + size})`;
}

/** @param {ModuleSpecification} specification */
function familyOf({ crate, feature }) {
  return crate === 'entmax-fixtures' ? 'fixtures' : feature;
}

/** @param {DataSection[]} sections */
function extent(sections) {
  const filled = sections.filter(({ size }) => size > 0);
  return {
    start: Math.min(...filled.map(({ address }) => address)),
    end: Math.max(...filled.map(({ address, size }) => address + size)),
  };
}

/**
 * @template {{ family: string, start: number, end: number }} T
 * @param {T[]} ranges
 * @returns {[T, T][]}
 */
function overlaps(ranges) {
  return ranges.flatMap((a, i) =>
    ranges
      .slice(i + 1)
      .filter((b) => a.family !== b.family && a.start < b.end && b.start < a.end)
      .map((b) => /** @type {[T, T]} */ ([a, b])),
  );
}

/**
 * @param {string} rule
 * @param {string} module
 * @param {string} symbol
 * @param {string} text
 * @returns {Violation}
 */
function violation(rule, module, symbol, text) {
  return { rule, module, symbol, message: `${module}: ${rule}: ${text}` };
}
