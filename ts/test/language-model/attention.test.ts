import { beforeAll, describe, expect, test } from 'vitest';
import { init } from 'entmax';
import { KvCache } from 'entmax/attention';
import { attend } from '../../../examples/language-model/attention.ts';
import { seededRandom } from '../../../examples/language-model/random.ts';

const [windows, past, read, heads, width] = [2, 4, 3, 2, 4];
const seen = past + read;
const { nextDouble } = seededRandom(11);
const normal = (length: number): Float64Array => Float64Array.from({ length }, () => 6 * nextDouble() - 3);
/** [B, S, 3, H, D]: what was read before, and what is being read. */
const qkv = normal(windows * seen * 3 * heads * width);
const at = (part: number, b: number, s: number, h: number): number => (((b * seen + s) * 3 + part) * heads + h) * width;

/** The characters `from .. to` of both windows. */
function piece(from: number, to: number, source = qkv): Float64Array {
  return Float64Array.from(
    [0, 1].flatMap((b) => [
      ...source.subarray(at(0, b, from, 0), b * seen * 3 * heads * width + to * 3 * heads * width),
    ]),
  );
}

/** Reads the first characters, then the others, and returns what is attended to from these. */
function attended(source = qkv): ReturnType<typeof attend> {
  using cache = new KvCache({ heads, headDim: width, sequences: windows });
  const alpha = Float64Array.of(1, 2);
  attend(piece(0, past, source), cache, alpha, { windows, read: past, heads, width });
  return attend(piece(past, seen, source), cache, alpha, { windows, read, heads, width });
}

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
        const query = qkv.subarray(at(0, b, past + t, h), at(0, b, past + t, h) + width);
        const scores = Array.from({ length: past + t + 1 }, (_, s) => {
          const key = at(1, b, s, h);
          return query.reduce((sum, q, d) => sum + q * qkv[key + d]!, 0) / Math.sqrt(width);
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
    const { output, weights: sparse } = attended();
    expect(sparse.shape).toEqual([windows, heads, read, seen]);
    let row = 0;
    let excluded = 0;
    forEachQuery((b, h, t, weights) => {
      const characters = weights.flatMap((weight, s) => (weight > 0 ? [s] : []));
      excluded += weights.length - characters.length;
      expect([...sparse.row(row++).indices]).toEqual(characters);
      for (let d = 0; d < width; d++) {
        const expected = weights.reduce((sum, weight, s) => sum + weight * qkv[at(2, b, s, h) + d]!, 0);
        expect(output[((b * read + t) * heads + h) * width + d]).toBeCloseTo(expected, 5);
      }
    });
    expect(excluded).toBeGreaterThan(5);
  });

  test('reads no values that it excludes', () => {
    const needed = new Set<number>();
    forEachQuery((b, h, _, weights) => {
      weights.forEach((weight, s) => {
        if (weight > 0) needed.add(at(2, b, s, h));
      });
    });
    const poisoned = qkv.slice();
    let spoilt = 0;
    for (let place = 0; place < windows * seen * heads; place++) {
      const [b, s, h] = [Math.floor(place / seen / heads), Math.floor(place / heads) % seen, place % heads];
      if (needed.has(at(2, b, s, h))) continue;
      poisoned.fill(NaN, at(2, b, s, h), at(2, b, s, h) + width);
      spoilt++;
    }
    expect(spoilt).toBeGreaterThan(2);
    expect(attended(poisoned).output).toEqual(attended().output);
  });
});
