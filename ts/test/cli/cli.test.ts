// The command as it is built and shipped. What the model writes is tested in ../language-model; here it is the shell's view: streams,
// exit codes, and one clear line where something is wrong.

import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { editedWeights, modelDirectory, readModelFile } from '../language-model/fixtures.ts';
import { cliPath, runCli } from './run-cli.ts';

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'entmax-cli-'));
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** A copy of the model in which some files are replaced, or left out with null. */
function modelWith(name: string, replaced: Record<string, string | Uint8Array | null>): string {
  const directory = join(scratch, name);
  mkdirSync(directory);
  for (const file of ['config.json', 'model.safetensors']) {
    const content = replaced[file] === undefined ? readModelFile(file) : replaced[file];
    if (content !== null) writeFileSync(join(directory, file), content);
  }
  return directory;
}

describe('entmax', () => {
  test('tells its version', async () => {
    const { version } = JSON.parse(readFileSync(join(dirname(cliPath), '../package.json'), 'utf8')) as {
      version: string;
    };
    expect(await runCli(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test.each([
    [['--help']],
    [['generate', '--help']],
    [['info', '--help']],
    [['map', '--help']],
    [['help', 'generate']],
  ])('%j explains itself with examples', async (args) => {
    const { code, stdout, stderr } = await runCli(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: entmax/);
    expect(stdout).toContain('Examples:\n  entmax ');
  });

  test('generate --help names every option with its default', async () => {
    const { stdout } = await runCli(['generate', '--help']);
    for (const option of ['--model <dir>', '--prompt <text>', '--tokens <n>', '--seed <n>', '--threads <n>']) {
      expect(stdout).toContain(option);
    }
    expect(stdout.match(/\(default:/g)).toHaveLength(5);
  });

  test('without a command shows the help on stderr and exits with 2', async () => {
    const { code, stdout, stderr } = await runCli([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: entmax/);
  });
});

describe('entmax generate', () => {
  const generated = (...args: string[]): ReturnType<typeof runCli> => runCli(['generate', '--tokens', '60', ...args]);

  test('writes the prompt and its continuation to stdout, and the table to stderr', async () => {
    const { code, stdout, stderr } = await generated('--prompt', 'JULIET:\\n');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^JULIET:\n/);
    expect(stdout).toHaveLength('JULIET:\n'.length + 60 + 1);
    expect(stderr).toMatch(/characters per second *│ [0-9]+/);
    expect(stderr).toMatch(/mean output support *│ [0-9]+\.[0-9] of 65/);
    expect(stderr).toMatch(/layer 0 *│ 1\.0001: /);
    expect(stderr).toMatch(/layer 1 *│ 2\.0000: 1\.[0-9] /);
    expect(stderr.match(/layer [0-3] *(│ [12]\.[0-9]{4}: [0-9]+\.[0-9] *){4}│/g)).toHaveLength(4);
  });

  test('gives the same text for the same seed with 1, 2 and 3 threads, and another for another seed', async () => {
    const outcomes = [];
    for (const threads of ['1', '2', '3', 'auto']) outcomes.push(await generated('--seed', '7', '--threads', threads));
    expect(new Set(outcomes.map(({ stdout }) => stdout)).size).toBe(1);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect((await generated('--seed', '8')).stdout).not.toBe(outcomes[0]!.stdout);
  });

  test('takes a model from another directory', async () => {
    const { stdout } = await generated('--seed', '3');
    const elsewhere = await generated('--seed', '3', '--model', modelWith('copy', {}));
    expect(elsewhere).toMatchObject({ code: 0, stdout });
  });

  test('ends quietly when the reader closes the pipe', async () => {
    const { code, stderr } = await runCli(['generate', '--tokens', '1000000'], { closeAfter: 40 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('asks for a model where the repository is not around it', async () => {
    const path = join(scratch, 'package', 'dist', 'cli.js');
    cpSync(dirname(cliPath), dirname(path), { recursive: true });
    copyFileSync(join(dirname(cliPath), '../package.json'), join(scratch, 'package', 'package.json'));
    expect(await runCli(['generate'], { path })).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'entmax generate: expected --model DIR with config.json and model.safetensors, got no --model (the package contains none)\n',
    });
    const model = ['--model', fileURLToPath(modelDirectory)];
    expect(await runCli(['generate', '--tokens', '5', ...model], { path })).toMatchObject({ code: 0 });
  });

  const config = readModelFile('config.json').toString('utf8');
  const weights = readModelFile('model.safetensors');
  const model = (name: string, replaced: Record<string, string | Uint8Array | null>) => () => [
    '--model',
    modelWith(name, replaced),
  ];
  test.each<[string, () => string[], RegExp]>([
    ['an unknown option', () => ['--sed', '1'], /unknown option '--sed' \(Did you mean --seed\?\)/],
    ['an option without its value', () => ['--tokens'], /option '--tokens <n>' argument missing/],
    ['an argument too many', () => ['Romeo'], /too many arguments/],
    [
      'tokens that are no number',
      () => ['--tokens', 'many'],
      /expected --tokens to be an integer from 1 to 1000000, got "many"/,
    ],
    ['no tokens', () => ['--tokens', '0'], /expected --tokens .* got "0"/],
    ['a fraction of a token', () => ['--tokens', '1.5'], /expected --tokens .* got "1.5"/],
    [
      'a negative seed',
      () => ['--seed', '-1'],
      /expected --seed to be an integer from 0 to 9007199254740991, got "-1"/,
    ],
    ['a seed beyond the integers', () => ['--seed', '9007199254740992'], /got "9007199254740992"/],
    [
      'threads that are no number',
      () => ['--threads', 'all'],
      /expected --threads to be auto or an integer from 1 to 64, got "all"/,
    ],
    ['no threads', () => ['--threads', '0'], /expected --threads .* got "0"/],
    ['an empty prompt', () => ['--prompt', ''], /expected a prompt of at least one character, got an empty one/],
    [
      'a prompt of foreign characters',
      () => ['--prompt', 'Größe'],
      /expected a prompt of the model's characters .*, got "ö"/,
    ],
    [
      'a missing directory',
      () => ['--model', join(scratch, 'nowhere')],
      /expected a readable file .*config\.json, got no such file/,
    ],
    ['missing weights', model('no-weights', { 'model.safetensors': null }), /model\.safetensors, got no such file/],
    [
      'a config that is not JSON',
      model('text', { 'config.json': 'hello' }),
      /expected a config that is a JSON object, got "hello"/,
    ],
    [
      'weights of another kind',
      model('foreign', { 'model.safetensors': config }),
      /expected a safetensors header of at most/,
    ],
    [
      'truncated weights',
      model('truncated', { 'model.safetensors': weights.subarray(0, 2_000_000) }),
      /expected [0-9]+ bytes of data up to the end of tensor '.*', got [0-9]+ bytes/,
    ],
    [
      'a tensor of a wrong shape',
      model('shape', { 'model.safetensors': editedWeights((header) => header['tok.weight']!.shape.reverse()) }),
      /expected tensor 'tok\.weight' as F32 \[65, 128\], got F32 \[128, 65\]/,
    ],
    [
      'a config of another model',
      model('mismatch', { 'config.json': config.replace('"layers": 4', '"layers": 6') }),
      /expected tensor 'blocks\.4\.ln1\.weight' as F32 \[128\], got a file without it/,
    ],
  ])('answers %s with one clear line and exit code 2', async (_, args, message) => {
    const { code, stdout, stderr } = await runCli(['generate', ...args()]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^entmax generate: [^\n]+\n$/);
    expect(stderr).toMatch(message);
  });
});

describe('entmax info', () => {
  test('says what runs, and why not more', async () => {
    const { code, stdout, stderr } = await runCli(['info', '--threads', '2']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/runtime *│ Node [0-9.]+ on /);
    expect(stdout).toMatch(/SIMD level *│ (simd128|relaxed-int|relaxed-fma) /);
    expect(stdout).toMatch(/threads *│ 2 /);
    expect(stdout).toMatch(/why not more *│ \S/);
    expect(stdout).toMatch(/memory *│ [0-9.]+ MiB/);
  });

  test('refuses a thread count that is none', async () => {
    const { code, stderr } = await runCli(['info', '--threads', '-2']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'entmax info: expected --threads to be auto or an integer from 1 to 64, got "-2"\n',
    });
  });

  test('an unknown command is named', async () => {
    expect(await runCli(['train'])).toEqual({ code: 2, stdout: '', stderr: "entmax: unknown command 'train'\n" });
  });
});
