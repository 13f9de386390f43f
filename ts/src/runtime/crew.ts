/**
 * The pool's workers as living things: started, told about kernel modules, watched, stopped. What they work on is the
 * pool's business (pool.ts).
 */

import workerSource from '../../../build/generated/worker.js';
import type { Letter, Report } from './control.ts';
import type { KernelFamily } from './family.ts';
import type { Gate } from './gate.ts';
import { WORKER_STACK_BYTES } from './layout.ts';
import type { LinearMemory } from './memory.ts';
import { startThread } from './thread.ts';
import type { Thread } from './thread.ts';

/** Workers spin this long after a job before they sleep: waking one costs the caller 10-40 us (RUNTIMES.md §3). */
const SPIN_MILLISECONDS = 0.5;
const START_MILLISECONDS = 10_000;
const STOP_MILLISECONDS = 2_000;

/** A worker from its start to its end; both promises settle, whatever happens. */
class Member {
  readonly number: number;
  readonly stackAddress: number;
  /** Settles when the worker serves, or has failed to start. */
  readonly up: Promise<void>;
  /** Settles when the worker has said goodbye, or has ended without. */
  readonly gone: Promise<void>;
  /** True once the worker cannot run any more; one that is merely slow to start may still come. */
  ended = false;
  failure: string | undefined;
  readonly #thread: Thread | undefined;

  constructor(
    number: number,
    stackAddress: number,
    modules: number,
    url: string | URL | undefined,
    onDone: () => void,
  ) {
    this.number = number;
    this.stackAddress = stackAddress;
    let settleUp!: () => void;
    let settleGone!: () => void;
    this.up = new Promise((resolve) => (settleUp = resolve));
    this.gone = new Promise((resolve) => (settleGone = resolve));
    let awaited = modules;
    const fail = (why: string): void => {
      this.failure ??= `worker ${number} ${awaited > 0 ? 'did not start' : 'ended'}: ${why || 'the host does not say why'}`;
    };
    const isUp = (): void => {
      clearTimeout(timer);
      this.#thread?.unref();
      settleUp();
    };
    const timer = setTimeout(() => {
      fail(`it was not up after ${START_MILLISECONDS / 1000} s`);
      isUp();
    }, START_MILLISECONDS);
    const end = (why: string): void => {
      if (!this.ended) fail(why);
      this.ended = true;
      isUp();
      settleGone();
      onDone();
    };
    const onReport = (report: Report): void => {
      if (report.type === 'done') onDone();
      else if (report.type === 'failed') end(report.message);
      else if (report.type === 'stopped') settleGone();
      else if (--awaited === 0) {
        this.failure = undefined; // It may have been late.
        isUp();
      }
    };
    try {
      this.#thread = startThread(workerSource, url, { onEnd: end, onReport });
    } catch (error) {
      end(String(error)); // A host that forbids workers, or a URL that is none.
    }
  }

  /** True while the worker serves or is about to. */
  get alive(): boolean {
    return !this.ended && this.failure === undefined;
  }

  post(letter: Letter): void {
    this.#thread?.post(letter);
  }

  terminate(): void {
    this.ended = true;
    this.#thread?.terminate();
  }
}

export class Crew {
  readonly #memory: LinearMemory;
  readonly #gate: Gate;
  readonly #members: Member[] = [];
  /** Settles when every worker serves or has failed to start. */
  readonly ready: Promise<void>;

  /** Starts `count` workers; `onDone` is called when one reports the end of an asynchronous job, or its own. */
  constructor(
    memory: LinearMemory,
    gate: Gate,
    count: number,
    families: Iterable<KernelFamily>,
    workerUrl: string | URL | undefined,
    onDone: () => void,
  ) {
    this.#memory = memory;
    this.#gate = gate;
    const letters = Array.from(families, (family) => moduleLetter(family, memory));
    for (const [index, stack] of allocateStacks(memory, count).entries()) {
      const member = new Member(index + 1, stack, letters.length, workerUrl, onDone);
      this.#members.push(member);
      const start = { worker: member.number, control: gate.address, stackTop: stack + WORKER_STACK_BYTES };
      this.#post(member, { type: 'start', ...start, memory: memory.wasm, spinMilliseconds: SPIN_MILLISECONDS });
      for (const letter of letters) this.#post(member, letter);
    }
    this.ready = Promise.all(this.#members.map(({ up }) => up)).then(() => undefined);
  }

  /** Workers that were started, dead ones included. */
  get size(): number {
    return this.#members.length;
  }

  get alive(): number {
    return this.#members.filter(({ alive }) => alive).length;
  }

  get numbers(): number[] {
    return this.#members.map(({ number }) => number);
  }

  /** Workers that are inside the current job. */
  get inside(): { number: number; ended: boolean }[] {
    return this.#members.filter(({ number }) => this.#gate.holds(number));
  }

  /** Why a worker did not start or has ended, if one has. */
  get failure(): string | undefined {
    return this.#members.find(({ failure }) => failure !== undefined)?.failure;
  }

  /** Makes a family that was loaded late known to the workers. */
  addFamily(family: KernelFamily): void {
    for (const member of this.#members) this.#post(member, moduleLetter(family, this.#memory));
    this.#gate.wake(this.size);
  }

  /** Asks all workers to end, waits for their goodbye, and gives their stacks back. Resolves to true when all did. */
  async stop(): Promise<boolean> {
    await this.ready;
    for (const member of this.#members) if (!member.ended) this.#post(member, { type: 'stop' });
    this.#gate.wake(this.size);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLate = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), STOP_MILLISECONDS)));
    const all = Promise.all(this.#members.map(({ gone }) => gone)).then(() => true);
    const allGone = await Promise.race([all, tooLate]);
    clearTimeout(timer);
    this.terminate();
    if (allGone) for (const { stackAddress } of this.#members) this.#memory.free(stackAddress);
    return allGone;
  }

  /** Ends all workers at once. What they could still write to must not be used again. */
  terminate(): void {
    for (const member of this.#members) member.terminate();
  }

  #post(member: Member, letter: Letter): void {
    this.#gate.announceLetter(member.number);
    member.post(letter);
  }
}

/** All stacks before the first thread: when memory does not suffice, nothing has been started. */
function allocateStacks(memory: LinearMemory, count: number): number[] {
  const stacks: number[] = [];
  try {
    while (stacks.length < count) stacks.push(memory.allocate(WORKER_STACK_BYTES, 'init'));
    return stacks;
  } catch (error) {
    for (const stack of stacks) memory.free(stack);
    throw error;
  }
}

function moduleLetter(family: KernelFamily, memory: LinearMemory): Letter {
  return { type: 'module', family: family.index, module: family.module(memory) };
}
