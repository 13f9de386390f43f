/**
 * The declarations of the maps: what goes in comes out, for every form, and what the maps do not take does not compile.
 * Nothing here runs; `tsc` is the test.
 */

import { expectTypeOf } from 'vitest';
import { budget, entmax, entmax15, softmax, sparsemax, topkEntmax, topkSparsemax } from 'entmax';
import type { Csr, Dims, F32, F64, Float, Like, Nd, Row, RowMap, Scores, Support, Tensor, Values } from 'entmax';

declare const f32: Float32Array;
declare const f64: Float64Array;
declare const shared: Float32Array<SharedArrayBuffer>;
declare const either: Float;
declare const t32: Tensor<'float32'>;
declare const t64: Tensor<'float64'>;
declare const n32: Nd<Float32Array>;
declare const n64: { data: Float64Array; shape: [2, 3] };
declare const foreign: Dims;
declare const ort: { readonly data: Float32Array; readonly dims: readonly number[]; readonly type: string };
declare const flat: number[];
declare const deep: number[][][];
declare const frozen: readonly (readonly number[])[];
declare const anyScores: Scores;

// What goes in comes out, with each map and each form of call.
expectTypeOf(softmax(f32)).toEqualTypeOf<F32>();
expectTypeOf(softmax(f64)).toEqualTypeOf<F64>();
expectTypeOf(softmax(shared)).toEqualTypeOf<F32>();
expectTypeOf(softmax(either)).toExtend<F32 | F64>();
expectTypeOf<F32 | F64>().toExtend<ReturnType<typeof softmax<Float>>>();
expectTypeOf(softmax(t32)).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(softmax(t64)).toEqualTypeOf<Tensor<'float64'>>();
expectTypeOf(softmax(n32)).toEqualTypeOf<Nd<F32>>();
expectTypeOf(softmax(n64)).toEqualTypeOf<Nd<F64>>();
expectTypeOf(softmax(ort)).toEqualTypeOf<Nd<F32>>();
expectTypeOf(softmax(flat)).toEqualTypeOf<number[]>();
expectTypeOf(softmax(deep)).toEqualTypeOf<number[][][]>();
expectTypeOf(softmax(frozen)).toEqualTypeOf<number[][]>();
expectTypeOf(softmax([1, 2, 3])).toEqualTypeOf<number[]>();
expectTypeOf(sparsemax(f32)).toEqualTypeOf<F32>();
expectTypeOf(entmax15(t64)).toEqualTypeOf<Tensor<'float64'>>();
expectTypeOf(entmax(n32, { alpha: 1.3 })).toEqualTypeOf<Nd<F32>>();

// A result is on an ArrayBuffer of its own, whatever the scores were on.
expectTypeOf(softmax(shared).buffer).toEqualTypeOf<ArrayBuffer>();

// Scores of unknown form or element type are accepted.
softmax(anyScores);
softmax(foreign);
expectTypeOf(softmax).parameter(0).toExtend<Scores>();

// Promises of the same.
expectTypeOf(softmax.async(f32)).toEqualTypeOf<Promise<F32>>();
expectTypeOf(entmax.async(t64, { alpha: [1, 2] })).toEqualTypeOf<Promise<Tensor<'float64'>>>();
expectTypeOf(entmax.async(flat)).toEqualTypeOf<Promise<number[]>>();

// Support sizes are integers, thresholds have the scores' element type.
expectTypeOf(softmax.support(f32)).toEqualTypeOf<Support<F32>>();
expectTypeOf(softmax.support(f64)).toEqualTypeOf<Support<F64>>();
expectTypeOf(softmax.support(t64)).toEqualTypeOf<Support<F64>>();
expectTypeOf(softmax.support(n64)).toEqualTypeOf<Support<F64>>();
expectTypeOf(softmax.support(deep)).toEqualTypeOf<Support<F64>>();
expectTypeOf(softmax.support(ort)).toEqualTypeOf<Support<F32>>();
expectTypeOf(softmax.support(f32).sizes).toEqualTypeOf<Int32Array>();
expectTypeOf(entmax.async.support(f32, { alpha: 2 })).toEqualTypeOf<Promise<Support<F32>>>();

