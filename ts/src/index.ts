/**
 * entmax: sparse alternatives to softmax for CPUs. This file is the table of contents.
 *
 * @packageDocumentation
 */

export { budget, entmax, entmax15, softmax, sparsemax, topkEntmax, topkSparsemax } from './maps/maps.ts';
export type {
  AsyncMapForms,
  AsyncRowMap,
  BudgetOptions,
  Grads,
  MapForms,
  MapParameters,
  RowMap,
  RowMapOptions,
  TopkOptions,
} from './maps/types.ts';
export { budgetLoss, entmax15Loss, entmaxLoss, softmaxLoss, sparsemaxLoss } from './losses/losses.ts';
export type { AsyncLoss, CsrGrads, Loss, LossCallOptions, LossOptions, Reduced, Target } from './losses/types.ts';
export type { Support } from './maps/support.ts';
export type { Csr, Row } from './csr.ts';
export { scope, Tensor, tensor, zeros } from './tensor.ts';
export type { DTypeOf } from './tensor.ts';
export { init, runtimeInfo, shutdown } from './runtime/runtime.ts';
export type { InitOptions, RuntimeInfo, Simd } from './runtime/runtime.ts';
export type { Run } from './runtime/execute.ts';
export { EntmaxError } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export type {
  Arrays,
  AsyncPullback,
  Block,
  Cotangent,
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
  Pullback,
  RowOptions,
  Scores,
  Shape,
  Values,
} from './types.ts';
