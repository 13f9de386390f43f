/** The declarations of the regularised maps: which forms each has, and what they take. Nothing here runs; `tsc` is the test. */

import { expectTypeOf } from 'vitest';
import {
  constrainedEntmax,
  constrainedSoftmax,
  constrainedSparsemax,
  fusedmax,
  normmax,
  oscarmax,
  tvmax,
} from 'entmax/regularised';
import type { Grouped, GroupedMap, OscarmaxOptions, TvmaxOptions } from 'entmax/regularised';
import type { Csr, F32, F64, RowMap, Support, Tensor } from 'entmax';

declare const f32: Float32Array;
declare const f64: Float64Array;
declare const t32: Tensor<'float32'>;
declare const signal: AbortSignal;

// Maps without groups are row maps, with all forms.
expectTypeOf(normmax).toEqualTypeOf<RowMap<'alpha'>>();
expectTypeOf(constrainedSoftmax).toEqualTypeOf<RowMap<'upper'>>();
expectTypeOf(constrainedSparsemax).toEqualTypeOf<RowMap<'upper'>>();
expectTypeOf(constrainedEntmax).toEqualTypeOf<RowMap<'alpha' | 'upper'>>();
expectTypeOf(fusedmax).toEqualTypeOf<GroupedMap<'lambda'>>();
expectTypeOf(tvmax).toEqualTypeOf<GroupedMap<'lambda', TvmaxOptions>>();
expectTypeOf(oscarmax).toEqualTypeOf<GroupedMap<'lambda', OscarmaxOptions>>();

// Sparse forms of all.
expectTypeOf(normmax.csr(f32)).toEqualTypeOf<Csr<F32>>();
expectTypeOf(normmax.support(f64, { alpha: [2, 3] })).toEqualTypeOf<Support<F64>>();
expectTypeOf(fusedmax.csr(t32, { lambda: 1, order: 'value' })).toEqualTypeOf<Csr<F32>>();
expectTypeOf(tvmax.support([[1]], { lambda: 1, axes: [0, 1] })).toEqualTypeOf<Support<F64>>();
expectTypeOf(oscarmax.async.csr(f32, { lambda: 1, signal })).resolves.toEqualTypeOf<Csr<F32>>();
expectTypeOf(oscarmax.async.support(f32, { lambda: 1, signal })).resolves.toEqualTypeOf<Support<F32>>();
// @ts-expect-error: no such order
normmax.csr(f32, { order: 'size' });
// @ts-expect-error: a support has no order
normmax.support(f32, { order: 'value' });
// @ts-expect-error: synchronous calls cannot be aborted
normmax.csr(f32, { signal });

// Gradients: from the scores, or from the output where that tells them.
expectTypeOf(fusedmax.vjp(f32, { lambda: f64 })[1](f32).lambda).toEqualTypeOf<F64>();
expectTypeOf(normmax.backward(f32, f32).alpha).toEqualTypeOf<number>();
expectTypeOf(constrainedEntmax.backward(t32, t32, { upper: f32, wrt: ['upper'] })).toEqualTypeOf<{ upper: F32 }>();
expectTypeOf(constrainedSparsemax.async.backward(f32, f32, { signal })).resolves.toEqualTypeOf<{
  x: F32;
  upper: number;
}>();
// The output does not tell the groups.
expectTypeOf(fusedmax).not.toHaveProperty('backward');
expectTypeOf(oscarmax.async).not.toHaveProperty('backward');

// Groups, of the maps that have some.
expectTypeOf(tvmax.groups(f32, { lambda: 1 })).toEqualTypeOf<Grouped<F32>>();
expectTypeOf(oscarmax.async.groups(t32, { lambda: 1, signal })).resolves.toEqualTypeOf<Grouped<Tensor<'float32'>>>();
expectTypeOf(normmax).not.toHaveProperty('groups');
// @ts-expect-error: a grid has two axes
tvmax(f32, { lambda: 1, axis: 0 });
// @ts-expect-error: only oscarmax is published as something else
fusedmax(f32, { lambda: 1, compat: 'torchsparseattn' });
