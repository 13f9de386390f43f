/** Expectations about errors, by their stable code. */

import { expect } from 'vitest';
import type { EntmaxError, ErrorCode } from '../../src/errors.ts';
import { isEntmaxError } from '../../src/errors.ts';

/** The error that `run` throws; fails unless it is one of ours with this code. */
export function errorOf(code: ErrorCode, run: () => unknown): EntmaxError {
  try {
    run();
  } catch (error) {
    return checked(code, error);
  }
  throw new Error(`expected ${code}, got no error`);
}

/** The error that the promise rejects with; fails unless it is one of ours with this code. */
export async function rejectionOf(code: ErrorCode, promise: Promise<unknown>): Promise<EntmaxError> {
  try {
    await promise;
  } catch (error) {
    return checked(code, error);
  }
  throw new Error(`expected ${code}, got no error`);
}

function checked(code: ErrorCode, error: unknown): EntmaxError {
  if (!isEntmaxError(error)) throw error;
  expect(error.code, error.message).toBe(code);
  return error;
}
