/** Every wrong call of attention is an `EntmaxError` with its code and what was expected, and an `out` keeps what it held. */

import { describe, expect, test } from 'vitest';
import { EntmaxError, scope, tensor, zeros } from 'entmax';
import type { ErrorCode } from 'entmax';
import { untyped } from './problems.ts';

// [B, H, G, N, M, D, E] = [2, 4, 2, 3, 5, 4, 6].
const block = (...shape: number[]): { data: Float32Array; shape: number[] } => ({
  data: new Float32Array(shape.reduce((size, each) => size * each, 1)).fill(0.5),
  shape,
});
const Q = [2, 4, 3, 4] as const;
const K = [2, 2, 5, 4] as const;
const V = [2, 2, 5, 6] as const;
const OUT = [2, 4, 3, 6] as const;

interface Wrong {
  readonly q?: unknown;
  readonly k?: unknown;
  readonly v?: unknown;
  readonly options?: unknown;
}
type Case = readonly [name: string, call: () => Wrong, code: ErrorCode, expected: RegExp, got: RegExp];

const option = (name: string, options: object, expected: RegExp, got: RegExp): Case => [
  name,
  () => ({ options }),
  'ENTMAX_OPTION',
  expected,
  got,
];
const shape = (name: string, call: Wrong, expected: RegExp, got: RegExp): Case => [
  name,
  () => call,
  'ENTMAX_SHAPE',
  expected,
  got,
];
const type = (name: string, call: () => Wrong, expected: RegExp, got: RegExp): Case => [
  name,
  call,
  'ENTMAX_DTYPE',
  expected,
  got,
];
const hint = (name: string, meant: RegExp): Case =>
  option(`${name}, a name of another package`, { [name]: 1 }, meant, new RegExp(`^"${name}"$`));

const disposed = (...of: number[]): unknown => {
  const made = zeros(of);
  made.dispose();
  return made;
};

