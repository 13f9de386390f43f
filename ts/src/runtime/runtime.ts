/**
 * The state of the package on this thread: one memory, the kernel families that are imported, and the pool.
 *
 * Everything works synchronously without `init()`. `init()` adds threads and settings; a setting that comes after
 * the thing that it would set (memory size, SIMD level, kernel bytes) is an error and not a surprise.
 */

import { version } from '../../../package.json';
import { EntmaxError, show } from '../errors.ts';
import { MAXIMUM_WORKERS } from './control.ts';
import { availableParallelism, insideWorker, requestedThreads, whyNotShared } from './environment.ts';
import type { FamilyName, KernelFamily } from './family.ts';
import { LinearMemory } from './memory.ts';
import { Pool } from './pool.ts';
import { fetchKernel } from './source.ts';
import { relaxedSimdWorks } from './probe.ts';

/**
 * `simd128`: the common base. `relaxed-int`: adds the relaxed 8-bit dot product, same bits. `relaxed-fma`: fused
 * multiply-add, faster, the one level whose results may differ in their last bits between machines.
 */
export type Simd = 'simd128' | 'relaxed-int' | 'relaxed-fma';

/** What `init` accepts. */
export interface InitOptions {
  /** Threads in all, the caller included; 'auto' (default) takes what the machine, its quota and ENTMAX_THREADS give. */
  threads?: number | 'auto' | undefined;
  /** Instruction level; 'auto' (default) takes the highest that gives the same bits everywhere. */
  simd?: Simd | 'auto' | undefined;
  /** The most bytes that linear memory may take. Default: up to 2 GiB, less where the host refuses. */
  maxMemory?: number | undefined;
  /** Kernels from elsewhere, by family: bytes, a URL, a Response, or a compiled `WebAssembly.Module`. */
  wasm?: { readonly [family: string]: object | string } | undefined;
  /** The worker script (`entmax/worker.js`) under a URL, where a content policy forbids workers from blobs. */
  workerUrl?: string | URL | undefined;
}

/** What runs, and why it is not more. */
export interface RuntimeInfo {
  /** Of the package. */
  version: string;
  /** The SIMD level of the kernels. */
  simd: Simd;
  /** Threads that take part, the caller included. */
  threads: number;
  /** Why there are not more threads. */
  reason: string;
  /** The kernels' linear memory, in bytes. */
  memory: {
    /** In use. */
    used: number;
    /** The most that was in use so far. */
    peak: number;
    /** What it may grow to. */
    capacity: number;
    /** Whether threads share it. */
    shared: boolean;
  };
  /** Tensors that have not been disposed. */
  liveTensors: number;
  /** Chunks of work that each thread of the pool has executed, the caller first. */
  chunks: number[];
}

const families = new Map<FamilyName, KernelFamily>();
let linearMemory: LinearMemory | undefined;
let simdLevel: Simd | undefined;
let pool: Pool | undefined;
let workerUrl: string | URL | undefined;
let reason = 'init() was not called';
let pending: Promise<unknown> = /*#__PURE__*/ Promise.resolve();

/** The end of the asynchronous jobs under way: they wait for each other, because one gate serves one job at a time. */
export const asynchronousJobs: { last: Promise<unknown> } = { last: /*#__PURE__*/ Promise.resolve() };

/** Counts live tensors; kept here so that `runtimeInfo` needs no import of the tensor module. */
export const tensorCount = { live: 0 };

/** The memory, made at first use: shared wherever that works, so that `init()` only has to add workers. */
export function memory(): LinearMemory {
  linearMemory ??= new LinearMemory(whyNotShared() === undefined);
  return linearMemory;
}

/** Makes a kernel family known; called by the module that declares its operators. */
export function registerFamily(family: KernelFamily): KernelFamily {
  families.set(family.name, family);
  pool?.addFamily(family);
  return family;
}

