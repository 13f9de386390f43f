/** One worker thread, whatever the host calls it: `node:worker_threads` in Node, Deno and Bun, `Worker` in browsers. */

import { builtin } from './environment.ts';
import type { Letter, Report } from './control.ts';

export interface Thread {
  post(letter: Letter): void;
  /** Lets the process exit although the worker lives. */
  unref(): void;
  terminate(): void;
}

export interface ThreadEvents {
  onReport(report: Report): void;
  /** The worker has ended or could not start; `why` may be empty, as browsers keep it to themselves. */
  onEnd(why: string): void;
}

/** Starts a worker from its source, or from a URL where a content policy forbids sources. */
export function startThread(source: string, url: string | URL | undefined, events: ThreadEvents): Thread {
  const threads = builtin('node:worker_threads');
  if (threads) {
    const worker = url === undefined ? new threads.Worker(source, { eval: true }) : new threads.Worker(new URL(url));
    worker.on('message', (report: Report) => events.onReport(report));
    worker.on('error', (error: unknown) => events.onEnd(String(error)));
    worker.on('exit', (code) => events.onEnd(`it exited with ${code}`));
    return {
      post: (letter) => worker.postMessage(letter),
      unref: () => worker.unref(),
      terminate: () => void worker.terminate(),
    };
  }
  const address = url ?? URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const worker = new Worker(address);
  worker.addEventListener('message', ({ data }: MessageEvent<Report>) => {
    if (url === undefined) URL.revokeObjectURL(address as string);
    events.onReport(data);
  });
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    events.onEnd(event.message);
  });
  return {
    post: (letter) => worker.postMessage(letter),
    unref: () => undefined,
    terminate: () => worker.terminate(),
  };
}
