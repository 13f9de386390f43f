/** The arguments of relaAttention, read and checked: those of attention with a norm in place of a map. */

import { EntmaxError } from '../errors.ts';
import { readLike } from '../scores.ts';
import { readCommonCall } from './attention-call.ts';
import type { CommonCall, ReadCall } from './attention-call.ts';
import { HINTS } from './options.ts';
import { readEps, RmsNorm } from './rms-norm.ts';

const OF_ATTENTION = 'an option of attention: here weights are the positive scores';
const RELA_HINTS = {
  ...HINTS,
  ...{ alpha: OF_ATTENTION, topk: OF_ATTENTION, k: `topk, ${OF_ATTENTION}` },
  ...{ weight: 'gain', gamma: 'gain', epsilon: 'eps' },
};

/** Reads a call of relaAttention. */
export const readRelaCall: ReadCall = (op, args, more, isAsync) => {
  const call = readCommonCall(op, args, ['gain', 'gate', 'eps'], more, isAsync, RELA_HINTS);
  return { ...call, alpha: undefined, topk: 0, norm: readNorm(call) };
};

/** The norm, if there is a gain. Gate and eps are parts of it: without a gain it would not be told whether one is meant. */
function readNorm({ op, given, sizes, template }: CommonCall): RmsNorm | undefined {
  const { gain, gate, eps } = given;
  if (gain === undefined) {
    const alone = ['gate', 'eps'].find((name) => name in given);
    if (alone === undefined) return undefined;
    throw new EntmaxError('ENTMAX_OPTION', op, `gain beside ${alone} (ones for the norm alone)`, 'no gain');
  }
  const channels = { dtype: template.dtype, shape: [sizes.heads * sizes.valueWidth] };
  const read = (name: string, source: unknown): RmsNorm['gain'] => readLike(op, source, channels, name);
  return new RmsNorm(read('gain', gain), gate === undefined ? undefined : read('gate', gate), readEps(op, eps));
}