/** The pool, when there is one. After a loss, a smaller one takes its place, if memory suffices. */
export function poolForJobs(): Pool | undefined {
  if (pool && pool.lost > 0) {
    const threads = pool.size - pool.lost;
    reason = `${pool.lost} of ${pool.size} threads were lost inside a chunk`;
    pool = undefined;
    try {
      if (threads > 1) pool = new Pool(memory(), threads, families.values(), workerUrl);
    } catch (error) {
      reason += `, and a new pool failed: ${String(error)}`;
    }
  }
  return pool;
}

/** Ends the pool after the jobs under way. A call of several jobs may begin another meanwhile: without the pool then. */
async function stopPool(): Promise<void> {
  await asynchronousJobs.last;
  const stopping = pool;
  pool = undefined;
  await asynchronousJobs.last;
  await stopping?.stop();
}

/**
 * Adds threads and settings, and resolves with what came up and why.
 *
 * May be called again, also after `shutdown()`: the thread count follows the last call. Errors: ENTMAX_OPTION for an
 * unknown or impossible setting, ENTMAX_INIT for one that comes too late, ENTMAX_MEMORY when `maxMemory` cannot be
 * reserved. Threads that cannot be had are no error: `threads` and `reason` tell.
 */
export function init(options: InitOptions = {}): Promise<RuntimeInfo> {
  const result = pending.then(() => initialise(options));
  pending = result.catch(() => undefined);
  return result;
}

/** What runs now: SIMD level, threads, why not more, memory, live tensors. */
export function runtimeInfo(): RuntimeInfo {
  const running = poolForJobs();
  return {
    version,
    simd: simdLevel ?? 'simd128',
    threads: running?.threads ?? 1,
    reason: running?.failure ?? reason,
    memory: memory().statistics,
    liveTensors: tensorCount.live,
    chunks: running?.chunks ?? [0],
  };
}

/** Ends the workers after the calls that are under way. Tensors stay alive; `init()` may start workers again. */
export function shutdown(): Promise<void> {
  const result = pending.then(async () => {
    await stopPool();
    reason = 'shutdown() was called';
  });
  pending = result.catch(() => undefined);
  return result;
}

async function initialise(options: InitOptions): Promise<RuntimeInfo> {
  checkOptions(options);
  const { threads = 'auto', simd = 'auto', maxMemory, wasm = {} } = options;
  setMemory(maxMemory);
  await setSimd(simd);
  for (const [name, source] of Object.entries(wasm)) await setSource(name, source);
  workerUrl = options.workerUrl;
  await setThreads(threads);
  return runtimeInfo();
}

const KNOWN_OPTIONS = ['threads', 'simd', 'maxMemory', 'wasm', 'workerUrl'];
const LEVELS: readonly string[] = ['auto', 'simd128', 'relaxed-int', 'relaxed-fma'];

function checkOptions(options: InitOptions): void {
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new EntmaxError('ENTMAX_OPTION', 'init', 'an object of options', show(options));
  }
  for (const key of Object.keys(options)) {
    if (!KNOWN_OPTIONS.includes(key)) {
      throw new EntmaxError('ENTMAX_OPTION', 'init', `options among ${KNOWN_OPTIONS.join(', ')}`, show(key));
    }
  }
  const { threads = 'auto', simd = 'auto', maxMemory } = options;
  if (threads !== 'auto' && !(Number.isInteger(threads) && threads >= 1 && threads <= MAXIMUM_WORKERS + 1)) {
    const expected = `threads to be 'auto' or an integer in [1, ${MAXIMUM_WORKERS + 1}]`;
    throw new EntmaxError('ENTMAX_OPTION', 'init', expected, show(threads));
  }
  if (!LEVELS.includes(simd))
    throw new EntmaxError('ENTMAX_OPTION', 'init', `simd among ${LEVELS.join(', ')}`, show(simd));
  if (maxMemory !== undefined && !(maxMemory >= SMALLEST_MEMORY)) {
    throw new EntmaxError('ENTMAX_OPTION', 'init', `maxMemory of at least ${SMALLEST_MEMORY} bytes`, show(maxMemory));
  }
}

