// How the commands read their options. What cannot be read is an InputError, never NaN.

import { InputError } from '../formats/input-error.ts';
import { MAXIMUM_WORKERS } from '../runtime/control.ts';

const MAX_THREADS = MAXIMUM_WORKERS + 1;

/** A parser for commander that takes decimal integers from `min` to `max`. */
export function integer(option: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= min && value <= max) return value;
    throw new InputError(`${option} to be an integer from ${min} to ${max}`, JSON.stringify(text));
  };
}

export function threadCount(text: string): number | 'auto' {
  if (text === 'auto') return text;
  if (/^[0-9]+$/.test(text)) return integer('--threads', 1, MAX_THREADS)(text);
  throw new InputError(`--threads to be auto or an integer from 1 to ${MAX_THREADS}`, JSON.stringify(text));
}

/** A parser for commander that takes positive, finite numbers. */
export function positive(option: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (value > 0 && value < Infinity) return value;
    throw new InputError(`${option} to be a number > 0`, JSON.stringify(text));
  };
}
