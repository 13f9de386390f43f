// The regularised maps through `entmax map`: what it writes is, bit for bit, what the library returns for the same data, groups included,
// whatever the number of slices; grids of two axes have parameters, masks and bounds like rows.

import { init } from 'entmax';
import type { Csr } from 'entmax';
import {
  constrainedEntmax,
  constrainedSoftmax,
  constrainedSparsemax,
  fusedmax,
  normmax,
  oscarmax,
  tvmax,
} from 'entmax/regularised';
import fc from 'fast-check';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MapOptions } from '../../src/cli/map-options.ts';
import { mapFile } from '../../src/cli/map.ts';
import { randomFrom } from '../oracle/random.ts';
import { DEFAULTS } from './defaults.ts';
import { bytesOf, npyFile, readNpyFile, readNpyIntegers, readSafetensorsFile } from './files.ts';
import { runMap } from './run-map.ts';

let folder: string;
const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'entmax-regularised-'));
  await init({ threads: 1 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the command in this process; no files may stay but those that it was to write. */
async function map(input: string, output: string, options: Partial<MapOptions> = {}): Promise<string> {
  const others = (): string[] =>
    readdirSync(folder).filter((name) => path(name) !== output && path(name) !== options.groups);
  const before = others();
  await mapFile(input, output, { map: 'fusedmax', ...DEFAULTS, ...options });
  expect(others()).toEqual(before);
  return output;
}

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(path(name), content);
  return path(name);
}

function scoresOf<A extends Float32Array | Float64Array>(array: A, seed = 1): A {
  const random = randomFrom(seed);
  for (let i = 0; i < array.length; i++) array[i] = random.normal();
  return array;
}

const countOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

const [ROWS, COLUMNS] = [7, 33];
const SHAPE = [ROWS, COLUMNS];
const x32 = scoresOf(new Float32Array(ROWS * COLUMNS));
x32.set([-Infinity, NaN, 1], 3 * COLUMNS);
x32.set([Infinity, 0, Infinity], 4 * COLUMNS);

describe('every map with its options', () => {
  const perRow = Float64Array.from({ length: ROWS }, (_, row) => row / 20);
  const alphas = Float64Array.from({ length: ROWS }, (_, row) => 1.25 + row / 3);
  const uppers = Float64Array.from({ length: COLUMNS }, (_, j) => 0.04 + (j % 4) / 20);
  const keep = Uint8Array.from(x32, (_, i) => Number(i % 5 !== 0));
  const lengths = Array.from({ length: ROWS }, (_, row) => row * 4);
  const mask = (): string => write('mask.npy', npyFile(keep, SHAPE, { type: 'u1', order: '|' }));
  const column = (values: Float64Array): string => write('rows.npy', npyFile(values, [ROWS, 1], { type: 'f8' }));
  test.each<[string, () => Partial<MapOptions>, () => Float32Array]>([
    ['fusedmax', () => ({ lambda: '0.1' }), () => fusedmax(x32, { shape: SHAPE, lambda: 0.1 })],
    [
      'fusedmax with a list of lambdas',
      () => ({ lambda: [...perRow].join(',') }),
      () => fusedmax(x32, { shape: SHAPE, lambda: perRow }),
    ],
    [
      'fusedmax with lambdas from a file',
      () => ({ lambda: column(perRow) }),
      () => fusedmax(x32, { shape: SHAPE, lambda: perRow }),
    ],
    [
      'fusedmax with axis, temperature and lengths',
      () => ({ lambda: '0.2', axis: 0, temperature: 0.5, lengths: '6' }),
      () =>
        fusedmax(x32, {
          shape: SHAPE,
          lambda: 0.2,
          axis: 0,
          temperature: 0.5,
          lengths: new Array<number>(COLUMNS).fill(6),
        }),
    ],
    [
      'fusedmax with a mask and empty rows as nan',
      () => ({ lambda: '0.1', mask: mask(), lengths: lengths.join(','), emptyRow: 'nan' }),
      () => fusedmax(x32, { shape: SHAPE, lambda: 0.1, mask: keep, lengths, emptyRow: 'nan' }),
    ],
    ['tvmax', () => ({ map: 'tvmax', lambda: '0.1' }), () => tvmax(x32, { shape: SHAPE, lambda: 0.1 })],
    [
      'tvmax with a mask',
      () => ({ map: 'tvmax', lambda: '0.05', mask: mask(), temperature: 2 }),
      () => tvmax(x32, { shape: SHAPE, lambda: 0.05, mask: keep, temperature: 2 }),
    ],
    ['oscarmax', () => ({ map: 'oscarmax', lambda: '0.01' }), () => oscarmax(x32, { shape: SHAPE, lambda: 0.01 })],
    [
      'oscarmax as published',
      () => ({ map: 'oscarmax', lambda: '0.01', compat: 'torchsparseattn' }),
      () => oscarmax(x32, { shape: SHAPE, lambda: 0.01, compat: 'torchsparseattn' }),
    ],
    ['normmax', () => ({ map: 'normmax' }), () => normmax(x32, { shape: SHAPE })],
    [
      'normmax with alphas',
      () => ({ map: 'normmax', alpha: column(alphas) }),
      () => normmax(x32, { shape: SHAPE, alpha: alphas }),
    ],
    [
      'constrained softmax with one bound',
      () => ({ map: 'constrained-softmax', upper: '0.0625' }),
      () => constrainedSoftmax(x32, { shape: SHAPE, upper: 0.0625 }),
    ],
    [
      'constrained sparsemax with bounds that are broadcast',
      () => ({ map: 'constrained-sparsemax', upper: write('upper.csv', `${uppers.join(',')}\n`) }),
      () => constrainedSparsemax(x32, { shape: SHAPE, upper: { data: uppers, shape: [COLUMNS] } }),
    ],
    [
      'constrained entmax with alphas and bounds',
      () => ({ map: 'constrained-entmax', alpha: [...alphas].join(','), upper: '0.125' }),
      () => constrainedEntmax(x32, { shape: SHAPE, alpha: alphas, upper: 0.125 }),
    ],
  ])('%s', async (_, options, expected) => {
    const output = await map(write('a.npy', npyFile(x32, SHAPE)), path('out.npy'), options());
    expect(readNpyFile(output)).toEqual({ shape: SHAPE, data: expected() });
  });

  test('CSV in, safetensors out, in float64', async () => {
    const x = scoresOf(new Float64Array(40), 3);
    const text = Array.from({ length: 4 }, (_, row) => `${x.subarray(10 * row, 10 * row + 10).join(',')}\n`).join('');
    const options: Partial<MapOptions> = { map: 'tvmax', lambda: '0.25', dtype: 'float64' };
    const output = await map(write('a.csv', text), path('out.safetensors'), options);
    expect(readSafetensorsFile(output)).toEqual({
      probabilities: { dtype: 'F64', shape: [4, 10], bytes: bytesOf(tvmax(x, { shape: [4, 10], lambda: 0.25 })) },
    });
  });
});

describe('groups', () => {
  const input = (): string => write('a.npy', npyFile(x32, SHAPE));
  test.each<[string, Partial<MapOptions>, () => { p: Float32Array; groups: Int32Array }]>([
    ['segments', { lambda: '0.1' }, () => fusedmax.groups(x32, { shape: SHAPE, lambda: 0.1 })],
    [
      'segments along the first axis',
      { lambda: '0.1', axis: 0 },
      () => fusedmax.groups(x32, { shape: SHAPE, lambda: 0.1, axis: 0 }),
    ],
    ['regions', { map: 'tvmax', lambda: '0.1' }, () => tvmax.groups(x32, { shape: SHAPE, lambda: 0.1 })],
    ['levels', { map: 'oscarmax', lambda: '0.01' }, () => oscarmax.groups(x32, { shape: SHAPE, lambda: 0.01 })],
  ])('%s come as .npy, .safetensors and CSV', async (_, options, expected) => {
    const { p, groups } = expected();
    await map(input(), path('out.npy'), { ...options, groups: path('groups.npy') });
    expect(readNpyFile(path('out.npy'))).toEqual({ shape: SHAPE, data: p });
    expect(readNpyIntegers(path('groups.npy'))).toEqual({ shape: SHAPE, data: groups });

    await map(input(), path('out.npy'), { ...options, groups: path('groups.safetensors') });
    expect(readSafetensorsFile(path('groups.safetensors'))).toEqual({
      groups: { dtype: 'I32', shape: SHAPE, bytes: bytesOf(groups) },
    });

    await map(input(), path('out.npy'), { ...options, groups: path('groups.csv') });
    const lines = readFileSync(path('groups.csv'), 'utf8').trim().split('\n');
    expect(lines).toHaveLength(ROWS);
    expect(Int32Array.from(lines.flatMap((line) => line.split(',').map(Number)))).toEqual(groups);
    for (const name of ['groups.npy', 'groups.safetensors', 'groups.csv']) rmSync(path(name));
  });
});

describe('in slices', () => {
  const shapes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 2, maxLength: 4 });
  const cases = shapes.chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      first: fc.integer({ min: 0, max: shape.length - 2 }),
      // The second axis of a grid, neighbour of the first or not.
      apart: fc.nat(),
      isGrid: fc.boolean(),
      seed: fc.integer({ min: 1, max: 1 << 30 }),
      // Slices of some dozens of elements up to all of them.
      memory: fc.integer({ min: 100, max: 20_000 }).map((bytes) => bytes / 0x100000),
      format: fc.constantFrom('npy', 'csv'),
      fortran: fc.boolean(),
      maskedAxis: fc.option(fc.nat({ max: shape.length })),
      withLambdas: fc.boolean(),
      double: fc.boolean(),
    }),
  );

  test('probabilities and groups are those of one call', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        const { shape, first, apart, isGrid, seed, fortran, maskedAxis, withLambdas, double } = given;
        const format = shape.length > 2 ? 'npy' : given.format;
        const size = countOf(shape);
        const x = scoresOf(double ? new Float64Array(size) : new Float32Array(size), seed);
        const type = double ? 'f8' : 'f4';
        const random = randomFrom(seed + 1);
        const second = first + 1 + (apart % (shape.length - 1 - first));
        const axes = isGrid ? [first, second] : [first];
        const options: Partial<MapOptions> = {
          // A mask that is broadcast must fit a share of the memory.
          memory: Math.max(given.memory, maskedAxis === null ? 0 : (6 * size) / 0x100000),
          groups: path(`groups.${format}`),
          lambda: '0.3',
          ...(isGrid ? { map: 'tvmax', axes: [second, first] } : { map: 'fusedmax', axis: first }),
        };
        const library: Record<string, unknown> = { shape, lambda: 0.3, ...(isGrid ? { axes } : { axis: first }) };
        if (maskedAxis !== null) {
          const own = shape.map((length, at) => (at === maskedAxis ? 1 : length));
          const mask = Uint8Array.from({ length: countOf(own) }, () => random.below(4) && 1);
          library['mask'] = { data: [...mask], shape: own };
          Object.assign(options, { mask: write('mask.npy', npyFile(mask, own, { type: 'u1', order: '|', fortran })) });
        }
        if (withLambdas) {
          const own = shape.map((length, at) => (axes.includes(at) ? 1 : length));
          const lambda = Float64Array.from({ length: countOf(own) }, () => random.below(100) / 100);
          library['lambda'] = { data: lambda, shape: own };
          Object.assign(options, { lambda: write('lambda.npy', npyFile(lambda, own, { type: 'f8' })) });
        }
        const { p, groups } = (isGrid ? tvmax : fusedmax).groups(x, library);
        const output = await map(write('x.npy', npyFile(x, shape, { type, fortran })), path(`out.${format}`), options);
        if (format === 'npy') {
          expect(readNpyFile(output)).toEqual({ shape, data: p });
          expect(readNpyIntegers(options.groups!)).toEqual({ shape, data: groups });
        } else {
          const numbers = (file: string): number[] => readFileSync(file, 'utf8').trim().split(/[\n,]/).map(Number);
          expect(numbers(output).map((each) => (double ? each : Math.fround(each)))).toEqual([...p]);
          expect(numbers(options.groups!)).toEqual([...groups]);
        }
      }),
      { numRuns: 200 },
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
        const options = { map: 'constrained-entmax', alpha: '1.25', upper: bounds, axis, memory };
        const expected = constrainedEntmax(x, { shape, axis, alpha: 1.25, upper: { data: upper, shape } });
        expect(readNpyFile(await map(input, path('out.npy'), options)).data).toEqual(expected);
      }
    }
  });
});

