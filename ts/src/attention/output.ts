/** Where the output of attention goes: the caller's `out`, checked, or something new in the form of q. */

import { elementBytes, viewOf } from '../elements.ts';
import { EntmaxError } from '../errors.ts';
import type { Room } from '../maps/room.ts';
import type { Operand } from '../maps/staging.ts';
import type { Job } from '../runtime/job.ts';
import type { Plan } from '../runtime/plan.ts';
import { readOut } from '../scores.ts';
import type { Destination, ReadScores } from '../scores.ts';
import { sameShape, sizeOf } from '../shape.ts';
import { abandoning, addressOf } from '../tensor.ts';
import type { Float } from '../types.ts';
import type { AttentionCall } from './attention-call.ts';

/** Checks `out`: of the output's dtype and size; q itself, where that has the output's shape, or apart from all inputs. */
export function readAttentionOut(call: AttentionCall): Destination | undefined {
  const { op, q, k, v, bias, norm, template, given } = call;
  if (given['out'] === undefined) return undefined;
  const out = readOut(op, given['out'], { ...q, shape: template.shape });
  const isQuery = sameShape(q.shape, template.shape) && startsAt(out, q, op);
  for (const [name, source] of Object.entries({ q, k, v, bias: bias?.scores, ...norm?.inputs })) {
    if (!source || (name === 'q' && isQuery) || !overlaps(out, source, op)) continue;
    throw new EntmaxError('ENTMAX_OPTION', op, 'out to be q itself or apart from all inputs', `it overlaps ${name}`);
  }
  return out;
}

function startsAt(out: Destination, source: ReadScores, op: string): boolean {
  if ('tensor' in out || source.form === 'tensor') return overlaps(out, source, op);
  return out.data.buffer === source.data.buffer && out.data.byteOffset === source.data.byteOffset;
}

/** Tensors share all of their memory or none. */
function overlaps(out: Destination, source: ReadScores, op: string): boolean {
  if ('tensor' in out) return source.form === 'tensor' && addressOf(out.tensor, op) === addressOf(source.tensor, op);
  if (source.form === 'tensor') return false;
  const [a, b] = [out.data, source.data];
  if (a.buffer !== b.buffer) return false;
  return a.byteOffset < b.byteOffset + b.byteLength && b.byteOffset < a.byteOffset + a.byteLength;
}

/** Where the kernels write the output. */
export interface PlacedResult extends Pick<Job, 'repeatable' | 'setAside'> {
  readonly at: number;
  /** Call when the output is there. */
  readonly finish: () => void;
}

/** A result is formed in its tensor; an array's, and one that may yet be refused, in a room from which it is copied. */
export function placeResult(call: AttentionCall, { tensor, target, dtype }: Operand, room: Room): PlacedResult {
  const { op, q, template, emptyRow } = call;
  if (tensor && emptyRow !== 'throw') {
    const at = addressOf(tensor, op);
    const isQuery = q.form === 'tensor' && addressOf(q.tensor, op) === at;
    return { at, repeatable: !isQuery, setAside: abandoning(tensor, op), finish: () => undefined };
  }
  const size = sizeOf(template.shape);
  const at = room.allocate(size * elementBytes(dtype));
  const finish = (): void => {
    const output = viewOf(dtype, at, size);
    if (tensor) viewOf(dtype, addressOf(tensor, op), size).set(output);
    else target?.set(output);
  };
  return { at, repeatable: true, setAside: () => undefined, finish };
}

/** Where the kernels write what they sum, and how the output comes of it. */
export interface PlacedOutput extends Omit<PlacedResult, 'finish'> {
  /** Run when the sums are there. */
  finish(): Plan<void>;
  /** A copy of the sums, where they are not the output. */
  sums(): Float | undefined;
}

/** Sums are the output, or a norm makes it of them. */
export function placeOutput(call: AttentionCall, operand: Operand, room: Room): PlacedOutput {
  const result = placeResult(call, operand, room);
  if (call.norm) return call.norm.place(call, result, room);
  return {
    ...result,
    // eslint-disable-next-line require-yield -- a plan without a step
    *finish() {
      result.finish();
    },
    sums: () => undefined,
  };
}
