/** Gradients with two and with three threads have the bits that one thread gives. */

import { afterAll, expect, test } from 'vitest';
import { init, runtimeInfo, shutdown } from 'entmax';
import { attention } from 'entmax/attention';
import { expectSameBits } from '../oracle/layouts.ts';
import type { FloatType } from '../oracle/compare.ts';
import { callOf } from './gradient-cases.ts';
import type { Nd, UntypedVjp } from './gradient-cases.ts';
import { sizes } from './problems.ts';

const size = sizes(2, [4, 2], 150, 150, 32, 48);
const calls = (['float32', 'float64'] as FloatType[]).flatMap((dtype) =>
  [false, true].map((isCausal) =>
    callOf({ name: '', size, options: { alpha: [1, 1.5, 1.2, 2], isCausal } }, dtype, 21),
  ),
);

function run(at: number): Record<'output' | 'q' | 'k' | 'v', Nd> & { alpha: number[] } {
  const { blocks, options, dout } = calls[at]!;
  const [output, pullback] = (attention as unknown as UntypedVjp).vjp(...blocks, options);
  return { output, ...pullback(dout) } as never;
}

const alone = calls.map((_, at) => run(at));
afterAll(shutdown);

test.each([2, 3])('%i threads', async (threads) => {
  expect((await init({ threads })).threads).toBe(threads);
  const tookPart = (): boolean => runtimeInfo().chunks.every((chunks) => chunks > 0);
  for (let attempt = 0; attempt < 20 && !(attempt > 2 && tookPart()); attempt++) {
    calls.forEach((_, at) => {
      const got = run(at);
      for (const name of ['output', 'q', 'k', 'v'] as const) {
        expectSameBits(got[name].data, alone[at]![name].data, `call ${at}: ${name}`);
      }
      expect(got.alpha).toEqual(alone[at]!.alpha);
    });
  }
  expect(tookPart()).toBe(true);
  await shutdown();
});