const CASES: readonly Case[] = [
  shape(
    'a typed array as q',
    { q: new Float32Array(96) },
    /^q as \{ data, shape \}/,
    /^a Float32Array without a shape$/,
  ),
  shape('a typed array as v', { v: new Float32Array(120) }, /^v as \{ data, shape \}/, /^a Float32Array without/),
  shape('q of three axes', { q: block(8, 3, 4) }, /^q with four axes$/, /^shape \[8, 3, 4\]$/),
  shape('k of five axes', { k: block(1, 2, 2, 5, 4) }, /^k with four axes$/, /^shape/),
  shape('k of another batch', { k: block(1, 2, 5, 4) }, /^k with the batch and width of q/, /^\[1, 2, 5, 4\]$/),
  shape('k of another width', { k: block(2, 2, 5, 3) }, /^k with the batch and width of q/, /3\]$/),
  shape('heads of k that do not divide', { k: block(2, 3, 5, 4) }, /a divisor of its 4 heads/, /^\[2, 3, 5, 4\]$/),
  shape('more heads of k than of q', { k: block(2, 8, 5, 4) }, /a divisor of its 4 heads/, /^\[2, 8/),
  shape('no heads of k', { k: block(2, 0, 5, 4) }, /a divisor of its 4 heads/, /^\[2, 0/),
  shape('k in the other layout', { k: block(2, 3, 4, 4) }, /a divisor of its 4 heads/, /^\[2, 3, 4, 4\]$/),
  shape(
    'v of another batch',
    { v: block(1, 2, 5, 6) },
    /^v with the batch, heads and keys of k \[2, 2, 5, 4\]$/,
    /^\[1,/,
  ),
  shape('v of other heads', { v: block(2, 4, 5, 6) }, /^v with the batch, heads and keys of k/, /^\[2, 4/),
  shape('v of other keys', { v: block(2, 2, 4, 6) }, /^v with the batch, heads and keys of k/, /^\[2, 2, 4/),
  type('integers', () => ({ q: { data: new Int32Array(96), shape: Q } }), /^q of float32 or float64/, /^Int32Array$/),
  type('no k', () => ({ k: null }), /^k as Float32Array/, /^null$/),
  type(
    'k of another type',
    () => ({ k: { data: new Float64Array(80), shape: K } }),
    /^k of float32, as q$/,
    /^float64$/,
  ),
  type('v of another type', () => ({ v: zeros(V, 'float64') }), /^v of float32, as q$/, /^float64$/),
  ['a disposed q', () => ({ q: disposed(...Q) }), 'ENTMAX_DISPOSED', /^a live tensor$/, /^a disposed one/],
  ['a disposed v', () => ({ v: disposed(...V) }), 'ENTMAX_DISPOSED', /^a live tensor$/, /^a disposed one/],

  option('alpha below 1', { alpha: 0.5 }, /^alpha >= 1$/, /^0.5$/),
  option('alpha NaN for one head', { alpha: [1, 2, NaN, 1.5] }, /^alpha >= 1$/, /^NaN in head 2$/),
  shape(
    'an alpha too few',
    { options: { alpha: [1, 2, 3] } },
    /^alpha with one value for each of 4 heads$/,
    /^3 values$/,
  ),
  shape('an alpha for each query', { options: { alpha: block(4, 3) } }, /^alpha of shape \[4\]$/, /^\[4, 3\]$/),
  shape('an alpha as long block', { options: { alpha: block(5) } }, /^alpha of shape \[4\]$/, /^\[5\]$/),
  type('alpha as text', () => ({ options: { alpha: '1.5' } }), /^alpha as a number/, /^"1.5"$/),
  option('topk 0', { topk: 0 }, /^topk to be a positive integer$/, /^0$/),
  option('topk 1.5', { topk: 1.5 }, /^topk to be a positive integer$/, /^1.5$/),
  option('an infinite scale', { scale: Infinity }, /^scale to be finite$/, /^Infinity$/),
  option(
    'isCausal as text',
    { isCausal: 'lower_right' },
    /^isCausal to be true, false, 'upperLeft'/,
    /^"lower_right"$/,
  ),
  option('isCausal true where N and M differ', { isCausal: true }, /'lowerRight' for 3 queries and 5 keys$/, /^true$/),
  option('another layout', { layout: 'NHD' }, /^layout to be 'BHND' or 'BNHD'$/, /^"NHD"$/),
  option('another emptyRow', { emptyRow: 'skip' }, /^emptyRow to be/, /^"skip"$/),
  option(
    'options for asynchronous calls',
    { signal: new AbortController().signal },
    /^options among alpha/,
    /^"signal"$/,
  ),
  option('an unknown option', { alhpa: 2 }, /^options among alpha, topk, scale, isCausal, mask, [^(]*$/, /^"alhpa"$/),
  hint('is_causal', /\(is_causal is isCausal\)$/),
  hint('attn_mask', /\(attn_mask is mask, with 1 = keep, or bias/),
  hint('attention_mask', /keyMask, with 1 = keep\)$/),
  hint('key_padding_mask', /keyMask, with 1 = keep and not 1 = drop\)$/),
  hint('key_value_seq_lengths', /\(key_value_seq_lengths is keyValueSeqLengths\)$/),
  hint('query_seq_lengths', /querySeqLengths\)$/),
  hint('dim', /layout, 'BHND' or 'BNHD'\)$/),
  hint('k', /\(k is topk\)$/),
  hint('dropout_p', /there is no dropout\)$/),
  hint('enable_gqa', /are shared\)$/),
  hint('need_weights', /the form \.inspect\)$/),
  hint('shape', /part of q, k and v/),

  shape(
    'a key mask of another size',
    { options: { keyMask: new Uint8Array(9) } },
    /^keyMask to broadcast/,
    /^shape \[9\]$/,
  ),
  shape(
    'a key mask for each head',
    { options: { keyMask: { data: new Uint8Array(40), shape: [2, 4, 5] } } },
    /^keyMask to broadcast to \[B, M\] = \[2, 5\]$/,
    /^shape \[2, 4, 5\]$/,
  ),
  shape(
    'a mask of two axes',
    { options: { mask: { data: new Uint8Array(15), shape: [3, 5] } } },
    /^mask with four axes that broadcasts to \[B, H, N, M\] = \[2, 4, 3, 5\] \(keyMask/,
    /^shape \[3, 5\]$/,
  ),
  shape(
    'a mask without a shape',
    { options: { mask: new Uint8Array(120) } },
    /^mask with four axes/,
    /^an array of 120/,
  ),
  shape(
    'a mask that does not broadcast',
    { options: { mask: { data: new Uint8Array(4), shape: [1, 2, 1, 2] } } },
    /^mask with four axes/,
    /^shape \[1, 2, 1, 2\]$/,
  ),
  shape(
    'a Tensor as mask that does not broadcast',
    { options: { mask: zeros([1, 3, 1, 1], 'uint8') } },
    /^mask with four axes/,
    /^shape \[1, 3, 1, 1\]$/,
  ),
  type(
    'a mask of floats',
    () => ({ options: { mask: block(1, 1, 3, 5) } }),
    /^mask as Uint8Array/,
    /keys \[data, shape\]$/,
  ),
  [
    'a disposed mask',
    () => {
      const mask = zeros([1, 1, 3, 5], 'uint8');
      mask.dispose();
      return { options: { mask } };
    },
    'ENTMAX_DISPOSED',
    /^a live tensor$/,
    /^a disposed one/,
  ],
  shape(
    'a bias without a shape',
    { options: { bias: new Float32Array(15) } },
    /^bias to broadcast to \[B, H, N, M\]/,
    /^Float32Array/,
  ),
  shape('a bias that does not broadcast', { options: { bias: block(4, 1) } }, /^bias to broadcast/, /^\[4, 1\]$/),
  shape('a bias of five axes', { options: { bias: block(1, 2, 4, 3, 5) } }, /^bias to broadcast/, /^\[1, 2/),
  type(
    'a bias of another type',
    () => ({ options: { bias: zeros([3, 5], 'float64') } }),
    /^bias of float32, as q$/,
    /^float64$/,
  ),
  shape(
    'a slope too few',
    { options: { alibiSlopes: [1, 2, 3] } },
    /^alibiSlopes with one value for each of 4 heads$/,
    /^shape \[3\]$/,
  ),
  option(
    'a slope that is no number',
    { alibiSlopes: [1, NaN, 3, 4] },
    /^alibiSlopes to be finite$/,
    /^NaN for head 1$/,
  ),
  shape(
    'a length too few',
    { options: { querySeqLengths: [3] } },
    /^querySeqLengths with one entry for each of 2 batches$/,
    /^1 entries$/,
  ),
  option('a query length beyond N', { querySeqLengths: [3, 4] }, /^querySeqLengths in \[0, 3\]$/, /^4 for batch 1$/),
  option(
    'a key length beyond M',
    { keyValueSeqLengths: [6, 5] },
    /^keyValueSeqLengths in \[0, 5\]$/,
    /^6 for batch 0$/,
  ),
  option('a negative length', { keyValueSeqLengths: [-1, 5] }, /^keyValueSeqLengths in \[0, 5\]$/, /^-1 for batch 0$/),
  option(
    'a length that is a fraction',
    { keyValueSeqLengths: [2.5, 5] },
    /^keyValueSeqLengths in/,
    /^2.5 for batch 0$/,
  ),
  type(
    'lengths as floats',
    () => ({ options: { querySeqLengths: new Float32Array(2) } }),
    /^querySeqLengths as Uint8Array/,
    /bytes$/,
  ),

  [
    'options that are a number',
    () => ({ options: 1.5 }),
    'ENTMAX_OPTION',
    /^an object of options such as \{ alpha/,
    /^1.5$/,
  ],
];

const FORMS: Readonly<Record<string, (...args: [unknown, unknown, unknown, unknown]) => unknown>> = {
  attention: untyped,
  'attention.inspect': (...args) => untyped.inspect(...args),
  'attention.async': untyped.async,
  'attention.async.inspect': (...args) => untyped.async.inspect(...args),
};

async function errorOf(run: () => unknown): Promise<EntmaxError> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(EntmaxError);
    return error as EntmaxError;
  }
  return expect.fail('no error');
}

