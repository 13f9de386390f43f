import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shortestDecimal, showFloat } from '../../src/formats/float-text.ts';
import { goldenDigits } from './golden.ts';

const words = new Uint32Array(1);
const singles = new Float32Array(words.buffer);

function fromBits(bits: number): number {
  words[0] = bits;
  return singles[0]!;
}

/** Digits of a decimal without sign, point, exponent and zeros around them. */
function digitsOf(text: string): string {
  return text.replace(/e.*/i, '').replace(/[-.]/g, '').replace(/^0+/, '').replace(/0+$/, '');
}

/** A decimal text as an exact fraction. */
function exactly(text: string): [bigint, bigint] {
  const [, integer, fraction = '', exponent = '0'] = /^([0-9]+)(?:\.([0-9]*))?(?:e([+-]?[0-9]+))?$/.exec(text)!;
  const scale = Number(exponent) - fraction.length;
  const digits = BigInt(integer! + fraction);
  return scale >= 0 ? [digits * 10n ** BigInt(scale), 1n] : [digits, 10n ** BigInt(-scale)];
}

/** A float64 as an exact fraction. */
function fractionOf(value: number): [bigint, bigint] {
  let denominator = 1n;
  for (; !Number.isInteger(value); value *= 2) denominator *= 2n;
  return [BigInt(value), denominator];
}

describe('shortestDecimal', () => {
  test(`prints as many digits as NumPy, at most, for ${goldenDigits.length} values`, () => {
    for (const [bits, text] of goldenDigits) {
      const value = fromBits(bits);
      const ours = String(shortestDecimal(value));
      expect(Math.fround(Number(ours))).toBe(value);
      expect(`${bits}: ${digitsOf(ours).length}`).toBe(`${bits}: ${digitsOf(text).length}`);
    }
  });

  test('is read back by a reader that rounds once, like strtof, and by one that rounds to float64 first', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0x7f7fffff }), (bits) => {
        const value = fromBits(bits);
        const text = String(shortestDecimal(value));
        expect(Math.fround(Number(text))).toBe(value);
        // Twice the value lies between the sums with its neighbours: the value is the nearest float32.
        const [a, b] = exactly(text);
        for (const neighbour of [bits - 1, bits + 1]) {
          const sum = fromBits(neighbour) + value;
          if (!Number.isFinite(fromBits(neighbour))) continue;
          // The sum of two neighbours is exact in float64; it is compared as a fraction.
          const [p, q] = fractionOf(sum);
          const side = 2n * a * q - p * b;
          expect(neighbour < bits ? side >= 0n : side <= 0n).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('keeps signs, zeros and plain numbers', () => {
    expect(
      [0, 0.5, -0.1, 1, -123456, 16777216, 3.4028234663852886e38].map((x) => shortestDecimal(Math.fround(x))),
    ).toEqual([0, 0.5, -0.1, 1, -123456, 16777216, 3.4028235e38]);
  });
});

test('showFloat spells what is no number as NumPy and pandas read it', () => {
  expect([NaN, Infinity, -Infinity, 0.1].map((value) => showFloat(value, 'F64'))).toEqual([
    'nan',
    'inf',
    '-inf',
    '0.1',
  ]);
  expect(showFloat(Math.fround(0.1), 'F32')).toBe('0.1');
  expect(showFloat(Math.fround(0.1), 'F64')).toBe('0.10000000149011612');
});
