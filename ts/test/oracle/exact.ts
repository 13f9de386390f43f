/**
 * The same map to about 25 digits, for rows whose float64 results are judged to 1e-14: the float64 reference gives the
 * support's neighbourhood and a first threshold, and Newton's method in double-double does the rest.
 */

import { add, dd, divide, exp, log, multiply, negate, subtract, toNumber, total } from './double-double.ts';
import type { DD } from './double-double.ts';
import { entmaxReference } from './reference.ts';

const STEPS = 5;

/** p of a row of finite or -Infinity scores, correctly rounded but for rare last bits; 1 <= alpha < Infinity. */
export function entmaxExact(scores: ArrayLike<number>, alpha: number): Float64Array {
  const z = Float64Array.from(scores);
  const max = z.reduce((most, score) => Math.max(most, score), -Infinity);
  const e = alpha - 1;
  if (e === 0) return softmax(z, max);
  return e <= 1 ? flat(z, max, e) : steep(z, alpha);
}

/** A difference of two float64 of similar magnitude in full. */
const difference = (a: number, b: number): DD => subtract(dd(a), dd(b));

function softmax(z: Float64Array, max: number): Float64Array {
  const q = Array.from(z, (score) => (score === -Infinity ? dd(0) : exp(difference(score, max))));
  const sum = total(q);
  return Float64Array.from(q, (each) => toNumber(divide(each, sum)));
}

function flat(z: Float64Array, max: number, e: number): Float64Array {
  const { threshold } = entmaxReference(z, 1 + e);
  // x = 1 + e (u - c) = e (u - tau), tau = c - 1/e, all in double-double from the start.
  const exponent = dd(e);
  const inverse = divide(dd(1), exponent);
  const u = Array.from(z, (score) => (score === -Infinity ? dd(-1e280) : difference(score, max)));
  let tau = difference(threshold, max);
  const terms = (): { p: DD; slope: DD }[] =>
    u.map((each) => {
      const x = multiply(exponent, subtract(each, tau));
      if (x.high <= 0) return { p: dd(0), slope: dd(0) };
      const p = e === 1 ? x : exp(multiply(inverse, log(x)));
      return { p, slope: divide(p, x) };
    });
  for (let step = 0; step < STEPS; step++) {
    const all = terms();
    const excess = subtract(total(all.map(({ p }) => p)), dd(1));
    tau = add(tau, divide(excess, total(all.map(({ slope }) => slope))));
  }
  return Float64Array.from(terms(), ({ p }) => toNumber(p));
}

function steep(z: Float64Array, alpha: number): Float64Array {
  const e = alpha - 1;
  const { p } = entmaxReference(z, alpha);
  const support = z.filter((_, i) => p[i]! > 0);
  const smallest = support.reduce((least, score) => Math.min(least, score), Infinity);
  const [exponent, inverse] = [dd(e), divide(dd(1), dd(e))];
  const logGaps = Array.from(z, (score) =>
    score > smallest ? log(multiply(exponent, difference(score, smallest))) : undefined,
  );
  let logT = dd(Math.log(p[z.indexOf(smallest)]!));
  const probability = (logGap: DD | undefined): DD => {
    const b = multiply(exponent, logT);
    if (!logGap) return exp(logT);
    const [more, less] = logGap.high > b.high ? [logGap, b] : [b, logGap];
    return exp(multiply(inverse, add(more, log(add(dd(1), exp(subtract(less, more)))))));
  };
  const all = (): DD[] => Array.from(z, (score, i) => (score < smallest ? dd(0) : probability(logGaps[i])));
  for (let step = 0; step < STEPS; step++) {
    // d p / d ln t = p (t / p)^e.
    const terms = all();
    const excess = subtract(total(terms), dd(1));
    const slopes = terms.map((each) =>
      each.high === 0 ? each : multiply(each, exp(multiply(exponent, add(logT, negate(log(each)))))),
    );
    logT = subtract(logT, divide(excess, total(slopes)));
  }
  return Float64Array.from(all(), toNumber);
}
