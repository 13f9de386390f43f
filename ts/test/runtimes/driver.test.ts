/** The harness itself: a program's result comes back from every runtime, and no way of failing goes unnoticed. */

import { readFile, readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bundle } from './driver/bundle.ts';
import { MOST_BROWSER_PAGES, PROFILE_PREFIX, runInBrowser } from './driver/browser.ts';
import { commandLineRuntimes, runInCommandLine, runToEnd } from './driver/command-line.ts';
import type { Behaviour } from './fixtures/behave.ts';

const program = await bundle('fixtures/behave.ts');
const settings = (behaviour: Behaviour) => ({ settings: behaviour, milliseconds: 50_000 });

test('the oldest Node of the tests is the oldest that the package promises', async () => {
  const { stdout } = await runToEnd('Node 20.16.0', '--version');
  const { engines } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    engines: { node: string };
  };
  expect(stdout.trim()).toBe(`${engines.node.replace('>=', 'v')}.0`);
});

describe.each(commandLineRuntimes)('%s', (runtime) => {
  test('hands back the result of a program', async () => {
    const result = await runInCommandLine(runtime, program, settings('well'));
    expect(result).toMatchObject({ window: false });
  });

  test('rejects with the error of a program that throws', async () => {
    const result = runInCommandLine(runtime, program, settings('throws'));
    await expect(result).rejects.toThrow(/exited with 1[^]*thrown by the program/);
  });

  test('rejects where the program exits with another code than 0', async () => {
    await expect(runInCommandLine(runtime, program, settings('exits with 3'))).rejects.toThrow('exited with 3');
  });

  test('rejects where the program prints more than its result', async () => {
    await expect(runInCommandLine(runtime, program, settings('prints more'))).rejects.toThrow('one JSON document');
  });

  test('rejects where the process does not end by itself', async () => {
    const result = runInCommandLine(runtime, program, { settings: 'never ends', milliseconds: 1000 });
    await expect(result).rejects.toThrow('did not end by itself in 1000 ms');
  });
});

describe.each(MOST_BROWSER_PAGES)('%s, %s', (browser, page) => {
  test('hands back the result of a program', async () => {
    const result = await runInBrowser(browser, page, program, settings('well'));
    expect(result).toEqual({ window: page !== 'isolated worker', isolated: page !== 'plain window' });
  });

  test('rejects with the error of a program that throws', async () => {
    await expect(runInBrowser(browser, page, program, settings('throws'))).rejects.toThrow('thrown by the program');
  });

  test('rejects with what the console says about a missing file', async () => {
    const result = runInBrowser(browser, page, program, settings('loads what is missing'));
    await expect(result).rejects.toThrow(/missing\.mjs/);
  });

  test('rejects where the program itself cannot be loaded', async () => {
    await expect(runInBrowser(browser, page, `${program}.absent`, settings('well'))).rejects.toThrow(
      'Not found: /behave.mjs.absent',
    );
  });
});

test('Chromium: rejects where no result comes in time', async () => {
  const result = runInBrowser('Chromium', 'isolated worker', program, { settings: 'never ends', milliseconds: 2000 });
  await expect(result).rejects.toThrow('no result in 2000 ms');
});

test('no browser and no profile is left over', async () => {
  const left: string[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const [command, environment] = await Promise.all(
      ['cmdline', 'environ'].map((file) => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '')),
    );
    if (environment!.includes(PROFILE_PREFIX)) left.push(command!);
  }
  left.push(...(await readdir(dirname(PROFILE_PREFIX))).filter((name) => name.startsWith(basename(PROFILE_PREFIX))));
  expect(left).toEqual([]);
});
