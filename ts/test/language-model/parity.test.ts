// Against PyTorch: reference.safetensors holds what the same weights give there in float64. No figure in this file comes from us.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entmax15, init, runtimeInfo, shutdown } from 'entmax';
import { encode } from '../../../examples/language-model/generate.ts';
import { Cache, forward } from '../../../examples/language-model/transformer.ts';
import type { Reading } from '../../../examples/language-model/transformer.ts';
import { attentionSupport, exampleModel, pytorchReference, readModelFile } from './fixtures.ts';

const PROMPTS = [0, 1, 2, 3];
const WINDOWS = [0, 1, 2, 3, 4, 5, 6, 7];
const WINDOW_LENGTH = 256;
const THREADS = 2;

const model = exampleModel();
const vocabularySize = model.vocabulary.length;
const reference = pytorchReference();

beforeAll(async () => {
  await init({ threads: THREADS });
});

afterAll(shutdown);

const readings = new Map<number, Reading>();

/** The whole prompt in one forward pass. */
function readingOf(prompt: number): Reading {
  const reading = readings.get(prompt) ?? forward(model, reference.integers(`ids.${prompt}`), new Cache(model));
  readings.set(prompt, reading);
  return reading;
}

test('the alphas of the heads are those that training reported', () => {
  const { alpha } = JSON.parse(readModelFile('config.json').toString('utf8')) as { alpha: number[][] };
  model.blocks.forEach((block, layer) => {
    block.alpha.forEach((value, head) => expect(value).toBeCloseTo(alpha[layer]![head]!, 12));
  });
});

test('the prompts have the ids of their texts', () => {
  const { prompts } = JSON.parse(readModelFile('reference.json').toString('utf8')) as {
    prompts: { text: string | null }[];
  };
  prompts.forEach(({ text }, k) => {
    if (text !== null) expect(encode(model, text)).toEqual(reference.integers(`ids.${k}`));
  });
  expect(prompts).toHaveLength(PROMPTS.length);
});

describe.each(PROMPTS)('prompt %d', (k) => {
  test('every logit is within 1e-4 of the largest one', () => {
    const expected = reference.floats(`logits.${k}`);
    const { logits } = readingOf(k);
    expect(logits).toHaveLength(expected.length);
    const scale = expected.reduce((largest, logit) => Math.max(largest, Math.abs(logit)), 0);
    const worst = expected.reduce((largest, logit, i) => Math.max(largest, Math.abs(logit - logits[i]!)), 0);
    console.log(`prompt ${k}: largest difference of a logit ${(worst / scale).toExponential(2)} of the largest logit`);
    expect(worst / scale).toBeLessThanOrEqual(1e-4);
  });

  test('the next character has the same support', () => {
    const expected = reference.floats(`next_probabilities.${k}`);
    const probabilities = entmax15(readingOf(k).logits.slice(-vocabularySize));
    const support = (values: Float32Array): string[] => model.vocabulary.filter((_, id) => values[id]! > 0);
    expect(support(probabilities)).toEqual(support(expected));
    expected.forEach((p, id) => expect(Math.abs(probabilities[id]! - p)).toBeLessThan(1e-5));
  });
});

test('the heads with alpha above 1.02 attend to as many characters in at least 99.9 % of the rows', () => {
  let rows = 0;
  const exceptions: string[] = [];
  for (const k of PROMPTS) {
    const expected = reference.integers(`attention_support.${k}`);
    const supports = attentionSupport(readingOf(k));
    expect(supports).toHaveLength(expected.length);
    const length = expected.length / (model.blocks.length * model.heads);
    expected.forEach((count, i) => {
      const head = Math.floor(i / length) % model.heads;
      const layer = Math.floor(i / length / model.heads);
      if (model.blocks[layer]!.alpha[head]! <= 1.02) return;
      rows++;
      if (supports[i] === count) return;
      exceptions.push(`prompt ${k}, layer ${layer}, head ${head}, query ${i % length}: ${supports[i]} for ${count}`);
    });
  }
  console.log([`attention supports: ${exceptions.length} exceptions in ${rows} rows`, ...exceptions].join('\n'));
  expect(rows).toBe(4812);
  expect(exceptions.length / rows).toBeLessThanOrEqual(0.001);
});

test(`the eight windows, as one batch on ${THREADS} threads that all take part, have the losses of PyTorch`, () => {
  const windows = WINDOWS.map((w) => reference.integers(`window_ids.${w}`));
  const inputs = Int32Array.from(windows.flatMap((ids) => [...ids.subarray(0, WINDOW_LENGTH)]));
  const before = runtimeInfo().chunks;
  const { logits } = forward(model, inputs, new Cache(model, WINDOWS.length));
  const grown = runtimeInfo().chunks.map((chunks, thread) => chunks - (before[thread] ?? 0));
  console.log(`windows: chunks of work per thread ${grown.join(', ')}`);
  expect(grown).toHaveLength(THREADS);
  expect(Math.min(...grown)).toBeGreaterThan(0);

  const probabilities = entmax15(logits, { shape: [-1, vocabularySize] });
  const differences = windows.map((ids, w) => {
    const targets = ids.subarray(1);
    const losses = Array.from(targets, (target, t) => {
      const row = (w * WINDOW_LENGTH + t) * vocabularySize;
      return entmax15Loss(
        probabilities.subarray(row, row + vocabularySize),
        logits.subarray(row, row + vocabularySize),
        target,
      );
    });
    const mean = losses.reduce((sum, loss) => sum + loss) / losses.length;
    return Math.abs(mean - reference.floats(`window_loss.${w}`)[0]!);
  });
  console.log(`windows: largest difference of a loss ${Math.max(...differences).toExponential(2)}`);
  expect(Math.max(...differences)).toBeLessThanOrEqual(1e-5);
});

/** <p - y, z> + (sum p - sum p^1.5) / 0.75, the Fenchel-Young loss of 1.5-entmax (Peters, Niculae and Martins, 2019). */
function entmax15Loss(p: Float32Array, z: Float32Array, target: number): number {
  let loss = -z[target]!;
  p.forEach((pi, i) => {
    loss += pi * z[i]! + (pi - pi * Math.sqrt(pi)) / 0.75;
  });
  return loss;
}
