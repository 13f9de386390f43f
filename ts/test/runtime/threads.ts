/** Watches the threads that the package starts, so that tests can count and end them. */

import workerThreads from 'node:worker_threads';
import type { Worker } from 'node:worker_threads';
import { pause } from './fixture-jobs.ts';

/** Threads that were started and have not exited, oldest first. */
export const liveThreads = new Set<Worker>();

// The package asks `process.getBuiltinModule('node:worker_threads')` for the class, which is this object.
workerThreads.Worker = class extends workerThreads.Worker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    liveThreads.add(this);
    this.on('exit', () => liveThreads.delete(this));
  }
};

/** Resolves when no more than `count` threads live; fails after ten seconds. */
export async function untilThreads(count: number): Promise<void> {
  for (let waited = 0; liveThreads.size > count; waited += 10) {
    if (waited > 10_000) throw new Error(`expected ${count} threads to be left, got ${liveThreads.size}`);
    await pause(10);
  }
}
