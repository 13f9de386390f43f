/**
 * Runs a bundled program in Node, Deno or Bun and collects what it says and how it ends.
 *
 * The environment is bare, so that nothing of the test runner (NODE_OPTIONS, loaders) or of the person's settings
 * reaches the program; the home folder is an empty one that is removed afterwards. A program that is still running at
 * the time limit has failed, whatever it has printed: a process that does not end by itself is what these tests look
 * for.
 */

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installRuntimes } from '../../../../scripts/setup/runtimes.js';

const installed = await installRuntimes();

/** The runtimes with a command line: how each is started on a file. */
export const COMMAND_LINES = {
  /** The oldest Node that the package supports. */
  'Node 20.16.0': [installed.nodeFloor],
  /** The Node that runs the tests. */
  'this Node': [process.execPath],
  'newest Node': [installed.nodeNewest],
  /** Without any permission: a prompt for one would be answered with no, as nobody is at the terminal. */
  Deno: [installed.deno, 'run', '--quiet', '--no-config', '--no-lock', '--no-prompt'],
  Bun: [installed.bun, 'run', '--no-install'],
} as const satisfies Record<string, readonly string[]>;

export type CommandLineRuntime = keyof typeof COMMAND_LINES;
export const commandLineRuntimes = Object.keys(COMMAND_LINES) as CommandLineRuntime[];

/** Relaxed SIMD came to Node with version 22. */
export function hasRelaxedSimd(runtime: CommandLineRuntime): boolean {
  if (runtime === 'this Node') return Number.parseInt(process.versions.node) >= 22;
  return runtime !== 'Node 20.16.0';
}

export interface Ending {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

export interface CommandLineOptions {
  /** Passed to the program as JSON. */
  readonly settings?: unknown;
  readonly env?: Readonly<Record<string, string>>;
  /** Deno's permission flags, e.g. `--allow-env=ENTMAX_THREADS`; other runtimes have none. */
  readonly denoPermissions?: readonly string[];
  readonly milliseconds?: number;
}

/** Runs the program to its end; rejects when it does not end by itself within the time limit. */
export async function runToEnd(
  runtime: CommandLineRuntime,
  program: string,
  { settings = null, env = {}, denoPermissions = [], milliseconds: limit = 60_000 }: CommandLineOptions = {},
): Promise<Ending> {
  const [executable, ...flags] = COMMAND_LINES[runtime];
  const permissions = runtime === 'Deno' ? denoPermissions : [];
  const home = await mkdtemp(join(tmpdir(), 'entmax-runtime-'));
  const start = performance.now();
  try {
    return await new Promise<Ending>((resolve, reject) => {
      const child = spawn(executable, [...flags, ...permissions, program, JSON.stringify(settings)], {
        stdio: ['ignore', 'pipe', 'pipe'],
        cwd: home,
        env: { PATH: process.env['PATH'] ?? '', HOME: home, DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1', ...env },
      });
      let [stdout, stderr] = ['', ''];
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        child.kill('SIGKILL');
      }, limit);
      child.on('error', reject);
      child.on('close', (code) => {
        clearTimeout(timer);
        if (late) return reject(new Error(`${runtime} did not end by itself in ${limit} ms\n${tail(stdout + stderr)}`));
        resolve({ code, stdout, stderr, milliseconds: performance.now() - start });
      });
    });
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Runs the program and resolves with the JSON document that it printed; anything but a clean end rejects. */
export async function runInCommandLine<R>(
  runtime: CommandLineRuntime,
  program: string,
  options?: CommandLineOptions,
): Promise<R> {
  const { code, stdout, stderr } = await runToEnd(runtime, program, options);
  if (code !== 0) throw new Error(`${runtime} exited with ${code}\n${tail(stdout + stderr)}`);
  try {
    return JSON.parse(stdout) as R;
  } catch {
    throw new Error(`${runtime}: expected one JSON document on standard output, got\n${tail(stdout + stderr)}`);
  }
}

function tail(text: string): string {
  return text.split('\n').slice(-40).join('\n').slice(-4000);
}