const SMALLEST_MEMORY = 4 << 20;

function setMemory(maximum: number | undefined): void {
  if (maximum === undefined) return;
  if (!linearMemory) {
    linearMemory = new LinearMemory(whyNotShared() === undefined, maximum);
  } else if (linearMemory.requestedMaximum !== maximum) {
    throw tooLate('maxMemory before the first use of the package');
  }
}

async function setSource(name: string, source: object | string): Promise<void> {
  const family = families.get(name as FamilyName);
  if (!family) {
    const expected = `wasm for the imported families ${[...families.keys()].join(', ')}`;
    throw new EntmaxError('ENTMAX_OPTION', 'init', expected, show(name));
  }
  if (family.loaded) throw tooLate(`wasm for ${name} before its first use`);
  family.replaceSource(await fetchKernel(name, source), memory());
}

async function setSimd(wanted: Simd | 'auto'): Promise<void> {
  const relaxed = relaxedSimdWorks();
  if (wanted === 'auto' && simdLevel !== undefined) return;
  const level = wanted === 'auto' ? (relaxed ? 'relaxed-int' : 'simd128') : wanted;
  if (level !== 'simd128' && !relaxed) {
    throw new EntmaxError('ENTMAX_INIT', 'init', 'a host with relaxed SIMD', `simd ${show(level)} on one without`);
  }
  if (level === simdLevel) return;
  const loaded = [...families.values()].filter((family) => family.loaded);
  if ((level === 'relaxed-fma' || simdLevel === 'relaxed-fma') && loaded.length > 0) {
    throw tooLate(`simd ${show(level)} before the first use of the package`);
  }
  // Families in use keep their simd128 module under `relaxed-int`, which gives the same bits.
  const twins = level === 'simd128' ? [] : [...families.values()].filter((family) => !family.loaded);
  for (const family of twins) await family.useTwin(level as Exclude<Simd, 'simd128'>);
  simdLevel = level;
}

async function setThreads(wanted: number | 'auto'): Promise<void> {
  const [threads, why] = chooseThreads(wanted);
  const running = poolForJobs();
  reason = why;
  if (running ? running.size === threads && !running.failure : threads === 1) return;
  await stopPool();
  if (threads === 1) return;
  pool = new Pool(memory(), threads, families.values(), workerUrl);
  await pool.ready;
}

/** How many threads to run, and the sentence that says why not more. */
function chooseThreads(wanted: number | 'auto'): [number, string] {
  const notShared = memory().shared ? undefined : (whyNotShared() ?? 'the memory is not shared');
  if (notShared !== undefined) return [1, notShared];
  if (wanted !== 'auto') return [wanted, `init({ threads: ${wanted} })`];
  const requested = requestedThreads();
  if (requested !== undefined) {
    const threads = Number(requested);
    if (!(Number.isInteger(threads) && threads >= 1 && threads <= MAXIMUM_WORKERS + 1)) {
      const expected = `ENTMAX_THREADS to be an integer in [1, ${MAXIMUM_WORKERS + 1}]`;
      throw new EntmaxError('ENTMAX_OPTION', 'init', expected, show(requested));
    }
    return [threads, `ENTMAX_THREADS=${requested}`];
  }
  if (insideWorker()) return [1, "inside a worker, threads: 'auto' is 1; ask for more by number"];
  const available = Math.min(availableParallelism(), AUTO_LIMIT);
  return [
    available,
    available === AUTO_LIMIT ? `threads: 'auto' stops at ${AUTO_LIMIT}` : `the machine offers ${available}`,
  ];
}

/** More threads than this are only started when asked for by number. */
const AUTO_LIMIT = 8;

function tooLate(expected: string): EntmaxError {
  return new EntmaxError('ENTMAX_INIT', 'init', expected, 'it after memory or kernels were in use');
}
