/**
 * A worker of the pool. Built into one import-free script (scripts/build-worker.js) that runs unchanged in
 * `node:worker_threads` (Node, Deno, Bun) and as a browser's dedicated worker.
 *
 * It waits at the gate: spinning for a fraction of a millisecond after the last job, because waking a sleeper costs
 * more than many a job, then asleep in `Atomics.wait`. Letters reach it through its event loop only, so each is announced in
 * memory first, and a worker that has read fewer than were announced leaves the gate to fetch them. A trap is reported through memory: the caller may be spinning, and then no
 * message would reach it.
 */

import * as word from './control.ts';
import { controlBlock, kernelId, kernelNames, slot } from './control.ts';
import type { ControlBlock, Letter, Report } from './control.ts';
import { instantiate } from './load.ts';
import type { Instance, Kernel } from './load.ts';

interface Port {
  post(report: Report): void;
  onLetter(receive: (letter: Letter) => void): void;
  close(): void;
}

/** The slot of the pool this worker fills; set by the letter `start`. */
interface Assignment extends ControlBlock {
  readonly worker: number;
  readonly stackTop: number;
  readonly memory: WebAssembly.Memory;
  readonly spinMilliseconds: number;
}

const port = connect();
const kernels = new Map<number, Kernel>();
const instances: Instance[] = [];
let assignment: Assignment | undefined;
let lettersRead = 0;

port.onLetter((letter) => {
  try {
    receive(letter);
  } catch (error) {
    port.post({ type: 'failed', message: String(error) });
  }
});

function receive(letter: Letter): void {
  lettersRead++;
  if (letter.type === 'stop') {
    port.post({ type: 'stopped' });
    return port.close();
  }
  if (letter.type === 'start') {
    const { worker, control, stackTop, memory, spinMilliseconds } = letter;
    assignment = { ...controlBlock(memory, control), worker, stackTop, memory, spinMilliseconds };
    return;
  }
  if (!assignment) throw new Error('a module came before the start');
  const instance = instantiate(letter.module, assignment.memory);
  instance.stackPointer.value = assignment.stackTop;
  instances.push(instance);
  kernelNames(letter.module).forEach((name, position) => {
    const kernel = instance.kernels[name];
    if (kernel) kernels.set(kernelId(letter.family, position), kernel);
  });
  port.post({ type: 'ready' });
  serve(assignment);
}

function letterWaits({ words, worker }: Assignment): boolean {
  return Atomics.load(words, slot(worker) + word.SLOT_LETTERS) !== lettersRead;
}

/** Works until a letter is announced. */
function serve(self: Assignment): void {
  const { words } = self;
  let lastGate = Atomics.load(words, word.GATE);
  let lastChange = performance.now();
  let finished = -1;
  for (;;) {
    for (let spin = 0; spin < 256; spin++) {
      const gate = Atomics.load(words, word.GATE);
      const sequence = gate >>> word.SEQUENCE_SHIFT;
      if ((gate & word.CLOSED) === 0 && sequence !== finished) {
        if (Atomics.compareExchange(words, word.GATE, gate, gate + 1) !== gate) continue;
        work(self, sequence);
        finished = sequence;
        lastGate = -1;
      }
    }
    if (letterWaits(self)) return;
    const gate = Atomics.load(words, word.GATE);
    const now = performance.now();
    if (gate !== lastGate) {
      lastGate = gate;
      lastChange = now;
    } else if (now - lastChange > self.spinMilliseconds) {
      sleep(self, gate);
      lastGate = -1;
    }
  }
}

/** Sleeps until somebody wakes this worker; looks once more after it has said that it sleeps, so no job is missed. */
function sleep(self: Assignment, gate: number): void {
  const { words } = self;
  const wake = Atomics.load(words, word.WAKE);
  Atomics.add(words, word.SLEEPERS, 1);
  if (Atomics.load(words, word.GATE) === gate && !letterWaits(self)) Atomics.wait(words, word.WAKE, wake);
  Atomics.sub(words, word.SLEEPERS, 1);
}

/** Claims and runs chunks of the open job until none is left or one traps, then leaves through the gate. */
function work(self: Assignment, sequence: number): void {
  const { words, worker, stackTop } = self;
  const mine = slot(worker);
  Atomics.store(words, mine + word.SLOT_INSIDE, sequence);
  const rows = words[word.ROWS] ?? 0;
  const chunk = words[word.CHUNK_ROWS] ?? 1;
  const workspace = (words[word.WORKSPACE] ?? 0) + worker * (words[word.WORKSPACE_BYTES] ?? 0);
  const rest = Array.from(self.arguments.subarray(0, words[word.ARGUMENT_COUNT]));
  const kernel = kernels.get(words[word.KERNEL] ?? -1);
  while (kernel) {
    const first = Atomics.add(words, word.NEXT, chunk);
    if (first >= rows) break;
    const last = Math.min(first + chunk, rows);
    try {
      const status = kernel(first, last, workspace, ...rest);
      if (status !== 0) Atomics.compareExchange(words, word.STATUS, 0, status);
      Atomics.add(words, word.DONE_ROWS, last - first);
      Atomics.add(words, mine + word.SLOT_CHUNKS, 1);
    } catch {
      for (const { stackPointer } of instances) stackPointer.value = stackTop;
      Atomics.store(words, mine + word.SLOT_TRAP_FIRST, first);
      Atomics.store(words, mine + word.SLOT_TRAP_LAST, last);
      break;
    }
  }
  const notify = Atomics.load(words, word.NOTIFY) !== 0;
  const allClaimed = Atomics.load(words, word.NEXT) >= rows;
  Atomics.store(words, mine + word.SLOT_INSIDE, -1);
  const inside = (Atomics.sub(words, word.GATE, 1) & word.INSIDE) - 1;
  Atomics.notify(words, word.GATE);
  if (notify && allClaimed && inside === 0) port.post({ type: 'done', sequence });
}

interface WorkerThreadsPort {
  postMessage(message: Report): void;
  on(event: 'message', receive: (letter: Letter) => void): void;
  close(): void;
}
interface WorkerScope {
  postMessage(message: Report): void;
  addEventListener(event: 'message', receive: (event: { data: Letter }) => void): void;
  close(): void;
  process?: { getBuiltinModule?(name: string): { parentPort: WorkerThreadsPort | null } | undefined };
}

/** The way to the caller: the parent port of node:worker_threads, or the worker's global scope in a browser. */
function connect(): Port {
  const scope = globalThis as unknown as WorkerScope;
  const parent = scope.process?.getBuiltinModule?.('node:worker_threads')?.parentPort;
  if (parent) {
    return {
      post: (report) => parent.postMessage(report),
      onLetter: (receive) => parent.on('message', receive),
      close: () => parent.close(),
    };
  }
  return {
    post: (report) => scope.postMessage(report),
    onLetter: (receive) => scope.addEventListener('message', ({ data }) => receive(data)),
    close: () => scope.close(),
  };
}
