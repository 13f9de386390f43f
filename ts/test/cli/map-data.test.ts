// What `entmax map` writes is, bit for bit, what the library returns for the same data, whatever the format, the order of the elements and
// the number of slices. The command's function is called in this process; the shell's view is in map-shell.test.ts.

import { budget, entmax, entmax15, init, softmax, sparsemax, topkEntmax, topkSparsemax } from 'entmax';
import fc from 'fast-check';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MapOptions } from '../../src/cli/map-options.ts';
import { mapFile } from '../../src/cli/map.ts';
import { randomFrom } from '../oracle/random.ts';
import { DEFAULTS } from './defaults.ts';
import { bytesOf, npyFile, readNpyFile, readSafetensorsFile, safetensorsFile } from './files.ts';

let folder: string;
const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'entmax-map-'));
  await init({ threads: 1 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command in this process; no file but the output may stay. */
async function map(input: string, output: string, options: Partial<MapOptions> = {}): Promise<string> {
  const before = readdirSync(folder).filter((name) => path(name) !== output);
  await mapFile(input, output, { map: 'entmax15', ...DEFAULTS, ...options });
  expect(readdirSync(folder).filter((name) => path(name) !== output)).toEqual(before);
  return output;
}

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(path(name), content);
  return path(name);
}

function scoresOf<A extends Float32Array | Float64Array>(array: A, seed = 1): A {
  const random = randomFrom(seed);
  for (let i = 0; i < array.length; i++) array[i] = 2 * random.normal();
  return array;
}

const [ROWS, COLUMNS] = [7, 33];
const SHAPE = [ROWS, COLUMNS];
const x32 = scoresOf(new Float32Array(ROWS * COLUMNS));
const x64 = scoresOf(new Float64Array(ROWS * COLUMNS), 2);
x32.set([-Infinity, NaN, Infinity, 0], 3 * COLUMNS);
x64.set([-Infinity, NaN, Infinity, 0], 3 * COLUMNS);
const p32 = entmax15(x32, { shape: SHAPE });
const p64 = entmax15(x64, { shape: SHAPE });

/** The upper 16 bits of float32 are bfloat16; x32 cut so is exact in both. */
const cut = Float32Array.from(x32, (value) => {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0]! &= 0xffff0000;
  return new Float32Array(bits.buffer)[0]!;
});
const upperHalves = Uint16Array.from(new Uint32Array(cut.buffer), (bits) => bits >>> 16);

describe('the scores may be', () => {
  const csv = (values: Iterable<number>, columns: number, delimiter = ','): string => {
    const fields = [...values].map((value) => String(value).replace('Infinity', 'inf'));
    const lines = Array.from({ length: fields.length / columns }, (_, i) =>
      fields.slice(i * columns, (i + 1) * columns),
    );
    return lines.map((line) => line.join(delimiter) + '\n').join('');
  };
  const named = (dtype: string, data: ArrayBufferView): Buffer =>
    safetensorsFile({
      other: { dtype: 'I64', shape: [1], bytes: new Uint8Array(8) },
      scores: { dtype, shape: SHAPE, bytes: bytesOf(data) },
    });
  test.each<[string, string, string | Uint8Array, Float32Array | Float64Array, Partial<MapOptions>]>([
    ['float32', 'a.npy', npyFile(x32, SHAPE), p32, {}],
    ['float64', 'b.npy', npyFile(x64, SHAPE, { type: 'f8' }), p64, {}],
    ['big-endian float32', 'c.npy', npyFile(x32, SHAPE, { order: '>' }), p32, {}],
    ['big-endian float64', 'd.npy', npyFile(x64, SHAPE, { type: 'f8', order: '>' }), p64, {}],
    ['in Fortran order', 'e.npy', npyFile(x32, SHAPE, { fortran: true }), p32, {}],
    ['big-endian in Fortran order', 'f.npy', npyFile(x64, SHAPE, { type: 'f8', order: '>', fortran: true }), p64, {}],
    ['a tensor of F32', 'g.safetensors', named('F32', x32), p32, { tensor: 'scores' }],
    ['a tensor of F64', 'h.safetensors', named('F64', x64), p64, { tensor: 'scores' }],
    [
      'a tensor of BF16',
      'i.safetensors',
      named('BF16', upperHalves),
      entmax15(cut, { shape: SHAPE }),
      { tensor: 'scores' },
    ],
    ['CSV', 'j.csv', csv(x32, COLUMNS), p32, {}],
    ['CSV in float64', 'k.csv', csv(x64, COLUMNS), p64, { dtype: 'float64' }],
    [
      'CSV with a header and semicolons',
      'l.csv',
      csv(
        [...'x'.repeat(COLUMNS)].map(() => NaN),
        COLUMNS,
        ';',
      ).replaceAll('NaN', 'x') + csv(x32, COLUMNS, ';'),
      p32,
      { delimiter: ';' },
    ],
    ['a file whose name does not tell', 'm.data', npyFile(x32, SHAPE), p32, { format: 'npy' }],
  ])('%s', async (_, name, content, expected, options) => {
    const { shape, data } = readNpyFile(await map(write(name, content), path('out.npy'), options));
    expect(shape).toEqual(SHAPE);
    expect(data).toEqual(expected);
  });
});

