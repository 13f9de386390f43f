import { beforeAll, describe, expect, test } from 'vitest';
import { init } from 'entmax';
import { attention } from '../../../examples/language-model/attention.ts';
import type { AttentionShape } from '../../../examples/language-model/attention.ts';
import { seededRandom } from '../../../examples/language-model/random.ts';

const shape: AttentionShape = { windows: 2, past: 4, read: 3, context: 9, heads: 2, width: 4 };
const { windows, past, read, context, heads, width } = shape;
const seen = past + read;
const { nextDouble } = seededRandom(11);
const normal = (length: number): Float64Array => Float64Array.from({ length }, () => 6 * nextDouble() - 3);
const qkv = normal(windows * read * 3 * heads * width);
const keys = normal(windows * context * heads * width);
const values = normal(windows * context * heads * width);

/** Sparsemax by its definition: the threshold of the largest sorted prefix that stays above it (Martins and Astudillo, 2016). */
function sparsemaxRow(scores: readonly number[]): number[] {
  const sorted = [...scores].sort((a, b) => b - a);
  let tau = -Infinity;
  sorted.forEach((score, i) => {
    const candidate = (sorted.slice(0, i + 1).reduce((sum, z) => sum + z) - 1) / (i + 1);
    if (score > candidate) tau = candidate;
  });
  return scores.map((score) => Math.max(score - tau, 0));
}

function softmaxRow(scores: readonly number[]): number[] {
  const exponentials = scores.map((score) => Math.exp(score));
  const total = exponentials.reduce((sum, e) => sum + e);
  return exponentials.map((e) => e / total);
}

/** Calls visit(b, h, t, weights over the characters up to the query), softmax for head 0 and sparsemax for head 1. */
function forEachQuery(visit: (b: number, h: number, t: number, weights: number[]) => void): void {
  for (let b = 0; b < windows; b++) {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < read; t++) {
        const query = Array.from({ length: width }, (_, d) => qkv[(((b * read + t) * 3 + 0) * heads + h) * width + d]!);
        const scores = Array.from({ length: past + t + 1 }, (_, s) => {
          const key = ((b * context + s) * heads + h) * width;
          return query.reduce((sum, q, d) => sum + q * keys[key + d]!, 0) / Math.sqrt(width);
        });
        visit(b, h, t, h === 0 ? softmaxRow(scores) : sparsemaxRow(scores));
      }
    }
  }
}

describe('attention with head 0 at alpha 1 and head 1 at alpha 2', () => {
  beforeAll(async () => {
    await init({ threads: 1 });
  });

  test('is softmax attention in head 0 and sparsemax attention in head 1, and counts what it attends to', () => {
    const support = new Int32Array(windows * heads * read);
    const output = attention({ qkv, keys, values, alpha: Float64Array.of(1, 2) }, shape, support);
    let row = 0;
    let excluded = 0;
    forEachQuery((b, h, t, weights) => {
      const attended = weights.filter((weight) => weight > 0).length;
      excluded += weights.length - attended;
      expect(support[row++]).toBe(attended);
      for (let d = 0; d < width; d++) {
        const expected = weights.reduce(
          (sum, weight, s) => sum + weight * values[((b * context + s) * heads + h) * width + d]!,
          0,
        );
        expect(output[((b * read + t) * heads + h) * width + d]).toBeCloseTo(expected, 5);
      }
    });
    expect(excluded).toBeGreaterThan(5);
  });

  test('reads neither the values that it excludes nor anything after the query', () => {
    const needed = new Set<number>();
    forEachQuery((b, h, _, weights) => {
      weights.forEach((weight, s) => {
        if (weight > 0) needed.add((b * context + s) * heads + h);
      });
    });
    const poisoned = values.map((value, i) => (needed.has(Math.floor(i / width)) ? value : NaN));
    const keysAhead = keys.map((key, i) => (Math.floor(i / (heads * width)) % context < seen ? key : NaN));
    expect(poisoned.filter(Number.isNaN).length).toBeGreaterThan(windows * (context - seen) * heads * width);
    const supports = [0, 1].map(() => new Int32Array(windows * heads * read));
    const alpha = Float64Array.of(1, 2);
    const clean = attention({ qkv, keys, values, alpha }, shape, supports[0]!);
    expect(attention({ qkv, keys: keysAhead, values: poisoned, alpha }, shape, supports[1]!)).toEqual(clean);
    expect(supports[1]).toEqual(supports[0]);
  });
});
