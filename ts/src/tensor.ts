/**
 * Tensors: arrays that live in the kernels' own memory, so that a call copies nothing.
 *
 * Several tensors may share one storage (`reshape`); the storage counts them and goes back to the allocator with the
 * last one. Asynchronous calls pin what they read and write. A tensor that nobody disposed is collected in the end by
 * a finalizer, which is a net and not a plan: use `using`, `dispose()` or `scope()`.
 */

import { EntmaxError, show, showShape } from './errors.ts';
import { flatten, nest } from './nested.ts';
import { memory, tensorCount } from './runtime/runtime.ts';
import { checkShape, sizeOf } from './shape.ts';
import type { Arrays, DType, Ids, Nested, Scores, Shape } from './types.ts';

const BYTES: Readonly<Record<DType, number>> = { float32: 4, float64: 8, int32: 4, uint8: 1 };

/** A block of linear memory with the number of tensors and running calls that hold it. */
class Storage {
  readonly address: number;
  #holders = 1;
  #calls = 0;
  #writers = 0;
  #abandoned = false;
  /** How often a call has written here. Writes through a view are not seen. */
  version = 0;

  constructor(bytes: number, op: string) {
    this.address = memory().allocate(bytes, op);
  }

  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders === 0 && !this.#abandoned) memory().free(this.address);
  }

  /** A call begins: until it ends the block stays and may not be written, nor read if the call writes it. */
  pin(writes: boolean): void {
    this.#calls++;
    if (writes) this.#writers++;
    this.hold();
  }

  unpin(writes: boolean): void {
    this.#calls--;
    if (writes) this.#writers--;
    this.release();
  }

  get busy(): boolean {
    return this.#calls > 0;
  }

  get beingWritten(): boolean {
    return this.#writers > 0;
  }

  /** A lost worker may still write here: the block is never handed out again. */
  abandon(): void {
    this.#abandoned = true;
  }
}

const finalizer = /*#__PURE__*/ new FinalizationRegistry<Storage>((storage) => {
  tensorCount.live--;
  storage.release();
});

/** Tensors made since each open `scope`, innermost last. */
const scopes: Set<Tensor>[] = [];

/**
 * An array in linear memory: `dtype`, `shape`, row-major. Made by `tensor()` and `zeros()` and by every operator that
 * is given one.
 */
export class Tensor<D extends DType = DType> implements Disposable {
  /** Element type. */
  readonly dtype: D;
  /** Lengths of the axes, outermost first. */
  readonly shape: Shape;
  /** Number of elements. */
  readonly size: number;
  private storage: Storage | undefined;

  private constructor(storage: Storage, dtype: D, shape: Shape) {
    this.storage = storage;
    this.dtype = dtype;
    this.shape = Object.freeze([...shape]);
    this.size = sizeOf(shape);
    tensorCount.live++;
    finalizer.register(this, storage, this);
    scopes.at(-1)?.add(this);
  }

  /** True after `dispose()`. */
  get disposed(): boolean {
    return this.storage === undefined;
  }

  /** A copy of the elements as a typed array. */
  toTypedArray(): Arrays[D] {
    return elementsOf(this, 'Tensor.toTypedArray');
  }

  /** A copy of the elements as nested arrays of numbers. */
  toArray(): Nested | number {
    return nest(elementsOf(this, 'Tensor.toArray'), this.shape);
  }

  /** Overwrites all elements. Errors: ENTMAX_SHAPE when the sizes differ, ENTMAX_BUSY while an asynchronous call runs. */
  set(data: Scores | Ids): this {
    const { values, shape } = readNumbers('Tensor.set', data);
    if (values.length !== this.size) {
      throw new EntmaxError('ENTMAX_SHAPE', 'Tensor.set', `${this.size} elements`, `shape ${showShape(shape)}`);
    }
    if (storageOf(this, 'Tensor.set').busy) {
      throw new EntmaxError('ENTMAX_BUSY', 'Tensor.set', 'a tensor at rest', 'one in use by an asynchronous call');
    }
    checkConversion('Tensor.set', values, this.dtype);
    write(this, values);
    return this;
  }

  /** The live memory, not a copy: valid until `dispose()` or the next call of this package, which may move it. */
  view(): Arrays[D] {
    return viewOf(this, 'Tensor.view');
  }

  /** The same memory under another shape of the same size; one -1 is inferred. */
  reshape(shape: Shape): Tensor<D> {
    const storage = storageOf(this, 'Tensor.reshape');
    const lengths = checkShape('Tensor.reshape', shape, this.size);
    storage.hold();
    return new make(storage, this.dtype, lengths);
  }

  /** Gives the memory back, once no other tensor and no running call holds it. May be called again. */
  dispose(): void {
    if (!this.storage) return;
    finalizer.unregister(this);
    tensorCount.live--;
    this.storage.release();
    this.storage = undefined;
  }

