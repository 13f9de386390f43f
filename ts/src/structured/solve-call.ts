/** The arguments of a solve, read and checked: nothing has been written when reading throws. */

import { EntmaxError, show, showShape } from '../errors.ts';
import { readLengths, readOptions } from '../maps/options.ts';
import { readScores, withNumbersAs } from '../scores.ts';
import type { FloatType, ReadScores } from '../scores.ts';
import { sameShape, sizeOf } from '../shape.ts';
import type { Shape } from '../types.ts';
import { descriptorOf, fullLength, isSequence, keyLength, tableOf } from './factors.ts';
import type { Descriptor } from './factors.ts';

/** The tables of a call by name, in the order of the kernels. */
export const TABLES = ['unary', 'transitions', 'start', 'end'] as const;
export type TableName = (typeof TABLES)[number];

/** A batch of problems. */
export interface ReadProblems {
  readonly op: string;
  readonly descriptor: Descriptor;
  readonly scores: Readonly<Partial<Record<TableName, ReadScores>>> & { readonly unary: ReadScores };
  readonly dtype: FloatType;
  readonly problems: number;
  /** Rows and columns of a problem's unary table. */
  readonly rows: number;
  readonly columns: number;
  readonly lengths: Int32Array | undefined;
  /** The length of a problem that fills its tables, and of its key. */
  readonly full: number;
  readonly keyLength: number;
}

/** A batch of problems to solve. */
export interface SolveCall extends ReadProblems {
  readonly tolerance: number;
  readonly maxIter: number;
  readonly warmStart: unknown;
  readonly given: Readonly<Record<string, unknown>>;
}

const OPTIONS = ['tol', 'maxIter', 'lengths', 'warmStart'];
const TOLERANCE = { float32: 1e-5, float64: 1e-9 };
const MOST_CALLS = 10_000;

export function readSolveCall(
  op: string,
  [given, factor, options]: readonly unknown[],
  isAsync: boolean,
  more: readonly string[] = [],
): SolveCall {
  const read = readOptions(op, options, [...OPTIONS, ...more, ...(isAsync ? ['signal', 'onProgress'] : [])]);
  const problems = readProblems(op, given, factor, read['lengths']);
  return {
    ...problems,
    tolerance: readTolerance(op, read['tol'], TOLERANCE[problems.dtype]),
    maxIter: readMaxIter(op, read['maxIter'], MOST_CALLS),
    warmStart: read['warmStart'],
    given: read,
  };
}

/** Reads the scores of a batch of problems of a factor. */
export function readProblems(op: string, given: unknown, factor: unknown, lengths: unknown): ReadProblems {
  const descriptor = descriptorOf(op, factor);
  const scores = readTables(op, descriptor, given);
  const { shape, dtype } = scores.unary;
  const batch = shape.slice(0, shape.length - descriptor.axes.length);
  const table = shape.slice(batch.length);
  const [rows, columns] = tableOf(descriptor, table);
  const problems = sizeOf(batch);
  const full = fullLength(descriptor, table);
  return {
    op,
    descriptor,
    scores,
    dtype,
    problems,
    rows,
    columns,
    lengths: readLengthsOf(op, descriptor, lengths, problems, full),
    full,
    keyLength: keyLength(descriptor, full),
  };
}

/** The length of a problem. */
export function lengthOf({ lengths, full }: Pick<SolveCall, 'lengths' | 'full'>, problem: number): number {
  return lengths?.[problem] ?? full;
}

