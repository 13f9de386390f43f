/**
 * Numbers as an unevaluated sum of two float64, about 31 digits (Dekker 1971; Hida, Li and Bailey 2000): enough to
 * judge float64 results to their last bit. Magnitudes are expected in [1e-280, 1e280].
 */

export interface DD {
  readonly high: number;
  readonly low: number;
}

export const dd = (high: number, low = 0): DD => ({ high, low });
export const toNumber = ({ high, low }: DD): number => high + low;

function quickTwoSum(a: number, b: number): DD {
  const high = a + b;
  return { high, low: b - (high - a) };
}

export function twoSum(a: number, b: number): DD {
  const high = a + b;
  const part = high - a;
  return { high, low: a - (high - part) + (b - part) };
}

const SPLITTER = 2 ** 27 + 1;

function twoProduct(a: number, b: number): DD {
  const high = a * b;
  const [ta, tb] = [SPLITTER * a, SPLITTER * b];
  const [ah, bh] = [ta - (ta - a), tb - (tb - b)];
  const [al, bl] = [a - ah, b - bh];
  return { high, low: ah * bh - high + ah * bl + al * bh + al * bl };
}

export function add(a: DD, b: DD): DD {
  const high = twoSum(a.high, b.high);
  const low = twoSum(a.low, b.low);
  const first = quickTwoSum(high.high, high.low + low.high);
  return quickTwoSum(first.high, first.low + low.low);
}

export const negate = (a: DD): DD => dd(-a.high, -a.low);
export const subtract = (a: DD, b: DD): DD => add(a, negate(b));

export function multiply(a: DD, b: DD): DD {
  const product = twoProduct(a.high, b.high);
  return quickTwoSum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

export function divide(a: DD, b: DD): DD {
  const first = a.high / b.high;
  const rest = subtract(a, multiply(b, dd(first)));
  const second = rest.high / b.high;
  const third = subtract(rest, multiply(b, dd(second))).high / b.high;
  return add(quickTwoSum(first, second), dd(third));
}

/** ln 2 to 32 digits, and e^(1/512)'s reduction: |r| < ln 2 / 1024, then nine squarings. */
const LN2 = dd(0.6931471805599453, 2.3190468138462996e-17);
const SQUARINGS = 9;

export function exp(x: DD): DD {
  if (x.high < -740) return dd(0);
  const exponent = Math.round(x.high / LN2.high);
  const reduced = subtract(x, multiply(LN2, dd(exponent)));
  const r = dd(reduced.high / 2 ** SQUARINGS, reduced.low / 2 ** SQUARINGS);
  // e^r - 1 by Taylor; squared as (1 + s)^2 - 1 = 2 s + s^2, so that the small part keeps its digits.
  let sum = r;
  let term = r;
  for (let k = 2; k <= 9; k++) {
    term = divide(multiply(term, r), dd(k));
    sum = add(sum, term);
  }
  for (let k = 0; k < SQUARINGS; k++) sum = add(add(sum, sum), multiply(sum, sum));
  const result = add(sum, dd(1));
  // In two factors: 2^-1070 alone would be a denormal.
  const half = Math.trunc(exponent / 2);
  const scale = (value: number): number => value * 2 ** half * 2 ** (exponent - half);
  return dd(scale(result.high), scale(result.low));
}

/** One Newton step on exp doubles the digits of Math.log. */
export function log(x: DD): DD {
  const guess = dd(Math.log(x.high));
  const corrected = add(guess, subtract(multiply(x, exp(negate(guess))), dd(1)));
  return add(corrected, subtract(multiply(x, exp(negate(corrected))), dd(1)));
}

export function total(values: Iterable<DD>): DD {
  let sum = dd(0);
  for (const value of values) sum = add(sum, value);
  return sum;
}
