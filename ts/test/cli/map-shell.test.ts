// `entmax map` as it is built and shipped: pipes, exit codes, signals, memory, and one clear line where something is wrong. What it
// computes is tested in map-data.test.ts.

import { entmax15, sparsemax } from 'entmax';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomFrom } from '../oracle/random.ts';
import { bytesOf, npyFile, readNpyFile, readSafetensorsFile, safetensorsFile } from './files.ts';
import { runMap } from './run-map.ts';

let folder: string;
const path = (name: string): string => join(folder, name);
const write = (name: string, content: string | Uint8Array): string => {
  writeFileSync(path(name), content);
  return path(name);
};
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'entmax-shell-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHAPE = [400, 300];
const random = randomFrom(7);
const x = Float32Array.from({ length: 120_000 }, () => 2 * random.normal());
const file = npyFile(x, SHAPE);
const p = entmax15(x, { shape: SHAPE });
const columns = entmax15(x, { shape: SHAPE, axis: 0 });

describe('through pipes', () => {
  test('bytes come out as they went in, whatever the format', async () => {
    const { code, stdout } = await runMap(['-', '--format', 'npy'], { stdin: file });
    expect(code).toBe(0);
    expect(readNpyFile(stdout)).toEqual({ shape: SHAPE, data: p });
    const csv = await runMap(['-', '--format', 'npy', '--output-format', 'csv'], { stdin: file });
    const back = await runMap(['-', '-', '--format', 'csv', '--output-format', 'npy', '--map', 'sparsemax'], {
      stdin: csv.stdout,
    });
    expect(readNpyFile(back.stdout)).toEqual({ shape: SHAPE, data: sparsemax(p, { shape: SHAPE }) });
    const named = await runMap(['-', '--format', 'safetensors'], {
      stdin: safetensorsFile({ z: { dtype: 'F32', shape: SHAPE, bytes: bytesOf(x) } }),
    });
    expect(readSafetensorsFile(named.stdout)).toEqual({ z: { dtype: 'F32', shape: SHAPE, bytes: bytesOf(p) } });
  });

  test('what does not come in order waits until it is whole', async () => {
    const args = ['--axis', '0', '--memory', '1'];
    const { stdout } = await runMap(['-', '--format', 'npy', ...args], { stdin: file });
    expect(readNpyFile(stdout).shape).toEqual(SHAPE);
    expect(readNpyFile(stdout).data.join()).toBe(columns.join());
    const csv = await runMap([write('x.npy', file), '--output-format', 'csv', ...args]);
    expect(Float32Array.from(csv.stdout.toString().trim().split(/[,\n]/), Number)).toEqual(columns);
  });

  test('a reader who closes the pipe ends it without a word', async () => {
    for (const format of ['npy', 'csv']) {
      const { code, stderr } = await runMap(['-', '--format', 'npy', '--output-format', format, '--memory', '1'], {
        stdin: npyFile(new Float32Array(2_000_000), [2000, 1000]),
        closeAfter: 100,
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    }
  });
});

describe('the summary', () => {
  test('tells rows, supports, zeros, empty and NaN rows and the time on stderr', async () => {
    const input = write('small.csv', '1,1,0\n5,0,0\n-inf,-inf,-inf\nnan,1,2\n');
    const { code, stdout, stderr } = await runMap([input, '--map', 'sparsemax']);
    expect({ code, stdout: stdout.toString() }).toEqual({
      code: 0,
      stdout: '0.5,0.5,0\n1,0,0\n0,0,0\nnan,nan,nan\n',
    });
    expect(stderr).toMatch(/rows of scores *│ 4 of 3 /);
    expect(stderr).toMatch(/mean support *│ 1\.0, from 0 to 2 /);
    expect(stderr).toMatch(/exact zeros *│ 50\.00 % /);
    expect(stderr).toMatch(/empty rows *│ 1 /);
    expect(stderr).toMatch(/NaN rows *│ 1 /);
    expect(stderr).toMatch(/time *│ [0-9.]+ s /);
    const sparse = await runMap([input, path('small.safetensors'), '--map', 'sparsemax', '--csr']);
    const untimed = (text: string): string => text.replace(/^.*time.*$/m, '').replaceAll(/[ ─]+/g, ' ');
    expect(untimed(sparse.stderr)).toBe(untimed(stderr));
  });

  test('is left out with --quiet, and there is no progress bar outside a terminal', async () => {
    const { stderr } = await runMap([write('x.npy', file), path('out.npy'), '--quiet', '--memory', '1']);
    expect(stderr).toBe('');
  });
});

describe('the output', () => {
  test('replaces a file, leaves a symbolic link one, and goes into a device', async () => {
    const input = write('x.npy', file);
    write('target.npy', 'old');
    symlinkSync(path('target.npy'), path('link.npy'));
    await runMap([input, path('link.npy')]);
    expect(readNpyFile(path('target.npy')).data).toEqual(p);
    expect(lstatSync(path('link.npy')).isSymbolicLink()).toBe(true);
    expect(await runMap([input, '/dev/null', '--format', 'npy', '--quiet'])).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync('/dev/null')).toBe(true);
  });

  test('does not appear when something goes wrong late, and an older one stays', async () => {
    const directory = path('late');
    mkdirSync(directory);
    writeFileSync(join(directory, 'old.npy'), 'old');
    const alpha = new Float64Array(400).fill(1.5);
    alpha[399] = 0.5;
    const alphas = write('alphas.npy', npyFile(alpha, [400], { type: 'f8' }));
    const args = [write('x.npy', file), '--map', 'entmax', '--alpha', alphas, '--memory', '1'];
    for (const output of ['old.npy', 'new.npy']) {
      const { code, stderr } = await runMap([...args, join(directory, output)]);
      expect({ code, stderr }).toEqual({ code: 2, stderr: 'entmax map: expected alpha >= 1, got 0.5 in row 399\n' });
    }
    expect(readdirSync(directory)).toEqual(['old.npy']);
    expect(readFileSync(join(directory, 'old.npy'), 'utf8')).toBe('old');
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('does not appear after %s, nor does anything else', async (signal) => {
    const directory = path(signal);
    mkdirSync(directory);
    const input = sparseFile(path(`${signal}.npy`), 1 << 29);
    const interrupt = async (pid: number): Promise<void> => {
      while (!readdirSync(directory).some((name) => name.endsWith('.unfinished'))) await wait(5);
      process.kill(pid, signal);
    };
    const outcome = await runMap([input, join(directory, 'p.npy'), '--memory', '4'], {
      during: (pid) => void interrupt(pid),
    });
    rmSync(input);
    expect(outcome).toMatchObject({ code: null, signal });
    expect(readdirSync(directory)).toEqual([]);
  });
});

/** A .npy file of zeros of so many bytes that takes no room on the disk. */
function sparseFile(name: string, bytes: number, columns = 256): string {
  const shape = [bytes / 4 / columns, columns];
  const header = npyFile([], shape);
  const handle = openSync(name, 'w');
  writeSync(handle, header);
  writeSync(handle, new Uint8Array(1), 0, 1, header.length + bytes - 1);
  closeSync(handle);
  return name;
}

describe('memory', () => {
  test.each<[string, string, () => string[]]>([
    ['dense', 'out.npy', () => []],
    ['dense, along the first axis', 'out.npy', () => ['--axis', '0']],
    ['sparse', 'out.safetensors', () => ['--csr', '--map', 'softmax']],
    ['groups', 'out.npy', () => ['--map', 'fusedmax', '--lambda', '0.1', '--groups', path('groups.npy')]],
  ])('does not grow with the file: %s', async (_, name, args) => {
    const peakOf = async (megabytes: number): Promise<number> => {
      const input = sparseFile(path('large.npy'), megabytes << 20);
      const { code, stderr, peak } = await runMap([input, path(name), '--memory', '16', '--quiet', ...args()], {
        node: ['--max-old-space-size=48'],
      });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      for (const each of ['large.npy', name]) rmSync(path(each));
      return peak;
    };
    const small = await peakOf(32);
    const large = await peakOf(192);
    // What a slice leaves behind is collected now and then; the file has grown by 160 MiB.
    expect(large - small).toBeLessThan(48 << 20);
  });
});

describe('refuses with one clear line and exit code 2', () => {
  const tensors = (): string =>
    write(
      'two.safetensors',
      safetensorsFile({
        a: { dtype: 'F32', shape: [1], bytes: new Uint8Array(4) },
        b: { dtype: 'I32', shape: [1], bytes: new Uint8Array(4) },
      }),
    );
  const input = (): string => write('x.npy', file);
  const small = (): string => write('s.csv', '1,2\n3,4\n');
  test.each<[string, () => string[], string]>([
    ['a missing file', () => [path('none.npy')], 'none.npy, got no such file'],
    ['a directory', () => [folder, '--format', 'npy'], ', got a directory'],
    [
      'a pipe without a format',
      () => ['-'],
      'expected --format npy, safetensors or csv, or a name that ends so, got standard input',
    ],
    ['a name that does not tell', () => [write('x.dat', file)], 'expected --format npy, safetensors or csv, or a name'],
    ['a truncated file', () => [write('cut.npy', file.subarray(0, 5000))], `480000 bytes after the header`],
    ['a truncated pipe', () => ['-', '--format', 'npy'], 'got an empty file (standard input)'],
    ['a wrong file', () => [write('fake.npy', '1,2\n3,4\n')], 'got "1,2\\n3,4\\n" ('],
    [
      'a wrong tensor file',
      () => [write('fake.safetensors', 'PK\x03\x04 and so on')],
      'expected a safetensors header of at most',
    ],
    [
      'integers',
      () => [write('i.npy', npyFile([1, 2], [2], { type: 'i8' }))],
      'expected scores of F64, F32, F16 or BF16, got an array of I64',
    ],
    [
      'a ragged table',
      () => [write('r.csv', '1,2\n3\n')],
      'expected 2 fields in line 2 of the CSV file, as before, got 1 (',
    ],
    [
      'a word in a table',
      () => [write('w.csv', '1,2\n3,four\n')],
      'expected a number in line 2, field 2 of the CSV file, got "four"',
    ],
    [
      'a choice of tensors',
      () => [tensors()],
      "expected --tensor with a name, or a safetensors file with one tensor, got one with 'a', 'b'",
    ],
    [
      'an unknown tensor',
      () => [tensors(), '--tensor', 'c'],
      "expected a safetensors file with tensor 'c', got one with 'a', 'b'",
    ],
    [
      'a number alone',
      () => [write('zero.npy', npyFile([1], []))],
      'expected scores with at least one axis, got a single number',
    ],
    [
      'three axes as CSV',
      () => [write('t.npy', npyFile(new Float32Array(8), [2, 2, 2])), path('t.csv')],
      'expected scores with one or two axes, to be written as CSV, got shape [2, 2, 2]',
    ],
    [
      'an axis that is not there',
      () => [small(), '--axis', '2'],
      'expected --axis from -2 to 1 for shape [2, 2], got 2',
    ],
    ['an axis that is no integer', () => [small(), '--axis', 'x'], 'expected --axis to be an integer, got "x"'],
    ['an unknown map', () => [small(), '--map', 'hardmax'], "'hardmax' is invalid"],
    ['alpha below 1', () => [small(), '--map', 'entmax', '--alpha', '0.9'], 'expected alpha >= 1, got 0.9'],
    [
      'alpha for a map without',
      () => [small(), '--map', 'sparsemax', '--alpha', '2'],
      'expected --alpha with --map entmax or topk-entmax or normmax or constrained-entmax, got --map sparsemax',
    ],
    [
      'a top-k map without k',
      () => [small(), '--map', 'topk-entmax'],
      'expected --k with --map topk-entmax, got no --k',
    ],
    ['a k below 1', () => [small(), '--map', 'topk-sparsemax', '--k', '0'], 'expected --k to be an integer from 1 to'],
    [
      'a budget map without',
      () => [small(), '--map', 'budget'],
      'expected --budget with --map budget, got no --budget',
    ],
    [
      'at most for another map',
      () => [small(), '--at-most'],
      'expected --at-most with --map budget, got --map entmax15',
    ],
    ['a budget that no row can have', () => [small(), '--map', 'budget', '--budget', '1,3'], 'entmax map: expected '],
    [
      'a list of bounds',
      () => [small(), '--map', 'budget', '--budget', '1', '--upper', '1,2'],
      'expected --upper as a number or a file, got a list',
    ],
    [
      'a negative bound',
      () => [small(), '--map', 'budget', '--budget', '1', '--upper', '-1'],
      'expected upper >= 0, got -1',
    ],
    [
      'alphas for other rows',
      () => [small(), '--map', 'entmax', '--alpha', '1,2,3'],
      'expected --alpha with one value for each of 2 rows, got 3',
    ],
    [
      'alphas of another shape',
      () => [small(), '--map', 'entmax', '--alpha', input()],
      'expected --alpha with one value for each of 2 rows, got shape [400, 300]',
    ],
    [
      'alphas that are neither numbers nor a file',
      () => [small(), '--map', 'entmax', '--alpha', 'big'],
      'expected --alpha as numbers or a name ending in .npy, .safetensors or .csv, got "big"',
    ],
    [
      'a mask of another shape',
      () => [small(), '--mask', write('m.csv', '1,0,1\n')],
      'expected --mask of a shape that broadcasts to [2, 2], got shape [1, 3]',
    ],
    [
      'a mask of floats',
      () => [small(), '--mask', write('m.npy', npyFile([1, 0], [2]))],
      'expected --mask of integers or booleans, got F32',
    ],
    [
      'a mask with nan',
      () => [small(), '--mask', write('n.csv', '1,nan\n')],
      'expected --mask of integers or booleans, got nan',
    ],
    [
      'a length that is too long',
      () => [small(), '--lengths', '1,3'],
      'expected --lengths from 0 to 2, got 3 for row 1',
    ],
    [
      'a length that is no integer',
      () => [small(), '--lengths', '1.5'],
      'expected --lengths from 0 to 2, got 1.5 for row 0',
    ],
    ['no temperature', () => [small(), '--temperature', '0'], 'expected --temperature to be a number > 0, got "0"'],
    [
      'an empty row, when asked to',
      () => [write('e.csv', '1,2\n-inf,-inf\n'), '--empty-row', 'throw'],
      'expected a score that counts in every row, got none in row 1',
    ],
    ['no memory', () => [small(), '--memory', '0'], 'expected --memory to be an integer from 1 to'],
    [
      'a delimiter that is part of numbers',
      () => [small(), '--delimiter', '.'],
      'expected --delimiter to be one character, or tab, got "."',
    ],
    ['a place that does not exist', () => [small(), path('no/where.npy')], 'no/where.npy, got no such directory'],
    ['a directory as output', () => [small(), folder, '--format', 'csv'], 'got a directory'],
    [
      'a name against the format',
      () => [small(), path('o.npy'), '--output-format', 'csv'],
      'expected --output-format npy for',
    ],
    ['sparse rows as CSV', () => [small(), path('o.csv'), '--csr'], 'expected --csr into .safetensors, got csv'],
    ['an order of dense rows', () => [small(), '--order', 'value'], 'expected --order with --csr, got no --csr'],
    ['a third name', () => [small(), path('a.npy'), path('b.npy')], 'too many arguments'],
    ['no input', () => [], "missing required argument 'input'"],
  ])('%s', async (_, args, message) => {
    const before = readdirSync(folder);
    const given = args();
    const { code, stdout, stderr } = await runMap(given);
    expect(stderr).toContain(message);
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^entmax map: [^\n]+\n$/);
    expect(readdirSync(folder).filter((name) => !before.includes(name) && !given.includes(path(name)))).toEqual([]);
  });
});
