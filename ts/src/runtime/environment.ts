/**
 * What the host offers. Everything is probed, nothing is sniffed from a name or a version.
 *
 * Node builtins come from `process.getBuiltinModule`, which Node (>= 20.16), Deno and Bun have: no static import of
 * `node:*` exists, so a bundler for the web finds nothing to resolve (RUNTIMES.md, decision 2).
 */

import type * as fs from 'node:fs';
import type * as os from 'node:os';
import type * as workerThreads from 'node:worker_threads';

interface Builtins {
  'node:fs': typeof fs;
  'node:os': typeof os;
  'node:worker_threads': typeof workerThreads;
}

interface HostProcess {
  env?: Record<string, string | undefined>;
  getBuiltinModule?<Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined;
}

interface HostGlobals {
  process?: HostProcess;
  navigator?: { hardwareConcurrency?: number };
  crossOriginIsolated?: boolean;
  document?: unknown;
  WorkerGlobalScope?: new () => object;
}

const host = globalThis as unknown as HostGlobals;

/** A builtin module of Node, Deno or Bun; undefined in browsers. */
export function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined {
  return host.process?.getBuiltinModule?.(name);
}

/** True on a browser's main thread, which may neither block nor be kept busy. */
export function isWindow(): boolean {
  return host.document !== undefined && builtin('node:worker_threads') === undefined;
}

/** True where a thread may sleep in `Atomics.wait`: everywhere but on the main thread of a page or of Electron. */
export function mayBlock(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}

/** True when this code already runs inside a worker of somebody's: then the machine is theirs to divide. */
export function insideWorker(): boolean {
  const threads = builtin('node:worker_threads');
  if (threads) return !threads.isMainThread;
  return host.WorkerGlobalScope !== undefined && globalThis instanceof host.WorkerGlobalScope;
}

/** Why memory cannot be shared with workers, or undefined when it can. Constructing a shared memory proves nothing. */
export function whyNotShared(): string | undefined {
  if (typeof SharedArrayBuffer !== 'function') {
    return builtin('node:worker_threads') === undefined && host.crossOriginIsolated !== true
      ? 'the page is not cross-origin isolated (it needs the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)'
      : 'SharedArrayBuffer is missing';
  }
  if (builtin('node:worker_threads') === undefined && host.crossOriginIsolated === false) {
    return 'the page is not cross-origin isolated (it needs the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)';
  }
  const channel = new MessageChannel();
  try {
    channel.port1.postMessage(new SharedArrayBuffer(8));
    return undefined;
  } catch {
    return 'a SharedArrayBuffer cannot be posted to a worker here';
  } finally {
    channel.port1.close();
    channel.port2.close();
  }
}

/** A thread count that the environment variable ENTMAX_THREADS asks for. */
export function requestedThreads(): string | undefined {
  try {
    return host.process?.env?.['ENTMAX_THREADS'] || undefined;
  } catch {
    return undefined; // Deno without --allow-env
  }
}

/** How many threads can run at once, container quotas included. A hint, never a promise. */
export function availableParallelism(): number {
  const machine = builtin('node:os')?.availableParallelism() ?? host.navigator?.hardwareConcurrency ?? 1;
  return Math.max(1, Math.min(machine, cpuQuota()));
}

/** CPUs that the control group of this process may use: `cpu.max` holds "quota period" in microseconds. */
function cpuQuota(): number {
  try {
    const text = builtin('node:fs')?.readFileSync('/sys/fs/cgroup/cpu.max', 'utf8');
    const [quota, period] = (text ?? '').trim().split(' ').map(Number);
    return quota && period ? Math.ceil(quota / period) : Infinity;
  } catch {
    return Infinity;
  }
}
