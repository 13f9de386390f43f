/** The benchmark's reference of attention: its gradients are those of its output, and its check sees what it does not compare. */

import { expect, test } from 'vitest';
import { verify } from '../../../bench/check.js';
import { Heads } from '../../../bench/reference/attention.js';

const SIZES = { batches: 2, heads: 2, queries: 5, keys: 5, width: 3 };
const LENGTH = 2 * 2 * 5 * 3;
const TASK = { map: 'learned' } as const;

/** Whole multiples of 1/64 in [-1, 1], so that float32 arrays hold differences exactly. */
const numbers = (seed: number): Float32Array =>
  Float32Array.from({ length: LENGTH }, (_, i) => (((i + seed) * 73) % 129) / 64 - 1);

const inputs = { q: numbers(1), k: numbers(2), v: numbers(3), scale: 2, alphas: Float64Array.of(1.3, 1.9) };
const problem = (change: Partial<typeof inputs> = {}): Heads => new Heads(SIZES, true, { ...inputs, ...change });

/** <dout, output> of a problem. */
function objective(heads: Heads, dout: Float32Array): number {
  const { values } = heads.expected({ ...TASK, operation: 'attention' });
  return dout.reduce((sum, each, i) => sum + each * values[i]!, 0);
}

test('gradients of q, k, v and alpha are differences of the output', () => {
  const { values } = problem().expected({ ...TASK, operation: 'attentionBackward' });
  const { dout } = problem();
  const names = ['q', 'k', 'v'] as const;
  const step = 1 / 1024;
  names.forEach((name, part) => {
    for (let i = 0; i < LENGTH; i++) {
      const at = (sign: number): number => {
        const changed = inputs[name].slice();
        changed[i] = changed[i]! + sign * step;
        return objective(problem({ [name]: changed }), dout);
      };
      const difference = (at(1) - at(-1)) / (2 * step);
      expect(Math.abs(difference - values[(part + 1) * LENGTH + i]!), `${name} ${i}`).toBeLessThan(2e-3);
    }
  });
  inputs.alphas.forEach((_, head) => {
    const at = (sign: number): number => {
      const alphas = inputs.alphas.slice();
      alphas[head] = alphas[head]! + sign * 1e-5;
      return objective(problem({ alphas }), dout);
    };
    expect(Math.abs((at(1) - at(-1)) / 2e-5 - values[4 * LENGTH + head]!), `alpha ${head}`).toBeLessThan(1e-4);
  });
});

test('a causal query sees the keys up to its own place', () => {
  const { values } = problem().expected({ operation: 'attention', map: 'softmax' });
  for (let head = 0; head < 4; head++) {
    const first = head * 5 * 3;
    expect(Array.from(values).slice(first, first + 3)).toEqual([...inputs.v.subarray(first, first + 3)]);
  }
});

test('of many queries some are compared, the first and the last among them, and the others must be numbers', () => {
  const sizes = { batches: 1, heads: 4, queries: 500, keys: 2, width: 1 };
  const column = (length: number): Float32Array => new Float32Array(length).fill(1);
  const heads = new Heads(sizes, false, { q: column(2000), k: column(8), v: column(8), scale: 1 });
  const expected = heads.expected({ operation: 'attention', map: 'softmax' });
  const rows = [...expected.rows!];
  expect(rows).toContain(0);
  expect(rows).toContain(1999);
  expect(new Set(rows.map((row) => row % 16)).size).toBe(16);

  const right = column(2000);
  expect(verify('right', { values: right }, expected, 2).error).toBe(0);
  const other = right.findIndex((_, row) => !rows.includes(row));
  const withNaN = right.slice();
  withNaN[other] = NaN;
  expect(() => verify('NaN', { values: withNaN }, expected, 2)).toThrow('NaN');
  const off = right.slice();
  off[rows[7]!]! += 1e-4;
  expect(() => verify('off', { values: off }, expected, 2)).toThrow('off');
  expect(() => verify('short', { values: right.subarray(1) }, expected, 2)).toThrow('short');
});
