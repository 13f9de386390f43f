/** Problems for relaAttention: those of attention, without a map and with a norm. */

import { relaAttention } from 'entmax/attention';
import type { FloatType } from '../oracle/compare.ts';
import type { Problem } from '../oracle/attention.ts';
import { floats } from '../oracle/layouts.ts';
import type { Floats } from '../oracle/layouts.ts';
import { randomFrom } from '../oracle/random.ts';
import type { UntypedVjp } from './gradient-cases.ts';
import type { UntypedAttention } from './problems.ts';

/** relaAttention without its types. */
export const untypedRela = relaAttention as unknown as UntypedAttention &
  UntypedVjp & { async: { vjp: (...args: unknown[]) => Promise<ReturnType<UntypedVjp['vjp']>> } };

/** The norms that there are. */
export const NORMS = ['no norm', 'a norm', 'a norm and a gate'] as const;
export type NormName = (typeof NORMS)[number];

export interface DrawnNorm {
  readonly gain?: Floats;
  readonly gate?: Floats;
  readonly eps?: number;
}

/** Gain and gate for a problem, about N(0, 1), and an eps other than the default. */
export function normOf({ h, e }: Problem, name: NormName, dtype: FloatType): DrawnNorm {
  const random = randomFrom(h * 1009 + e);
  const draw = (): Floats =>
    floats(
      dtype,
      Array.from({ length: h * e }, () => random.normal()),
    );
  if (name === 'no norm') return {};
  return name === 'a norm' ? { gain: draw() } : { gain: draw(), gate: draw(), eps: 1e-3 };
}

/** The same problem without a map. */
export function withoutMap(problem: Problem): Problem {
  const others = Object.entries(problem.options).filter(([name]) => name !== 'alpha' && name !== 'topk');
  return { ...problem, options: Object.fromEntries(others) };
}
