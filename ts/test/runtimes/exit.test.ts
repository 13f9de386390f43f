/** A process that uses the package ends by itself, whatever it did with the pool, and with the exit code it deserves. */

import { describe, expect, test } from 'vitest';
import { bundle } from './driver/bundle.ts';
import { commandLineRuntimes, runInCommandLine, runToEnd } from './driver/command-line.ts';
import type { CommandLineOptions } from './driver/command-line.ts';
import type { Life, LifeReport } from './programs/life.ts';

const program = await bundle('programs/life.ts');

/** sparsemax of (0, 1, 2, -3, 1.75): the threshold is (2 + 1.75 - 1) / 2. */
const RESULT = [0, 0, 0.625, 0, 0.375];

describe.each(commandLineRuntimes)('%s ends by itself', (runtime) => {
  const live = (life: Life, options?: CommandLineOptions): Promise<LifeReport> =>
    runInCommandLine<LifeReport>(runtime, program, { settings: life, ...options });

  test('when init was never called, and then works on one thread', async () => {
    const { infos, result } = await live('never calls init');
    expect(infos).toMatchObject([{ threads: 1, reason: expect.stringMatching(/init\(\) was not called/) }]);
    expect(result).toEqual(RESULT);
  });

  test('when workers run and shutdown is never called', async () => {
    const { infos, result } = await live('calls init and never shutdown');
    expect(infos).toMatchObject([{ threads: 3, reason: expect.stringContaining('threads: 3') }]);
    expect(result).toEqual(RESULT);
  });

  test('not before an asynchronous call has settled, when nothing else keeps it alive', async () => {
    const { result } = await live('awaits nothing but an asynchronous call');
    expect(result).toEqual(RESULT);
  });

  test('when calls go on after shutdown, on one thread', async () => {
    const { infos, result } = await live('goes on after shutdown');
    expect(infos).toMatchObject([{ threads: 1, reason: expect.stringMatching(/shutdown\(\)/) }]);
    expect(result).toEqual(RESULT);
  });

  test('when init is called again, with more threads and after shutdown', async () => {
    const { infos, result } = await live('calls init again');
    expect(infos.map(({ threads }) => threads)).toEqual([2, 3, 2]);
    expect(result).toEqual(RESULT);
  });

  test('with 1 and the error on standard error, when an error is not caught', async () => {
    const { code, stderr } = await runToEnd(runtime, program, { settings: 'dies of an error' });
    expect(code).toBe(1);
    expect(stderr).toContain('nobody catches this');
  });
});
