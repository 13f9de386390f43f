/** The types that the public functions share: what may come in, and what goes out for it. */

import type { Run } from './runtime/execute.ts';
import type { Tensor } from './tensor.ts';

/** Lengths of the axes, outermost first. */
export type Shape = readonly number[];
/** A Float32Array on an ArrayBuffer of its own. */
export type F32 = ReturnType<typeof Float32Array.of>;
/** A Float64Array on an ArrayBuffer of its own. */
export type F64 = ReturnType<typeof Float64Array.of>;
/** Scores as a typed array; one row unless `shape` says otherwise. */
export type Float = Float32Array | Float64Array;
/** Plain numbers, nested to any depth; computed in float64. */
export interface Nested extends ReadonlyArray<number | Nested> {}
/** A typed array with its shape. */
export interface Nd<A = Float> {
  /** The elements, row-major. */
  readonly data: A;
  /** Lengths of the axes. */
  readonly shape: Shape;
}
/** A tensor of onnxruntime or transformers.js. */
export interface Dims {
  /** A typed array, checked when it is read. */
  readonly data: unknown;
  /** Lengths of the axes. */
  readonly dims: Shape;
}
/** Scores that carry their shape. */
export type Block = Nested | Nd | Dims | Tensor<'float32' | 'float64'>;
/** Scores in any form. */
export type Scores = Float | Block;
/** Integers: class indices, lengths. */
export type Ids =
  | Int32Array
  | Uint32Array
  | Uint8Array
  | BigInt64Array
  | readonly number[]
  | Nd<BigInt64Array>
  | Dims
  | Tensor<'int32'>;
/** Which scores count: 1 or true = keep. Broadcasts to the scores' shape as in NumPy. */
export type Mask = Exclude<Ids, Uint32Array> | readonly boolean[] | Nd<Uint8Array> | Tensor<'uint8'>;

type Own<A> = 0 extends 1 & A ? F32 | F64 : A extends Float32Array ? F32 : A extends Float64Array ? F64 : never;

/** The form in which a result for X comes back: what goes in comes out. */
export type Like<X> = X extends number
  ? number
  : X extends Float
    ? Own<X>
    : X extends Tensor<infer D>
      ? Tensor<D>
      : X extends { readonly data: infer A }
        ? Nd<Own<A>>
        : X extends readonly (infer E)[]
          ? Like<E>[]
          : never;

/** The array that holds values computed from X. */
export type Values<X> = Like<X> extends F64 | Nd<F64> | Tensor<'float64'> | readonly unknown[] ? F64 : F32;

/** The typed array of each element type. */
export interface Arrays {
  /** Scores. */
  float32: F32;
  /** Scores. */
  float64: F64;
  /** Lengths and classes. */
  int32: Int32Array;
  /** Masks. */
  uint8: Uint8Array;
}
/** Element types of a Tensor. */
export type DType = keyof Arrays;

/** Options that every row map takes. Letters: x is [O, N, I], mapped along N. */
export interface RowOptions {
  /** Shape of a bare array; one axis may be -1. Default: one row. */
  shape?: Shape | undefined;
  /** The axis that each row runs along; negative counts from the end. Default: -1. */
  axis?: number | undefined;
  /** Scores that count: 1 = keep. Broadcasts to x as in NumPy; a bare array of x's length has x's shape. */
  mask?: Mask | undefined;
  /** How many leading scores of each row count, one per row, row-major over the other axes. */
  lengths?: Ids | undefined;
  /** The map is applied to x / temperature. Finite and > 0; default 1. */
  temperature?: number | undefined;
  /** What a row becomes in which nothing is left. Default: 'zero'. */
  emptyRow?: 'zero' | 'nan' | 'throw' | undefined;
}

/** What a pullback takes for a value of type Y: arrays of any buffer. */
export type Cotangent<Y> = Y extends F32
  ? Float32Array
  : Y extends F64
    ? Float64Array
    : Y extends { readonly data: infer A; readonly shape: Shape }
      ? Nd<A extends F32 ? Float32Array : A extends F64 ? Float64Array : A> | Cotangent<A>
      : Y;

/**
 * The transposed derivative at a point: takes a cotangent dy of the value and gives the gradients by name, all of K0 or
 * those of `wrt`. May be called many times. It owns what it needs: made from arrays it lies in JavaScript's memory,
 * made from Tensors some of it may lie beside them until it is disposed or collected.
 * Errors: ENTMAX_SHAPE, ENTMAX_DTYPE, ENTMAX_DISPOSED after `dispose()`.
 */
export interface Pullback<Y, G, K0 extends keyof G = keyof G> extends Disposable {
  (dy: Cotangent<Y>): Pick<G, K0>;
  <K extends keyof G>(dy: Cotangent<Y>, wrt: readonly K[] | undefined): Pick<G, K>;
  /** Gives back what it holds; calls are errors afterwards. */
  dispose(): void;
}

/** A pullback that works as the asynchronous forms do; `run` may hold a signal and a callback for progress. */
export interface AsyncPullback<Y, G, K0 extends keyof G = keyof G> extends Disposable {
  (dy: Cotangent<Y>): Promise<Pick<G, K0>>;
  <K extends keyof G = K0>(dy: Cotangent<Y>, wrt: readonly K[] | undefined, run?: Run): Promise<Pick<G, K>>;
  /** Gives back what it holds; calls are errors afterwards. */
  dispose(): void;
}
