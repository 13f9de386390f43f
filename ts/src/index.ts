/**
 * entmax: sparse alternatives to softmax for CPUs. This file is the table of contents.
 *
 * @packageDocumentation
 */

export { entmax, entmax15, softmax, sparsemax } from './maps/maps.ts';
export type { RowMap, RowMapOptions } from './maps/maps.ts';
export type { Support } from './maps/support.ts';
export { scope, Tensor, tensor, zeros } from './tensor.ts';
export type { DTypeOf } from './tensor.ts';
export { init, runtimeInfo, shutdown } from './runtime/runtime.ts';
export type { InitOptions, RuntimeInfo, Simd } from './runtime/runtime.ts';
export type { Run } from './runtime/execute.ts';
export { EntmaxError } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export type {
  Arrays,
  Block,
  Dims,
  DType,
  F32,
  F64,
  Float,
  Ids,
  Like,
  Mask,
  Nd,
  Nested,
  RowOptions,
  Scores,
  Shape,
  Values,
} from './types.ts';
