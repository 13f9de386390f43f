/** Set-up on a machine that lacks something. */

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SETUP = fileURLToPath(new URL('../../../scripts/setup.js', import.meta.url));

interface Outcome {
  code: number | string | null | undefined;
  stdout: string;
  stderr: string;
}

function runSetup(environment: Record<string, string>): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [SETUP], { env: environment }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}

test('without rustup, set-up says in one line how to install it, and exits with 1', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'entmax-no-rustup-'));
  try {
    const { code, stdout, stderr } = await runSetup({ HOME: empty, PATH: empty });
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^set-up: rustup is missing\. Install it with: .*sh\.rustup\.rs.*\n$/);
  } finally {
    await rm(empty, { recursive: true });
  }
});