describe.each(Object.entries(FORMS))('%s', (op, run) => {
  // `signal` is an option of the asynchronous forms.
  const cases = CASES.filter(([name]) => !(op.includes('async') && name.includes('asynchronous')));
  test.each(cases)('%s', async (_, wrong, code, expected, got) => {
    const call = wrong();
    const { q = block(...Q), k = block(...K), v = block(...V), options = {} } = call;
    const data = new Float32Array(144).fill(7);
    const hasOut = typeof options === 'object' && !op.endsWith('inspect');
    const error = await errorOf(() => run(q, k, v, hasOut ? { ...options, out: data } : options));
    expect(error).toMatchObject({ code, op });
    expect(error.expected).toMatch(expected);
    expect(error.got).toMatch(got);
    expect(data.every((each) => each === 7)).toBe(true);
  });
});

describe('isCausal: true', () => {
  const square = [block(2, 1, 4, 4), block(2, 1, 4, 4), block(2, 1, 4, 4)] as const;
  test('throws where the lengths of a batch differ, and only there', () => {
    const causal = (more: object): unknown => untyped(...square, { isCausal: true, ...more });
    expect(() => causal({ keyValueSeqLengths: [4, 3] })).toThrow(/for 4 queries and 3 keys in batch 1/);
    expect(() => causal({ querySeqLengths: [3, 4], keyValueSeqLengths: [4, 3] })).toThrow(
      /3 queries and 4 keys in batch 0/,
    );
    expect(() => causal({ querySeqLengths: [3, 1], keyValueSeqLengths: [3, 1] })).not.toThrow();
  });
});

