/** Wrong calls of the forms that have arguments of their own, and of the maps' own options: k, budget, upper, atMost. */

import { expect, test } from 'vitest';
import { budget, EntmaxError, entmax, softmax, sparsemax, tensor, topkEntmax, topkSparsemax, zeros } from 'entmax';
import { untyped } from '../oracle/maps.ts';

const [x, dp] = [Float32Array.of(0.1, 0.9, 0.5, 1, 2, 3), new Float32Array(6)];
const shape = [2, 3];
const [anyBudget, anyTopk, anySoftmax, anyEntmax] = [budget, topkSparsemax, softmax, entmax].map(untyped) as [
  ReturnType<typeof untyped>,
  ReturnType<typeof untyped>,
  ReturnType<typeof untyped>,
  ReturnType<typeof untyped>,
];

interface Wrong {
  readonly name: string;
  readonly call: (isAsync: boolean) => unknown;
  readonly error: { op: string; code: string; expected: string; got: string };
}

/** A call of one form, synchronous and as a promise. */
function wrong(
  name: string,
  [map, mapName]: [ReturnType<typeof untyped>, string],
  form: '' | 'csr' | 'support' | 'vjp' | 'backward',
  args: unknown[],
  [code, expected, got]: [string, string, string],
): Wrong[] {
  return [false, true].map((isAsync) => {
    const owner = (isAsync ? map.async : map) as unknown as Record<string, (...given: unknown[]) => unknown>;
    const target = form === '' ? (owner as unknown as (...given: unknown[]) => unknown) : owner[form]!;
    const op = [mapName, ...(isAsync ? ['async'] : []), ...(form === '' ? [] : [form])].join('.');
    return {
      name: `${op}: ${name}`,
      call: () => target(...args),
      error: { op, code: `ENTMAX_${code}`, expected, got },
    };
  });
}

const ofBudget: [ReturnType<typeof untyped>, string] = [anyBudget, 'budget'];
const ofTopk: [ReturnType<typeof untyped>, string] = [anyTopk, 'topkSparsemax'];
const ofSoftmax: [ReturnType<typeof untyped>, string] = [anySoftmax, 'softmax'];
const ofEntmax: [ReturnType<typeof untyped>, string] = [anyEntmax, 'entmax'];
const FORMS = ['', 'csr', 'support', 'vjp'] as const;
const masked = Float32Array.of(1, -Infinity, 2, 1, 2, 3);

const WRONG: readonly Wrong[] = [
  ...FORMS.flatMap((form) => [
    ...wrong('no budget', ofBudget, form, [x], ['OPTION', 'the option budget', 'undefined']),
    ...wrong('a negative budget', ofBudget, form, [x, { budget: -1 }], ['OPTION', 'budget >= 0', '-1']),
    ...wrong(
      'a budget of NaN',
      ofBudget,
      form,
      [x, { shape, budget: [1, NaN] }],
      ['OPTION', 'budget >= 0', 'NaN in row 1'],
    ),
    ...wrong(
      'more than n',
      ofBudget,
      form,
      [x, { shape, budget: [3, 3.5] }],
      ['OPTION', 'budget in [0, 3]', '3.5 in row 1'],
    ),
    ...wrong(
      'more than is left',
      ofBudget,
      form,
      [masked, { shape, budget: 3 }],
      ['OPTION', 'budget in [0, 2]', '3 in row 0'],
    ),
    ...wrong(
      'more than is unmasked',
      ofBudget,
      form,
      [x, { shape, budget: 2, mask: [1, 0, 0] }],
      ['OPTION', 'budget in [0, 1]', '2 in row 0'],
    ),
    ...wrong(
      'more than the bounds',
      ofBudget,
      form,
      [x, { shape, budget: 2, upper: 0.5 }],
      ['OPTION', 'budget in [0, 1.5]', '2 in row 0'],
    ),
    ...wrong(
      'a negative bound',
      ofBudget,
      form,
      [x, { budget: 1, upper: [1, 1, -0.5, 1, 1, 1] }],
      ['OPTION', 'upper >= 0', '-0.5'],
    ),
    ...wrong('bounds of NaN', ofBudget, form, [x, { budget: 1, upper: NaN }], ['OPTION', 'upper >= 0', 'NaN']),
    ...wrong(
      'bounds that do not broadcast',
      ofBudget,
      form,
      [x, { shape, budget: 1, upper: [1, 1] }],
      ['SHAPE', 'upper to broadcast to shape [2, 3]', '[2]'],
    ),
    ...wrong(
      'atMost as a number',
      ofBudget,
      form,
      [x, { budget: 1, atMost: 1 }],
      ['OPTION', 'atMost to be true or false', '1'],
    ),
    ...wrong('no k', ofTopk, form, [x], ['OPTION', 'k to be a positive integer', 'undefined']),
    ...[0, -1, 1.5, '2', NaN].flatMap((k) =>
      wrong(
        `k = ${k}`,
        ofTopk,
        form,
        [x, { k }],
        ['OPTION', 'k to be a positive integer', JSON.stringify(k) === 'null' ? 'NaN' : JSON.stringify(k)],
      ),
    ),
  ]),
  ...wrong(
    'another order',
    ofSoftmax,
    'csr',
    [x, { order: 'size' }],
    ['OPTION', "order to be 'index' or 'value'", '"size"'],
  ),
  ...wrong(
    'no cotangent',
    ofSoftmax,
    'backward',
    [x],
    ['DTYPE', 'dp as Float32Array, Float64Array, Tensor, { data, shape } or numbers', 'undefined'],
  ),
  ...wrong(
    'no output',
    ofSoftmax,
    'backward',
    [undefined, dp],
    ['DTYPE', 'p as Float32Array, Float64Array, Tensor, { data, shape } or numbers', 'undefined'],
  ),
  ...wrong('a shorter cotangent', ofSoftmax, 'backward', [x, new Float32Array(5)], ['SHAPE', 'dp of shape [6]', '[5]']),
  ...wrong(
    'a cotangent of another shape',
    ofSoftmax,
    'backward',
    [x, { data: dp, shape: [3, 2] }, { shape }],
    ['SHAPE', 'dp of shape [2, 3]', '[3, 2]'],
  ),
  ...wrong(
    'a cotangent of another type',
    ofSoftmax,
    'backward',
    [x, new Float64Array(6)],
    ['DTYPE', 'dp of float32', 'float64'],
  ),
  ...wrong(
    'an unknown gradient',
    ofSoftmax,
    'backward',
    [x, dp, { wrt: ['alpha'] }],
    ['OPTION', 'wrt to be an array of names among x', '["alpha"]'],
  ),
  ...wrong(
    'a name in place of names',
    ofEntmax,
    'backward',
    [x, dp, { wrt: 'x' }],
    ['OPTION', 'wrt to be an array of names among x, alpha', '"x"'],
  ),
  ...wrong(
    'at most without a budget',
    ofBudget,
    'backward',
    [x, dp, { atMost: true }],
    ['OPTION', 'the option budget', 'undefined'],
  ),
  ...wrong(
    'an option of another form',
    ofSoftmax,
    'backward',
    [x, dp, { out: dp }],
    ['OPTION', 'options among shape, axis, mask, lengths, temperature, emptyRow, wrt', '"out"'],
  ),
].map((each) =>
  each.error.op.includes('async') && each.error.expected.startsWith('options among')
    ? { ...each, error: { ...each.error, expected: `${each.error.expected}, signal, onProgress` } }
    : each,
);

