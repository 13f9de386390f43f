/**
 * Runs a bundled program in a browser. No driver is needed: the page posts its result back to the server that it came
 * from, and its console arrives on the browser's standard error or output.
 *
 * Everything is thrown away afterwards: the profile folder, and the whole process tree, which is started as a process
 * group of its own for that.
 */

import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { browserNames, findBrowsers } from '../../../../scripts/setup/browsers.js';
import type { Browser } from '../../../../scripts/setup/browsers.js';
import { servePages } from './server.ts';

const installed = await findBrowsers();

/** How a browser is started on a page, with an empty profile. */
interface Start {
  readonly command: string;
  readonly flags: (profile: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Settings that a profile must begin with, in its file user.js. */
  readonly preferences?: Readonly<Record<string, string | boolean>>;
}

const STARTS: Readonly<Record<Browser, Start>> = {
  Chromium: {
    command: installed.Chromium,
    flags: (profile) => [
      '--headless',
      // Its sandbox does not start for root, and the pages are our own.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-breakpad',
      '--enable-logging=stderr',
      `--user-data-dir=${profile}`,
    ],
  },
  Firefox: {
    command: installed.Firefox,
    flags: (profile) => ['--headless', '--no-remote', '--profile', profile],
    preferences: {
      'devtools.console.stdout.content': true,
      'app.update.enabled': false,
      'app.normandy.enabled': false,
      'browser.aboutwelcome.enabled': false,
      'browser.shell.checkDefaultBrowser': false,
      'datareporting.policy.dataSubmissionEnabled': false,
      'datareporting.policy.firstRunURL': '',
      'network.captive-portal-service.enabled': false,
      'network.connectivity-service.enabled': false,
      'toolkit.telemetry.enabled': false,
    },
  },
  WebKitGTK: {
    command: 'xvfb-run',
    flags: () => ['--auto-servernum', installed.WebKitGTK],
    // As for Chromium: no sandbox for root.
    env: { WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1' },
  },
};

/** Profile folders of this process, so that its browsers can be told from those of others. */
export const PROFILE_PREFIX = join(tmpdir(), `entmax-browser-${process.pid}-`);

/** Where the program runs: the window of a plain page, of an isolated page, or a dedicated worker of the latter. */
export const PAGES = ['plain window', 'isolated window', 'isolated worker'] as const;
export type Page = (typeof PAGES)[number];

/** Every browser with every page, for `describe.each`. */
export const BROWSER_PAGES = browserNames.flatMap((browser) => PAGES.map((page) => [browser, page] as const));

/** Chromium with every page, the others with one: for what depends little on the browser. */
export const MOST_BROWSER_PAGES = BROWSER_PAGES.filter(
  ([browser, page]) => browser === 'Chromium' || page === 'isolated window',
);

/** WebKit knows no relaxed SIMD. */
export const browserHasRelaxedSimd = (browser: Browser): boolean => browser !== 'WebKitGTK';

export interface PageOptions {
  /** Passed to the program as JSON. */
  readonly settings?: unknown;
  /** The header Content-Security-Policy of every file. */
  readonly contentSecurityPolicy?: string;
  readonly milliseconds?: number;
}

/** Runs the program in the page and resolves with its result; an error of the page, or none of both in time, rejects. */
export async function runInBrowser<R>(
  browser: Browser,
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
  const { command, flags, env, preferences = {} } = STARTS[browser];
  const lines = Object.entries(preferences).map(
    (each) => `user_pref(${each.map((one) => JSON.stringify(one)).join()});`,
  );
  await writeFile(join(profile, 'user.js'), lines.join('\n'));
  const child = spawn(command, [...flags(profile), `${server.origin}/?${script.split('?')[1]}`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: profile,
      TMPDIR: profile,
      XDG_RUNTIME_DIR: profile,
      DBUS_SESSION_BUS_ADDRESS: 'disabled:',
      ...env,
      // Without it WebKitGTK has no shared memory even where a page is isolated, with it even where it is not.
      ...(browser === 'WebKitGTK' && page !== 'plain window' && { JSC_useSharedArrayBuffer: '1' }),
    },
  });
  // The last process of the tree closes the pipe of the log; a browser that could not start has none.
  const closed = new Promise((resolve) => child.once('close', resolve).once('error', resolve));
  let log = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (log += text));
  }
  try {
    const result = await Promise.race([server.result, endOf(child), timeLimit(milliseconds)]);
    return JSON.parse(result) as R;
  } catch (error) {
    const missing = server.missing.map((path) => `\nNot found: ${path}`).join('');
    throw new Error(`${browser}, ${page}: ${(error as Error).message}${missing}\n${consoleOf(log)}`, { cause: error });
  } finally {
    if (browser === 'WebKitGTK') await endGently(child, closed);
    endTree(child, 'SIGKILL');
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

function endOf(child: ChildProcess): Promise<never> {
  return new Promise((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the browser exited with ${code} before the page had a result`)));
  });
}

function timeLimit(milliseconds: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error(`the page had no result in ${milliseconds} ms`)), milliseconds).unref();
  });
}

/** What the page wrote to its console, errors of loading included. */
function consoleOf(log: string): string {
  const lines = log.split('\n').filter((line) => /console|JavaScript/i.test(line));
  return lines.length > 0 ? `Its console:\n${lines.slice(-40).join('\n')}` : 'Its console is empty.';
}

const GENTLE_MILLISECONDS = 2000;

/** A display that is killed leaves its number locked; this gives it the time to unlock it. */
async function endGently(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  endTree(child, 'SIGTERM');
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, GENTLE_MILLISECONDS).unref())]);
}

/** Ends the whole process group at once: nothing of the profile is to be kept. */
function endTree({ pid }: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended already.
  }
}