  /** `dispose()`, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** The constructor is private to users of the package, not to this file. */
const make = Tensor as unknown as new <D extends DType>(storage: Storage, dtype: D, shape: Shape) => Tensor<D>;

function storageOf(source: Tensor, op: string): Storage {
  const storage = source['storage'];
  if (storage) return storage;
  throw new EntmaxError('ENTMAX_DISPOSED', op, 'a live tensor', `a disposed one of shape ${showShape(source.shape)}`);
}

/** The element type that `tensor` chooses for X. */
export type DTypeOf<X> =
  X extends Tensor<infer D>
    ? D
    : X extends { readonly data: infer A }
      ? DTypeOf<A>
      : X extends Float64Array
        ? 'float64'
        : X extends Uint8Array
          ? 'uint8'
          : X extends Int32Array | Uint32Array | BigInt64Array
            ? 'int32'
            : 'float32';

/**
 * Copies numbers into a new tensor. Plain (nested) numbers become float32, typed arrays keep their type, 64-bit and
 * unsigned integers become int32. `shape` defaults to the data's own. Errors: ENTMAX_SHAPE, ENTMAX_DTYPE,
 * ENTMAX_MEMORY.
 */
export function tensor<X extends Scores | Ids>(data: X, shape?: Shape): Tensor<DTypeOf<X>> {
  const { values, shape: own, dtype } = readNumbers('tensor', data);
  const lengths = shape === undefined ? own : checkShape('tensor', shape, values.length);
  checkConversion('tensor', values, dtype);
  const result = allocateTensor('tensor', dtype, lengths);
  write(result, values);
  return result as Tensor<DTypeOf<X>>;
}

/** A new tensor of zeros. Errors: ENTMAX_SHAPE, ENTMAX_DTYPE, ENTMAX_MEMORY. */
export function zeros<D extends DType = 'float32'>(shape: Shape, dtype?: D): Tensor<D> {
  const type = dtype ?? ('float32' as D);
  if (!Object.hasOwn(BYTES, type))
    throw new EntmaxError('ENTMAX_DTYPE', 'zeros', `dtype among ${Object.keys(BYTES).join(', ')}`, show(type));
  const ok = Array.isArray(shape) && shape.every((length) => Number.isInteger(length) && length >= 0);
  if (!ok) throw new EntmaxError('ENTMAX_SHAPE', 'zeros', 'shape to be an array of non-negative integers', show(shape));
  const result = allocateTensor('zeros', type, checkShape('zeros', shape, sizeOf(shape)));
  result.view().fill(0);
  return result;
}

/**
 * Disposes every tensor that `fn` made, except those in its result (a tensor, or arrays and plain objects of them).
 * For synchronous code: a promise is an error, because what it still needs would be gone.
 */
export function scope<R>(fn: () => R extends PromiseLike<unknown> ? never : R): R {
  const made = new Set<Tensor>();
  scopes.push(made);
  let result: R;
  try {
    result = fn();
  } catch (error) {
    scopes.pop();
    for (const each of made) each.dispose();
    throw error;
  }
  scopes.pop();
  const isPromise = typeof (result as { then?: unknown } | null)?.then === 'function';
  if (!isPromise) keep(result, made);
  for (const each of made) each.dispose();
  if (isPromise) throw new EntmaxError('ENTMAX_OPTION', 'scope', 'a synchronous function (use `using`)', 'a promise');
  return result;
}

/** Tensors inside something that is no tensor: a `scope` that returns it keeps them. */
const belongings = /*#__PURE__*/ new WeakMap<object, Tensor>();

/** Says that a tensor lives and dies with its owner. */
export function belongsTo(owner: object, held: Tensor): void {
  belongings.set(owner, held);
}

/** Takes the tensors in a result out of the set, into the scope around, if there is one. */
function keep(value: unknown, made: Set<Tensor>): void {
  if (typeof value === 'function') keep(belongings.get(value), made);
  else if (value instanceof Tensor) {
    if (made.delete(value)) scopes.at(-1)?.add(value);
  } else if (Array.isArray(value)) {
    for (const each of value) keep(each, made);
  } else if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    for (const each of Object.values(value)) keep(each, made);
  }
}

/** A new tensor with undefined contents. */
export function allocateTensor<D extends DType>(op: string, dtype: D, shape: Shape): Tensor<D> {
  return new make(new Storage(sizeOf(shape) * BYTES[dtype], op), dtype, shape);
}

/** Address of a tensor's first element. */
export function addressOf(source: Tensor, op: string): number {
  return storageOf(source, op).address;
}

/** A copy of a tensor's elements, for an operation that is named when the tensor was disposed. */
export function elementsOf<D extends DType>(source: Tensor<D>, op: string): Arrays[D] {
  // A plain slice of a view on shared memory would be shared too: copy into an array of its own.
  const view = viewOf(source, op);
  const copy = new (view.constructor as new (length: number) => Arrays[D])(view.length);
  (copy as Uint8Array).set(view);
  return copy;
}

