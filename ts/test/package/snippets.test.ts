/**
 * The programs of README.md, docs/maps.md, docs/attention.md and docs/structured.md run as they are written, against the built
 * package in a `node_modules`, each in the runtime that its first line names; what a comment says that a call gives, it gives.
 */

import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMMAND_LINES, runToEnd } from '../runtimes/driver/command-line.ts';
import type { CommandLineRuntime } from '../runtimes/driver/command-line.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const snippetsOf = async (file: string): Promise<string[]> => {
  const text = await readFile(join(ROOT, file), 'utf8');
  return Array.from(text.matchAll(/^```js\n([^]*?)^```$/gm), ([, code]) => code!);
};
const README = await snippetsOf('README.md');
const MAPS = await snippetsOf('docs/maps.md');
const ATTENTION = await snippetsOf('docs/attention.md');
const STRUCTURED = await snippetsOf('docs/structured.md');

/** What the lines in docs/maps.md take from the reader's program. */
const PRELUDE = `import { entmax, sparsemax, sparsemaxLoss } from 'entmax';
const [heads, rows, n] = [2, 2, 3];
const [scores, dp, alpha] = [Float64Array.of(1, 2, 0.5, 0, 3, 2.75), new Float64Array(6).fill(1), [1.5, 2]];
const classes = [1, 2];
`;

let project: string;
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'entmax-snippets-'));
  await mkdir(join(project, 'node_modules'));
  await symlink(ROOT, join(project, 'node_modules/entmax'));
  await writeFile(
    join(project, 'package.json'),
    JSON.stringify({ name: 'user', type: 'module', dependencies: { entmax: '*' } }),
  );
});
afterAll(() => rm(project, { recursive: true, force: true }));

/** The runtime that the first line names, and what it takes besides to read a `node_modules`. */
function runtimeOf(code: string): CommandLineRuntime {
  const named = /^\/\/ (Node|Deno|Bun)\b/.exec(code)?.[1];
  return named === 'Deno' || named === 'Bun' ? named : 'this Node';
}

/** `call; // 0.1 0.2` prints what it says and what it gives. */
const printing = (code: string): string =>
  code.replace(
    /^(\w+\(.*\)); \/\/ +([\d. ]+)$/gm,
    (_, call: string, says: string) => `console.log('says', '${says.trim()}', 'gives', [...${call}].join(' '));`,
  );

async function run(name: string, code: string): Promise<string> {
  const file = join(project, `${name}.mjs`);
  await writeFile(file, printing(code));
  const runtime = runtimeOf(code);
  expect(COMMAND_LINES[runtime]).toBeDefined();
  const {
    code: exit,
    stdout,
    stderr,
  } = await runToEnd(runtime, file, { denoPermissions: ['--node-modules-dir=manual'] });
  expect({ exit, stderr }, `${name} in ${runtime}`).toEqual({ exit: 0, stderr: '' });
  return stdout;
}

/** What comments say that calls give, to three digits. */
function expectWhatItSays(stdout: string): void {
  for (const [, says, gives] of stdout.matchAll(/^says (.*) gives (.*)$/gm)) {
    const values = gives!.split(' ').map(Number);
    expect(says!.split(/ +/).map((text, j) => Math.abs(Number(text) - values[j]!) < 6e-4)).toEqual(
      values.map(() => true),
    );
  }
}

test('there is a program for each of Node, Deno and Bun', () => {
  expect(README.length).toBeGreaterThanOrEqual(5);
  expect(new Set(README.map(runtimeOf))).toEqual(new Set(['this Node', 'Deno', 'Bun']));
});

test.each(README.map((code, i) => [i + 1, code] as const))('program %d of README.md runs', async (i, code) => {
  const stdout = await run(`readme-${i}`, code);
  expectWhatItSays(stdout);
  expect(stdout).not.toBe('');
});

test('the first program of README.md says what three maps give', async () => {
  const stdout = await run('first', README[0]!);
  expect(stdout.match(/^says/gm)).toHaveLength(3);
});

test.each(MAPS.map((code, i) => [i + 1, code] as const))('program %d of docs/maps.md runs', async (i, code) => {
  const stdout = await run(`maps-${i}`, PRELUDE + code);
  expectWhatItSays(stdout);
  expect(stdout.match(/^says/gm)?.length).toBe(code.match(/; \/\/ +[\d. ]+$/gm)?.length);
  for (const [, text] of code.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)) expect(stdout.split('\n')).toContain(text);
});

test('the programs of docs/attention.md run, one after the other, and say what a cache holds', async () => {
  const stdout = await run('attention', ATTENTION.join(''));
  expect(ATTENTION.length).toBeGreaterThanOrEqual(7);
  expect(stdout).toContain('[ 303 ] 1162');
});

test('the programs of docs/structured.md run, one after the other, and print what their comments say', async () => {
  const stdout = await run('structured', STRUCTURED.join(''));
  expect(STRUCTURED.length).toBeGreaterThanOrEqual(6);
  const lines = stdout.trimEnd().split('\n');
  // A comment alone in its line, or behind a console.log.
  const said = STRUCTURED.flatMap((code) =>
    Array.from(code.matchAll(/^(?:console\.log\(.*\); )?\/\/ ([a-z0-9][^:\n]*)$/gm), ([, text]) => text!),
  );
  expect(said.length).toBeGreaterThanOrEqual(8);
  for (const text of said) expect(lines).toContain(text);
});
