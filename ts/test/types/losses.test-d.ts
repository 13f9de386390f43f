/**
 * The declarations of the losses: every form of every loss, synchronous and not, and what they do not take. Nothing
 * here runs; `tsc` is the test.
 */

import { expectTypeOf } from 'vitest';
import { budgetLoss, entmax15Loss, entmaxLoss, softmaxLoss, sparsemaxLoss } from 'entmax';
import { normmaxLoss } from 'entmax/regularised';
import type { BudgetOptions, Csr, Dims, F32, F64, Loss, Nd, Tensor } from 'entmax';

declare const f32: Float32Array;
declare const f64: Float64Array;
declare const t32: Tensor<'float32'>;
declare const t64: Tensor<'float64'>;
declare const n64: Nd<Float64Array>;
declare const deep: number[][];
declare const ids: Int32Array;
declare const tIds: Tensor<'int32'>;
declare const foreign: Dims;
declare const signal: AbortSignal;
const onProgress = (done: number, total: number): number => done / total;

// All losses have the same forms.
expectTypeOf(softmaxLoss).toEqualTypeOf<Loss>();
expectTypeOf(sparsemaxLoss).toEqualTypeOf<Loss>();
expectTypeOf(entmax15Loss).toEqualTypeOf<Loss>();
expectTypeOf(entmaxLoss).toEqualTypeOf<Loss<'alpha'>>();
expectTypeOf(normmaxLoss).toEqualTypeOf<Loss<'alpha'>>();
expectTypeOf(budgetLoss).toEqualTypeOf<Loss<'budget', BudgetOptions>>();

// A number, or with 'none' one for each row in the form of the scores.
expectTypeOf(softmaxLoss(f32, ids)).toEqualTypeOf<number>();
expectTypeOf(softmaxLoss(f32, ids, { reduction: 'sum' })).toEqualTypeOf<number>();
expectTypeOf(softmaxLoss(f32, ids, { reduction: 'none' })).toEqualTypeOf<F32>();
expectTypeOf(softmaxLoss(t64, ids, { reduction: 'none' })).toEqualTypeOf<Tensor<'float64'>>();
expectTypeOf(softmaxLoss(n64, ids, { reduction: 'none' })).toEqualTypeOf<Nd<F64>>();
// @ts-expect-error: no such reduction
softmaxLoss(f32, ids, { reduction: 'max' });

// Classes in any form, or distributions in the form of the scores.
softmaxLoss(f32, [0, 1]);
softmaxLoss(f32, new BigInt64Array(2));
softmaxLoss(t32, tIds);
softmaxLoss(f32, foreign);
softmaxLoss(f32, f32);
softmaxLoss(deep, [[0.5, 0.5]]);
// @ts-expect-error: a target is needed
softmaxLoss(f32);
// @ts-expect-error: text is no target
softmaxLoss(f32, 'cat');

// The options of rows and of losses.
softmaxLoss(f32, ids, { shape: [2, 3], axis: 0, mask: [true], lengths: [2, 3], temperature: 2, emptyRow: 'throw' });
softmaxLoss(f32, ids, { ignoreIndex: -1, classWeights: f64 });
budgetLoss(f32, ids, { budget: [1, 2], atMost: true });
// @ts-expect-error: PyTorch's name
softmaxLoss(f32, ids, { ignore_index: -1 });
// @ts-expect-error: the loss fixes alpha
sparsemaxLoss(f32, ids, { alpha: 2 });
// @ts-expect-error: the loss of a budget has no bounds
budgetLoss(f32, ids, { budget: 1, upper: 2 });

// Value and gradients.
expectTypeOf(softmaxLoss.valueAndGrad(f32, ids)[0]).toEqualTypeOf<number>();
expectTypeOf(softmaxLoss.valueAndGrad(f32, ids)[1].x).toEqualTypeOf<F32>();
expectTypeOf(softmaxLoss.valueAndGrad(t32, tIds)[1].x).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(entmaxLoss.valueAndGrad(f32, ids)[1].alpha).toEqualTypeOf<number>();
expectTypeOf(entmaxLoss.valueAndGrad(f32, ids, { alpha: f64 })[1].alpha).toEqualTypeOf<F64>();
expectTypeOf(entmaxLoss.valueAndGrad(f32, ids, { alpha: n64 })[1].alpha).toEqualTypeOf<Nd<F64>>();
expectTypeOf(budgetLoss.valueAndGrad(deep, ids, { budget: [1, 2] })[1].budget).toEqualTypeOf<number[]>();
softmaxLoss.valueAndGrad(t32, ids, { out: t32, reduction: 'sum' });
// @ts-expect-error: one value has no 'none'
softmaxLoss.valueAndGrad(f32, ids, { reduction: 'none' });
// @ts-expect-error: an `out` of another form
softmaxLoss.valueAndGrad(f32, ids, { out: t32 });

// The gradient as its nonzeros.
expectTypeOf(sparsemaxLoss.valueAndCsr(f32, ids)[1].x).toEqualTypeOf<Csr<F32>>();
expectTypeOf(entmaxLoss.valueAndCsr(t64, ids, { alpha: [1, 2] })[1].alpha).toEqualTypeOf<number[]>();
// @ts-expect-error: one value has no 'none'
sparsemaxLoss.valueAndCsr(f32, ids, { reduction: 'none' });
// @ts-expect-error: a sparse gradient has no place to go
sparsemaxLoss.valueAndCsr(f32, ids, { out: f32 });

// A pullback for each row, and Hessian-vector products.
const [losses, pullback] = entmaxLoss.vjp(f32, ids, { alpha: f64 });
expectTypeOf(losses).toEqualTypeOf<F32>();
expectTypeOf(pullback(f32).x).toEqualTypeOf<F32>();
expectTypeOf(pullback(f32, ['alpha'])).toEqualTypeOf<{ alpha: F64 }>();
pullback.dispose();
// @ts-expect-error: it is per row
entmaxLoss.vjp(f32, ids, { reduction: 'sum' });
expectTypeOf(sparsemaxLoss.hvp(t32, ids, t32)).toEqualTypeOf<Tensor<'float32'>>();
expectTypeOf(sparsemaxLoss.hvp(f32, ids, f32, { reduction: 'sum' })).toEqualTypeOf<F32>();

// Promises of the same, which can be watched and ended.
const run = { signal, onProgress };
expectTypeOf(softmaxLoss.async(f32, ids, run)).resolves.toEqualTypeOf<number>();
expectTypeOf(softmaxLoss.async(f32, ids, { reduction: 'none', ...run })).resolves.toEqualTypeOf<F32>();
expectTypeOf((await entmaxLoss.async.valueAndGrad(f32, ids, run))[1].alpha).toEqualTypeOf<number>();
expectTypeOf((await softmaxLoss.async.valueAndCsr(f64, ids, run))[1].x).toEqualTypeOf<Csr<F64>>();
expectTypeOf(softmaxLoss.async.hvp(f32, ids, f32, run)).resolves.toEqualTypeOf<F32>();
const later = await entmaxLoss.async.vjp(t32, ids, { ...run, alpha: 1.2 });
expectTypeOf(later[1](t32, ['alpha'], run)).resolves.toEqualTypeOf<{ alpha: number }>();
// @ts-expect-error: synchronous calls cannot be aborted
softmaxLoss(f32, ids, { signal });