// `out` decides the type of the result.
expectTypeOf(softmax(t32, { out: t32 })).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(softmax(f32, { out: shared })).toEqualTypeOf<Float32Array<SharedArrayBuffer>>();
expectTypeOf(softmax(n32, { out: f32 })).toEqualTypeOf<Float32Array>();
expectTypeOf(softmax(t32, { out: f32 })).toEqualTypeOf<Float32Array>();
expectTypeOf(softmax(n32, { out: { data: new Float32Array(6), shape: [2, 3] } }).data).toExtend<Float32Array>();
// @ts-expect-error: an `out` of another form
softmax(f32, { out: t32 });
// @ts-expect-error: an `out` of another element type
softmax(t32, { out: t64 });
// @ts-expect-error: numbers cannot be written in place
softmax(f32, { out: [1, 2] });
// @ts-expect-error: support has no dense result
softmax.support(f32, { out: f32 });

// alpha: a number, one per row, a block, a Tensor.
entmax(f32, { alpha: 2 });
entmax(f32, { alpha: [1, 1.5] });
entmax(f32, { alpha: new Float32Array(2) });
entmax(f32, { alpha: new Float64Array(2) });
entmax(f32, { alpha: t64 });
entmax(f32, { alpha: n32 });
entmax(f32, { alpha: undefined });
// @ts-expect-error: alpha is an option
entmax(f32, 1.5);
// @ts-expect-error: the map fixes alpha
softmax(f32, { alpha: 1 });
// @ts-expect-error: the map fixes alpha
entmax15(f32, { alpha: 1.5 });

// The options of every map.
declare const mask: boolean[];
softmax(f32, { shape: [2, 3], axis: -1, temperature: 0.5, emptyRow: 'throw' });
softmax(f32, { shape: undefined, axis: undefined, mask: undefined, lengths: undefined, temperature: undefined });
softmax(f32, { mask });
softmax(f32, { mask: new Uint8Array(4) });
softmax(f32, { mask: new BigInt64Array(4) });
softmax(f32, { mask: { data: new Uint8Array(4), shape: [2, 2] } });
softmax(f32, { mask: foreign });
softmax(f32, { mask: [1, 0, 1], lengths: [2, 3] });
softmax(f32, { lengths: new Int32Array(2) });
declare const tMask: Tensor<'uint8'>;
declare const tLengths: Tensor<'int32'>;
softmax(f32, { mask: tMask, lengths: tLengths });
// @ts-expect-error: masks are integers or booleans
softmax(f32, { mask: f32 });
// @ts-expect-error: no such mode
softmax(f32, { emptyRow: 'skip' });
// @ts-expect-error: PyTorch's name
softmax(f32, { dim: 1 });
// @ts-expect-error: the entmax package's name
sparsemax(f32, { n_iter: 50 });
// @ts-expect-error: another map
entmax(f32, { k: 3 });
// @ts-expect-error: a misspelt name
entmax(f32, { alpah: 2 });
// @ts-expect-error: an unknown option of a form
entmax.support(f32, { order: 'value' });

// What runs asynchronously can be watched and ended, and nothing else can.
declare const signal: AbortSignal;
void softmax.async(f32, { signal, onProgress: (done, total) => expectTypeOf([done, total]).toEqualTypeOf<number[]>() });
void softmax.async.support(f32, { signal });
// @ts-expect-error: synchronous calls cannot be aborted
softmax(f32, { signal });
// @ts-expect-error: synchronous calls cannot be watched
softmax.support(f32, { onProgress: () => undefined });

// What is no score.
// @ts-expect-error: a number is no row
softmax(3);
// @ts-expect-error: text is no scores
softmax('1, 2');
// @ts-expect-error: integers are converted by the caller
softmax(new Int32Array(4));
// @ts-expect-error: bytes are converted by the caller
softmax(new Uint8Array(4));
// @ts-expect-error: nested text
softmax([['a']]);
// @ts-expect-error: there must be scores
softmax();

// All maps have the same forms.
expectTypeOf(softmax).toEqualTypeOf<RowMap>();
expectTypeOf(sparsemax).toEqualTypeOf<RowMap>();
expectTypeOf(entmax15).toEqualTypeOf<RowMap>();
expectTypeOf(entmax).toEqualTypeOf<RowMap<'alpha'>>();

// The type functions by themselves.
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- foreign tensors declare their data so
type Any = any;
expectTypeOf<Like<number>>().toEqualTypeOf<number>();
expectTypeOf<Like<Tensor<'float64'>>>().toEqualTypeOf<Tensor<'float64'>>();
expectTypeOf<Like<{ data: Float64Array; shape: readonly number[] }>>().toEqualTypeOf<Nd<F64>>();
expectTypeOf<Like<{ data: Any; dims: number[] }>>().toEqualTypeOf<Nd<F32 | F64>>();
expectTypeOf<Values<number[][]>>().toEqualTypeOf<F64>();
expectTypeOf<Values<Tensor<'float32'>>>().toEqualTypeOf<F32>();

