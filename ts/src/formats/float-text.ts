// The shortest decimal digits from which a float32 is read back bit for bit.
//
// Decimals of up to six digits survive the way through float32 and back, so a value that has a shorter form shows it as its six-digit
// rounding; nine digits always suffice. Between 1e-13 and 1e6 each candidate is an integer n divided by a power of ten that float64
// holds exactly, so n / 10^k is the very number that a reader of its decimal text gets, and JavaScript prints it with those digits.
// Other values take a slower way. At a power of two the neighbour below is nearer than the one above, and the shortest decimal may be
// the second nearest: the slow way tries both sides; between 1e-13 and 1e6 there is no such power, as the test shows with all of them.

const POWERS = Array.from({ length: 23 }, (_, k) => Number(`1e${k}`));
const FEWEST_DIGITS = 6;
const MOST_DIGITS = 9;

/** A float64 that prints as the shortest decimal of this float32. */
export function shortestDecimal(value: number): number {
  const size = Math.abs(value);
  if (!(size >= 1e-13 && size < 1e6)) return size === 0 || !Number.isFinite(value) ? value : slowly(value);
  // The number of digits before the point, or minus the zeros after it.
  let exponent = -12;
  while (size >= (exponent >= 0 ? POWERS[exponent]! : 1 / POWERS[-exponent]!)) exponent++;
  for (let digits = FEWEST_DIGITS; digits <= MOST_DIGITS; digits++) {
    const power = POWERS[digits - exponent]!;
    const decimal = Math.round(size * power) / power;
    if (Math.fround(decimal) === size) return value < 0 ? -decimal : decimal;
  }
  return slowly(value);
}

function slowly(value: number): number {
  for (let digits = 1; digits < MOST_DIGITS; digits++) {
    for (const text of neighbours(value, digits)) if (Math.fround(Number(text)) === value) return Number(text);
  }
  return Number(value.toPrecision(MOST_DIGITS));
}

/** The decimals of so many digits around a value, the nearest first. */
function neighbours(value: number, digits: number): string[] {
  const nearest = value.toExponential(digits - 1);
  const [mantissa, exponent] = nearest.replace('.', '').split('e') as [string, string];
  const shift = Number(exponent) - digits + 1;
  return [nearest, ...[-1, 1].map((step) => `${Number(mantissa) + step}e${shift}`)];
}

/** A float32 or float64 as CSV has it. */
export function showFloat(value: number, type: 'F32' | 'F64'): string {
  if (Number.isFinite(value)) return String(type === 'F32' ? shortestDecimal(value) : value);
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}
