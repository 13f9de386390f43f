// The options of `entmax map`, as commander sees them. What they mean for the data is read in map.ts.

import { Option } from 'commander';
import type { Command } from 'commander';
import { FORMATS } from '../formats/format.ts';
import type { Format } from '../formats/format.ts';
import { InputError } from '../formats/input-error.ts';
import { integer, positive } from './options.ts';
import { MAP_NAMES } from './row-maps.ts';

export interface MapOptions {
  readonly map: string;
  readonly alpha?: string;
  readonly k?: number;
  readonly budget?: string;
  readonly atMost?: boolean;
  readonly upper?: string;
  readonly lambda?: string;
  readonly compat?: 'torchsparseattn';
  readonly axis?: number;
  readonly axes?: readonly [number, number];
  readonly temperature: number;
  readonly mask?: string;
  readonly lengths?: string;
  readonly emptyRow: 'zero' | 'nan' | 'throw';
  readonly csr?: boolean;
  readonly order?: 'index' | 'value';
  readonly groups?: string;
  readonly tensor?: string;
  readonly format?: Format;
  readonly outputFormat?: Format;
  readonly header: 'auto' | 'yes' | 'no';
  readonly delimiter: string;
  readonly dtype: 'float32' | 'float64';
  readonly memory: number;
  readonly quiet?: boolean;
  readonly threads: number | 'auto';
}

const axis = (text: string): number => {
  if (/^-?[0-9]{1,3}$/.test(text)) return Number(text);
  throw new InputError('--axis to be an integer', JSON.stringify(text));
};

const axes = (text: string): readonly [number, number] => {
  const [, first, second] = /^(-?[0-9]{1,3}),\s*(-?[0-9]{1,3})$/.exec(text) ?? [];
  if (first !== undefined && second !== undefined) return [Number(first), Number(second)];
  throw new InputError('--axes to be two integers with a comma', JSON.stringify(text));
};

const delimiter = (text: string): string => {
  const character = text === '\\t' || text === 'tab' ? '\t' : text;
  if (character.length === 1 && !/[0-9."+\-\r\n]/.test(character)) return character;
  throw new InputError('--delimiter to be one character, or tab', JSON.stringify(text));
};

/** Adds arguments, options and help of `entmax map`. */
export function describeMap(command: Command): Command {
  return command
    .description('Map the rows of an array in a file to probabilities, and write them to another.')
    .argument('<input>', 'scores: .npy, .safetensors or .csv; - for standard input')
    .argument('[output]', 'where probabilities go; - for standard output', '-')
    .addOption(new Option('--map <name>', 'which map').choices(MAP_NAMES).default('entmax15'))
    .option(
      '--alpha <a>',
      'a number, a list with commas for the rows, or a file with one for each row (*entmax, normmax)',
    )
    .option('--k <n>', 'how many scores of each row count, the largest (topk-*)', integer('--k', 1, 0x7fffffff))
    .option('--budget <b>', 'what rows sum to: a number, a list, or a file, as alpha (budget)')
    .option('--at-most', 'rows may sum to less than their budget (budget)')
    .option(
      '--upper <u>',
      'bounds of the entries: a number, or a file that broadcasts to the scores (budget, constrained-*; default: 1)',
    )
    .option(
      '--lambda <l>',
      'what ties entries together: a number, a list, or a file, as alpha (fusedmax, tvmax, oscarmax)',
    )
    .addOption(
      new Option('--compat <as>', 'the published values in place of the minimum (oscarmax)').choices([
        'torchsparseattn',
      ]),
    )
    .option('--axis <n>', 'the axis along which rows run; negative counts from the end (default: -1)', axis)
    .option('--axes <a,b>', 'the two axes of each grid (tvmax; default: -2,-1)', axes)
    .option('--temperature <t>', 'scores are divided by it', positive('--temperature'), 1)
    .option('--mask <file>', 'which scores count: integers or booleans that broadcast to the scores, 0 = leave out')
    .option('--lengths <l>', 'how many leading scores of each row count: a list with commas, or a file')
    .addOption(
      new Option('--empty-row <what>', 'what a row becomes in which nothing counts')
        .choices(['zero', 'nan', 'throw'])
        .default('zero'),
    )
    .option('--csr', 'write the supports alone, as named arrays in one .safetensors file')
    .addOption(
      new Option('--order <by>', 'of the entries of a row in --csr')
        .choices(['index', 'value'])
        .default(undefined, 'index'),
    )
    .option('--groups <file>', 'write which entries are tied together, too (fusedmax, tvmax, oscarmax)')
    .option('--tensor <name>', 'which tensor of a .safetensors file')
    .addOption(new Option('--format <f>', 'format of pipes, and of files whose name does not tell').choices(FORMATS))
    .addOption(new Option('--output-format <f>', "the output's, where it is another").choices(FORMATS))
    .addOption(
      new Option('--header <is>', 'whether the first line of a CSV file is a header; auto: when it has no number')
        .choices(['auto', 'yes', 'no'])
        .default('auto'),
    )
    .option('--delimiter <c>', 'between the fields of CSV: one character, or tab', delimiter, ',')
    .addOption(
      new Option('--dtype <type>', 'type in which CSV is read').choices(['float32', 'float64']).default('float32'),
    )
    .option(
      '--memory <MiB>',
      'memory for scores and results; more is done in slices',
      integer('--memory', 1, 1 << 20),
      256,
    )
    .option('--quiet', 'no summary');
}

export const MAP_HELP = `
The format is told by the name's ending, else by --format. The summary of supports goes to stderr. The output appears under
its name only when it is whole.

Examples:
  entmax map scores.npy probabilities.npy --map sparsemax
  entmax map logits.safetensors p.safetensors --tensor logits --map entmax --alpha 1.25 --temperature 0.7
  entmax map scores.csv --map softmax --axis 0 > columns.csv
  entmax map scores.npy choice.npy --map budget --budget 5
  entmax map scores.npy supports.safetensors --csr --map sparsemax
  entmax map scores.npy p.npy --map fusedmax --lambda 0.2 --groups segments.npy
  entmax map scores.npy p.npy --map entmax --alpha alphas.npy --mask keep.npy
  cat scores.npy | entmax map - --format npy | gzip > p.npy.gz`;
