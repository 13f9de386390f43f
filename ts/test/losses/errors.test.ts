/** Bad input: which operation, what was expected, what came. And asynchronous calls that are ended. */

import { describe, expect, test } from 'vitest';
import { budgetLoss, entmaxLoss, sparsemaxLoss, tensor } from 'entmax';
import type { UntypedLoss } from './cases.ts';
import { LOSSES, sixRows } from './cases.ts';

const Z = Float32Array.from(sixRows(5, 1).flat());
const SHAPE = { shape: [6, 5] };
const CLASSES = [0, 1, 2, 3, 4, 0];
const loss = sparsemaxLoss as unknown as UntypedLoss;

const CASES: readonly [what: string, call: () => unknown, message: RegExp][] = [
  [
    'too few classes',
    () => loss(Z, [0, 1], SHAPE),
    /^sparsemaxLoss: expected target with one class for each of 6 rows, got 2$/,
  ],
  [
    'a class too large',
    () => loss(Z, [0, 1, 5, 0, 0, 0], SHAPE),
    /expected target classes in \[0, 4\].*got 5 in row 2$/,
  ],
  ['a negative class', () => loss(Z, [0, 1, -1, 0, 0, 0], SHAPE), /got -1 in row 2$/],
  ['a class that is no integer', () => loss(Z, [0, 1.5, 1, 0, 0, 0], SHAPE), /got 1.5 in row 1$/],
  ['floats of another shape', () => loss(Z, new Float32Array(6), SHAPE), /target/],
  ['a float target of another type', () => loss(Z, new Float64Array(30), SHAPE), /target of float32, got float64/],
  ['a string', () => loss(Z, 'cat', SHAPE), /target/],
  [
    'a reduction that is none',
    () => loss(Z, CLASSES, { ...SHAPE, reduction: 'average' }),
    /reduction to be 'mean' or 'sum' or 'none'/,
  ],
  [
    "'none' with a gradient",
    () => loss.valueAndGrad(Z, CLASSES, { ...SHAPE, reduction: 'none' }),
    /^sparsemaxLoss.valueAndGrad: expected reduction to be 'mean' or 'sum'/,
  ],
  [
    'a reduction of a vjp',
    () => loss.vjp(Z, CLASSES, { ...SHAPE, reduction: 'sum' }),
    /^sparsemaxLoss.vjp: expected options among/,
  ],
  [
    'class weights of another length',
    () => loss(Z, CLASSES, { ...SHAPE, classWeights: new Float32Array(3) }),
    /classWeights with one weight for each of 5 classes, got 3/,
  ],
  [
    'a negative class weight',
    () => loss(Z, CLASSES, { ...SHAPE, classWeights: Float32Array.of(1, 1, -1, 1, 1) }),
    /classWeights to be finite and >= 0, got -1 for class 2/,
  ],
  [
    'ignoreIndex that is no integer',
    () => loss(Z, CLASSES, { ...SHAPE, ignoreIndex: 0.5 }),
    /ignoreIndex to be an integer/,
  ],
  [
    'an unknown option',
    () => loss(Z, CLASSES, { ...SHAPE, ignore_index: 1 }),
    /got 'ignore_index'|got "ignore_index"|ignore_index/,
  ],
  ['alpha below 1', () => (entmaxLoss as unknown as UntypedLoss)(Z, CLASSES, { ...SHAPE, alpha: 0.5 }), /alpha >= 1/],
  ['a loss of budget without one', () => (budgetLoss as unknown as UntypedLoss)(Z, CLASSES, SHAPE), /budget/],
  [
    'bounds of a loss',
    () => (budgetLoss as unknown as UntypedLoss)(Z, CLASSES, { ...SHAPE, budget: 1, upper: 1 }),
    /upper/,
  ],
  [
    'a tangent of another shape',
    () => loss.hvp(Z, CLASSES, new Float32Array(4), SHAPE),
    /^sparsemaxLoss.hvp: expected v of shape/,
  ],
  ['a cotangent of another size', () => loss.vjp(Z, CLASSES, SHAPE)[1](new Float32Array(5)), /dy/],
];

test.each(CASES)('%s', (_, call, message) => {
  expect(call).toThrow(message);
});

describe.each(LOSSES)('$name', ({ loss: each, options }) => {
  test('asynchronously gives the same bits, reports progress, and ends when it is told to', async () => {
    const all = { ...options, ...SHAPE };
    expect(await each.async(Z, CLASSES, all)).toBe(each(Z, CLASSES, all));
    expect(await each.async.valueAndGrad(Z, CLASSES, all)).toEqual(each.valueAndGrad(Z, CLASSES, all));
    const [value, { x }] = await each.async.valueAndCsr(Z, CLASSES, all);
    const [wanted, { x: csr }] = each.valueAndCsr(Z, CLASSES, all);
    expect([value, (x as { values: unknown }).values]).toEqual([wanted, (csr as { values: unknown }).values]);
    const v = Z.map((score) => score / 3);
    expect(await each.async.hvp(Z, CLASSES, v, all)).toEqual(each.hvp(Z, CLASSES, v, all));
    const [losses] = await each.async.vjp(Z, CLASSES, { ...options, ...SHAPE });
    expect(losses).toEqual(each(Z, CLASSES, { ...all, reduction: 'none' }));

    const seen: [number, number][] = [];
    await each.async.valueAndGrad(Z, CLASSES, {
      ...all,
      onProgress: (done: number, total: number) => seen.push([done, total]),
    });
    expect(seen.at(-1)).toEqual([6, 6]);
    const signal = AbortSignal.abort(new Error('enough'));
    const aborted = { ...all, signal };
    await expect(each.async(Z, CLASSES, aborted)).rejects.toThrow('enough');
    await expect(each.async.valueAndGrad(Z, CLASSES, aborted)).rejects.toThrow('enough');
    await expect(each.async.valueAndCsr(Z, CLASSES, aborted)).rejects.toThrow('enough');
    await expect(each.async.vjp(Z, CLASSES, aborted)).rejects.toThrow('enough');
    await expect(each.async.hvp(Z, CLASSES, v, aborted)).rejects.toThrow('enough');
  });
});

test('errors of asynchronous calls are rejections', async () => {
  await expect(sparsemaxLoss.async(Z, [9], SHAPE)).rejects.toThrow(/^sparsemaxLoss.async: expected target/);
});

test('a pullback that was disposed says so', () => {
  using scores = tensor(Z, [6, 5]);
  const [losses, pullback] = sparsemaxLoss.vjp(scores, CLASSES);
  pullback.dispose();
  expect(() => pullback(losses)).toThrow(expect.objectContaining({ code: 'ENTMAX_DISPOSED' }));
  losses.dispose();
});
