/**
 * The declarations of attention: what goes in comes out, for every form, and what it does not take does not compile.
 * Nothing here runs; `tsc` is the test.
 */

import { expectTypeOf } from 'vitest';
import type { Csr, Dims, F32, F64, Nd, Tensor } from 'entmax';
import { attention } from 'entmax/attention';
import type { AttentionGradients, AttentionOptions, Inspection } from 'entmax/attention';

declare const f32: Float32Array;
declare const f64: Float64Array;
declare const shared: Float32Array<SharedArrayBuffer>;
declare const t32: Tensor<'float32'>;
declare const t64: Tensor<'float64'>;
declare const bytes: Tensor<'uint8'>;
declare const ids: Tensor<'int32'>;
declare const n32: Nd<Float32Array>;
declare const n64: { data: Float64Array; shape: number[] };
declare const foreign: Dims;
declare const ort: { readonly data: Float32Array; readonly dims: readonly number[]; readonly type: string };
declare const deep: number[][][][];
declare const signal: AbortSignal;

// What goes in comes out.
expectTypeOf(attention(t32, t32, t32)).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(attention(t64, t64, t64)).toEqualTypeOf<Tensor<'float64'>>();
expectTypeOf(attention(n32, n32, n32)).toEqualTypeOf<Nd<F32>>();
expectTypeOf(attention(n64, n64, n64)).toEqualTypeOf<Nd<F64>>();
expectTypeOf(attention(ort, ort, ort)).toEqualTypeOf<Nd<F32>>();
expectTypeOf(attention(deep, deep, deep)).toEqualTypeOf<number[][][][]>();
attention(foreign, foreign, foreign);
// @ts-expect-error: a bare array has no heads
attention(f32, f32, f32);
// @ts-expect-error: there must be values
attention(t32, t32);
// @ts-expect-error: all are of one form
attention(deep, n32, n32);

// `out` decides the type of the result.
expectTypeOf(attention(n32, n32, n32, { out: f32 })).toEqualTypeOf<Float32Array>();
expectTypeOf(attention(n32, n32, n32, { out: shared })).toEqualTypeOf<Float32Array<SharedArrayBuffer>>();
expectTypeOf(attention(t32, t32, t32, { out: t32 })).toEqualTypeOf<Tensor<'float32'>>();
// @ts-expect-error: an `out` of another element type
attention(t32, t32, t32, { out: t64 });
// @ts-expect-error: an inspection makes its own output
attention.inspect(t32, t32, t32, { out: t32 });

// Inspections.
expectTypeOf(attention.inspect(t32, t32, t32)).toEqualTypeOf<Inspection<Tensor<'float32'>, F32>>();
expectTypeOf(attention.inspect(n64, n64, n64).weights).toEqualTypeOf<Csr<F64>>();
expectTypeOf(attention.inspect(deep, deep, deep).output).toEqualTypeOf<number[][][][]>();
expectTypeOf(attention.inspect(t32, t32, t32).skipped).toEqualTypeOf<number>();

// Promises of the same, which can be watched and ended.
declare const onProgress: (done: number, total: number) => void;
const run = { signal, onProgress };
expectTypeOf(attention.async(t32, t32, t32, run)).resolves.toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(attention.async(n32, n32, n32, { out: f32 })).resolves.toEqualTypeOf<Float32Array>();
expectTypeOf(attention.async.inspect(t64, t64, t64, run)).resolves.toEqualTypeOf<Inspection<Tensor<'float64'>, F64>>();
// @ts-expect-error: synchronous calls cannot be aborted
attention(t32, t32, t32, { signal });
// @ts-expect-error: nor watched
attention.inspect(t32, t32, t32, run);

// The options.
for (const alpha of [1.5, [1, 1.5], f32, f64, n64, t64]) attention(t32, t32, t32, { alpha });
for (const isCausal of [true, false, 'upperLeft', 'lowerRight', undefined] as const) {
  attention(t32, t32, t32, { isCausal });
}
for (const mask of [bytes, ids, foreign, { data: new Uint8Array(4), shape: [1, 1, 2, 2] }]) {
  attention(t32, t32, t32, { mask, keyMask: mask });
}
for (const bias of [t32, n32, foreign, deep]) attention(t32, t32, t32, { bias });
for (const lengths of [[1, 2], new Int32Array(2), ids, foreign]) {
  attention(t32, t32, t32, { querySeqLengths: lengths, keyValueSeqLengths: lengths });
}
attention(t32, t32, t32, { alibiSlopes: [0.5, 0.25], keyMask: [true, false] });
attention(t32, t32, t32, { topk: 8, scale: 0.125, layout: 'BNHD', emptyRow: 'throw', alibiSlopes: f32 });
expectTypeOf<AttentionOptions>().toExtend<{ scale?: number | undefined }>();
// @ts-expect-error: no such layout
attention(t32, t32, t32, { layout: 'NHD' });
// @ts-expect-error: PyTorch's name
attention(t32, t32, t32, { is_causal: true });
// @ts-expect-error: masks are integers or booleans
attention(t32, t32, t32, { mask: n32 });
// @ts-expect-error: an option of the maps
attention(t32, t32, t32, { temperature: 0.5 });
// @ts-expect-error: a misspelt name
attention(t32, t32, t32, { alhpa: 2 });

// Pullbacks: the gradients that are not asked for by name, and those that are.
const [output, pullback] = attention.vjp(t32, t32, t32, { alpha: [1, 1.5], bias: n32 });
expectTypeOf(output).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(pullback(t32)).toEqualTypeOf<
  Pick<AttentionGradients<Tensor<'float32'>, number[], Nd<Float32Array>>, 'q' | 'k' | 'v' | 'alpha'>
>();
expectTypeOf(pullback(t32).alpha).toEqualTypeOf<number[]>();
expectTypeOf(pullback(t32, ['bias']).bias).toEqualTypeOf<Nd<F32>>();
expectTypeOf(attention.vjp(n64, n64, n64)[1](n64).alpha).toEqualTypeOf<number>();
expectTypeOf(pullback(t32)).not.toHaveProperty('bias');
// @ts-expect-error: there is no gradient by the scale
pullback(t32, ['scale']);
expectTypeOf(attention.async.vjp(t32, t32, t32, run)).resolves.toExtend<readonly unknown[]>();