describe('out', () => {
  const [q, k, v] = [block(...Q), block(...K), block(...V)];
  const wrongOut =
    (out: unknown, more: object = {}): (() => unknown) =>
    () =>
      untyped(q, k, v, { out, ...more });
  const code = (each: ErrorCode): object => expect.objectContaining({ code: each }) as object;

  test('of another size, shape, type or form is refused', () => {
    expect(wrongOut(new Float32Array(143))).toThrow(code('ENTMAX_SHAPE'));
    expect(wrongOut(block(2, 3, 4, 6))).toThrow(code('ENTMAX_SHAPE'));
    expect(wrongOut(block(2, 3, 4, 6), { layout: 'BHND' })).toThrow(code('ENTMAX_SHAPE'));
    expect(wrongOut(new Float64Array(144))).toThrow(code('ENTMAX_DTYPE'));
    expect(wrongOut([1, 2])).toThrow(code('ENTMAX_OPTION'));
    scope(() => {
      expect(wrongOut(zeros(OUT))).toThrow(code('ENTMAX_OPTION'));
    });
  });

  const same = (): Float32Array => new Float32Array(64).fill(0.5);
  const ofSame = (data: Float32Array): object => ({ data, shape: [1, 2, 4, 8] });

  test('may be q itself, of arrays and Tensors', () => {
    const [a, b, c] = [same(), same(), same()];
    for (let i = 0; i < 64; i++) [a[i], b[i], c[i]] = [Math.fround((i * 7) % 5), Math.fround((i * 3) % 4), i / 8];
    const expected = (untyped(ofSame(a.slice()), ofSame(b), ofSame(c)) as { data: Float32Array }).data;
    scope(() => {
      const [x, y, z] = [a, b, c].map((each) => tensor(each, [1, 2, 4, 8])) as [unknown, unknown, unknown];
      expect(untyped(x, y, z, { out: x })).toBe(x);
      expect((x as { toTypedArray(): Float32Array }).toTypedArray()).toEqual(expected);
    });
    expect(untyped(ofSame(a), ofSame(b), ofSame(c), { out: a })).toBe(a);
    expect(a).toEqual(expected);
  });

  test('may not be k, v or bias, nor a part of q', () => {
    const overlap = code('ENTMAX_OPTION');
    const [a, b, c] = [same(), same(), same()];
    for (const out of [b, c]) expect(() => untyped(ofSame(a), ofSame(b), ofSame(c), { out })).toThrow(overlap);
    expect(() => untyped(ofSame(a), ofSame(a), ofSame(c), { out: a })).toThrow(/it overlaps k/);
    const long = new Float32Array(80);
    const shifted = { data: long.subarray(16), shape: [1, 2, 4, 8] };
    expect(() => untyped(shifted, ofSame(b), ofSame(c), { out: long.subarray(0, 64) })).toThrow(overlap);
    // The same start, but another length than q's.
    const narrow = { data: long.subarray(0, 32), shape: [1, 2, 4, 4] };
    const keys = { data: new Float32Array(32), shape: [1, 2, 4, 4] };
    expect(() => untyped(narrow, keys, ofSame(c), { out: long.subarray(0, 64) })).toThrow(/it overlaps q/);
    scope(() => {
      const [x, y, z] = [a, b, c].map((each) => tensor(each, [1, 2, 4, 8])) as [unknown, unknown, unknown];
      expect(() => untyped(x, y, z, { out: y })).toThrow(/it overlaps k/);
      expect(() => untyped(x, y, z, { out: z })).toThrow(/it overlaps v/);
      expect(() => untyped(x, x, z, { out: x })).toThrow(/it overlaps k/);
      const bias = tensor(new Float32Array(32), [1, 2, 4, 4]);
      const few = [0, 1, 2].map(() => tensor(new Float32Array(32), [1, 2, 4, 4]));
      const out = bias.reshape([1, 2, 4, 4]);
      expect(() => untyped(...(few as [unknown, unknown, unknown]), { bias, out })).toThrow(/it overlaps bias/);
    });
  });

  test('is no option of inspect', () => {
    expect(() => untyped.inspect(q, k, v, { out: new Float32Array(144) })).toThrow(code('ENTMAX_OPTION'));
  });
});
