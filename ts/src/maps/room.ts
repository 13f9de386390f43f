/**
 * What one call holds in linear memory besides the caller's tensors: blocks that go back when it ends, and results that
 * go to the caller if it ends well. Everything is released here, whichever way the call ends.
 */

import { elementBytes, viewOf } from '../elements.ts';
import type { ElementType } from '../elements.ts';
import { inFormOf, newArray } from '../scores.ts';
import type { Destination, FloatType, ReadScores, Template } from '../scores.ts';
import { bringApart, sizeOf } from '../shape.ts';
import type { AxesApart } from '../shape.ts';
import { addressOf, allocateTensor, pin } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import type { Float } from '../types.ts';
import type { Plan } from '../runtime/plan.ts';
import { Scratch } from '../runtime/scratch.ts';
import type { Operand, StagedRows } from './staging.ts';

/** A dense result: the caller's `out`, or something new in the form of the scores. */
export interface Result {
  /** For the stage. */
  readonly operand: Operand;
  /** What the caller is given; asked for once, when the rows are there. */
  readonly value: unknown;
}

class ArrayResult implements Result {
  readonly operand: Operand;
  readonly #template: Template;
  readonly #data: Float;

  constructor(template: Template) {
    this.#data = newArray(template.dtype, sizeOf(template.shape));
    this.operand = { dtype: template.dtype, target: this.#data };
    this.#template = template;
  }

  get value(): unknown {
    return inFormOf(this.#template, this.#data);
  }
}

/** A result whose rows lie together on their way to where their axes are apart. */
class ApartResult implements Result {
  readonly operand: Operand;
  readonly #op: string;
  readonly #apart: AxesApart;
  readonly #rows: Float;
  readonly #result: Result;

  constructor(op: string, result: Result, size: number, apart: AxesApart) {
    const { dtype } = result.operand;
    this.#rows = newArray(dtype as FloatType, size);
    this.operand = { dtype, target: this.#rows };
    this.#op = op;
    this.#apart = apart;
    this.#result = result;
  }

  get value(): unknown {
    bringApart(this.#apart, this.#rows, dataOf(this.#result.operand, this.#op, this.#rows.length));
    return this.#result.value;
  }
}

export class Room extends Scratch {
  readonly #op: string;
  readonly #created: { readonly tensor: Tensor; readonly unpin: () => void }[] = [];

  constructor(op: string) {
    super(op);
    this.#op = op;
  }

  /** A result of the scores' size, in `out` or in the form of the scores, from rows of grids whose axes may be `apart`. */
  result(template: Template, out?: Destination, apart?: AxesApart): Result {
    const { form, dtype, shape } = template;
    if (apart) return new ApartResult(this.#op, this.result(template, out), sizeOf(shape), apart);
    if (out) {
      if ('tensor' in out) return { operand: { dtype, tensor: out.tensor, writes: true }, value: out.tensor };
      return { operand: { dtype, target: out.data }, value: out.original };
    }
    if (form === 'tensor') {
      const tensor = allocateTensor(this.#op, dtype, shape);
      // A `scope` around an asynchronous call may dispose it while workers still write to it.
      this.#created.push({ tensor, unpin: pin(tensor, this.#op, 'writes') });
      return { operand: { dtype, tensor, writes: true }, value: tensor };
    }
    return new ArrayResult(template);
  }

  /** Room for one value for each row, filled with `value`. */
  perRow<D extends ElementType>(dtype: D, rows: number, value: number): PerRow<D> {
    const address = this.allocate(rows * elementBytes(dtype));
    viewOf(dtype, address, rows).fill(value);
    return new PerRow(dtype, address, rows);
  }

  /** Room for one value for each row, filled with the values. */
  perRowOf<D extends ElementType>(dtype: D, values: ArrayLike<number>): PerRow<D> {
    const address = this.allocate(values.length * elementBytes(dtype));
    viewOf(dtype, address, values.length).set(values);
    return new PerRow(dtype, address, values.length);
  }

  /** Ends the call: results of a failed one are disposed. */
  close(failure: unknown): void {
    for (const { tensor, unpin } of this.#created) {
      if (failure !== undefined) tensor.dispose();
      unpin();
    }
    this.release(failure);
  }
}

/** One value for each row of a call, in linear memory. */
export class PerRow<D extends ElementType> {
  readonly address: number;
  readonly #dtype: D;
  readonly #rows: number;

  constructor(dtype: D, address: number, rows: number) {
    this.#dtype = dtype;
    this.address = address;
    this.#rows = rows;
  }

  /** Address of a chunk's first row. */
  at({ firstRow }: Pick<StagedRows, 'firstRow'>): number {
    return this.address + firstRow * elementBytes(this.#dtype);
  }

  /** A copy of the values. */
  take(): {
    float32: Float32Array<ArrayBuffer>;
    float64: Float64Array<ArrayBuffer>;
    int32: Int32Array<ArrayBuffer>;
    uint8: Uint8Array<ArrayBuffer>;
  }[D] {
    const view = viewOf(this.#dtype, this.address, this.#rows);
    // A slice of a view on shared memory would be shared too.
    const copy = new (view.constructor as new (length: number) => ReturnType<PerRow<D>['take']>)(this.#rows);
    copy.set(view);
    return copy;
  }
}

/** A plan with a room of its own, which is closed when the plan ends, fails or is left. */
export function* inRoom<R>(op: string, use: (room: Room) => Plan<R>): Plan<R> {
  const room = new Room(op);
  let failure: unknown;
  try {
    return yield* use(room);
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    room.close(failure);
  }
}

/** What a kernel reads: the scores themselves. */
export function operandOf(scores: ReadScores): Operand {
  return scores.form === 'tensor'
    ? { dtype: scores.dtype, tensor: scores.tensor }
    : { dtype: scores.dtype, source: scores.data };
}

/** What a kernel reads: an array in the rows' layout, if there is one. */
export function arrayOperand(dtype: Operand['dtype'], source: Operand['source']): Operand | undefined {
  return source && { dtype, source };
}

/** The scores or probabilities behind an operand, for immediate use. */
export function dataOf({ tensor, target, dtype }: Operand, op: string, size: number): Float {
  return (tensor ? viewOf(dtype, addressOf(tensor, op), size) : target!) as Float;
}
