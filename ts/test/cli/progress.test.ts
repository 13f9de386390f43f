import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { Progress } from '../../src/cli/progress.ts';

/** A terminal that keeps what is written to it, with a clock that is set by hand. */
function terminal(isTTY: boolean): { progress: Progress; written: () => string; clock: { now: number } } {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      text += chunk.toString();
      done();
    },
  });
  Object.assign(stream, { isTTY, columns: 80, cursorTo: () => true, clearLine: () => true, moveCursor: () => true });
  const clock = { now: 0 };
  const progress = new Progress(stream as unknown as NodeJS.WriteStream, () => clock.now);
  return { progress, written: () => text, clock };
}

test('a bar appears on a terminal when work takes longer than half a second', () => {
  const { progress, written, clock } = terminal(true);
  progress.update('mapping', 1, 10);
  clock.now = 400;
  progress.update('mapping', 2, 10);
  expect(written()).toBe('');
  clock.now = 600;
  progress.update('mapping', 5, 10);
  progress.stop();
  expect(written()).toMatch(/mapping \[=+-+\] 50% \| .+ left/);
});

test('new work begins a new bar', () => {
  const { progress, written, clock } = terminal(true);
  progress.update('reading', 0, 10);
  clock.now = 600;
  progress.update('reading', 9, 10);
  progress.update('mapping', 0, 10);
  const before = written();
  clock.now = 1000;
  progress.update('mapping', 1, 10);
  expect(written()).toBe(before);
  clock.now = 1200;
  progress.update('mapping', 2, 10);
  progress.stop();
  expect(written()).toMatch(/reading \[[^]*mapping \[/);
});

test('nothing is written where there is no terminal', () => {
  const { progress, written, clock } = terminal(false);
  progress.update('mapping', 1, 10);
  clock.now = 60_000;
  progress.update('mapping', 5, 10);
  progress.stop();
  expect(written()).toBe('');
});
