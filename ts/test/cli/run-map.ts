// Runs the built `entmax map` as a shell would: bytes in, bytes out, signals, and how much memory it took.

import { spawn } from 'node:child_process';
import { cliPath } from './run-cli.ts';

export interface MapOutcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** The process's largest resident set, in bytes. */
  readonly peak: number;
}

export interface MapRun {
  readonly stdin?: Uint8Array;
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** Arguments of Node. */
  readonly node?: readonly string[];
  /** Called with the process id while it runs. */
  readonly during?: (pid: number) => void;
  /** Close the pipe of stdout after so many bytes. */
  readonly closeAfter?: number;
}

/** Writes its largest resident set to stderr when it ends. */
const PEAK = "process.on('exit', () => process.stderr.write(`peak ${process.resourceUsage().maxRSS}\\n`))";

export function runMap(args: readonly string[], run: MapRun = {}): Promise<MapOutcome> {
  const { stdin, cwd, env, node = [], during, closeAfter = Infinity } = run;
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(PEAK)}`];
  const child = spawn(process.execPath, [...preload, ...node, cliPath, 'map', ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin ?? '');
  const chunks: Buffer[] = [];
  let [stderr, received] = ['', 0];
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdout.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    received += chunk.length;
    if (received >= closeAfter) child.stdout.destroy();
  });
  if (child.pid !== undefined) during?.(child.pid);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const peak = 1024 * Number(/peak ([0-9]+)\n/.exec(stderr)?.[1] ?? NaN);
      resolve({ code, signal, stdout: Buffer.concat(chunks), stderr: stderr.replace(/peak [0-9]+\n/, ''), peak });
    });
  });
}
