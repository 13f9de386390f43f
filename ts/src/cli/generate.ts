// `entmax generate`: the language model of examples/ on the command line. The text alone goes to stdout; the table goes to stderr, so
// that a pipe or a file receives nothing but the text.

import { init } from 'entmax';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generate } from '../../../examples/language-model/generate.ts';
import type { Statistics } from '../../../examples/language-model/generate.ts';
import { loadModel } from '../../../examples/language-model/load-model.ts';
import type { Model } from '../../../examples/language-model/transformer.ts';
import { InputError } from '../formats/input-error.ts';
import { AttentionRecord, openPage } from './attention-page.ts';
import { plainTable, write } from './output.ts';

interface GenerateTextOptions {
  model?: string;
  prompt: string;
  tokens: number;
  seed: number;
  threads: number | 'auto';
  view?: string;
}

/** The model of the repository, seen from dist/cli.js; the published package has none. */
export function defaultModel(): string | undefined {
  const directory = fileURLToPath(new URL('../examples/language-model/model', import.meta.url));
  return existsSync(directory) ? directory : undefined;
}

export async function generateText({
  model: directory,
  threads,
  view,
  ...options
}: GenerateTextOptions): Promise<void> {
  const model = await readModel(directory);
  await init({ threads });
  const prompt = options.prompt.replaceAll('\\n', '\n');
  const record = view === undefined ? undefined : new AttentionRecord(model);
  const characters = generate(model, { ...options, prompt, observe: record && ((reading) => record.add(reading)) });
  // The first character, because a prompt may be refused.
  let next = characters.next();
  const page = view === undefined ? undefined : openPage(view);
  try {
    let text = prompt;
    await write(process.stdout, prompt);
    for (; !next.done; next = characters.next()) {
      text += next.value;
      await write(process.stdout, next.value);
    }
    await write(process.stdout, '\n');
    if (record) await page?.write(await record.page(text, [...prompt].length));
    await write(process.stderr, `${statisticsTable(model, next.value)}\n`);
  } finally {
    page?.abandon();
  }
}

async function readModel(directory: string | undefined): Promise<Model> {
  if (directory === undefined) {
    throw new InputError(
      '--model DIR with config.json and model.safetensors',
      'no --model (the package contains none)',
    );
  }
  const config = await readModelFile(directory, 'config.json');
  return loadModel(config.toString('utf8'), await readModelFile(directory, 'model.safetensors'));
}

async function readModelFile(directory: string, name: string): Promise<Buffer> {
  const path = join(directory, name);
  try {
    return await readFile(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new InputError(`a readable file ${path}`, code === 'ENOENT' ? 'no such file' : (code ?? message));
  }
}

function statisticsTable(model: Model, { charactersPerSecond, outputSupport, heads }: Statistics): string {
  const table = plainTable();
  const blank = Array.from({ length: model.heads - 1 }, () => '');
  table.push(['characters per second', charactersPerSecond.toFixed(0), ...blank]);
  table.push(['mean output support', `${outputSupport.toFixed(1)} of ${model.vocabulary.length}`, ...blank]);
  table.push(['alpha: mean attended', ...Array.from({ length: model.heads }, (_, head) => `head ${head}`)]);
  heads.forEach((row, layer) => {
    table.push([`layer ${layer}`, ...row.map(({ alpha, support }) => `${alpha.toFixed(4)}: ${support.toFixed(1)}`)]);
  });
  return table.toString();
}
