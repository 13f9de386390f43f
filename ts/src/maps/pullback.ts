/** Pullbacks of row maps: functions from a cotangent to gradients, which own what they need. */

import type { Entries } from '../csr.ts';
import { EntmaxError } from '../errors.ts';
import { runtimeInfo } from '../runtime/runtime.ts';
import { readLike } from '../scores.ts';
import { belongsTo } from '../tensor.ts';
import { gradientNames, gradients, readWrt } from './backward.ts';
import type { DenseOutput, NamedGradients } from './backward.ts';
import { runPrepared, runPreparedAsync } from './forms.ts';
import type { Prepared } from './forms.ts';
import { readOptions } from './options.ts';
import type { RowMapCall } from './row-call.ts';

/** A pullback without its types. */
export type AnyPullback = ((dy: unknown, wrt?: unknown, run?: unknown) => unknown) & Disposable & { dispose(): void };

/** The pullback of a map at the output `p`: synchronous, or with promises and the options of a run. */
export function makePullback(call: RowMapCall, p: DenseOutput | Entries, isAsync: boolean): AnyPullback {
  let saved: DenseOutput | Entries | undefined = p;
  const op = `${call.descriptor.name}.${isAsync ? 'async.' : ''}pullback`;
  const prepare = (dy: unknown, wrt: unknown, run: unknown): Prepared<NamedGradients> => {
    if (!saved) throw new EntmaxError('ENTMAX_DISPOSED', op, 'a live pullback', 'a disposed one');
    const held = saved;
    const large = isAsync || runtimeInfo().threads > 1;
    const cotangent = readLike(op, dy, call.template, 'dy');
    const names = readWrt(op, wrt, gradientNames(call.descriptor));
    return {
      op,
      plan: () => gradients({ ...call, op, large }, held, cotangent, names),
      rows: call.layout.rows,
      steps: call.layout.rows * ('indptr' in held ? 2 : 1),
      reads: [cotangent, 'indptr' in held ? undefined : held.tensor],
      given: readOptions(op, run, isAsync ? ['signal', 'onProgress'] : []),
    };
  };
  const pullback: (dy: unknown, wrt?: unknown, run?: unknown) => unknown = isAsync
    ? async (dy, wrt, run) => runPreparedAsync(prepare(dy, wrt, run))
    : (dy, wrt, run) => runPrepared(prepare(dy, wrt, run));
  const tensor = 'indptr' in p ? undefined : p.tensor;
  if (tensor) belongsTo(pullback, tensor);
  const dispose = (): void => {
    tensor?.dispose();
    saved = undefined;
  };
  return Object.assign(pullback, { dispose, [Symbol.dispose]: dispose });
}