describe('the output may be', () => {
  test('safetensors, under the name of the input or as probabilities', async () => {
    await map(write('a.npy', npyFile(x32, SHAPE)), path('out.safetensors'));
    expect(readSafetensorsFile(path('out.safetensors'))).toEqual({
      probabilities: { dtype: 'F32', shape: SHAPE, bytes: bytesOf(p32) },
    });
    const named = safetensorsFile({ logits: { dtype: 'F64', shape: SHAPE, bytes: bytesOf(x64) } });
    await map(write('a.safetensors', named), path('out.safetensors'));
    expect(readSafetensorsFile(path('out.safetensors'))).toEqual({
      logits: { dtype: 'F64', shape: SHAPE, bytes: bytesOf(p64) },
    });
  });

  test('CSV with the shortest digits, which are read back bit for bit', async () => {
    const text = readFileSync(await map(write('a.npy', npyFile(x32, SHAPE)), path('out.csv')), 'utf8');
    const lines = text.split('\n');
    expect(lines).toHaveLength(ROWS + 1);
    expect(Float32Array.from(lines.slice(0, -1).flatMap((line) => line.split(',').map(Number)))).toEqual(p32);
    expect(lines[3]).toBe(new Array(COLUMNS).fill('nan').join(','));
    await map(write('two.csv', '0,0\n'), path('out.csv'), { map: 'softmax' });
    expect(readFileSync(path('out.csv'), 'utf8')).toBe('0.5,0.5\n');
  });

  test('CSV with the header and the delimiter of the input', async () => {
    await map(write('a.csv', '"a;1";b\n3;1\n1;3\n'), path('out.csv'), { map: 'sparsemax', delimiter: ';' });
    expect(readFileSync(path('out.csv'), 'utf8')).toBe('"a;1";b\n1;0\n0;1\n');
  });

  test('the input itself', async () => {
    const input = write('same.npy', npyFile(x32, SHAPE));
    expect(readNpyFile(await map(input, input)).data).toEqual(p32);
  });
});