function viewOf<D extends DType>(source: Tensor<D>, op: string): Arrays[D] {
  refuseHalfWritten(source, op);
  const { address } = storageOf(source, op);
  const { size, dtype } = source;
  if (dtype === 'float32') return memory().f32(address, size) as Arrays[D];
  if (dtype === 'float64') return memory().f64(address, size) as Arrays[D];
  if (dtype === 'int32') return memory().i32(address, size) as Arrays[D];
  return memory().u8(address, size) as Arrays[D];
}

/** Keeps a tensor's memory in place, for a call that reads or writes it, until the returned function is called. */
export function pin(source: Tensor, op: string, use: 'reads' | 'writes'): () => void {
  const storage = storageOf(source, op);
  const writes = use === 'writes';
  storage.pin(writes);
  return () => storage.unpin(writes);
}

/** Throws ENTMAX_BUSY while an asynchronous call writes the tensor: nothing half-done is visible. */
export function refuseHalfWritten(source: Tensor, op: string): void {
  if (storageOf(source, op).beingWritten) {
    throw new EntmaxError('ENTMAX_BUSY', op, 'a finished tensor', 'the out of an asynchronous call under way');
  }
}

/** Returns what makes sure that a tensor's memory is never handed out again, because a lost worker may still write to it. */
export function abandoning(source: Tensor, op: string): () => void {
  const storage = storageOf(source, op);
  return () => storage.abandon();
}

/** True while an asynchronous call uses the tensor. */
export function isBusy(source: Tensor, op: string): boolean {
  return storageOf(source, op).busy;
}

type Values = Float32Array | Float64Array | Int32Array | Uint8Array | Uint32Array | BigInt64Array | readonly number[];

/** Any accepted source of numbers as flat values, with its shape and the element type it suggests. */
function readNumbers(op: string, data: unknown): { values: Values; shape: number[]; dtype: DType } {
  if (data instanceof Tensor) return { values: elementsOf(data, op), shape: [...data.shape], dtype: data.dtype };
  if (Array.isArray(data)) return { ...flatten(op, data), dtype: 'float32' };
  if (typeof data === 'object' && data !== null && 'data' in data) {
    const { data: values, dtype } = typedArray(op, data.data);
    const shape = 'shape' in data ? data.shape : 'dims' in data ? data.dims : [values.length];
    return { values, shape: checkShape(op, shape, values.length), dtype };
  }
  const { data: values, dtype } = typedArray(op, data);
  return { values, shape: [values.length], dtype };
}

function typedArray(op: string, data: unknown): { data: Exclude<Values, readonly number[]>; dtype: DType } {
  if (ArrayBuffer.isView(data) && isDetached(data)) {
    throw new EntmaxError('ENTMAX_DTYPE', op, 'an array in live memory', 'a detached array');
  }
  if (data instanceof Float32Array) return { data, dtype: 'float32' };
  if (data instanceof Float64Array) return { data, dtype: 'float64' };
  if (data instanceof Uint8Array) return { data, dtype: 'uint8' };
  if (data instanceof Int32Array || data instanceof Uint32Array || data instanceof BigInt64Array)
    return { data, dtype: 'int32' };
  const expected = 'Float32Array, Float64Array, Int32Array, Uint32Array, BigInt64Array, Uint8Array or numbers';
  throw new EntmaxError('ENTMAX_DTYPE', op, expected, show(data));
}

/** True for an array whose buffer was transferred away. `buffer.detached` is too new for Node 20. */
export function isDetached(data: ArrayBufferView): boolean {
  if (data.byteLength > 0) return false;
  try {
    new Uint8Array(data.buffer);
    return false;
  } catch {
    return true;
  }
}

/** Refuses integers that the element type cannot hold: they would wrap around silently. */
function checkConversion(op: string, values: Values, dtype: DType): void {
  if (dtype !== 'int32' && dtype !== 'uint8') return;
  const [low, high] = dtype === 'int32' ? [-0x80000000, 0x7fffffff] : [0, 255];
  for (const value of values) {
    const number = Number(value);
    if (!(number >= low && number <= high && Number.isInteger(number))) {
      throw new EntmaxError('ENTMAX_DTYPE', op, `integers in [${low}, ${high}] for ${dtype}`, show(value));
    }
  }
}

/** Counts a write. */
export function noteWrite(target: Tensor, op: string): void {
  storageOf(target, op).version++;
}

/** How often a tensor's memory was written by `set` or as an `out`: a pullback that depends on it looks at this. */
export function versionOf(source: Tensor, op: string): number {
  return storageOf(source, op).version;
}

function write(target: Tensor, values: Values): void {
  noteWrite(target, 'Tensor.set');
  const view = target.view();
  if (values instanceof BigInt64Array) for (let i = 0; i < values.length; i++) view[i] = Number(values[i]);
  else view.set(values);
}
