/** How the examples read their options: what cannot be read is an error of commander, never NaN. */

import { InvalidArgumentError } from 'commander';

/** A parser of integers from `min` to `max`. */
export const integer = (min, max) => (text) => {
  const number = Number(text);
  if (/^[0-9]+$/.test(text) && number >= min && number <= max) return number;
  throw new InvalidArgumentError(`Expected an integer from ${min} to ${max}, got ${JSON.stringify(text)}.`);
};

/** Positive, finite numbers. */
export const positive = (text) => {
  const number = text.trim() === '' ? NaN : Number(text);
  if (number > 0 && number < Infinity) return number;
  throw new InvalidArgumentError(`Expected a number > 0, got ${JSON.stringify(text)}.`);
};
