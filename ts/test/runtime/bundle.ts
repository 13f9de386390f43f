/** Programs that run outside the test runner: the package bundled with a few lines, in a folder that is removed. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Writes an ES module that may import `entmax`, without dependencies; returns its path. */
export async function bundleProgram(source: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'entmax-runtime-'));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const outfile = join(folder, 'program.mjs');
  await build({
    stdin: { contents: source, resolveDir: ROOT, loader: 'ts' },
    alias: { entmax: join(ROOT, 'ts/src/index.ts') },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    external: ['node:*'],
    target: 'es2022',
    logLevel: 'silent', // errors come back in the rejection
  });
  return outfile;
}

export interface Outcome {
  /** Exit code, or the signal that ended the program. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program in this Node, for at most twenty seconds. */
export function runProgram(
  file: string,
  { args = [], env = {} }: { args?: readonly string[]; env?: Record<string, string> } = {},
): Promise<Outcome> {
  const options = {
    timeout: 20_000,
    killSignal: 'SIGKILL' as const,
    env: { ...process.env, ENTMAX_THREADS: '', ...env },
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [...args, file], options, (error, stdout, stderr) => {
      resolve({ code: error ? (error.signal ?? error.code ?? 'unknown') : 0, stdout, stderr });
    });
  });
}
