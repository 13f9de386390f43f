/** The language model writes the same text in every runtime and with every thread count. */

import { beforeAll, describe, expect, test } from 'vitest';
import { bundle } from './driver/bundle.ts';
import { MOST_BROWSER_PAGES, runInBrowser } from './driver/browser.ts';
import { commandLineRuntimes, runInCommandLine } from './driver/command-line.ts';
import type { TextReport, TextSettings } from './programs/text.ts';

const program = await bundle('programs/text.ts');
const settingsFor = (threads: readonly number[]): TextSettings => ({ threads, seed: 1, tokens: 200 });

let reference: string;
beforeAll(async () => {
  const settings = settingsFor([1]);
  const [report] = await runInCommandLine<[TextReport]>('this Node', program, { settings });
  reference = report.text;
});

test('the text has 200 characters, and not all the same', () => {
  expect(reference).toHaveLength(200);
  expect(new Set(reference).size).toBeGreaterThan(10);
});

describe.each(commandLineRuntimes)('%s', (runtime) => {
  test('writes the same text with 1, 2 and 3 threads', async () => {
    const settings = settingsFor([1, 2, 3]);
    const reports = await runInCommandLine<TextReport[]>(runtime, program, { settings });
    expect(reports).toEqual(settings.threads.map((threads) => ({ threads, text: reference })));
  });
});

describe.each(MOST_BROWSER_PAGES)('%s, %s', (browser, page) => {
  const threads = page === 'plain window' ? [1] : [1, 2, 3];

  test(`writes the same text with ${threads.join(', ')} thread(s)`, async () => {
    const reports = await runInBrowser<TextReport[]>(browser, page, program, { settings: settingsFor(threads) });
    expect(reports).toEqual(threads.map((each) => ({ threads: each, text: reference })));
  });
});