describe('every map with its options', () => {
  const alphas = Float64Array.from({ length: ROWS }, (_, row) => 1 + row / 3);
  const keep = Uint8Array.from(x32, (_, i) => Number(i % 5 !== 0));
  const lengths = Array.from({ length: ROWS }, (_, row) => row * 4);
  const uppers = Float64Array.from({ length: COLUMNS }, (_, j) => (j % 4) / 3);
  const keepRow = Array.from({ length: COLUMNS }, (_, j) => j % 2);
  test.each<[string, () => Partial<MapOptions>, () => Float32Array]>([
    ['softmax', () => ({ map: 'softmax' }), () => softmax(x32, { shape: SHAPE })],
    ['sparsemax', () => ({ map: 'sparsemax' }), () => sparsemax(x32, { shape: SHAPE })],
    ['entmax', () => ({ map: 'entmax' }), () => entmax(x32, { shape: SHAPE })],
    ['alpha', () => ({ map: 'entmax', alpha: '1.25' }), () => entmax(x32, { shape: SHAPE, alpha: 1.25 })],
    ['infinite alpha', () => ({ map: 'entmax', alpha: 'inf' }), () => entmax(x32, { shape: SHAPE, alpha: Infinity })],
    [
      'a list of alphas',
      () => ({ map: 'entmax', alpha: [...alphas].join(', ') }),
      () => entmax(x32, { shape: SHAPE, alpha: alphas }),
    ],
    [
      'a column of alphas',
      () => ({ map: 'entmax', alpha: write('alpha.npy', npyFile(alphas, [ROWS, 1], { type: 'f8' })) }),
      () => entmax(x32, { shape: SHAPE, alpha: alphas }),
    ],
    [
      'alphas in CSV',
      () => ({ map: 'entmax', alpha: write('alpha.csv', [...alphas].join('\n')) }),
      () => entmax(x32, { shape: SHAPE, alpha: alphas }),
    ],
    ['top-k sparsemax', () => ({ map: 'topk-sparsemax', k: 2 }), () => topkSparsemax(x32, { shape: SHAPE, k: 2 })],
    [
      'top-k entmax',
      () => ({ map: 'topk-entmax', k: 5, alpha: '1.2' }),
      () => topkEntmax(x32, { shape: SHAPE, k: 5, alpha: 1.2 }),
    ],
    ['a budget', () => ({ map: 'budget', budget: '2.5' }), () => budget(x32, { shape: SHAPE, budget: 2.5 })],
    [
      'at most a budget for each row',
      () => ({ map: 'budget', budget: '1,2,3,4,5,6,7', atMost: true }),
      () => budget(x32, { shape: SHAPE, budget: [1, 2, 3, 4, 5, 6, 7], atMost: true }),
    ],
    [
      'one bound',
      () => ({ map: 'budget', budget: '2', upper: '0.25' }),
      () => budget(x32, { shape: SHAPE, budget: 2, upper: 0.25 }),
    ],
    [
      'a bound for each column, from CSV',
      () => ({ map: 'budget', budget: '2', upper: write('upper.csv', `${uppers.join(',')}\n`) }),
      () => budget(x32, { shape: SHAPE, budget: 2, upper: { data: uppers, shape: [COLUMNS] } }),
    ],
    ['temperature', () => ({ temperature: 0.5 }), () => entmax15(x32, { shape: SHAPE, temperature: 0.5 })],
    ['axis', () => ({ axis: 0 }), () => entmax15(x32, { shape: SHAPE, axis: 0 })],
    [
      'a mask',
      () => ({ mask: write('mask.npy', npyFile(keep, SHAPE, { type: 'u1', order: '|' })) }),
      () => entmax15(x32, { shape: SHAPE, mask: keep }),
    ],
    [
      'a Fortran-ordered mask of int64',
      () => ({ mask: write('mask.npy', npyFile(keep, SHAPE, { type: 'i8', fortran: true })) }),
      () => entmax15(x32, { shape: SHAPE, mask: keep }),
    ],
    [
      'a mask that is broadcast',
      () => ({ mask: write('mask.csv', `${keepRow.join(',')}\n`) }),
      () => entmax15(x32, { shape: SHAPE, mask: keepRow }),
    ],
    ['lengths', () => ({ lengths: lengths.join(',') }), () => entmax15(x32, { shape: SHAPE, lengths })],
    [
      'one length for all',
      () => ({ lengths: '12' }),
      () => entmax15(x32, { shape: SHAPE, lengths: new Array<number>(ROWS).fill(12) }),
    ],
    [
      'empty rows as nan',
      () => ({ lengths: lengths.join(','), emptyRow: 'nan' }),
      () => entmax15(x32, { shape: SHAPE, lengths, emptyRow: 'nan' }),
    ],
  ])('%s', async (_, options, expected) => {
    const output = await map(write('a.npy', npyFile(x32, SHAPE)), path('out.npy'), options());
    expect(readNpyFile(output).data).toEqual(expected());
  });
});

