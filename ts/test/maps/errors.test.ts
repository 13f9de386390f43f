/**
 * Every wrong call is an `EntmaxError` with its code, the operation, what was expected and what came, in every form of
 * every map, and an `out` keeps what it held.
 */

import { afterAll, describe, expect, test } from 'vitest';
import { EntmaxError, tensor, zeros } from 'entmax';
import type { ErrorCode } from 'entmax';
import { MAPS } from '../oracle/maps.ts';
import type { MapCase, UntypedMap } from '../oracle/maps.ts';

const SHAPE = [2, 3, 4];
const SIZE = 24;
const good = (): Float32Array => new Float32Array(SIZE).fill(0.5);

interface WrongCall {
  readonly name: string;
  readonly code: ErrorCode;
  /** The scores; good ones of shape [2, 3, 4] when absent. */
  readonly x?: () => unknown;
  /** Added to (or, if not an object, in place of) the options; may depend on the axis, which is 1. */
  readonly options?: () => unknown;
  /** What the error says that it expected, and got. */
  readonly expected: string | RegExp;
  readonly got: string | RegExp;
}

const wrongShape = (name: string, options: object, expected: string | RegExp, got: string | RegExp): WrongCall => ({
  name,
  code: 'ENTMAX_SHAPE',
  options: () => options,
  expected,
  got,
});
const wrongOption = (name: string, options: object, expected: string | RegExp, got: string | RegExp): WrongCall => ({
  ...wrongShape(name, options, expected, got),
  code: 'ENTMAX_OPTION',
});
const wrongType = (
  name: string,
  options: () => object,
  expected: string | RegExp,
  got: string | RegExp,
): WrongCall => ({
  name,
  code: 'ENTMAX_DTYPE',
  options,
  expected,
  got,
});
const wrongScores = (
  name: string,
  x: () => unknown,
  code: ErrorCode,
  expected: string | RegExp,
  got: string | RegExp,
): WrongCall => ({
  name,
  code,
  x,
  // Most of these forms have a shape of their own.
  options: () => ({ shape: undefined, axis: 0 }),
  expected,
  got,
});