function readTables(op: string, descriptor: Descriptor, given: unknown): ReadProblems['scores'] {
  const known = ['unary', ...descriptor.extra];
  const named = typeof given === 'object' && given !== null && Object.keys(given).every((name) => known.includes(name));
  if (!named || !('unary' in given)) {
    throw new EntmaxError('ENTMAX_OPTION', op, `scores as { ${known.join(', ')} }`, show(given));
  }
  const source = given as Record<string, unknown>;
  const unary = readUnary(op, descriptor, source['unary']);
  const batch = unary.shape.slice(0, unary.shape.length - descriptor.axes.length);
  const table = unary.shape.slice(batch.length);
  const scores: Partial<Record<TableName, ReadScores>> & { unary: ReadScores } = { unary };
  for (const name of descriptor.extra as TableName[]) {
    if (source[name] === undefined) continue;
    scores[name] = readTable(op, name, source[name], unary, [...batch, ...additionalShape(name, table)]);
  }
  return scores;
}

function readUnary(op: string, { axes, isTree, oracle }: Descriptor, source: unknown): ReadScores {
  const unary = readScores(op, source, undefined, 'unary');
  const letters = `[${axes.join(', ')}]`;
  if (unary.form === 'array' && axes.length > 1) {
    const got = `a ${unary.data.constructor.name} without a shape`;
    throw new EntmaxError('ENTMAX_SHAPE', op, `unary as a shaped block ${letters}`, got);
  }
  const rank = unary.shape.length - axes.length;
  const [rows, columns] = unary.shape.slice(-2);
  if (rank < 0 || rank > 1 || (isTree && (rows !== columns || rows === 0))) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `unary of shape ${letters}, or a batch of them`, showShape(unary.shape));
  }
  if (oracle && unary.shape.at(-1) !== oracle.size) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `unary with ${oracle.size} parts`, showShape(unary.shape));
  }
  return unary;
}

/** What an additional table of a sequence [T, S] is. */
function additionalShape(name: TableName, [t = 0, s = 0]: Shape): Shape {
  return name === 'transitions' ? [Math.max(t - 1, 0), s, s] : [s];
}

function readTable(op: string, name: string, source: unknown, unary: ReadScores, shape: Shape): ReadScores {
  const read = withNumbersAs(unary.dtype, readScores(op, source, undefined, name));
  // Nested arrays say nothing of the axes behind an empty one.
  const fits = sameShape(read.shape, shape) || (sizeOf(shape) === 0 && sizeOf(read.shape) === 0);
  if (!fits) throw new EntmaxError('ENTMAX_SHAPE', op, `${name} of shape ${showShape(shape)}`, showShape(read.shape));
  if (read.dtype !== unary.dtype) {
    throw new EntmaxError('ENTMAX_DTYPE', op, `${name} of ${unary.dtype}, as unary`, read.dtype);
  }
  return { ...read, shape };
}

function readLengthsOf(
  op: string,
  descriptor: Descriptor,
  lengths: unknown,
  problems: number,
  full: number,
): Int32Array | undefined {
  if (lengths !== undefined && !descriptor.ragged) {
    const expected = 'no option lengths for assignments and custom factors (forbid parts with -Infinity)';
    throw new EntmaxError('ENTMAX_OPTION', op, expected, show(lengths));
  }
  return readLengths(op, 'lengths', lengths, problems, full);
}

/** The option `tol`. */
export function readTolerance(op: string, tol: unknown, standard: number): number {
  if (tol === undefined) return standard;
  if (typeof tol === 'number' && tol > 0 && tol < Infinity) return tol;
  throw new EntmaxError('ENTMAX_OPTION', op, 'tol to be a positive number', show(tol));
}

/** The option `maxIter`. */
export function readMaxIter(op: string, maxIter: unknown, standard: number): number {
  if (maxIter === undefined) return standard;
  if (Number.isInteger(maxIter) && (maxIter as number) >= 1) return Math.min(maxIter as number, 0x7fffffff);
  throw new EntmaxError('ENTMAX_OPTION', op, 'maxIter to be a positive integer', show(maxIter));
}

/** Rough time of one call of a problem's oracle on one thread. */
export function oracleNanoseconds({ descriptor, rows, columns }: ReadProblems): number {
  return 50 + 2 * (isSequence(descriptor) ? rows * columns * columns : rows * columns);
}
