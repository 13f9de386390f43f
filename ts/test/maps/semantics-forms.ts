// The sparse and the differentiated forms of one call, held against its dense result and against the references.

import { expect } from 'vitest';
import { gradientError } from '../oracle/compare.ts';
import { expectSameBits, floats, laidOut, rowsOf } from '../oracle/layouts.ts';
import type { Axis, Floats, Form } from '../oracle/layouts.ts';
import type { MapCase, Row, RowGradients, UntypedCsr, UntypedGrads, UntypedSupport } from '../oracle/maps.ts';
import { randomFrom } from '../oracle/random.ts';

export interface FormCall {
  readonly mapCase: MapCase;
  readonly form: Form;
  readonly axis: Axis;
  readonly n: number;
  readonly shape: readonly number[];
  readonly x: unknown;
  readonly options: object;
  /** The dense result, flat, and the support's. */
  readonly dense: Floats;
  readonly support: UntypedSupport;
}

type Context = (call: string) => string;

/** CSR holds the bits of the dense form and of the support, in both orders. Returns the number of calls. */
export async function checkSparse(
  { mapCase, axis, shape, x, options, dense, support }: FormCall,
  context: Context,
): Promise<number> {
  const { map } = mapCase;
  const check = (csr: UntypedCsr, of: string): void => {
    expectSameBits(csr.toDense(), dense, of);
    expect(csr.shape, of).toEqual(shape);
    expect(csr.axis, of).toBe(axis.axis < 0 ? axis.axis + shape.length : axis.axis);
    expect(
      Array.from(support.sizes, (_, r) => csr.indptr[r + 1]! - csr.indptr[r]!),
      of,
    ).toEqual([...support.sizes]);
    expectSameBits(csr.thresholds, support.thresholds, of);
    expect(csr.exact, of).toEqual(support.exact);
    for (const { values } of csr) if (!values.every((value) => value > 0 || Number.isNaN(value))) expect.fail(of);
  };
  const csr = map.csr(x, options);
  check(csr, context('csr'));
  for (const { indices } of csr)
    if (indices.some((index, k) => k > 0 && index <= indices[k - 1]!)) expect.fail('order');
  check(await map.async.csr(x, options), context('async.csr'));
  const byValue = map.csr(x, { ...options, order: 'value' });
  check(byValue, context('csr by value'));
  for (const { indices, values } of byValue) {
    const wrong = values.findIndex((value, k) => k > 0 && !(value < values[k - 1]!) && indices[k]! < indices[k - 1]!);
    if (wrong >= 0 || values.some((value, k) => value > values[k - 1]!)) expect.fail(context('order: value'));
  }
  return 3;
}

export interface GradientCall extends FormCall {
  readonly rows: readonly Row[];
  readonly p: readonly number[][];
}

/** Pullbacks and `backward` give the reference's gradients, each in its form. Returns the number of calls. */
export async function checkGradients(call: GradientCall, context: Context): Promise<number> {
  const { mapCase, form, axis, n, shape, x, options, dense, rows, p } = call;
  const { map } = mapCase;
  const random = randomFrom(n);
  const dpRows = rows.map(() =>
    floats(
      form.dtype,
      Array.from({ length: n }, () => random.normal()),
    ),
  );
  const { x: dp } = form.make(laidOut(dpRows, axis), shape);

  const checkAll = (gradients: UntypedGrads, fromInput: boolean, of: string): Floats => {
    const dx = form.read(gradients['x'], shape);
    const actual = rowsOf(dx, axis, n);
    const expected = rows.map((row, r) => mapCase.gradients(row, p[r]!, dpRows[r]!, fromInput));
    expected.forEach((each, r) => checkRow(form, actual[r]!, each.x, `${of}, row ${r}`));
    checkParameters(mapCase, form, gradients, expected, of);
    expect(Object.keys(gradients), of).toEqual(map.wrt);
    return dx;
  };

  const [value, pullback] = map.vjp(x, options);
  expectSameBits(form.read(value, shape), dense, context('vjp'));
  const dx = checkAll(pullback(dp), true, context('pullback'));
  expectSameBits(form.read(pullback(dp, ['x'])['x'], shape), dx, context('pullback, again'));
  pullback.dispose();

  const [later, pullbackLater] = await map.async.vjp(x, options);
  expectSameBits(form.read(later, shape), dense, context('async.vjp'));
  expectSameBits(form.read((await pullbackLater(dp))['x'], shape), dx, context('async pullback'));
  pullbackLater.dispose();

  const { x: output } = form.make([...dense], shape);
  const backward = checkAll(map.backward(output, dp, options), false, context('backward'));
  const same = rowsOf(backward, axis, n);
  rowsOf(dx, axis, n).forEach((row, r) => {
    // A pullback knows more of rows that are constant.
    if (row.every((each) => each === 0)) return;
    expectSameBits(Float64Array.from(row), Float64Array.from(same[r]!), context(`backward and vjp, row ${r}`));
  });
  expectSameBits(
    form.read((await map.async.backward(output, dp, options))['x'], shape),
    backward,
    context('async.backward'),
  );
  return 7;
}

/** float32 sums of a row round; what they are sums of is magnified by s = p^(2 - alpha) for alpha > 2. */
function checkRow(form: Form, actual: readonly number[], expected: Float64Array, of: string): void {
  const tolerance = form.dtype === 'float32' ? 2e-6 : 1e-12;
  if (!(gradientError(actual, expected) <= tolerance))
    expect.fail(`${of}: ${actual.join()} instead of ${expected.join()}`);
  expected.forEach((value, j) => {
    if (value === 0 && actual[j] !== 0 && Math.abs(actual[j]!) > tolerance)
      expect.fail(`${of}, entry ${j}: ${actual[j]}`);
  });
}

/** Parameters are numbers here: their gradients are sums over all rows. */
function checkParameters(
  mapCase: MapCase,
  form: Form,
  actual: UntypedGrads,
  rows: readonly RowGradients[],
  of: string,
): void {
  const tolerance = form.dtype === 'float32' ? 1e-4 : 1e-10;
  for (const name of mapCase.map.wrt.slice(1)) {
    const perRow = rows.map((each) => {
      const own = each[name as 'alpha'];
      return typeof own === 'number' ? own : (own as unknown as Float64Array).reduce((a, b) => a + b, 0);
    });
    const expected = perRow.reduce((a, b) => a + b, 0);
    const scale = perRow.reduce((a, b) => a + Math.abs(b), 0);
    if (Number.isNaN(expected) && Number.isNaN(actual[name])) continue;
    expect(Math.abs((actual[name] as number) - expected), `${of}, ${name}`).toBeLessThanOrEqual(
      tolerance * Math.max(1, scale),
    );
  }
}
