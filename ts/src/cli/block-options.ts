// The options of the library's maps, block by block, from what the command was given.

import { openArrayFile } from '../formats/array-file.ts';
import type { ArrayFileOptions } from '../formats/array-file.ts';
import type { StoredArray } from '../formats/elements.ts';
import { formatOfName } from '../formats/format.ts';
import { InputError } from '../formats/input-error.ts';
import type { Block } from './blocks.ts';
import type { MapOptions } from './map-options.ts';
import { parseNumbers, rowValuesOfFile, rowValuesOfList, scoreValuesOfFile } from './row-values.ts';
import type { Keeping, RowValues, Scores, ScoreValues } from './row-values.ts';

export type BlockOptions = (block: Block) => Record<string, unknown>;

/** The scores that side files belong to, and what files are read with. */
export interface ScoresToRead extends Scores {
  readonly reading: Omit<ArrayFileOptions, 'format' | 'tensor' | 'onProgress'>;
}

/** Opens the files that options name, checks their shapes, and returns the options of each block. */
export async function blockOptions(options: MapOptions, scores: ScoresToRead): Promise<BlockOptions> {
  const alpha = await rowValues('--alpha', options.alpha, scores);
  const budget = await rowValues('--budget', options.budget, scores);
  const lambda = await rowValues('--lambda', options.lambda, scores);
  const upper = await upperValues(options.upper, scores);
  const lengths = await rowValues('--lengths', options.lengths, scores);
  const mask = await maskValues(options.mask, scores);
  const { temperature, emptyRow, k, atMost, compat } = options;
  const { rowShape } = scores.layout;
  return (block) => ({
    shape: [block.outer, ...rowShape, block.inner],
    ...(rowShape.length > 1 ? { axes: [1, 2] } : { axis: 1 }),
    temperature,
    emptyRow,
    ...(k !== undefined && { k }),
    ...(atMost !== undefined && { atMost }),
    ...(compat !== undefined && { compat }),
    ...(alpha && { alpha: alpha(block) }),
    ...(budget && { budget: budget(block) }),
    ...(lambda && { lambda: lambda(block) }),
    ...(upper && { upper: upper(block) }),
    ...(lengths && { lengths: wholeLengths(lengths(block), block) }),
    ...(mask && { mask: mask(block) }),
  });
}

async function rowValues(
  option: string,
  text: string | undefined,
  scores: ScoresToRead,
): Promise<RowValues | undefined> {
  if (text === undefined) return undefined;
  const numbers = parseNumbers(text);
  if (numbers) return rowValuesOfList(option, numbers, scores.layout);
  return rowValuesOfFile(option, await sideFile(option, text, scores), scores.layout);
}

const BOUNDS: Keeping<Float64Array> = { create: (length) => new Float64Array(length), convert: (value) => value };

async function upperValues(
  text: string | undefined,
  scores: ScoresToRead,
): Promise<ScoreValues<Float64Array | number> | undefined> {
  if (text === undefined) return undefined;
  const [bound, ...more] = parseNumbers(text) ?? [];
  if (more.length > 0) throw new InputError('--upper as a number or a file', 'a list');
  if (bound !== undefined) return () => bound;
  return scoreValuesOfFile('--upper', await sideFile('--upper', text, scores), scores, BOUNDS);
}

/** A mask is kept as the library takes it: one byte for each score, 1 = keep. */
const FLAGS: Keeping<Uint8Array> = {
  create: (length) => new Uint8Array(length),
  convert(value) {
    if (Number.isNaN(value)) throw new InputError('--mask of integers or booleans', 'nan');
    return value === 0 ? 0 : 1;
  },
};

async function maskValues(
  path: string | undefined,
  scores: ScoresToRead,
): Promise<ScoreValues<Uint8Array> | undefined> {
  if (path === undefined) return undefined;
  const array = await sideFile('--mask', path, scores);
  if (formatOfName(path) !== 'csv' && array.type.includes('F')) {
    throw new InputError('--mask of integers or booleans', `${array.type} (${path})`);
  }
  return scoreValuesOfFile('--mask', array, scores, FLAGS);
}

/** A file beside the scores; the type of numbers in CSV is float64, which holds integers and alphas alike. */
async function sideFile(option: string, path: string, { reading }: ScoresToRead): Promise<StoredArray> {
  const format = formatOfName(path);
  if (format === undefined) {
    throw new InputError(`${option} as numbers or a name ending in .npy, .safetensors or .csv`, JSON.stringify(path));
  }
  const { array } = await openArrayFile(path, { ...reading, type: 'F64', header: 'auto', format });
  return array;
}

function wholeLengths(values: number | Float64Array, { n, rows, firstRow }: Block): Int32Array {
  const lengths = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const length = typeof values === 'number' ? values : values[row]!;
    if (!(Number.isInteger(length) && length >= 0 && length <= n)) {
      throw new InputError(`--lengths from 0 to ${n}`, `${length} for row ${firstRow + row}`);
    }
    lengths[row] = length;
  }
  return lengths;
}