function detached(): Float32Array {
  const array = good();
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

function disposed<T extends { dispose(): void }>(made: T): T {
  made.dispose();
  return made;
}

const AXES_OF_3 = 'axis in [-3, 2] for shape [2, 3, 4]';
const FLOATS = /^scores of float32 or float64/;
const ANY_SCORES = 'scores as Float32Array, Float64Array, Tensor, { data, shape } or numbers';
const TEMPERATURE = 'temperature to be finite and > 0';
const MASK_FORMS = /^mask as Uint8Array, /;
const liveTensor = 'a live tensor';

const WRONG: readonly WrongCall[] = [
  wrongShape('an axis behind the last', { axis: 3 }, AXES_OF_3, '3'),
  wrongShape('an axis before the first', { axis: -4 }, AXES_OF_3, '-4'),
  wrongShape('a fractional axis', { axis: 1.5 }, AXES_OF_3, '1.5'),
  wrongShape('an axis that is text', { axis: '1' }, AXES_OF_3, '"1"'),
  wrongShape(
    'a shape of another size',
    { shape: [2, 3, 5] },
    "shape [2, 3, 5] to hold the array's elements",
    '24 elements',
  ),
  wrongShape('a shape with two lengths to infer', { shape: [-1, -1, 2] }, 'at most one -1 in shape', '[-1, -1, 2]'),
  wrongShape(
    'a shape whose -1 does not divide',
    { shape: [5, -1] },
    "shape [5, -1] to hold the array's elements",
    '24 elements',
  ),
  wrongShape('a shape of fractions', { shape: [2.5, 9.6] }, /^shape to be an array/, '[2.5, 9.6]'),
  wrongShape('a negative length', { shape: [-2, -12] }, /^shape to be an array/, '[-2, -12]'),
  wrongShape('a shape that is a number', { shape: 24 }, /^shape to be an array/, '24'),
  wrongShape('a shape without axes', { shape: [] }, 'at least one axis', 'shape []'),

  wrongScores('a number', () => 3, 'ENTMAX_SHAPE', ANY_SCORES, '3'),
  wrongScores('nothing', () => undefined, 'ENTMAX_DTYPE', ANY_SCORES, 'undefined'),
  wrongScores('null', () => null, 'ENTMAX_DTYPE', ANY_SCORES, 'null'),
  wrongScores('text', () => '1, 2', 'ENTMAX_DTYPE', ANY_SCORES, '"1, 2"'),
  wrongScores('an object without data', () => ({ a: 1 }), 'ENTMAX_DTYPE', ANY_SCORES, 'an object with keys [a]'),
  wrongScores(
    'a block of rank 0',
    () => ({ data: new Float32Array(1), shape: [] }),
    'ENTMAX_SHAPE',
    'at least one axis',
    'shape []',
  ),
  wrongScores(
    'a block whose shape has another size',
    () => ({ data: good(), dims: [5, 5] }),
    'ENTMAX_SHAPE',
    /^shape \[5, 5\] to hold/,
    '24 elements',
  ),
  wrongScores('integers', () => new Int32Array(4), 'ENTMAX_DTYPE', /Float32Array\.from/, 'Int32Array'),
  wrongScores('bytes', () => new Uint8Array(4), 'ENTMAX_DTYPE', /Float32Array\.from/, 'Uint8Array'),
  wrongScores(
    'the bits of half floats',
    () => new Uint16Array(4),
    'ENTMAX_DTYPE',
    /half floats with Float32Array\.from/,
    'Uint16Array',
  ),
  wrongScores('a DataView', () => new DataView(new ArrayBuffer(8)), 'ENTMAX_DTYPE', FLOATS, 'DataView'),
  wrongScores(
    'a block of integers',
    () => ({ data: new BigInt64Array(4), dims: [4] }),
    'ENTMAX_DTYPE',
    FLOATS,
    'BigInt64Array',
  ),
  wrongScores('a Tensor of integers', () => zeros([4], 'int32'), 'ENTMAX_DTYPE', FLOATS, 'a Tensor of int32'),
  wrongScores('ragged numbers', () => [[1, 2], [3]], 'ENTMAX_SHAPE', '2 entries at depth 1 everywhere', '1'),
  wrongScores('numbers at several depths', () => [[1, 2], 3], 'ENTMAX_SHAPE', 'numbers at one depth only', '3'),
  wrongScores('nested text', () => [['1', '2']], 'ENTMAX_DTYPE', 'numbers', '"1"'),
  wrongScores('a detached array', detached, 'ENTMAX_DTYPE', 'scores in live memory', 'a detached array'),
  wrongScores(
    'a disposed Tensor',
    () => disposed(zeros([2, 3])),
    'ENTMAX_DISPOSED',
    liveTensor,
    'a disposed one of shape [2, 3]',
  ),
  {
    ...wrongOption(
      'a shape beside a Tensor',
      { shape: SHAPE },
      'no option shape with a Tensor, which has its own',
      '[2, 3, 4]',
    ),
    x: () => tensor(good(), SHAPE),
  },
  {
    ...wrongOption(
      'a shape beside a block',
      { shape: SHAPE },
      'no option shape with a shaped block, which has its own',
      '[2, 3, 4]',
    ),
    x: () => ({ data: good(), shape: SHAPE }),
  },
  {
    ...wrongOption(
      'a shape beside nested numbers',
      { shape: [4] },
      'no option shape with nested arrays, which has its own',
      '[4]',
    ),
    x: () => [
      [1, 2],
      [3, 4],
    ],
  },

  ...[0, -1, NaN, Infinity].map((temperature) =>
    wrongOption(`temperature ${temperature}`, { temperature }, TEMPERATURE, `${temperature}`),
  ),
  wrongOption('a temperature that is text', { temperature: '1' }, TEMPERATURE, '"1"'),
  wrongOption('another emptyRow', { emptyRow: 'skip' }, "emptyRow to be 'zero', 'nan' or 'throw'", '"skip"'),

  wrongShape(
    'a mask that does not broadcast',
    { mask: new Uint8Array(3) },
    'mask to broadcast to shape [2, 3, 4]',
    '[3]',
  ),
  wrongShape(
    'a mask of more axes',
    { mask: { data: new Uint8Array(24), shape: [1, 2, 3, 4] } },
    'mask to broadcast to shape [2, 3, 4]',
    '[1, 2, 3, 4]',
  ),
  wrongShape(
    'a mask longer than its axis',
    { mask: { data: new Uint8Array(8), shape: [8] } },
    'mask to broadcast to shape [2, 3, 4]',
    '[8]',
  ),
  wrongShape(
    'a mask whose shape has another size',
    { mask: { data: new Uint8Array(4), shape: [5] } },
    "shape [5] to hold the array's elements",
    '4 elements',
  ),
  wrongType('a mask of floats', () => ({ mask: new Float32Array(SIZE) }), MASK_FORMS, 'Float32Array of 96 bytes'),
  wrongType('a mask that is a Tensor of floats', () => ({ mask: zeros(SHAPE) }), MASK_FORMS, 'a Tensor of float32'),
  wrongType('a mask that is text', () => ({ mask: 'all' }), MASK_FORMS, '"all"'),
  wrongType('a mask of text', () => ({ mask: ['1', '0', '1', '0'] }), MASK_FORMS, '["1", "0", "1", "0"]'),
  {
    ...wrongOption('a disposed mask', {}, liveTensor, /^a disposed one/),
    code: 'ENTMAX_DISPOSED',
    options: () => ({ mask: disposed(zeros([4], 'uint8')) }),
  },

  wrongShape(
    'more lengths than rows',
    { lengths: new Uint8Array(9) },
    'lengths with one entry for each of 8 rows',
    '9',
  ),
  wrongShape('lengths for other rows', { lengths: [1, 2, 3] }, 'lengths with one entry for each of 8 rows', '3'),
  wrongOption('a length behind the row', { lengths: [0, 1, 2, 3, 4, 3, 2, 1] }, 'lengths in [0, 3]', '4 for row 4'),
  wrongOption(
    'a negative length of a row',
    { lengths: Int32Array.of(0, -1, 2, 3, 3, 3, 2, 1) },
    'lengths in [0, 3]',
    '-1 for row 1',
  ),
  wrongOption(
    'a fractional length of a row',
    { lengths: [0, 1, 2, 3, 3, 2.5, 2, 1] },
    'lengths in [0, 3]',
    '2.5 for row 5',
  ),
  wrongType('lengths of floats', () => ({ lengths: new Float64Array(8) }), /^lengths as /, 'Float64Array of 64 bytes'),

  wrongOption('dim, as PyTorch says', { dim: 1 }, /\(dim is axis\)$/, '"dim"'),
  wrongOption(
    'n_iter, as the entmax package says',
    { n_iter: 50 },
    /\(n_iter is nothing: the threshold is exact\)$/,
    '"n_iter"',
  ),
  wrongOption('k', { k: 3 }, /\(k is topkSparsemax or topkEntmax\)$/, '"k"'),
  wrongOption('a misspelt option', { temprature: 1 }, /^options among .*temperature/, '"temprature"'),
  {
    ...wrongOption('an unknown option that is undefined', {}, /^options among /, '"dim"'),
    options: () => ({ dim: undefined }),
  },
  {
    ...wrongOption('a number in place of the options', {}, /^an object of options such as \{ a/, '1.5'),
    options: () => 1.5,
  },
  { ...wrongOption('null in place of the options', {}, /^an object of options/, 'null'), options: () => null },
  { ...wrongOption('an array in place of the options', {}, /^an object of options/, '[1, 2]'), options: () => [1, 2] },
];

let cases = 0;

/** A synchronous call whose error is a rejection, like that of an asynchronous one. */
const rejecting =
  (call: (map: UntypedMap, x: unknown, options: unknown) => unknown) =>
  (map: UntypedMap, x: unknown, options: unknown): Promise<unknown> =>
    new Promise((resolve) => resolve(call(map, x, options)));

/** The calls of a map that are given scores. */
const CALLS: readonly {
  form: string;
  takesOut: boolean;
  run: (map: UntypedMap, x: unknown, options: unknown) => Promise<unknown>;
}[] = [
  { form: '', takesOut: true, run: rejecting((map, x, options) => map(x, options)) },
  { form: '.support', takesOut: false, run: rejecting((map, x, options) => map.support(x, options)) },
  { form: '.csr', takesOut: false, run: rejecting((map, x, options) => map.csr(x, options)) },
  { form: '.vjp', takesOut: false, run: rejecting((map, x, options) => map.vjp(x, options)) },
  { form: '.async', takesOut: true, run: (map, x, options) => map.async(x, options) },
  { form: '.async.support', takesOut: false, run: (map, x, options) => map.async.support(x, options) },
  { form: '.async.csr', takesOut: false, run: (map, x, options) => map.async.csr(x, options) },
  { form: '.async.vjp', takesOut: false, run: (map, x, options) => map.async.vjp(x, options) },
];

function optionsOf(added: unknown, own: object, out: unknown): unknown {
  if (typeof added !== 'object' || added === null || Array.isArray(added)) return added;
  return { shape: SHAPE, axis: 1, ...own, ...(out === undefined ? {} : { out }), ...added };
}

async function checkFailure(wrong: WrongCall, { name, map, options: own }: MapCase): Promise<void> {
  for (const { form, takesOut, run } of CALLS) {
    const op = `${name.split(',')[0]}${form}`;
    const x = wrong.x ? wrong.x() : good();
    const hasOwnShape = wrong.x !== undefined && (wrong.options?.() as { shape?: unknown }).shape !== undefined;
    const added = hasOwnShape ? { ...(wrong.options?.() as object), axis: 0 } : wrong.options?.();
    const out = takesOut ? new Float32Array(SIZE).fill(7) : undefined;
    const error = await run(map, x, optionsOf(added, own, out)).then(
      () => expect.fail(`${op} accepted ${wrong.name}`),
      (reason: unknown) => reason,
    );
    cases++;
    expect(error, op).toBeInstanceOf(EntmaxError);
    const failure = error as EntmaxError;
    expect([failure.code, failure.op], op).toEqual([wrong.code, op]);
    expect(failure.expected, op).toMatch(wrong.expected instanceof RegExp ? wrong.expected : exactly(wrong.expected));
    expect(failure.got, op).toMatch(wrong.got instanceof RegExp ? wrong.got : exactly(wrong.got));
    expect(failure.message).toBe(`${op}: expected ${failure.expected}, got ${failure.got}`);
    expect(Reflect.get(failure, Symbol.for('entmax.error'))).toBe(true);
    expect(out?.every((value) => value === 7) ?? true, `${op} wrote to out`).toBe(true);
  }
}

const exactly = (text: string): RegExp => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);

describe.each(WRONG)('$name', (wrong) => {
  // What is a foreign name for most maps is an option of the top-k maps.
  test.each(MAPS.filter(({ options }) => !(wrong.name in options)))('$name', (mapCase) => checkFailure(wrong, mapCase));
});

const ALPHA_CONDITION = 'alpha >= 1';
const WRONG_ALPHA: readonly WrongCall[] = [
  ...[0.5, 0.999, 0, -1, NaN, -Infinity].map((alpha) =>
    wrongOption(`alpha = ${alpha}`, { alpha }, ALPHA_CONDITION, `${alpha}`),
  ),
  wrongOption(
    'one alpha below 1 among the rows',
    { alpha: [1, 2, 1.5, 1, 0.5, 1, 1, 1] },
    ALPHA_CONDITION,
    '0.5 in row 4',
  ),
  wrongOption(
    'one NaN among the alphas',
    { alpha: Float32Array.of(1, 2, 1, NaN, 1, 1, 1, 1) },
    ALPHA_CONDITION,
    'NaN in row 3',
  ),
  wrongShape(
    'more alphas than rows',
    { alpha: new Float64Array(9).fill(2) },
    'alpha with one value for each of 8 rows',
    '9 values',
  ),
  wrongShape('alphas for other rows', { alpha: [1, 2, 3] }, 'alpha with one value for each of 8 rows', '3 values'),
  wrongShape(
    'a block of alphas with another axis',
    { alpha: { data: new Float32Array(6).fill(2), shape: [2, 3, 1] } },
    'alpha of shape [2, 1, 4]',
    '[2, 3, 1]',
  ),
  wrongShape(
    'a block of alphas of lower rank',
    { alpha: { data: new Float32Array(4).fill(2), shape: [1, 4] } },
    'alpha of shape [2, 1, 4]',
    '[1, 4]',
  ),
  wrongShape(
    'a block of alphas whose shape has another size',
    { alpha: { data: new Float32Array(9), shape: [2, 1, 4] } },
    "shape [2, 1, 4] to hold the array's elements",
    '9 elements',
  ),
  wrongType('alpha as text', () => ({ alpha: '1.5' }), /^alpha as a number/, '"1.5"'),
  wrongType('alphas of integers', () => ({ alpha: new Int32Array(8) }), /^alpha as a number/, 'Int32Array of 32 bytes'),
  {
    ...wrongOption('a disposed Tensor of alphas', {}, liveTensor, /^a disposed one/),
    code: 'ENTMAX_DISPOSED',
    options: () => ({ alpha: disposed(zeros([2, 1, 4])) }),
  },
];

test.each(WRONG_ALPHA)('$name', (wrong) =>
  checkFailure(
    wrong,
    MAPS.find(({ name }) => name.startsWith('entmax,'))!,
  ),
);

test.each(MAPS.filter(({ options }) => !('alpha' in options)))('$name has no option alpha', (mapCase) =>
  checkFailure(wrongOption('alpha', { alpha: 2 }, /^options among .*shape, axis/, '"alpha"'), mapCase),
);

afterAll(() => {
  console.log(`errors: ${cases} wrong calls checked`);
});
