// A progress bar for work that takes a while, on a terminal only: what is written to a file or a pipe stays clean, and short work does
// not flicker.

import { SingleBar } from 'cli-progress';

const PATIENCE_MILLISECONDS = 500;

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #now: () => number;
  #bar: SingleBar | undefined;
  #label = '';
  #started = 0;

  constructor(stream: NodeJS.WriteStream, now: () => number = () => performance.now()) {
    this.#stream = stream;
    this.#now = now;
  }

  /** Tells how far the work with this label is; a new label begins a new bar. */
  update(label: string, done: number, total: number): void {
    if (!this.#stream.isTTY) return;
    if (label !== this.#label) {
      this.stop();
      this.#label = label;
      this.#started = this.#now();
    }
    if (this.#bar === undefined) {
      if (this.#now() - this.#started < PATIENCE_MILLISECONDS) return;
      const format = `${label} [{bar}] {percentage}% | {eta_formatted} left`;
      this.#bar = new SingleBar({ stream: this.#stream, format, clearOnComplete: true, linewrap: true });
      this.#bar.start(total, done);
    }
    this.#bar.update(done);
  }

  /** Takes the bar away. */
  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
