/**
 * The declarations of relaAttention: forms as those of attention, gradients of gain and gate where these are given.
 * Nothing here runs; `tsc` is the test.
 */

import { expectTypeOf } from 'vitest';
import type { Csr, F32, F64, Nd, Tensor } from 'entmax';
import { relaAttention } from 'entmax/attention';
import type { Inspection, RelaGradients, RelaOptions } from 'entmax/attention';

declare const f32: Float32Array;
declare const t32: Tensor<'float32'>;
declare const t64: Tensor<'float64'>;
declare const n32: Nd<Float32Array>;
declare const n64: Nd<Float64Array>;
declare const deep: number[][][][];
declare const signal: AbortSignal;
type T32 = Tensor<'float32'>;

// What goes in comes out.
expectTypeOf(relaAttention(t32, t32, t32)).toEqualTypeOf<T32>();
expectTypeOf(relaAttention(n64, n64, n64)).toEqualTypeOf<Nd<F64>>();
expectTypeOf(relaAttention(deep, deep, deep)).toEqualTypeOf<number[][][][]>();
expectTypeOf(relaAttention(n32, n32, n32, { out: f32 })).toEqualTypeOf<Float32Array>();
expectTypeOf(relaAttention.inspect(t64, t64, t64)).toEqualTypeOf<Inspection<Tensor<'float64'>, F64>>();
expectTypeOf(relaAttention.inspect(n32, n32, n32).weights).toEqualTypeOf<Csr<F32>>();
expectTypeOf(relaAttention.async(t32, t32, t32, { signal })).resolves.toEqualTypeOf<T32>();
expectTypeOf(relaAttention.async.inspect(n32, n32, n32)).resolves.toEqualTypeOf<Inspection<Nd<F32>, F32>>();

// The options: those of attention without a map, and the norm's.
for (const gain of [f32, [1, 2], t32, n32]) relaAttention(t32, t32, t32, { gain, gate: gain, eps: 1e-8 });
relaAttention(t32, t32, t32, { isCausal: 'lowerRight', layout: 'BNHD', emptyRow: 'throw', bias: n32, scale: 0.5 });
expectTypeOf<RelaOptions>().not.toHaveProperty('alpha');
// @ts-expect-error: there is no map
relaAttention(t32, t32, t32, { alpha: 1.5 });
// @ts-expect-error: nor top-k
relaAttention(t32, t32, t32, { topk: 8 });
// @ts-expect-error: eps is a number
relaAttention(t32, t32, t32, { gain: f32, eps: f32 });
// @ts-expect-error: one gain is none for each channel
relaAttention(t32, t32, t32, { gain: 1 });
expectTypeOf(relaAttention).not.toHaveProperty('decode');

// Pullbacks: gradients of what was given.
const [output, pullback] = relaAttention.vjp(t32, t32, t32, { gain: f32, gate: n32, bias: n32 });
expectTypeOf(output).toEqualTypeOf<T32>();
type Gradients = RelaGradients<T32, Float32Array, Nd<Float32Array>, Nd<Float32Array>>;
expectTypeOf(pullback(t32)).toEqualTypeOf<Pick<Gradients, 'q' | 'k' | 'v' | 'gain' | 'gate'>>();
expectTypeOf(pullback(t32).gain).toEqualTypeOf<F32>();
expectTypeOf(pullback(t32, ['bias']).bias).toEqualTypeOf<Nd<F32>>();
const [, plain] = relaAttention.vjp(t32, t32, t32, { isCausal: true });
expectTypeOf(plain(t32)).toHaveProperty('v');
expectTypeOf(plain(t32)).not.toHaveProperty('gain');
const [, normed] = relaAttention.vjp(n64, n64, n64, { gain: [1, 1] });
expectTypeOf(normed(n64).gain).toEqualTypeOf<number[]>();
expectTypeOf(normed(n64)).not.toHaveProperty('gate');
// @ts-expect-error: there is no gradient by alpha
pullback(t32, ['alpha']);
const later = await relaAttention.async.vjp(t32, t32, t32, { gain: t32, signal });
expectTypeOf(later[1](t32)).resolves.toHaveProperty('gain');
