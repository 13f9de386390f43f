/** The process ends by itself, whatever the workers do at that moment, and with the code that it should. */

import { beforeAll, expect, test } from 'vitest';
import { bundleProgram, runProgram } from './bundle.ts';

let program: string;

beforeAll(async () => {
  program = await bundleProgram(`
    import { entmax, init, shutdown, sparsemax, tensor } from 'entmax';

    const x = Float32Array.from({ length: 200_000 }, (_, i) => ((i * 7919) % 1009) / 100);
    const options = { shape: [200, 1000] };
    const large = { shape: [200, 1000], alpha: 1.3 };
    const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    const ways = {
      'no init': async () => sparsemax(x, options),
      'no init, asynchronously': () => sparsemax.async(x, options),
      init: () => init({ threads: 3 }),
      'init and a call': async () => {
        await init({ threads: 3 });
        sparsemax(x, options);
      },
      'init and an asynchronous call': async () => {
        await init({ threads: 3 });
        await entmax.async(x, large);
      },
      'init and workers asleep': async () => {
        await init({ threads: 3 });
        sparsemax(x, options);
        await pause(100);
      },
      'init not awaited': async () => void init({ threads: 3 }),
      'init not awaited, and calls': async () => {
        void init({ threads: 3 });
        for (let i = 0; i < 20; i++) sparsemax(x, options);
      },
      'a call not awaited': async () => {
        await init({ threads: 3 });
        void entmax.async(x, large).then(() => console.log('the call has ended'));
      },
      'a live tensor': async () => {
        await init({ threads: 3 });
        globalThis.kept = tensor(x);
      },
      shutdown: async () => {
        await init({ threads: 3 });
        sparsemax(x, options);
        await shutdown();
        sparsemax(x, options);
      },
      'init again after shutdown': async () => {
        await init({ threads: 3 });
        await shutdown();
        await init({ threads: 2 });
        sparsemax(x, options);
      },
      'an uncaught error': async () => {
        await init({ threads: 3 });
        setTimeout(() => {
          throw new Error('nobody caught me');
        });
      },
      'an uncaught error during an asynchronous call': async () => {
        await init({ threads: 3 });
        void entmax.async(x, large);
        setTimeout(() => {
          throw new Error('nobody caught me');
        });
      },
      'an uncaught rejection of a call': async () => {
        await init({ threads: 3 });
        void sparsemax.async(x, { shape: [7] });
      },
      'process.exit': async () => {
        await init({ threads: 3 });
        void entmax.async(x, large);
        process.exit(3);
      },
      'a signal': async () => {
        await init({ threads: 3 });
        process.kill(process.pid, 'SIGTERM');
        await pause(10_000);
      },
    };
    await ways[process.env.WAY]();
    console.log('the end');
  `);
});

const run = (way: string): ReturnType<typeof runProgram> => runProgram(program, { env: { WAY: way } });

test.each([
  ['no init'],
  ['no init, asynchronously'],
  ['init'],
  ['init and a call'],
  ['init and an asynchronous call'],
  ['init and workers asleep'],
  ['init not awaited'],
  ['init not awaited, and calls'],
  ['a live tensor'],
  ['shutdown'],
  ['init again after shutdown'],
])('a program with %s exits by itself with code 0', async (way) => {
  expect(await run(way)).toEqual({ code: 0, stdout: 'the end\n', stderr: '' });
});

test('a program with a call not awaited exits after the call', async () => {
  expect(await run('a call not awaited')).toEqual({ code: 0, stdout: 'the end\nthe call has ended\n', stderr: '' });
});

test.each([
  ['an uncaught error', 'Error: nobody caught me'],
  ['an uncaught error during an asynchronous call', 'Error: nobody caught me'],
  ['an uncaught rejection of a call', 'ENTMAX_SHAPE'],
])('a program with %s exits with code 1 and shows it', async (way, message) => {
  const { code, stderr } = await run(way);
  expect(code).toBe(1);
  expect(stderr).toContain(message);
});

test('a program that exits during a call does so, with its own code', async () => {
  expect((await run('process.exit')).code).toBe(3);
});

test('a program that is told to end by a signal does so', async () => {
  expect((await run('a signal')).code).toBe('SIGTERM');
});

test('a program that may not start threads works on one and says why', async () => {
  const file = await bundleProgram(`
    import { init, sparsemax } from 'entmax';
    const { threads, reason } = await init({ threads: 3 });
    console.log(threads, reason, [...sparsemax(Float32Array.of(1, 2, 2.5))].join());
  `);
  const permission = ['--permission', '--experimental-permission'].find((flag) =>
    process.allowedNodeEnvironmentFlags.has(flag),
  );
  const { code, stdout } = await runProgram(file, { args: [permission ?? '', '--allow-fs-read=*', '--no-warnings'] });
  expect(stdout).toMatch(/^1 worker 1 did not start: Error: .*(permission|restricted).* 0,0\.25,0\.75\n$/i);
  expect(code).toBe(0);
});
