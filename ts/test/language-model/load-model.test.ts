import { describe, expect, test } from 'vitest';
import { loadModel } from '../../../examples/language-model/load-model.ts';
import { InputError } from '../../src/formats/input-error.ts';
import { editedWeights, exampleModel, readModelFile } from './fixtures.ts';

const config = JSON.parse(readModelFile('config.json').toString('utf8')) as Record<string, unknown>;
const weights = readModelFile('model.safetensors');

function messageOf(load: () => unknown): string {
  try {
    load();
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message;
  }
  throw new Error('the model was accepted');
}

test('the example model loads with the sizes of its config', () => {
  const model = exampleModel();
  expect(model.blocks).toHaveLength(4);
  expect({ ...model.head, weight: model.head.weight.length, bias: model.head.bias.length }).toEqual({
    inputs: 128,
    outputs: 65,
    weight: 68 * 128,
    bias: 65,
  });
  expect(model.vocabulary).toHaveLength(65);
});

describe('a config is refused', () => {
  test.each([
    ['that is not JSON', 'vocabulary: yes', 'expected a config that is a JSON object, got "vocabulary: yes"'],
    ['that is a number', '4', 'expected a config that is a JSON object'],
    ['that is null', 'null', 'expected a config that is a JSON object'],
  ])('%s', (_, json, message) => {
    expect(messageOf(() => loadModel(json, weights))).toContain(message);
  });

  test.each([
    [
      'without a vocabulary',
      { vocabulary: undefined },
      "'vocabulary' in the config to be a list of different characters, got nothing",
    ],
    ['with a vocabulary of words', { vocabulary: ['to', 'be'] }, 'got ["to","be"]'],
    ['with a character twice', { vocabulary: ['a', 'b', 'a'] }, 'got ["a","b","a"]'],
    ['without heads', { heads: 0 }, "'heads' in the config to be a positive integer, got 0"],
    ['with half a layer', { layers: 0.5 }, "'layers' in the config to be a positive integer, got 0.5"],
    [
      'with heads that do not divide the width',
      { heads: 3 },
      "'d_model' in the config to be a multiple of 3 heads, got 128",
    ],
    ['with another activation', { activation: 'relu' }, `to be "gelu, tanh form", got "relu"`],
    ['with another output map', { output_map: { name: 'softmax' } }, `to be 1.5-entmax, got {"name":"softmax"}`],
    ['with no epsilon', { layer_norm_epsilon: 0 }, 'to be a positive number, got 0'],
    ['of a wider model', { d_model: 256 }, "tensor 'tok.weight' as F32 [65, 256], got F32 [65, 128]"],
    ['of a deeper model', { layers: 5 }, "tensor 'blocks.4.ln1.weight' as F32 [128], got a file without it"],
    ['of a shallower model', { layers: 3 }, "only the tensors of the config's layers, got also 'blocks.3."],
    ['of a longer context', { context: 512 }, "tensor 'pos.weight' as F32 [512, 128], got F32 [256, 128]"],
    ['of more heads', { heads: 8 }, "tensor 'blocks.0.a' as F32 [8], got F32 [4]"],
  ])('%s', (_, changes, message) => {
    expect(messageOf(() => loadModel(JSON.stringify({ ...config, ...changes }), weights))).toContain(message);
  });
});

describe('weights are refused', () => {
  const json = JSON.stringify(config);

  test('with a tensor that has another name', () => {
    const renamed = editedWeights((header) => {
      header['head.bias'] = header['head.weight']!;
      delete header['head.weight'];
    });
    expect(messageOf(() => loadModel(json, renamed))).toContain(
      "tensor 'head.weight' as F32 [65, 128], got a file without it",
    );
  });

  test('with a transposed tensor', () => {
    const transposed = editedWeights((header) => header['blocks.2.up.weight']!.shape.reverse());
    expect(messageOf(() => loadModel(json, transposed))).toContain(
      "'blocks.2.up.weight' as F32 [512, 128], got F32 [128, 512]",
    );
  });

  test('with a tensor of integers', () => {
    const integers = editedWeights((header) => {
      header['lnf.bias']!.dtype = 'I32';
    });
    expect(messageOf(() => loadModel(json, integers))).toContain("tensor 'lnf.bias' as F32 [128], got I32 [128]");
  });

  test('of another program altogether', () => {
    expect(messageOf(() => loadModel(json, readModelFile('config.json')))).toContain('expected a safetensors header');
  });
});
