/** The declarations of tensors, the runtime and errors. Nothing here runs; `tsc` is the test. */

import { expectTypeOf } from 'vitest';
import { init, runtimeInfo, scope, shutdown, Tensor, tensor, zeros } from 'entmax';
import type { DType, EntmaxError, ErrorCode, F32, F64, Nested, RuntimeInfo, Shape, Simd } from 'entmax';

// The element type follows from the data.
expectTypeOf(tensor(new Float32Array(2))).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(tensor(new Float64Array(2))).toEqualTypeOf<Tensor<'float64'>>();
expectTypeOf(tensor(new Int32Array(2))).toEqualTypeOf<Tensor<'int32'>>();
expectTypeOf(tensor(new BigInt64Array(2))).toEqualTypeOf<Tensor<'int32'>>();
expectTypeOf(tensor(new Uint32Array(2))).toEqualTypeOf<Tensor<'int32'>>();
expectTypeOf(tensor(new Uint8Array(2))).toEqualTypeOf<Tensor<'uint8'>>();
expectTypeOf(tensor([1, 2])).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(tensor([[1], [2]], [2, 1])).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(tensor({ data: new Float64Array(2), shape: [2] })).toEqualTypeOf<Tensor<'float64'>>();
expectTypeOf(tensor({ data: new BigInt64Array(2), dims: [2] })).toEqualTypeOf<Tensor<'int32'>>();
declare const t64: Tensor<'float64'>;
expectTypeOf(tensor(t64)).toEqualTypeOf<Tensor<'float64'>>();
// @ts-expect-error: no element type holds these
tensor(new Float32Array(2).map(String));
// @ts-expect-error: text has no numbers
tensor('1');

expectTypeOf(zeros([2])).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(zeros([2], 'uint8')).toEqualTypeOf<Tensor<'uint8'>>();
// @ts-expect-error: no such element type
zeros([2], 'float16');
// @ts-expect-error: tensors are made by tensor() and zeros()
new Tensor();

// Reading.
expectTypeOf(t64.toTypedArray()).toEqualTypeOf<F64>();
expectTypeOf(t64.view()).toEqualTypeOf<F64>();
expectTypeOf(zeros([2]).toTypedArray()).toEqualTypeOf<F32>();
expectTypeOf(zeros([2], 'int32').view()).toEqualTypeOf<Int32Array>();
expectTypeOf(zeros([2], 'uint8').toTypedArray()).toEqualTypeOf<Uint8Array>();
expectTypeOf(t64.toArray()).toEqualTypeOf<Nested | number>();
expectTypeOf(t64.dtype).toEqualTypeOf<'float64'>();
expectTypeOf(t64.shape).toEqualTypeOf<Shape>();
expectTypeOf(t64.reshape([-1])).toEqualTypeOf<Tensor<'float64'>>();
expectTypeOf(t64.set([1])).toEqualTypeOf<Tensor<'float64'>>();
expectTypeOf(t64).toExtend<Disposable>();
expectTypeOf(t64).toExtend<Tensor>();
// @ts-expect-error: the element type is not changed by assignment
const wrong: Tensor<'float32'> = t64;
// @ts-expect-error: the shape is fixed
t64.shape = [1];
// @ts-expect-error: so are its lengths
t64.shape[0] = 1;
// @ts-expect-error: there is no `data`; view() says that it is live
expectTypeOf(t64.data).toBeAny();
expectTypeOf(wrong).not.toBeAny();

// scope is for synchronous functions.
expectTypeOf(scope(() => t64)).toEqualTypeOf<Tensor<'float64'>>();
expectTypeOf(scope(() => 3)).toEqualTypeOf<number>();
// @ts-expect-error: a promise
void scope(() => Promise.resolve(t64));
// @ts-expect-error: an async function
void scope(async () => await Promise.resolve(3));

// The runtime.
expectTypeOf(init()).toEqualTypeOf<Promise<RuntimeInfo>>();
void init({
  threads: 2,
  simd: 'relaxed-fma',
  maxMemory: 2 ** 30,
  wasm: { maps: new Uint8Array() },
  workerUrl: '/worker.js',
});
void init({ threads: 'auto', simd: 'auto', workerUrl: new URL('file:///worker.js') });
// @ts-expect-error: an unknown setting
void init({ thread: 2 });
// @ts-expect-error: an unknown level
void init({ simd: 'avx2' });
expectTypeOf(runtimeInfo()).toExtend<{
  version: string;
  simd: Simd;
  threads: number;
  reason: string;
  liveTensors: number;
}>();
expectTypeOf(runtimeInfo().memory).toEqualTypeOf<{ used: number; peak: number; capacity: number; shared: boolean }>();
expectTypeOf(shutdown()).toEqualTypeOf<Promise<void>>();
expectTypeOf<DType>().toEqualTypeOf<'float32' | 'float64' | 'int32' | 'uint8'>();

// Errors are told apart by their code.
declare const error: EntmaxError;
expectTypeOf(error).toExtend<Error>();
expectTypeOf(error.code).toEqualTypeOf<ErrorCode>();
expectTypeOf([error.op, error.expected, error.got]).toEqualTypeOf<string[]>();
type Codes =
  'SHAPE' | 'DTYPE' | 'OPTION' | 'EMPTY_ROW' | 'DISPOSED' | 'BUSY' | 'MEMORY' | 'INIT' | 'KERNEL' | 'WORKER_LOST';
expectTypeOf<ErrorCode>().toEqualTypeOf<`ENTMAX_${Codes}`>();
