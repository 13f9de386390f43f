/** A life with the package, from the first call to the end of the process; the test looks at how it ends. */

import { init, runtimeInfo, shutdown, softmax, sparsemax, zeros } from 'entmax';
import type { RuntimeInfo } from 'entmax';
import { report } from '../driver/report.ts';

export type Life =
  | 'never calls init'
  | 'calls init and never shutdown'
  | 'awaits nothing but an asynchronous call'
  | 'goes on after shutdown'
  | 'calls init again'
  | 'dies of an error'
  | 'leaves the thread count to init'
  | 'asks for fused multiply-add'
  | 'names the worker script';

/** What the package said of itself at each station, and the result of a last call. */
export interface LifeReport {
  readonly infos: RuntimeInfo[];
  readonly result: number[];
}

const SCORES = Float32Array.of(0, 1, 2, -3, 1.75);
const ROWS = 512;
const N = 2048;

async function live(life: Life): Promise<RuntimeInfo[]> {
  switch (life) {
    case 'never calls init':
      workSynchronously();
      return [runtimeInfo()];
    case 'calls init and never shutdown': {
      const info = await init({ threads: 3 });
      await workUntilAllHaveWorked();
      return [info];
    }
    case 'awaits nothing but an asynchronous call': {
      const info = await init({ threads: 2 });
      await work();
      return [info];
    }
    case 'goes on after shutdown':
      await init({ threads: 2 });
      await workUntilAllHaveWorked();
      await shutdown();
      workSynchronously();
      await work();
      return [runtimeInfo()];
    case 'calls init again': {
      const infos = [await init({ threads: 2 })];
      await workUntilAllHaveWorked();
      infos.push(await init({ threads: 3 }));
      await workUntilAllHaveWorked();
      await shutdown();
      infos.push(await init({ threads: 2 }));
      await workUntilAllHaveWorked();
      return infos;
    }
    case 'dies of an error':
      await init({ threads: 2 });
      await workUntilAllHaveWorked();
      setTimeout(() => {
        throw new Error('nobody catches this');
      });
      return [];
    case 'leaves the thread count to init':
      return [await init()];
    case 'asks for fused multiply-add':
      return [await init({ simd: 'relaxed-fma' })];
    case 'names the worker script': {
      const info = await init({ threads: 2, workerUrl: new URL('./worker.js', import.meta.url) });
      await workUntilAllHaveWorked();
      return [info];
    }
  }
}

/** A job that is large enough for the pool. */
async function work(): Promise<void> {
  const x = zeros([ROWS, N]);
  const p = await softmax.async(x);
  x.dispose();
  p.dispose();
}

function workSynchronously(): void {
  const x = zeros([ROWS, N]);
  softmax(x).dispose();
  x.dispose();
}

/** So that the workers are alive and awake, and not still starting. Where none could start, one call is enough. */
async function workUntilAllHaveWorked(): Promise<void> {
  const deadline = performance.now() + 15_000;
  do {
    await work();
    if (performance.now() > deadline) throw new Error(`a worker executed no chunk: ${runtimeInfo().chunks.join(', ')}`);
  } while (runtimeInfo().threads > 1 && runtimeInfo().chunks.slice(1).includes(0));
}

await report(async (life: Life): Promise<LifeReport> => ({
  infos: await live(life),
  result: Array.from(sparsemax(SCORES)),
}));
