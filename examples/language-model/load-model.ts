// From the two files of a model to the layers: config.json says the sizes, model.safetensors holds the weights. The files may be
// damaged or belong to another model, so every tensor must have the shape that the config implies, and none may be left over:
// a model that loads is the model that its config describes.

import { InputError, showJson } from '../../ts/src/formats/input-error.ts';
import { parseSafetensors } from '../../ts/src/formats/safetensors.ts';
import { packLinear } from './layers.ts';
import type { LayerNorm, Linear } from './layers.ts';
import { sigmoid } from './numbers.ts';
import type { Block, Model } from './transformer.ts';

interface Config {
  vocabulary: string[];
  channels: number;
  heads: number;
  layers: number;
  context: number;
  epsilon: number;
}

/** Throws InputError where the files are not such a model. */
export function loadModel(configJson: string, weights: Uint8Array): Model {
  const config = parseConfig(configJson);
  const { vocabulary, channels, heads, context } = config;
  const { take, takeLinear, takeNorm, checkAllTaken } = tensorReader(weights, config.epsilon);
  const model = {
    vocabulary,
    channels,
    heads,
    context,
    characters: take('tok.weight', [vocabulary.length, channels]),
    positions: take('pos.weight', [context, channels]),
    blocks: Array.from({ length: config.layers }, (_, layer): Block => {
      const prefix = `blocks.${layer}`;
      return {
        attentionNorm: takeNorm(`${prefix}.ln1`, channels),
        qkv: takeLinear(`${prefix}.qkv`, [3 * channels, channels]),
        alpha: Float64Array.from(take(`${prefix}.a`, [heads]), (a) => 1 + sigmoid(a)),
        projection: takeLinear(`${prefix}.proj`, [channels, channels]),
        mlpNorm: takeNorm(`${prefix}.ln2`, channels),
        up: takeLinear(`${prefix}.up`, [4 * channels, channels], 'bias'),
        down: takeLinear(`${prefix}.down`, [channels, 4 * channels], 'bias'),
      };
    }),
    finalNorm: takeNorm('lnf', channels),
    head: takeLinear('head', [vocabulary.length, channels]),
  };
  checkAllTaken();
  return model;
}

function tensorReader(weights: Uint8Array, epsilon: number) {
  const tensors = parseSafetensors(weights);
  const take = (name: string, shape: readonly number[]): Float32Array => {
    const tensor = tensors.get(name);
    const expected = `tensor '${name}' as F32 [${shape.join(', ')}]`;
    if (tensor === undefined) throw new InputError(expected, 'a file without it');
    if (tensor.dtype !== 'F32' || tensor.shape.join() !== shape.join()) {
      throw new InputError(expected, `${tensor.dtype} [${tensor.shape.join(', ')}]`);
    }
    tensors.delete(name);
    return tensor.data;
  };
  const takeLinear = (name: string, shape: readonly [number, number], bias?: 'bias'): Linear =>
    packLinear(take(`${name}.weight`, shape), shape, bias && take(`${name}.bias`, [shape[0]]));
  const takeNorm = (name: string, channels: number): LayerNorm => ({
    weight: take(`${name}.weight`, [channels]),
    bias: take(`${name}.bias`, [channels]),
    epsilon,
  });
  const checkAllTaken = (): void => {
    for (const name of tensors.keys())
      throw new InputError("only the tensors of the config's layers", `also '${name}'`);
  };
  return { take, takeLinear, takeNorm, checkAllTaken };
}

function parseConfig(json: string): Config {
  const fields = parseFields(json);
  const field = <T>(name: string, expected: string, accepts: (value: unknown) => value is T): T => {
    const value = fields[name];
    if (!accepts(value)) throw new InputError(`'${name}' in the config to be ${expected}`, showJson(value));
    return value;
  };
  const size = (name: string): number => field(name, 'a positive integer', isSize);
  const heads = size('heads');
  field('activation', '"gelu, tanh form"', (value): value is string => value === 'gelu, tanh form');
  field('output_map', '1.5-entmax', isEntmax15);
  return {
    vocabulary: field('vocabulary', 'a list of different characters', isVocabulary),
    channels: field(
      'd_model',
      `a multiple of ${heads} heads`,
      (value): value is number => isSize(value) && value % heads === 0,
    ),
    heads,
    layers: size('layers'),
    context: size('context'),
    epsilon: field(
      'layer_norm_epsilon',
      'a positive number',
      (value): value is number => typeof value === 'number' && value > 0,
    ),
  };
}

function parseFields(json: string): Partial<Record<string, unknown>> {
  try {
    const fields: unknown = JSON.parse(json);
    if (typeof fields === 'object' && fields !== null) return fields;
  } catch {
    // Said below.
  }
  throw new InputError('a config that is a JSON object', showJson(json));
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function isVocabulary(value: unknown): value is string[] {
  const isCharacter = (entry: unknown): boolean => typeof entry === 'string' && [...entry].length === 1;
  return Array.isArray(value) && value.length > 0 && value.every(isCharacter) && new Set(value).size === value.length;
}

function isEntmax15(value: unknown): value is object {
  const { name, alpha } = (value ?? {}) as { name?: unknown; alpha?: unknown };
  return name === 'entmax' && alpha === 1.5;
}