describe('sparse results', () => {
  const x = scoresOf(new Float64Array(2 * 6 * 5 * 4), 8);
  const shape = [2, 6, 5, 4];
  test.each<[string, Partial<MapOptions>, () => Csr<Float64Array>]>([
    ['segments', { lambda: '0.2', axis: 2 }, () => fusedmax.csr(x, { shape, lambda: 0.2, axis: 2 })],
    [
      'grids, whose two axes are one',
      { map: 'tvmax', lambda: '0.1', axes: [1, 2] },
      () => tvmax.csr(x, { shape, lambda: 0.1, axes: [1, 2] }),
    ],
    [
      'grids whose axes are apart',
      { map: 'tvmax', lambda: '0.1', axes: [3, 1] },
      () => tvmax.csr(x, { shape, lambda: 0.1, axes: [1, 3] }),
    ],
    [
      'levels',
      { map: 'oscarmax', lambda: '0.1', order: 'value' },
      () => oscarmax.csr(x, { shape, lambda: 0.1, order: 'value' }),
    ],
    ['a norm', { map: 'normmax', alpha: '3' }, () => normmax.csr(x, { shape, alpha: 3 })],
    [
      'bounds',
      { map: 'constrained-sparsemax', upper: '0.25', axis: 1 },
      () => constrainedSparsemax.csr(x, { shape, upper: 0.25, axis: 1 }),
    ],
  ])('of %s are those of one call', async (_, options, expected) => {
    const csr = expected();
    for (const memory of [700, 100_000].map((bytes) => bytes / 0x100000)) {
      const input = write('x.npy', npyFile(x, shape, { type: 'f8' }));
      const output = await map(input, path('out.safetensors'), { ...options, csr: true, memory });
      const [rows, entries] = [csr.thresholds.length, csr.indices.length];
      expect(readSafetensorsFile(output)).toEqual({
        shape: { dtype: 'I64', shape: [csr.shape.length], bytes: bytesOf(BigInt64Array.from(csr.shape, BigInt)) },
        axis: { dtype: 'I64', shape: [1], bytes: bytesOf(BigInt64Array.of(BigInt(csr.axis))) },
        indptr: { dtype: 'I32', shape: [rows + 1], bytes: bytesOf(csr.indptr) },
        indices: { dtype: 'I32', shape: [entries], bytes: bytesOf(csr.indices) },
        values: { dtype: 'F64', shape: [entries], bytes: bytesOf(csr.values) },
        thresholds: { dtype: 'F64', shape: [rows], bytes: bytesOf(csr.thresholds) },
      });
    }
  });
});