// CSR results have typed arrays of the scores' element type, and iterate over rows.
expectTypeOf(sparsemax.csr(f32)).toEqualTypeOf<Csr<F32>>();
expectTypeOf(sparsemax.csr(t64, { order: 'value' }).values).toEqualTypeOf<F64>();
expectTypeOf(sparsemax.csr(deep).toDense()).toEqualTypeOf<F64>();
for (const row of sparsemax.csr(f32)) expectTypeOf(row).toEqualTypeOf<Row<F32>>();
expectTypeOf(entmax.async.csr(n32, { alpha: 2 })).toEqualTypeOf<Promise<Csr<F32>>>();
// @ts-expect-error: no such order
sparsemax.csr(f32, { order: 'size' });
// @ts-expect-error: a sparse result has no place to go
sparsemax.csr(f32, { out: f32 });

// Gradients are named, each in the form of what it belongs to.
const [value, pullback] = entmax.vjp(t32, { alpha: f64 });
expectTypeOf(value).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(pullback(t32).x).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(pullback(t32).alpha).toEqualTypeOf<F64>();
expectTypeOf(pullback(t32, ['alpha'])).toEqualTypeOf<{ alpha: F64 }>();
expectTypeOf(entmax.vjp(f32)[1](f32).alpha).toEqualTypeOf<number>();
expectTypeOf(entmax.vjp(deep, { alpha: [1, 2] })[1]([[[1]]]).alpha).toEqualTypeOf<number[]>();
expectTypeOf(softmax.vjp(f32)[1](shared)).toEqualTypeOf<{ x: F32 }>();
expectTypeOf(softmax.vjp(n32)[1](n32).x).toEqualTypeOf<Nd<F32>>();
expectTypeOf(softmax.backward(f32, f32).x).toEqualTypeOf<F32>();
expectTypeOf(entmax.backward(f32, f32, { alpha: n64, wrt: ['alpha'] })).toEqualTypeOf<{ alpha: Nd<F64> }>();
expectTypeOf(entmax.wrt).toEqualTypeOf<readonly ('x' | 'alpha')[]>();
// @ts-expect-error: softmax has no alpha
softmax.backward(f32, f32, { wrt: ['alpha'] });
// @ts-expect-error: nor its pullback
softmax.vjp(f32)[1](f32, ['alpha']);
// @ts-expect-error: a cotangent of another form
softmax.vjp(f32)[1](t32);
pullback.dispose();
{
  using disposable = pullback;
  disposable(t32);
}

// Promises of the same, whose pullbacks make promises.
const later = entmax.async.vjp(f32, { alpha: 1.5, signal });
expectTypeOf((await later)[0]).toEqualTypeOf<F32>();
expectTypeOf((await later)[1](f32)).resolves.toEqualTypeOf<{ x: F32; alpha: number }>();
expectTypeOf((await later)[1](f32, ['x'], { signal })).resolves.toEqualTypeOf<{ x: F32 }>();
expectTypeOf(softmax.async.backward(t64, t64)).resolves.toEqualTypeOf<{ x: Tensor<'float64'> }>();

// The budget and its bounds have forms of their own; the top-k maps take k.
const capped = budget.vjp(f32, { budget: [1, 2], upper: f64, atMost: true })[1](f32);
expectTypeOf(capped.budget).toEqualTypeOf<number[]>();
expectTypeOf(capped.upper).toEqualTypeOf<F64>();
expectTypeOf(budget.vjp(f32, { budget: 2 })[1](f32).upper).toEqualTypeOf<number>();
expectTypeOf(topkEntmax(t32, { k: 3, alpha: 1.2 })).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(topkSparsemax.support(f32, { k: 3 }).exact).toEqualTypeOf<Uint8Array | undefined>();
// @ts-expect-error: topkSparsemax fixes alpha
topkSparsemax(f32, { k: 3, alpha: 2 });
// @ts-expect-error: k is needed with options
topkEntmax(f32, { alpha: 2 });
// @ts-expect-error: a budget is no option of sparsemax
sparsemax(f32, { budget: 2 });