test.each(WRONG)('$name', async ({ call, error }) => {
  const failure: unknown = await new Promise((resolve) => resolve(call(false))).then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  expect(failure).toBeInstanceOf(EntmaxError);
  const { op, code, expected, got } = failure as EntmaxError;
  expect({ op, code, expected, got }).toEqual(error);
});

test('an infeasible budget leaves out untouched', () => {
  const out = new Float32Array(6).fill(7);
  expect(() => budget(x, { shape, budget: [1, 4], out })).toThrow(EntmaxError);
  expect([...out]).toEqual([7, 7, 7, 7, 7, 7]);
});

test('a budget is feasible up to the sum of its bounds, and rows without scores have none', () => {
  expect([...budget(x, { shape, budget: 3 })]).toEqual([1, 1, 1, 1, 1, 1]);
  expect([...budget(x, { shape, budget: 0 })]).toEqual([0, 0, 0, 0, 0, 0]);
  const tenths = new Float64Array(10).fill(0.1);
  expect([...budget(tenths, { budget: 1, upper: 0.1 })]).toEqual([...tenths]);
  expect([...budget(masked, { shape, budget: 2, mask: [1, 1, 1, 0, 0, 0].map(Number) })]).toEqual([1, 0, 1, 0, 0, 0]);
  expect([...budget(x, { budget: Infinity, atMost: true, upper: Infinity })]).toEqual([...x]);
});

test('k and budget may be missing where the output tells', () => {
  const p = topkEntmax(x, { shape, k: 2, alpha: 1.3 });
  const expected = topkEntmax.backward(p, x, { shape, k: 2, alpha: 1.3 });
  const missing = { shape, alpha: 1.3 } as unknown as { shape: number[]; k: number; alpha: number };
  expect(topkEntmax.backward(p, x, missing)).toEqual(expected);
  const q = budget(x, { shape, budget: 1.5 });
  expect(budget.backward(q, x, { shape })).toEqual(budget.backward(q, x, { shape, budget: 1.5 }));
});

test('a Tensor under an asynchronous call is refused where it would be half written', async () => {
  const z = tensor(x, shape);
  const out = zeros(shape);
  const running = sparsemax.async(z, { out });
  expect(() => sparsemax.backward(out, z)).toThrow(
    expect.objectContaining({ code: 'ENTMAX_BUSY', op: 'sparsemax.backward' }),
  );
  expect(() => sparsemax.csr(out)).toThrow(expect.objectContaining({ code: 'ENTMAX_BUSY', op: 'sparsemax.csr' }));
  await running;
  expect(() => sparsemax.backward(out, z)).not.toThrow();
});
