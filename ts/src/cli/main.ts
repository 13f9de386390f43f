#!/usr/bin/env node
// The command `entmax`. Each subcommand is a module of its own; here is what they share: options are read by commander, anything that
// the user can mend ends in one line on stderr and exit code 2, and a reader who closes the pipe ends the program without a word.
// The exit code is set, never forced, so that what was written is flushed.

import { Command, CommanderError, Option } from 'commander';
import { EntmaxError, shutdown } from 'entmax';
import { version } from '../../../package.json';
import { InputError } from '../formats/input-error.ts';
import { defaultModel, generateText } from './generate.ts';
import { printInfo } from './info.ts';
import { MAP_HELP, describeMap } from './map-options.ts';
import type { MapOptions } from './map-options.ts';
import { integer, threadCount } from './options.ts';
import { isBrokenPipe } from './output.ts';

const USER_ERROR = 2;
const OTHER_ERROR = 1;

const threads = (): Option =>
  new Option('--threads <n>', 'number of threads, or auto: as many as help')
    .default('auto' as const)
    .argParser(threadCount);

const program = new Command('entmax')
  .description(
    'Sparse alternatives to softmax: maps files, writes text with a language model that uses them, tells what runs here.',
  )
  .version(version)
  .exitOverride()
  .configureOutput({ outputError: () => undefined });

program
  .command('generate')
  .description(
    'Generate text with a transformer whose attention heads each have their own alpha, drawing from 1.5-entmax.',
  )
  .addOption(
    new Option('--model <dir>', 'directory with config.json and model.safetensors').default(
      defaultModel(),
      "the repository's example",
    ),
  )
  .addOption(
    new Option('--prompt <text>', 'text to continue; \\n stands for a new line').default('ROMEO:\\n', '"ROMEO:\\n"'),
  )
  .option('--tokens <n>', 'number of characters to generate', integer('--tokens', 1, 1_000_000), 600)
  .option('--seed <n>', 'the same seed gives the same text', integer('--seed', 0, Number.MAX_SAFE_INTEGER), 1)
  .option('--view <file>', 'write a page (HTML) that shows to which characters each head attended')
  .addOption(threads())
  .addHelpText(
    'after',
    `
The text goes to stdout as it comes. At the end a table on stderr tells the characters per second, how many characters had
a positive probability, and for every head its alpha and how many characters it attended to.

Examples:
  entmax generate --tokens 2000 --seed 7
  entmax generate --prompt "KING RICHARD III:\\n" > richard.txt
  entmax generate --tokens 400 --view attention.html
  entmax generate --model ./my-model --threads 1`,
  )
  .action(generateText);

describeMap(program.command('map'))
  .addOption(threads())
  .addHelpText('after', MAP_HELP)
  .action(async (input: string, output: string, options: MapOptions) => {
    // A chunk of its own, with the libraries for its formats: the other commands start without them.
    const { mapFile } = await import('./map.ts');
    await mapFile(input, output, options);
  });

program
  .command('info')
  .description('Tell what runs: version, runtime, SIMD level, threads and why not more, memory.')
  .addOption(threads())
  .addHelpText(
    'after',
    `
Examples:
  entmax info
  entmax info --threads 2`,
  )
  .action(printInfo);

program.addHelpText(
  'after',
  `
Examples:
  entmax generate --prompt "JULIET:\\n" --seed 3
  entmax info`,
);

// A failed write reaches the one who wrote through its callback; without a listener it would also end the process.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

// No top-level await: a chunk that is imported later imports from this module, and would wait for its end.
void run();

async function run(): Promise<void> {
  try {
    await program.parseAsync();
  } catch (error) {
    report(error);
  } finally {
    await shutdown();
  }
}

function report(error: unknown): void {
  if (isBrokenPipe(error)) return;
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return;
    process.exitCode = USER_ERROR;
    if (error.code !== 'commander.help') complain(error.message.replace(/^error: /, ''));
    return;
  }
  const badOption = error instanceof EntmaxError && error.code === 'ENTMAX_OPTION';
  process.exitCode = badOption || error instanceof InputError ? USER_ERROR : OTHER_ERROR;
  complain(error instanceof Error ? error.message : String(error));
}

function complain(message: string): void {
  const command = program.commands.find((candidate) => candidate.name() === process.argv[2]);
  const name = command === undefined ? program.name() : `${program.name()} ${command.name()}`;
  process.stderr.write(`${name}: ${message.replace(/\s*\n\s*/g, ' ').trim()}\n`);
}