describe('from a shell', () => {
  const small = (): string => write('s.csv', '2,1.5,0\n1.75,0,0\n');

  test('probabilities and regions are written, and the summary counts both', async () => {
    const args = [small(), path('p.csv'), '--map', 'tvmax', '--lambda', '0.25', '--groups', path('g.csv')];
    const { code, stdout, stderr } = await runMap(args);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 0, stdout: '' });
    const p = tvmax(Float32Array.of(2, 1.5, 0, 1.75, 0, 0), { shape: [2, 3], lambda: 0.25 });
    expect(Float32Array.from(readFileSync(path('p.csv'), 'utf8').trim().split(/[\n,]/), Number)).toEqual(p);
    // 2 and 1.75 are neighbours and meet at 1.625; 1.5 has lost 0.25 to the zeros and stays by itself.
    expect(readFileSync(path('g.csv'), 'utf8')).toBe('0,1,-1\n0,-1,-1\n');
    expect(stderr).toMatch(/grids of scores *│ 1 of 2 x 3 /);
    expect(stderr).toMatch(/mean support *│ 3\.0, from 3 to 3 /);
    expect(stderr).toMatch(/mean groups *│ 2\.0, from 2 to 2 /);
  });

  test('through a pipe, along other axes', async () => {
    const x = scoresOf(new Float32Array(6 * 5 * 8), 9);
    const args = ['-', '--format', 'npy', '--map', 'tvmax', '--lambda', '0.2', '--axes', '0,1'];
    const { code, stdout } = await runMap(args, { stdin: npyFile(x, [6, 5, 8]) });
    expect(code).toBe(0);
    expect(readNpyFile(stdout).data).toEqual(tvmax(x, { shape: [6, 5, 8], lambda: 0.2, axes: [0, 1] }));
  });

  test('neither file appears when something goes wrong late', async () => {
    const rows = 400;
    const input = write('x.npy', npyFile(scoresOf(new Float32Array(rows * 300)), [rows, 300]));
    const lambda = new Float64Array(rows).fill(0.1);
    lambda[399] = -1;
    const args = ['--map', 'fusedmax', '--lambda', write('l.npy', npyFile(lambda, [rows], { type: 'f8' }))];
    const before = readdirSync(folder);
    const files = [input, path('late.npy'), '--groups', path('late-groups.npy'), '--memory', '1'];
    const { code, stderr } = await runMap([...files, ...args]);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'entmax map: expected lambda finite and >= 0, got -1 in row 399\n',
    });
    expect(readdirSync(folder)).toEqual(before);
  });

  const LAMBDA = ['--lambda', '1'];
  test.each<[string, () => string[], string]>([
    [
      'fusedmax without lambda',
      () => [small(), '--map', 'fusedmax'],
      'expected --lambda with --map fusedmax, got no --lambda',
    ],
    [
      'lambda for another map',
      () => [small(), '--map', 'sparsemax', ...LAMBDA],
      'expected --lambda with --map fusedmax or tvmax or oscarmax, got --map sparsemax',
    ],
    [
      'a lambda below 0',
      () => [small(), '--map', 'oscarmax', '--lambda', '-1'],
      'expected lambda finite and >= 0, got -1',
    ],
    [
      'lambdas for other grids',
      () => [small(), '--map', 'tvmax', '--lambda', '1,2'],
      'expected --lambda with one value for each of 1 rows, got 2',
    ],
    [
      'an axis of grids',
      () => [small(), '--map', 'tvmax', ...LAMBDA, '--axis', '0'],
      'expected --axes in place of --axis with --map tvmax, got --axis',
    ],
    [
      'lengths of grids',
      () => [small(), '--map', 'tvmax', ...LAMBDA, '--lengths', '1'],
      'expected --mask in place of --lengths with --map tvmax, got --lengths',
    ],
    [
      'axes of rows',
      () => [small(), '--map', 'fusedmax', ...LAMBDA, '--axes', '0,1'],
      'expected --axes with --map tvmax, got --map fusedmax',
    ],
    [
      'one axis for a grid',
      () => [small(), '--map', 'tvmax', ...LAMBDA, '--axes', '1'],
      'expected --axes to be two integers with a comma, got "1"',
    ],
    [
      'an axis twice',
      () => [small(), '--map', 'tvmax', ...LAMBDA, '--axes', '1,-1'],
      'expected --axes to be two axes of shape [2, 3], got 1,-1',
    ],
    [
      'grids in one axis',
      () => [write('flat.npy', npyFile([1, 2], [2])), '--map', 'tvmax', ...LAMBDA],
      'expected --axes to be two axes of shape [2], got -2,-1',
    ],
    [
      'another compatibility',
      () => [small(), '--map', 'oscarmax', ...LAMBDA, '--compat', 'torch'],
      "argument 'torch' is invalid. Allowed choices are torchsparseattn.",
    ],
    [
      'compatibility of another map',
      () => [small(), '--map', 'fusedmax', ...LAMBDA, '--compat', 'torchsparseattn'],
      'expected --compat with --map oscarmax, got --map fusedmax',
    ],
    ['alpha of 1 for a norm', () => [small(), '--map', 'normmax', '--alpha', '1'], 'expected alpha > 1, got 1'],
    [
      'bounds that no row can have',
      () => [small(), '--map', 'constrained-softmax', '--upper', '0.25'],
      'expected upper that sums to at least 1 in every row, got 0.75 in row 0',
    ],
    [
      'groups of a map without',
      () => [small(), '--map', 'normmax', '--groups', path('g.npy')],
      'expected --groups with --map fusedmax or tvmax or oscarmax, got --map normmax',
    ],
    [
      'groups without an ending',
      () => [small(), '--map', 'fusedmax', ...LAMBDA, '--groups', path('groups')],
      'expected --groups with a name ending in .npy, .safetensors or .csv, got',
    ],
    [
      'groups in the place of probabilities',
      () => [small(), path('o.npy'), '--map', 'fusedmax', ...LAMBDA, '--groups', path('o.npy')],
      'expected --groups into another file than probabilities, got',
    ],
    [
      'groups of supports alone',
      () => [small(), path('o.safetensors'), '--csr', '--map', 'fusedmax', ...LAMBDA, '--groups', path('g.npy')],
      'expected --groups without --csr, got both',
    ],
    [
      'groups of three axes as CSV',
      () => [
        write('t.npy', npyFile(new Float32Array(8), [2, 2, 2])),
        path('o.npy'),
        '--map',
        'fusedmax',
        ...LAMBDA,
        '--groups',
        path('g3.csv'),
      ],
      'expected scores with one or two axes, to be written as CSV, got shape [2, 2, 2]',
    ],
  ])('refuses %s with one clear line and exit code 2', async (_, args, message) => {
    const given = args();
    const before = readdirSync(folder);
    const { code, stdout, stderr } = await runMap(given);
    expect(stderr).toContain(message);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^entmax map: [^\n]+\n$/);
    expect(readdirSync(folder)).toEqual(before);
    expect(existsSync(path('o.npy'))).toBe(false);
  });
});
