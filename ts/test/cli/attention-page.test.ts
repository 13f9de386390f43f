// `entmax generate --view`: the page against what the model attends to, read by ourselves and by a browser.

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { init } from 'entmax';
import { encode } from '../../../examples/language-model/generate.ts';
import { Cache, forward } from '../../../examples/language-model/transformer.ts';
import { exampleModel } from '../language-model/fixtures.ts';
import { findBrowsers } from '../../../scripts/setup/browsers.js';
import { runCli } from './run-cli.ts';

interface Data {
  text: string;
  promptLength: number;
  alpha: number[][];
  queries: number[];
  from: number[];
  starts: string;
  places: string;
  weights: string;
}

const PROMPT = 'JULIET:\n';
const TOKENS = 300;
const model = exampleModel();
let scratch: string;
let path: string;
let page: string;
let data: Data;

beforeAll(async () => {
  await init({ threads: 1 });
  scratch = mkdtempSync(join(tmpdir(), 'entmax-view-'));
  path = join(scratch, 'view.html');
  const { code, stdout } = await runCli([
    ...['generate', '--prompt', PROMPT, '--tokens', String(TOKENS), '--seed', '2', '--threads', '1', '--view', path],
  ]);
  expect(code).toBe(0);
  page = readFileSync(path, 'utf8');
  data = JSON.parse(/<script id="data" type="application\/json">(.*?)<\/script>/s.exec(page)![1]!) as Data;
  expect(`${data.text}\n`).toBe(stdout);
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const numbers = <A>(type: new (buffer: ArrayBuffer) => A, base64: string): A =>
  new type(Uint8Array.from(Buffer.from(base64, 'base64')).buffer);

describe('the data', () => {
  test('are sparse rows: places before the character, weights above 0 that sum to 1', () => {
    const starts = numbers(Int32Array, data.starts);
    const places = numbers(Uint32Array, data.places);
    const weights = numbers(Float32Array, data.weights);
    const rowsOfCharacter = model.blocks.length * model.heads;
    expect(data.queries).toHaveLength(PROMPT.length + TOKENS);
    expect(data.queries[0]).toBe(-1);
    let rows = 0;
    data.queries.forEach((query, character) => {
      if (query < 0) return;
      for (let row = query * rowsOfCharacter; row < (query + 1) * rowsOfCharacter; row++, rows++) {
        const own = places.subarray(starts[row], starts[row + 1]);
        const values = weights.subarray(starts[row], starts[row + 1]);
        expect(values.every((weight) => weight > 0)).toBe(true);
        expect(own.every((place) => place < character && place >= data.from[character]!)).toBe(true);
        const sum = values.reduce((total, weight) => total + weight, 0);
        expect(sum).toBeCloseTo(1, 5);
      }
    });
    expect(rows).toBe((PROMPT.length + TOKENS - 1) * rowsOfCharacter);
    // Most of what could be attended to is not.
    const seen = data.from.reduce((total, from, character) => total + (character - from) * rowsOfCharacter, 0);
    expect(weights.length).toBeLessThan(0.6 * seen);
  });

  test('are the weights that the model gives, also after the context was renewed', () => {
    const starts = numbers(Int32Array, data.starts);
    const places = numbers(Uint32Array, data.places);
    for (const character of [5, 60, 255, 290]) {
      const from = data.from[character]!;
      using cache = new Cache(model);
      const { attention } = forward(model, encode(model, data.text.slice(from, character)), cache);
      attention.forEach((layer, number) => {
        for (let head = 0; head < model.heads; head++) {
          const row = (data.queries[character]! * model.blocks.length + number) * model.heads + head;
          const own = places.subarray(starts[row], starts[row + 1]);
          const { indices } = layer.row((head + 1) * (character - from) - 1);
          expect([...own]).toEqual([...indices].map((place) => from + place));
        }
      });
    }
    expect(data.from[255]).toBe(0);
    expect(data.from[290]).toBeGreaterThan(0);
  });
});

test('a browser colours the characters that have weight, and no others', async () => {
  const { stdout } = await promisify(execFile)(
    (await findBrowsers()).Chromium,
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      `--user-data-dir=${join(scratch, 'profile')}`,
      '--dump-dom',
      pathToFileURL(path).href,
    ],
    { maxBuffer: 1 << 28 },
  );
  const spans = [...stdout.matchAll(/<span ([^>]*)>/g)].map(([, attributes]) => attributes!);
  const placesOf = (name: string): number[] =>
    spans.filter((each) => each.includes(name)).map((each) => Number(/data-at="(\d+)"/.exec(each)![1]));
  const [chosen = NaN] = placesOf('chosen');
  const coloured = placesOf('has-weight');
  const starts = numbers(Int32Array, data.starts);
  const row = (data.queries[chosen]! + 1) * model.blocks.length * model.heads - 1;
  expect(coloured).toEqual([...numbers(Uint32Array, data.places).subarray(starts[row], starts[row + 1])]);
  expect(coloured.length).toBeGreaterThan(0);
  expect(stdout).toContain(`attends to ${coloured.length} of ${chosen} characters`);
});

describe('a page that cannot be written', () => {
  test('is refused before the work, with exit code 2', async () => {
    const missing = join(scratch, 'missing', 'view.html');
    const { code, stdout, stderr } = await runCli(['generate', '--tokens', '5', '--view', missing]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(`entmax generate: expected a writable file ${missing}, got no such directory\n`);
  });

  test('leaves no file behind when the prompt is refused, or the reader goes', async () => {
    const before = readdirSync(scratch);
    const unwritten = join(scratch, 'unwritten.html');
    expect((await runCli(['generate', '--prompt', 'Zoë', '--view', unwritten])).code).toBe(2);
    await runCli(['generate', '--tokens', '3000', '--view', unwritten], { closeAfter: 20 });
    expect(existsSync(unwritten)).toBe(false);
    expect(readdirSync(scratch)).toEqual(before);
  });
});
