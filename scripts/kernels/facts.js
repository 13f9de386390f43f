/**
 * What a kernel module says about itself, read with binaryen: what crosses its boundary, where its data lies, and
 * which functions its exports can reach.
 */

import binaryen from 'binaryen';
import { GLUE_EXPORTS } from './module.js';

/** Kinds of imports and exports, as the binary format numbers them (binaryen calls them external kinds). */
const KINDS = ['function', 'table', 'memory', 'global', 'tag'];

/**
 * @typedef {object} Facts
 * @property {string[]} imports as `kind module.name`
 * @property {{ name: string, kind: string, types: string[], mutable: boolean }[]} exports `types`: parameters and results
 * @property {string[]} mutableGlobals internal names of those that are not exported
 * @property {{ initial: number, max?: number, shared: boolean } | undefined} memory pages of the memory, as declared
 * @property {{ address: number | undefined, size: number }[]} segments `undefined`: not placed by the linker (passive)
 * @property {boolean} hasStart
 * @property {Map<string, FunctionFacts>} functions by internal name
 *
 * @typedef {object} FunctionFacts
 * @property {string[]} calls internal names of the functions that it calls
 * @property {boolean} growsMemory
 * @property {string | undefined} exportedAs
 */

/**
 * @param {Uint8Array} bytes
 * @param {{ withoutGlue?: boolean }} [options] `withoutGlue`: as far as the exports of ours reach, nothing else
 * @returns {Facts}
 */
export function readFacts(bytes, { withoutGlue = false } = {}) {
  const module = binaryen.readBinary(bytes);
  try {
    if (withoutGlue) {
      for (const name of GLUE_EXPORTS) if (module.getExport(name)) module.removeExport(name);
      module.runPasses(['remove-unused-module-elements']);
    }
    const exports = each(module.getNumExports(), (i) => binaryen.getExportInfo(module.getExportByIndex(i)));
    const functions = each(module.getNumFunctions(), (i) => binaryen.getFunctionInfo(module.getFunctionByIndex(i)));
    const globals = each(module.getNumGlobals(), (i) => binaryen.getGlobalInfo(module.getGlobalByIndex(i)));
    const tables = each(module.getNumTables(), (i) => binaryen.getTableInfo(module.getTableByIndex(i)));
    const memory = module.hasMemory() ? module.getMemoryInfo() : undefined;
    const memories = memory ? imported('memory', [memory]) : [];
    const exportedAs = new Map(
      exports.filter(({ kind }) => KINDS[kind] === 'function').map(({ name, value }) => [value, name]),
    );
    const exportedGlobals = new Set(exports.filter(({ kind }) => KINDS[kind] === 'global').map(({ value }) => value));
    return {
      imports: [
        ...imported('function', functions),
        ...imported('global', globals),
        ...imported('table', tables),
        ...memories,
      ],
      exports: exports.map(({ name, kind, value }) => {
        const signature = functions.find((candidate) => KINDS[kind] === 'function' && candidate.name === value);
        const global = globals.find((candidate) => KINDS[kind] === 'global' && candidate.name === value);
        const types = signature ? [signature.params, signature.results] : global ? [global.type] : [];
        return { name, kind: KINDS[kind] ?? '?', types: types.flatMap(typeNames), mutable: global?.mutable ?? false };
      }),
      mutableGlobals: globals
        .filter(({ name, mutable }) => mutable && !exportedGlobals.has(name))
        .map(({ name }) => name),
      memory,
      segments: each(module.getNumDataSegments(), (i) => {
        const { offset, data, passive } = module.getDataSegmentInfo(module.getDataSegmentByIndex(i));
        return { address: passive ? undefined : offset, size: data.byteLength };
      }),
      hasStart: module.getStart() !== 0,
      functions: new Map(
        functions.map(({ name, body }) => [name, { ...readBody(body), exportedAs: exportedAs.get(name) }]),
      ),
    };
  } finally {
    module.dispose();
  }
}

/**
 * The calls that lead from an export to the function `goal`, as `export > ... > goal`; only `goal` when a table does.
 *
 * @param {Facts} facts
 * @param {string} goal
 */
export function pathTo({ functions }, goal) {
  const paths = [...functions].filter(([, { exportedAs }]) => exportedAs).map(([name]) => [name]);
  const seen = new Set();
  for (const path of paths) {
    const last = path.at(-1) ?? '';
    if (last === goal) return path.map((name) => functions.get(name)?.exportedAs ?? name).join(' > ');
    if (seen.has(last)) continue;
    seen.add(last);
    for (const next of functions.get(last)?.calls ?? []) paths.push([...path, next]);
  }
  return goal;
}

/**
 * With every feature of WebAssembly that binaryen knows.
 *
 * @param {Uint8Array} bytes
 */
export function isValid(bytes) {
  const module = binaryen.readBinary(bytes);
  module.setFeatures(binaryen.Features.All);
  const valid = module.validate() === 1;
  module.dispose();
  return valid;
}

const CALL = /\((?:return_)?call \$(?:"((?:[^"\\]|\\.)*)"|([^\s()]+))/g;

/** @param {number} body 0 for an imported function */
function readBody(body) {
  const text = body ? binaryen.emitText(body) : '';
  return {
    calls: [...text.matchAll(CALL)].map(([, quoted, plain]) => quoted ?? plain ?? ''),
    growsMemory: /\(memory\.grow\b/.test(text),
  };
}

/** @param {number} type */
function typeNames(type) {
  const names = new Map([
    [binaryen.i32, 'i32'],
    [binaryen.i64, 'i64'],
    [binaryen.f32, 'f32'],
    [binaryen.f64, 'f64'],
    [binaryen.v128, 'v128'],
  ]);
  return binaryen.expandType(type).map((part) => names.get(part) ?? 'reference');
}

/**
 * Those of a kind that come from outside, as `kind module.name`. Read with binaryen and not with the host's
 * WebAssembly, because Node 20 does not know relaxed SIMD and still builds the modules that use it.
 *
 * @param {string} kind
 * @param {{ module: string | null, base: string | null }[]} items
 */
function imported(kind, items) {
  return items.filter(({ base }) => base).map(({ module, base }) => `${kind} ${module}.${base}`);
}

/**
 * @template T
 * @param {number} count
 * @param {(index: number) => T} get
 */
function each(count, get) {
  return Array.from({ length: count }, (_, index) => get(index));
}
