/** Gradients of attention against PyTorch's autograd on the composed form (scripts/golden/attention.py). */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { attention } from 'entmax/attention';
import { randomFrom } from '../oracle/random.ts';
import type { Nd, UntypedVjp } from './gradient-cases.ts';

interface Golden {
  readonly name: string;
  readonly seed: number;
  /** B, H, G, N, M, D, E. */
  readonly sizes: [number, number, number, number, number, number, number];
  readonly alpha: number[];
  readonly causal?: boolean;
  readonly bias?: number[];
  readonly gradients: Record<'q' | 'k' | 'v' | 'alpha', number[]> & { bias?: number[] };
}

const path = new URL('golden-gradients.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(path, 'utf8')) as { cases: Golden[] };

function draw(seed: number, shape: number[]): Nd {
  const random = randomFrom(seed);
  const length = shape.reduce((size, each) => size * each, 1);
  return { data: Float64Array.from({ length }, () => random.normal()), shape };
}

test.each(cases)('$name', ({ seed, sizes: [b, h, g, n, m, d, e], alpha, causal, bias, gradients }) => {
  const [q, k, v] = [draw(seed, [b, h, n, d]), draw(seed + 1, [b, g, m, d]), draw(seed + 2, [b, g, m, e])];
  const options = { alpha, isCausal: causal, bias: bias && draw(seed + 4, bias) };
  const [, pullback] = (attention as unknown as UntypedVjp).vjp(q, k, v, options);
  const got = pullback(draw(seed + 3, [b, h, n, e]), Object.keys(gradients));
  for (const [name, expected] of Object.entries(gradients)) {
    const values = name === 'alpha' ? (got[name] as number[]) : (got[name] as Nd).data;
    expected.forEach((value, at) => {
      // torch.softmax has no gradient by alpha.
      if (name === 'alpha' && alpha[at] === 1) return;
      expect(Math.abs(values[at]! - value), `${name}[${at}]: ${values[at]} for ${value}`).toBeLessThan(1e-9);
    });
  }
});
