/**
 * One error class for everything that can go wrong, so that callers branch on `code` and humans read one sentence.
 *
 * The message always has the same form: `sparsemax: expected axis in [-2, 1] for shape [4, 8], got 5`.
 */

/** What kind of thing went wrong; the codes are stable, the messages are not. */
export type ErrorCode =
  | 'ENTMAX_SHAPE'
  | 'ENTMAX_DTYPE'
  | 'ENTMAX_OPTION'
  | 'ENTMAX_EMPTY_ROW'
  | 'ENTMAX_DISPOSED'
  | 'ENTMAX_BUSY'
  | 'ENTMAX_MEMORY'
  | 'ENTMAX_INIT'
  | 'ENTMAX_KERNEL'
  | 'ENTMAX_WORKER_LOST';

const BRAND = Symbol.for('entmax.error');

/**
 * The error that every entmax function throws (or rejects with).
 *
 * `error[Symbol.for('entmax.error')] === true` recognises it across several copies of the package, where
 * `instanceof` does not.
 */
export class EntmaxError extends Error {
  /** Stable identification of the kind of error. */
  readonly code: ErrorCode;
  /** The operation that failed, with its form: `entmax`, `entmax.support`, `tensor`, `init`, ... */
  readonly op: string;
  /** What the operation asked for. */
  readonly expected: string;
  /** What it was given, or what it met. */
  readonly got: string;

  constructor(code: ErrorCode, op: string, expected: string, got: string) {
    super(`${op}: expected ${expected}, got ${got}`);
    this.name = 'EntmaxError';
    this.code = code;
    this.op = op;
    this.expected = expected;
    this.got = got;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** True for an error of this package, also one that another copy of the package has thrown. */
export function isEntmaxError(error: unknown): error is EntmaxError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** A value as an error message shows it: short, and never failing. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value))
    return value.length <= 8 ? `[${value.map(show).join(', ')}]` : `an array of ${value.length}`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if (typeof value === 'object' && value !== null) return `an object with keys [${Object.keys(value).join(', ')}]`;
  return String(value);
}

/** A shape as an error message shows it. */
export function showShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}
