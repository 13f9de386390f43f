import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entmax15, init, shutdown } from 'entmax';
import { encode, generate, reader } from '../../../examples/language-model/generate.ts';
import type { Statistics } from '../../../examples/language-model/generate.ts';
import { Cache, forward } from '../../../examples/language-model/transformer.ts';
import { attentionSupport, exampleModel, pytorchReference } from './fixtures.ts';

const model = exampleModel();
const vocabularySize = model.vocabulary.length;
const ids = pytorchReference().integers('ids.3');

beforeAll(async () => {
  await init({ threads: 1 });
});

afterAll(shutdown);

/** The generated text and its statistics. */
function textOf(prompt: string, tokens: number, seed: number): { text: string; statistics: Statistics } {
  const characters = generate(model, { prompt, tokens, seed });
  let text = '';
  for (let next = characters.next(); ; next = characters.next()) {
    if (next.done) return { text, statistics: next.value };
    text += next.value;
  }
}

describe('forward', () => {
  test('one character at a time gives the bits of the whole window', () => {
    const window = forward(model, ids, new Cache(model));
    const cache = new Cache(model);
    const supports = attentionSupport(window);
    const rows = model.blocks.length * model.heads;
    for (let t = 0; t < ids.length; t++) {
      const reading = forward(model, ids.slice(t, t + 1), cache);
      expect(reading.logits).toEqual(window.logits.slice(t * vocabularySize, (t + 1) * vocabularySize));
      expect(attentionSupport(reading)).toEqual(
        Int32Array.from({ length: rows }, (_, r) => supports[r * ids.length + t]!),
      );
    }
  });

  test('pieces of any length give the bits of the whole window', () => {
    const { logits } = forward(model, ids, new Cache(model));
    const cache = new Cache(model);
    const pieces = [
      [0, 3],
      [3, 100],
      [100, 101],
      [101, 256],
    ].map(([from, to]) => forward(model, ids.slice(from, to), cache));
    expect(Float32Array.from(pieces.flatMap((piece) => [...piece.logits]))).toEqual(logits);
  });

  test('a window gives the same bits alone and in a batch', () => {
    const batch = forward(model, Int32Array.of(...ids.subarray(100, 164), ...ids.subarray(0, 64)), new Cache(model, 2));
    const alone = forward(model, ids.slice(0, 64), new Cache(model));
    expect(batch.logits.slice(64 * vocabularySize)).toEqual(alone.logits);
    const rows = 64 * model.heads;
    for (let layer = 0; layer < model.blocks.length; layer++) {
      const second = attentionSupport(batch).slice((2 * layer + 1) * rows, (2 * layer + 2) * rows);
      expect(second).toEqual(attentionSupport(alone).slice(layer * rows, (layer + 1) * rows));
    }
  });

  test('refuses more characters than the context holds, and windows of unequal length', () => {
    expect(() => forward(model, new Int32Array(257), new Cache(model))).toThrow('expected 1 x 1 to 256 ids, got 257');
    expect(() => forward(model, new Int32Array(7), new Cache(model, 2))).toThrow('expected 2 x 1 to 256 ids, got 7');
    expect(() => forward(model, new Int32Array(0), new Cache(model))).toThrow('got 0');
  });
});

describe('reader', () => {
  const last = (logits: Float32Array): Float32Array => logits.slice(-vocabularySize);

  test('fills the context, then reads the last 128 characters again from position 0', () => {
    const read = reader(model);
    expect(last(read(ids).logits)).toEqual(last(forward(model, ids, new Cache(model)).logits));
    const kept = Int32Array.of(...ids.subarray(-127), 40);
    const fresh = new Cache(model);
    expect(last(read(Int32Array.of(40)).logits)).toEqual(last(forward(model, kept, fresh).logits));
    expect(last(read(Int32Array.of(41)).logits)).toEqual(last(forward(model, Int32Array.of(41), fresh).logits));
  });

  test('of a text longer than the context keeps its last 128 characters', () => {
    const long = Int32Array.of(...ids, ...ids);
    expect(reader(model)(long).logits).toEqual(forward(model, ids.slice(-128), new Cache(model)).logits);
  });
});

describe('generate', () => {
  test('gives the same text for the same seed and another one for another seed', () => {
    const [first, again, other] = [1, 1, 2].map((seed) => textOf('JULIET:\n', 80, seed).text);
    expect(first).toHaveLength(80);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test('continues a text that it has begun, beyond the full context', () => {
    const whole = textOf('ROMEO:\n', 300, 5).text;
    expect(whole).toHaveLength(300);
    expect(textOf('ROMEO:\n', 290, 5).text).toBe(whole.slice(0, 290));
  });

  test('draws only characters to which 1.5-entmax gives a positive probability', () => {
    const { text, statistics } = textOf('ROMEO:\n', 60, 9);
    const { logits } = forward(model, encode(model, `ROMEO:\n${text}`), new Cache(model));
    const offset = 'ROMEO:\n'.length - 1;
    const supports = [...text].map((character, n) => {
      const row = (offset + n) * vocabularySize;
      const p = entmax15(logits.slice(row, row + vocabularySize));
      expect(p[model.vocabulary.indexOf(character)]).toBeGreaterThan(0);
      return p.filter((value) => value > 0).length;
    });
    expect(statistics.outputSupport).toBeCloseTo(supports.reduce((sum, n) => sum + n) / 60, 10);
  });

  test('tells every head, its alpha and the mean of what its drawing queries attended to', () => {
    const { text, statistics } = textOf('ROMEO:\n', 20, 9);
    const supports = attentionSupport(forward(model, encode(model, `ROMEO:\n${text}`), new Cache(model)));
    const length = 27;
    expect(statistics.characters).toBe(20);
    expect(statistics.charactersPerSecond).toBeGreaterThan(0);
    expect(statistics.heads).toHaveLength(4);
    statistics.heads.flat().forEach(({ alpha, support }, row) => {
      expect(alpha).toBe(model.blocks[Math.floor(row / 4)]!.alpha[row % 4]);
      const drawing = supports.subarray(row * length + 6, row * length + 26);
      expect(support).toBeCloseTo(drawing.reduce((sum, count) => sum + count) / 20, 10);
    });
  });

  test('refuses an empty prompt and characters that the model has never seen', () => {
    expect(() => textOf('', 1, 1)).toThrow('expected a prompt of at least one character, got an empty one');
    expect(() => textOf('Zoë', 1, 1)).toThrow('got "ë"');
    expect(() => textOf('😀', 1, 1)).toThrow('got "😀"');
  });
});

test('1, 2 and 3 threads give the same logits and the same text', async () => {
  const results: unknown[] = [];
  for (const threads of [1, 2, 3]) {
    await shutdown();
    const { threads: running } = await init({ threads });
    expect(running).toBe(threads);
    results.push({ logits: forward(model, ids, new Cache(model)).logits, text: textOf('ROMEO:\n', 270, 4).text });
  }
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
});
