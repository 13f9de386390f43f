/** The arguments of a solve of a graph, read and checked, and what solves leave for each other. */

import { EntmaxError, show, showShape } from '../errors.ts';
import { readOptions } from '../maps/options.ts';
import { readScores, withNumbersAs } from '../scores.ts';
import type { FloatType, ReadScores } from '../scores.ts';
import { sameShape, sizeOf } from '../shape.ts';
import type { GraphModel } from './graph.ts';
import type { Oracles } from './graph-oracles.ts';
import { readMaxIter, readTolerance } from './solve-call.ts';

const TOLERANCE = 1e-8;
const MOST_TURNS = 10_000;
/** graph.rs. */
const STEP = 5;

/** A call that has been read. */
export interface GraphCall {
  readonly op: string;
  readonly owner: object;
  readonly model: GraphModel;
  readonly scores: Readonly<Record<string, ReadScores>>;
  readonly problems: number;
  readonly tolerance: number;
  readonly maxIter: number;
  readonly step: number;
  readonly start: Kept | undefined;
  readonly given: Readonly<Record<string, unknown>>;
}

/** What is left of a solve. */
export interface Kept {
  readonly owner: object;
  readonly model: GraphModel;
  readonly capacities: readonly number[];
  /** Of each problem. */
  readonly memories: readonly Uint8Array<ArrayBuffer>[];
  readonly progress: Uint8Array<ArrayBuffer>;
  readonly oracles: Oracles;
}

/** What each solution was made of. */
export const origins = new WeakMap<object, Kept>();

/** Reads a call of `graph.solve` or of `graph.vjp`. */
export function readGraphCall(
  op: string,
  owner: object,
  model: GraphModel,
  [given, options]: readonly unknown[],
  isAsync: boolean,
): GraphCall {
  const known = ['tol', 'maxIter', 'step', 'warmStart', ...(isAsync ? ['signal', 'onProgress'] : [])];
  const read = readOptions(op, options, known);
  const { scores, problems } = readGraphScores(op, model, given);
  const step = read['step'] ?? STEP;
  if (typeof step !== 'number' || !(step > 0 && step < Infinity)) {
    throw new EntmaxError('ENTMAX_OPTION', op, 'step to be a positive number', show(step));
  }
  return {
    op,
    owner,
    model,
    scores,
    problems,
    tolerance: readTolerance(op, read['tol'], TOLERANCE),
    maxIter: readMaxIter(op, read['maxIter'], MOST_TURNS),
    step,
    start: readStart(op, owner, model, problems, read['warmStart']),
    given: read,
  };
}

function readGraphScores(op: string, { names }: GraphModel, given: unknown): Pick<GraphCall, 'scores' | 'problems'> {
  const known = names.map(({ name }) => name);
  const source = (typeof given === 'object' && given !== null ? given : {}) as Readonly<Record<string, unknown>>;
  const got = Object.keys(source);
  if (got.length !== known.length || !got.every((name) => known.includes(name))) {
    throw new EntmaxError('ENTMAX_OPTION', op, `scores as { ${known.join(', ')} }`, `{ ${got.join(', ')} }`);
  }
  const scores: Record<string, ReadScores> = {};
  let batch: readonly number[] | undefined;
  let dtype: FloatType | undefined;
  for (const { name, shape } of names) {
    let read = readScores(op, source[name], undefined, name);
    if (dtype) read = withNumbersAs(dtype, read);
    dtype ??= read.dtype;
    batch ??= read.shape.slice(0, Math.max(0, read.shape.length - shape.length));
    const expected = [...batch, ...shape];
    if (batch.length > 1 || !sameShape(read.shape, expected)) {
      const what = `${name} of shape ${showShape(batch.length > 1 ? shape : expected)}`;
      throw new EntmaxError('ENTMAX_SHAPE', op, what, showShape(read.shape));
    }
    if (read.dtype !== dtype) {
      throw new EntmaxError('ENTMAX_DTYPE', op, `${name} of ${dtype}, as ${known[0]}`, read.dtype);
    }
    scores[name] = read;
  }
  return { scores, problems: sizeOf(batch ?? []) };
}

function readStart(
  op: string,
  owner: object,
  model: GraphModel,
  problems: number,
  warmStart: unknown,
): Kept | undefined {
  if (warmStart === undefined) return undefined;
  const kept = typeof warmStart === 'object' && warmStart !== null ? origins.get(warmStart) : undefined;
  const isAlike = kept?.owner === owner && kept.model.factors.length === model.factors.length;
  if (isAlike && kept.memories.length === problems) return kept;
  const expected = `warmStart to be a solution of this graph for ${problems} problems`;
  throw new EntmaxError('ENTMAX_OPTION', op, expected, kept ? 'one of another graph or batch' : show(warmStart));
}