describe('in slices', () => {
  const shapes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
  const cases = shapes.chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      axis: fc.integer({ min: -shape.length, max: shape.length - 1 }),
      seed: fc.integer({ min: 1, max: 1 << 30 }),
      // Slices of some dozens of elements up to all of them.
      memory: fc.integer({ min: 100, max: 20_000 }).map((bytes) => bytes / 0x100000),
      format: fc.constantFrom('npy', 'safetensors', 'csv'),
      fortran: fc.boolean(),
      withMask: fc.boolean(),
      broadcastAxis: fc.nat({ max: shape.length }),
      withAlpha: fc.boolean(),
      double: fc.boolean(),
    }),
  );

  test('dense results are those of one call', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        const { shape, axis, seed, fortran, withMask, withAlpha, double } = given;
        const format = shape.length > 2 && given.format === 'csv' ? 'npy' : given.format;
        const size = shape.reduce((product, length) => product * length, 1);
        const x = scoresOf(double ? new Float64Array(size) : new Float32Array(size), seed);
        const input = write('x.npy', npyFile(x, shape, { type: double ? 'f8' : 'f4', fortran }));
        // A mask that is broadcast must fit a quarter of the memory.
        const memory = Math.max(given.memory, withMask ? (4 * size) / 0x100000 : 0);
        const options: Partial<MapOptions> = { map: 'entmax', axis, memory };
        const library: Record<string, unknown> = { shape, axis };
        const random = randomFrom(seed + 1);
        if (withMask) {
          const own = shape.map((length, at) => (at === given.broadcastAxis ? 1 : length));
          const mask = Uint8Array.from({ length: own.reduce((a, b) => a * b, 1) }, () => random.below(4) && 1);
          library['mask'] = { data: [...mask], shape: own };
          Object.assign(options, { mask: write('mask.npy', npyFile(mask, own, { type: 'u1', order: '|', fortran })) });
        }
        if (withAlpha) {
          const at = axis < 0 ? axis + shape.length : axis;
          const own = shape.map((length, i) => (i === at ? 1 : length));
          const alpha = Float64Array.from({ length: size / shape[at]! }, () => 1 + random.below(100) / 50);
          library['alpha'] = { data: alpha, shape: own };
          Object.assign(options, { alpha: write('alpha.npy', npyFile(alpha, own, { type: 'f8' })) });
        }
        const expected = entmax(x, library) as Float32Array | Float64Array;
        const output = await map(input, path(`out.${format}`), options);
        if (format === 'npy') expect(readNpyFile(output)).toEqual({ shape, data: expected });
        else if (format === 'safetensors') {
          expect(readSafetensorsFile(output)).toEqual({
            probabilities: { dtype: double ? 'F64' : 'F32', shape, bytes: bytesOf(expected) },
          });
        } else {
          const values = readFileSync(output, 'utf8').trim().split(/[\n,]/).map(Number);
          expect(double ? Float64Array.from(values) : Float32Array.from(values)).toEqual(expected);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('a mask that is broadcast and does not fit is refused', async () => {
    const input = write('x.npy', npyFile(x32, SHAPE));
    const mask = write('mask.npy', npyFile(new Uint8Array(COLUMNS), [COLUMNS], { type: 'u1', order: '|' }));
    await expect(map(input, path('out.npy'), { mask, memory: 100 / 0x100000 })).rejects.toThrow(
      "expected --mask of the scores' own shape, or one that fits --memory, got shape [1, 33]",
    );
  });

  test('bounds of every score are those of one call', async () => {
    const shape = [20, 30, 10];
    const x = scoresOf(new Float32Array(6000), 3);
    const upper = scoresOf(new Float32Array(6000), 4).map(Math.abs);
    const input = write('x.npy', npyFile(x, shape));
    const bounds = write('upper.npy', npyFile(upper, shape));
    for (const axis of [0, 1, 2]) {
      for (const memory of [500, 4000, 50_000].map((bytes) => bytes / 0x100000)) {
        const options = { map: 'budget', budget: '1.5', upper: bounds, axis, memory };
        const expected = budget(x, { shape, axis, budget: 1.5, upper: { data: upper, shape } });
        expect(readNpyFile(await map(input, path('out.npy'), options)).data).toEqual(expected);
      }
    }
  });

  test('sparse results of the top-k maps tell which rows are exact', async () => {
    const x = scoresOf(new Float32Array(600), 5);
    const output = path('out.safetensors');
    const options = { map: 'topk-entmax', alpha: '1.5', k: 3, csr: true, memory: 1000 / 0x100000 };
    await map(write('x.npy', npyFile(x, [60, 10])), output, options);
    const { exact } = topkEntmax.csr(x, { shape: [60, 10], alpha: 1.5, k: 3 });
    expect(readSafetensorsFile(output)['exact']).toEqual({ dtype: 'U8', shape: [60], bytes: exact });
    expect(new Set(exact)).toEqual(new Set([0, 1]));
  });

  test('sparse results are those of one call', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.constantFrom('index' as const, 'value' as const), async (given, order) => {
        const { shape, axis, seed, memory, double } = given;
        const size = shape.reduce((product, length) => product * length, 1);
        const x = scoresOf(double ? new Float64Array(size) : new Float32Array(size), seed);
        if (size > 3) x[3] = NaN;
        const input = write('x.npy', npyFile(x, shape, { type: double ? 'f8' : 'f4' }));
        const output = path('out.safetensors');
        await map(input, output, { map: 'sparsemax', axis, memory, csr: true, order });
        const expected = sparsemax.csr(x, { shape, axis, order });
        const float = double ? 'F64' : 'F32';
        const rows = expected.thresholds.length;
        const entries = expected.indices.length;
        expect(readSafetensorsFile(output)).toEqual({
          shape: { dtype: 'I64', shape: [shape.length], bytes: bytesOf(BigInt64Array.from(shape, BigInt)) },
          axis: { dtype: 'I64', shape: [1], bytes: bytesOf(BigInt64Array.of(BigInt(expected.axis))) },
          indptr: { dtype: 'I32', shape: [rows + 1], bytes: bytesOf(expected.indptr) },
          indices: { dtype: 'I32', shape: [entries], bytes: bytesOf(expected.indices) },
          values: { dtype: float, shape: [entries], bytes: bytesOf(expected.values) },
          thresholds: { dtype: float, shape: [rows], bytes: bytesOf(expected.thresholds) },
        });
      }),
      { numRuns: 80 },
    );
  });
});
