/** What the pullbacks of structured inference have in common: they hold something until it is given back. */

import { EntmaxError } from '../errors.ts';
import { runPrepared, runPreparedAsync } from '../maps/forms.ts';
import type { Prepared } from '../maps/forms.ts';
import { readOptions } from '../maps/options.ts';
import type { AnyPullback } from '../maps/pullback.ts';

/** A pullback whose calls are prepared from a cotangent and what it holds. */
export function heldPullback<H extends object>(
  op: string,
  kept: H,
  isAsync: boolean,
  prepare: (held: H, cotangent: unknown) => Omit<Prepared<unknown>, 'op' | 'given'>,
): AnyPullback {
  let held: H | undefined = kept;
  const prepared = (cotangent: unknown, run: unknown): Prepared<unknown> => {
    if (!held) throw new EntmaxError('ENTMAX_DISPOSED', op, 'a live pullback', 'a disposed one');
    const given = readOptions(op, run, isAsync ? ['signal', 'onProgress'] : []);
    return { ...prepare(held, cotangent), op, given };
  };
  const pullback: (cotangent: unknown, run?: unknown) => unknown = isAsync
    ? async (cotangent, run) => runPreparedAsync(prepared(cotangent, run))
    : (cotangent, run) => runPrepared(prepared(cotangent, run));
  const dispose = (): void => {
    held = undefined;
  };
  return Object.assign(pullback, { dispose, [Symbol.dispose]: dispose });
}
