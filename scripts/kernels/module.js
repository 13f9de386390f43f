/**
 * Builds one kernel module: cargo and wasm-bindgen through wasm-pack, then binaryen as a separate, verified step.
 *
 * The flags are what makes "one binary, one thread or many, several families in one memory" possible; ARCHITECTURE.md
 * explains them and scripts/kernels/check.js holds every rule that they rely on:
 *
 * - the memory is imported and may grow up to the maximum, so that the runtime decides its size and whether it is shared;
 * - `__stack_pointer` is exported, so that every thread can be given a stack of its own;
 * - the stack lies first, so that the calling thread's overflow runs into address 0 and traps;
 * - read-only data begins at the family's own address, so that families share one memory.
 */

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import binaryen from 'binaryen';
import { BUILD, ROOT, toolEnvironment } from '../setup/paths.js';
import { run } from '../setup/process.js';

export const layout = JSON.parse(await readFile(join(ROOT, 'crates/memory-layout.json'), 'utf8'));

const RELAXED = '+simd128,+relaxed-simd,+bulk-memory';

/**
 * Target features of each level, and the cargo features besides the family: `fused` multiplies and adds at once.
 *
 * @type {Record<import('./families.js').Level, { target: string, cargo: string[] }>}
 */
export const LEVELS = {
  simd128: { target: '+simd128,+bulk-memory', cargo: [] },
  'relaxed-int': { target: RELAXED, cargo: [] },
  'relaxed-fma': { target: RELAXED, cargo: ['fused'] },
};

/**
 * @typedef {object} ModuleSpecification
 * @property {string} crate folder under crates/
 * @property {string} name of the product, e.g. `maps.simd128`
 * @property {string} feature cargo feature that selects the family (or the fixture)
 * @property {keyof typeof LEVELS} level
 * @property {number} base address of the read-only data
 *
 * @typedef {object} BuiltModule
 * @property {Uint8Array} wasm the optimised module, names stripped
 * @property {Uint8Array} named the module as wasm-bindgen left it, with its function names
 * @property {string} linkerMap what wasm-ld placed where
 * @property {string} declarations TypeScript declarations of the raw exports
 */

/**
 * @param {ModuleSpecification} specification
 * @returns {Promise<BuiltModule>}
 */
export async function buildModule({ crate, name, feature, level, base }) {
  const scratch = join(BUILD, 'wasm-pack', name);
  // Beside cargo's own products: when nothing has changed, cargo does not link again and leaves the map as it was.
  const mapFile = join(ROOT, 'target', 'wasm', level, `${name}.map`);
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  await mkdir(dirname(mapFile), { recursive: true });
  const rustFlags = [
    '-C',
    `target-feature=${LEVELS[level].target}`,
    ...[
      '--import-memory',
      `--max-memory=${layout.maximumBytes}`,
      '--export=__stack_pointer',
      '--stack-first',
      `-zstack-size=${layout.stackBytes}`,
      `--global-base=${base}`,
      `-Map=${mapFile}`,
    ].flatMap((argument) => ['-C', `link-arg=${argument}`]),
    `--remap-path-prefix=${ROOT}=entmax/`,
  ];
  const env = {
    ...toolEnvironment(),
    CARGO_ENCODED_RUSTFLAGS: rustFlags.join('\x1f'),
    CARGO_TARGET_DIR: join(ROOT, 'target', 'wasm', level),
  };
  const args = [
    'build',
    join(ROOT, 'crates', crate),
    '--target',
    'web',
    '--release',
    '--no-opt',
    '--no-pack',
    '--mode',
    'no-install',
  ];
  const features = [feature, ...LEVELS[level].cargo].join();
  await run('wasm-pack', [...args, '--out-dir', scratch, '--out-name', 'module', '--', '--features', features], {
    cwd: ROOT,
    env,
  });
  const named = new Uint8Array(await readFile(join(scratch, 'module_bg.wasm')));
  return {
    named,
    wasm: optimise(named),
    linkerMap: await readFile(mapFile, 'utf8'),
    declarations: await readFile(join(scratch, 'module_bg.wasm.d.ts'), 'utf8'),
  };
}

/** Exports that wasm-bindgen adds for JavaScript values, which no kernel uses. */
export const GLUE_EXPORTS = ['__wbindgen_externrefs', '__wbindgen_start', '__abort_handler', '__instance_terminated'];

/**
 * binaryen's -O3, without the glue that number-only exports never reach.
 *
 * @param {Uint8Array} bytes
 */
export function optimise(bytes) {
  const module = binaryen.readBinary(bytes);
  try {
    for (const name of GLUE_EXPORTS) if (module.getExport(name)) module.removeExport(name);
    binaryen.setOptimizeLevel(3);
    binaryen.setShrinkLevel(0);
    // Constants move from additions into the offsets of loads and stores (3 to 5 % in the streaming passes). That is
    // sound where no address wraps around: the first kilobyte is the far end of the stack, which no kernel reaches.
    binaryen.setLowMemoryUnused(true);
    // A kernel inlined into its only caller, the walk over the rows, keeps fewer values in registers: 15 to 40 % slower.
    binaryen.setOneCallerInlineMaxSize(20);
    binaryen.setDebugInfo(true);
    module.runPasses(['strip-producers', 'remove-unused-module-elements']);
    module.optimize();
    // gzip looks back 32 KiB: functions of one file, and one function's instances for several types, lie side by side.
    module.runPasses(['reorder-functions-by-name', 'reorder-locals', 'strip-debug']);
    binaryen.setDebugInfo(false);
    if (!module.validate()) throw new Error('binaryen: the optimised module does not validate');
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

/**
 * @param {string} file
 * @param {string | Uint8Array} content
 */
export async function writeProduct(file, content) {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, content);
}
