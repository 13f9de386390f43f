/**
 * Runs a bundled program in headless Chromium. No driver is needed: the page posts its result back to the server that
 * it came from, and its console arrives on Chromium's standard error.
 *
 * Everything is thrown away afterwards: the profile folder, and the whole process tree, which is started as a process
 * group of its own for that.
 */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { findChromium } from '../../../../scripts/setup/chromium.js';
import { servePages } from './server.ts';

const chromium = await findChromium();

/** --no-sandbox: its sandbox does not start for root, and the pages are our own. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-breakpad',
  '--enable-logging=stderr',
];

/** Profile folders of this process, so that its browsers can be told from those of others. */
export const PROFILE_PREFIX = join(tmpdir(), `entmax-chromium-${process.pid}-`);

/** Where the program runs: the window of a plain page, of an isolated page, or a dedicated worker of the latter. */
export const PAGES = ['plain window', 'isolated window', 'isolated worker'] as const;
export type Page = (typeof PAGES)[number];

export interface PageOptions {
  /** Passed to the program as JSON. */
  readonly settings?: unknown;
  /** The header Content-Security-Policy of every file. */
  readonly contentSecurityPolicy?: string;
  readonly milliseconds?: number;
}

/** Runs the program in the page and resolves with its result; an error of the page, or none of both in time, rejects. */
export async function runInChromium<R>(
  page: Page,
  program: string,
  { settings = null, contentSecurityPolicy, milliseconds = 60_000 }: PageOptions = {},
): Promise<R> {
  const script = `/${basename(program)}?settings=${encodeURIComponent(JSON.stringify(settings))}`;
  const server = await servePages({
    folder: dirname(program),
    pages: {
      '/favicon.ico': '',
      '/index.html': `<!doctype html><title>entmax</title><script type="module" src="/start.js"></script>`,
      '/start.js': page === 'isolated worker' ? workerStarter(script) : windowStarter(script),
    },
    isolated: page !== 'plain window',
    contentSecurityPolicy,
  });
  const profile = await mkdtemp(PROFILE_PREFIX);
  const browser = spawn(
    chromium,
    [...FLAGS, `--user-data-dir=${profile}`, `${server.origin}/?${script.split('?')[1]}`],
    {
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'] ?? '', HOME: profile, DBUS_SESSION_BUS_ADDRESS: 'disabled:' },
    },
  );
  // The last process of the tree closes the pipe of the log; a browser that could not start has none.
  const closed = new Promise((resolve) => browser.once('close', resolve).once('error', resolve));
  let log = '';
  browser.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  try {
    const result = await Promise.race([server.result, endOf(browser), timeLimit(milliseconds)]);
    return JSON.parse(result) as R;
  } catch (error) {
    const missing = server.missing.map((path) => `\nNot found: ${path}`).join('');
    throw new Error(`Chromium, ${page}: ${(error as Error).message}${missing}\n${consoleOf(log)}`, { cause: error });
  } finally {
    endTree(browser);
    await closed;
    await server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** A module that fails to load throws nothing that the program could report, so the page reports it. */
const POST_ERROR = `(error) => fetch('/error', { method: 'POST', body: String(error?.message || error?.type || error) })`;

function windowStarter(script: string): string {
  return `const failed = ${POST_ERROR};
addEventListener('error', (event) => failed(event));
addEventListener('unhandledrejection', ({ reason }) => failed(reason));
import(${JSON.stringify(script)}).catch(failed);`;
}

function workerStarter(script: string): string {
  return `new Worker(${JSON.stringify(script)}, { type: 'module' }).addEventListener('error', ${POST_ERROR});`;
}

function endOf(browser: ChildProcess): Promise<never> {
  return new Promise((_, reject) => {
    browser.on('error', reject);
    browser.on('exit', (code) => reject(new Error(`the browser exited with ${code} before the page had a result`)));
  });
}

function timeLimit(milliseconds: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`the page had no result in ${milliseconds} ms`)), milliseconds).unref();
  });
}

/** What the page wrote to its console, errors of loading included. */
function consoleOf(log: string): string {
  const lines = log.split('\n').filter((line) => line.includes('CONSOLE'));
  return lines.length > 0 ? `Its console:\n${lines.slice(-40).join('\n')}` : 'Its console is empty.';
}

/** Ends the whole process group at once: nothing of the profile is to be kept. */
function endTree({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
