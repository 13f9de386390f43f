import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvHeader, csvLines, readCsv } from '../../src/formats/csv.ts';
import type { CsvOptions } from '../../src/formats/csv.ts';
import { countOf, readNumbers } from '../../src/formats/elements.ts';
import { InputError } from '../../src/formats/input-error.ts';

interface Table {
  header: readonly string[] | undefined;
  shape: readonly number[];
  values: number[];
}

async function read(text: string, options: Partial<CsvOptions> = {}, chunk = Infinity): Promise<Table> {
  const bytes = Buffer.from(text);
  const chunks = [];
  for (let start = 0; start < bytes.length; start += chunk) chunks.push(bytes.subarray(start, start + chunk));
  const settings: CsvOptions = { header: 'auto', delimiter: ',', type: 'F32', limit: 1 << 20, ...options };
  const { array, header } = await readCsv(Readable.from(chunks), settings);
  const values = [...readNumbers(array, 0, countOf(array.shape))];
  array.bytes.close();
  return { header, shape: array.shape, values };
}

async function messageOf(text: string, options: Partial<CsvOptions> = {}): Promise<string> {
  const error: unknown = await read(text, options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
}

describe('readCsv', () => {
  test('reads rows of numbers, with or without a last line end, of any system', async () => {
    for (const text of ['1,2.5\n-3,4e-1\n', '1,2.5\r\n-3,4e-1', '\ufeff1 , +2.5\n"-3",.4\n']) {
      expect(await read(text, { type: 'F64' })).toEqual({
        header: undefined,
        shape: [2, 2],
        values: [1, 2.5, -3, 0.4],
      });
    }
  });

  test('reads every spelling of nan and infinity', async () => {
    const { values } = await read('nan,NaN,NAN,inf,+Inf,-inf,Infinity,-INFINITY\n');
    expect(values).toEqual([NaN, NaN, NaN, Infinity, Infinity, -Infinity, Infinity, -Infinity]);
  });

  test('takes a first line without a number for a header', async () => {
    expect(await read('yes,"a ""good"", long no"\n1,2\n')).toEqual({
      header: ['yes', 'a "good", long no'],
      shape: [1, 2],
      values: [1, 2],
    });
    expect(await read('2020,2021\n1,2\n')).toMatchObject({ header: undefined, shape: [2, 2] });
  });

  test('is told whether there is a header', async () => {
    expect(await read('2020,2021\n1,2\n', { header: 'yes' })).toMatchObject({
      header: ['2020', '2021'],
      shape: [1, 2],
    });
    expect(await read('a,b\n', { header: 'yes' })).toMatchObject({ shape: [0, 2] });
    expect(await messageOf('a,b\n1,2\n', { header: 'no' })).toBe(
      'expected a number in line 1, field 1 of the CSV file, got "a"',
    );
  });

  test('takes another delimiter', async () => {
    expect(await read('1\t2\n', { delimiter: '\t' })).toMatchObject({ shape: [1, 2] });
    expect(await read('1;2\n', { delimiter: ';' })).toMatchObject({ shape: [1, 2] });
  });

  test('reads float32 and float64 exactly', async () => {
    expect((await read('0.1\n')).values).toEqual([Math.fround(0.1)]);
    expect((await read('0.1\n', { type: 'F64' })).values).toEqual([0.1]);
    expect((await read('1e300\n', { type: 'F64' })).values).toEqual([1e300]);
  });

  test.each<[string, string, string]>([
    ['an empty file', '', 'expected a CSV file with at least one line, got an empty one'],
    ['a short line', '1,2\n3\n', 'expected 2 fields in line 2 of the CSV file, as before, got 1'],
    ['a long line', 'a,b\n1,2\n3,4,5\n', 'expected 2 fields in line 3 of the CSV file, as before, got 3'],
    ['a header of another length', 'a,b,c\n1,2\n', 'expected 3 fields in line 2 of the CSV file, as before, got 2'],
    ['an empty line', '1,2\n\n3,4\n', 'expected 2 fields in line 2 of the CSV file, as before, got 1'],
    ['an empty field', '1,2\n3,\n', 'expected a number in line 2, field 2 of the CSV file, got ""'],
    ['a word', '1,2\n3,x\n', 'expected a number in line 2, field 2 of the CSV file, got "x"'],
    ['a hexadecimal number', '1\n0x10\n', 'got "0x10"'],
    ['two numbers in a field', '1\n1 2\n', 'got "1 2"'],
    ['a decimal comma', '"1,5"\n2\n"1,5"\n', 'expected a number in line 3, field 1 of the CSV file, got "1,5"'],
    ['a point alone', '1\n.\n', 'got "."'],
    ['a long word', `1\n${'x'.repeat(99)}\n`, `got "${'x'.repeat(37)}..."`],
    ['a first line of both kinds', 'id,1\n2,3\n', '(--header yes says that it is one), got 1 numbers and "id"'],
    [
      'a number beyond float32',
      '1\n1e39\n',
      'expected a number within float32 (--dtype float64 holds more) in line 2, field 1',
    ],
    ['an open quote', '1\n"2\n', 'expected a CSV file of numbers, got Quote Not Closed'],
    ['a quote in a number', '1\n2"3\n', 'expected a CSV file of numbers, got Invalid Opening Quote'],
  ])('refuses %s', async (_, text, message) => {
    expect(await messageOf(text)).toContain(message);
  });

  test('reads the same numbers whatever the chunks are, in memory and through a file', async () => {
    const text = 'naïve,größe\n1.5,-2e-3\n"3",inf\n';
    const whole = await read(text);
    for (const chunk of [1, 2, 3, 7]) {
      for (const limit of [1, 8, 1000]) expect(await read(text, { limit }, chunk)).toEqual(whole);
    }
  });
});

describe('csvLines', () => {
  const tables = (float: fc.Arbitrary<number>) =>
    fc
      .integer({ min: 1, max: 5 })
      .chain((columns) =>
        fc.tuple(
          fc.constant(columns),
          fc.array(fc.array(float, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 8 }),
        ),
      );

  test('are read back bit for bit', async () => {
    await fc.assert(
      fc.asyncProperty(tables(fc.float()), async ([columns, rows]) => {
        const values = Float32Array.from(rows.flat());
        const text = [...csvLines(values, columns, ',')].join('');
        expect((await read(text)).values.map((value) => value + 0)).toEqual([...values].map((value) => value + 0));
      }),
    );
    await fc.assert(
      fc.asyncProperty(tables(fc.double()), async ([columns, rows]) => {
        const values = Float64Array.from(rows.flat());
        const text = [...csvLines(values, columns, ';')].join('');
        const { values: back, shape } = await read(text, { type: 'F64', delimiter: ';' });
        expect(shape).toEqual([rows.length, columns]);
        expect(back.map((value) => value + 0)).toEqual([...values].map((value) => value + 0));
      }),
    );
  });

  test('come in pieces when there are many', () => {
    const pieces = [...csvLines(new Float32Array(200_000).fill(0.5), 100, ',')];
    expect(pieces.length).toBeGreaterThan(5);
    expect(pieces.every((piece) => piece.endsWith('0.5\n'))).toBe(true);
    expect(pieces.join('')).toBe(`${new Array(100).fill('0.5').join(',')}\n`.repeat(2000));
  });
});

test('csvHeader quotes what must be quoted', async () => {
  const fields = ['plain', 'a,b', 'say "no"', 'two\nlines', ' spaced '];
  const header = csvHeader(fields, ',');
  expect(header).toBe('plain,"a,b","say ""no""","two\nlines", spaced \n');
  expect((await read(`${header}1,2,3,4,5\n`)).header).toEqual(fields);
});
