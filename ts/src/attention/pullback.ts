/**
 * The output with its pullback, which keeps the weights of the support, and of its inputs what it needs: arrays as copies,
 * Tensors where they are. It throws if one of these was overwritten (by `set`, or as an `out`) or disposed since.
 *
 * The kept weights tell what was masked or biased. Only heads of softmax, whose weights are formed again, need more than
 * q, k and v.
 */

import { EntmaxError } from '../errors.ts';
import { readWrt } from '../maps/backward.ts';
import type { NamedGradients } from '../maps/backward.ts';
import { runPrepared, runPreparedAsync } from '../maps/forms.ts';
import type { Prepared } from '../maps/forms.ts';
import { readOptions } from '../maps/options.ts';
import type { AnyPullback } from '../maps/pullback.ts';
import { inRoom } from '../maps/room.ts';
import { newArray, readLike } from '../scores.ts';
import type { ReadScores } from '../scores.ts';
import { versionOf } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { readAttentionCall, readsOf } from './attention-call.ts';
import type { AttentionCall, ReadCall } from './attention-call.ts';
import { gradients } from './backward.ts';
import { stepsOf } from './backward-steps.ts';
import { progressOf, rowsOf } from './forward.ts';
import { templateOf } from './gradients.ts';
import type { PullbackCall } from './gradients.ts';
import { attendKeeping, keepsWeights } from './saved-weights.ts';
import type { SavedWeights } from './saved-weights.ts';

/** What there are gradients for; a bias has one if it was given, when it is asked for by name. */
function namesOf({ alpha, norm }: AttentionCall): string[] {
  return ['q', 'k', 'v', ...(alpha ? ['alpha'] : []), ...Object.keys(norm?.inputs ?? {})];
}

export function prepareAttentionVjp(
  op: string,
  args: readonly unknown[],
  isAsync: boolean,
  read: ReadCall = readAttentionCall,
): Prepared<[unknown, AnyPullback]> {
  const call = read(op, args, [], isAsync);
  return {
    op,
    plan: () =>
      inRoom(op, function* (room) {
        const held = holdInputs(call);
        const result = room.result(call.template);
        const saved = yield* attendKeeping(call, room, result.operand);
        return [result.value, makePullback(held, saved, isAsync)];
      }),
    ...progressOf(call),
    reads: readsOf(call),
    given: call.given,
  };
}

/** Inputs as a pullback keeps them. */
interface Held {
  readonly call: PullbackCall;
  /** Throws when an input is no longer what it was. */
  check(op: string): void;
}

function holdInputs(call: AttentionCall): Held {
  const { op, mask, bias } = call;
  const tensors: Tensor[] = [];
  const hold = (source: ReadScores): ReadScores => {
    if (source.form === 'tensor') {
      tensors.push(source.tensor);
      return source;
    }
    const data = newArray(source.dtype, source.data.length);
    data.set(source.data);
    return { ...source, data };
  };
  const [q, k, v] = [hold(call.q), hold(call.k), hold(call.v)];
  const biasForm = bias && { template: templateOf(bias.scores), distances: bias.distances };
  const inputs = { ...call, q, k, v, norm: call.norm?.held(hold), given: {}, biasForm };
  const formsScores = keepsWeights(call).includes(false);
  if (formsScores && mask?.tensor) tensors.push(mask.tensor);
  const held: PullbackCall = formsScores
    ? {
        ...inputs,
        bias: bias && { ...bias, scores: hold(bias.scores) },
        mask: mask && { ...mask, bytes: mask.bytes.slice() },
      }
    : { ...inputs, bias: undefined, mask: undefined, keyMask: undefined, slopes: undefined };
  const versions = tensors.map((each) => versionOf(each, op));
  return {
    call: held,
    check: (op) => {
      if (tensors.every((each, at) => versionOf(each, op) === versions[at])) return;
      throw new EntmaxError('ENTMAX_OPTION', op, 'inputs as they were in the forward pass', 'an overwritten Tensor');
    },
  };
}

function makePullback(held: Held, weights: SavedWeights, isAsync: boolean): AnyPullback {
  let saved: SavedWeights | undefined = weights;
  const op = held.call.op.replace(/vjp$/, 'pullback');
  const call = { ...held.call, op };
  const defaults = namesOf(call);
  const prepare = (dout: unknown, wrt: unknown, run: unknown): Prepared<NamedGradients> => {
    if (!saved) throw new EntmaxError('ENTMAX_DISPOSED', op, 'a live pullback', 'a disposed one');
    const kept = saved;
    held.check(op);
    const cotangent = readLike(op, dout, call.template, 'dout');
    const names = wrt === undefined ? defaults : readWrt(op, wrt, call.biasForm ? [...defaults, 'bias'] : defaults);
    return {
      op,
      plan: () => gradients(call, kept, cotangent, names),
      rows: rowsOf(call),
      steps: stepsOf(call, kept.indices.length, names).reduce((sum, { rows }) => sum + rows, 0),
      reads: [cotangent, ...readsOf(call)],
      given: readOptions(op, run, isAsync ? ['signal', 'onProgress'] : []),
    };
  };
  const pullback: (dout: unknown, wrt?: unknown, run?: unknown) => unknown = isAsync
    ? async (dout, wrt, run) => runPreparedAsync(prepare(dout, wrt, run))
    : (dout, wrt, run) => runPrepared(prepare(dout, wrt, run));
  const dispose = (): void => {
    saved = undefined;
  };
  return Object.assign(pullback, { dispose, [Symbol.dispose]: dispose });
}
