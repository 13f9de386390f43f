/** What `init` and `runtimeInfo` say in each runtime: SIMD level, thread count, and why there are not more threads. */

import { describe, expect, test } from 'vitest';
import { bundle } from './driver/bundle.ts';
import { BROWSER_PAGES, MOST_BROWSER_PAGES, browserHasRelaxedSimd, runInBrowser } from './driver/browser.ts';
import { commandLineRuntimes, hasRelaxedSimd, runInCommandLine } from './driver/command-line.ts';
import type { LifeReport } from './programs/life.ts';

const program = await bundle('programs/life.ts');
const automatic = { settings: 'leaves the thread count to init' };
const fused = { settings: 'asks for fused multiply-add' };

describe.each(commandLineRuntimes)('%s', (runtime) => {
  test('takes the thread count from the machine, and says so', async () => {
    const { infos } = await runInCommandLine<LifeReport>(runtime, program, automatic);
    expect(infos).toMatchObject([
      { reason: expect.stringMatching(/the machine offers|'auto' stops at/), memory: { shared: true } },
    ]);
  });

  test('takes the thread count from ENTMAX_THREADS where it may read it', async () => {
    const env = { ENTMAX_THREADS: '3' };
    const denoPermissions = ['--allow-env=ENTMAX_THREADS'];
    const { infos } = await runInCommandLine<LifeReport>(runtime, program, { ...automatic, env, denoPermissions });
    expect(infos).toMatchObject([{ threads: 3, reason: 'ENTMAX_THREADS=3' }]);
  });

  test(hasRelaxedSimd(runtime) ? 'has relaxed SIMD' : 'has no relaxed SIMD, and says so', async () => {
    const result = runInCommandLine<LifeReport>(runtime, program, fused);
    if (hasRelaxedSimd(runtime)) expect((await result).infos).toMatchObject([{ simd: 'relaxed-fma' }]);
    else await expect(result).rejects.toThrow('expected a host with relaxed SIMD');
  });
});

describe.each(BROWSER_PAGES)('%s, %s', (browser, page) => {
  test('says how many threads there are and why', async () => {
    const { infos } = await runInBrowser<LifeReport>(browser, page, program, automatic);
    const reasons = {
      'plain window': /not cross-origin isolated.*Cross-Origin-Opener-Policy.*Cross-Origin-Embedder-Policy/,
      'isolated window': /the machine offers|'auto' stops at/,
      'isolated worker': /inside a worker/,
    };
    expect(infos).toMatchObject([
      { reason: expect.stringMatching(reasons[page]), memory: { shared: page !== 'plain window' } },
    ]);
    if (page !== 'isolated window') expect(infos[0]!.threads).toBe(1);
  });
});

describe.each(MOST_BROWSER_PAGES)('%s, %s', (browser, page) => {
  test(browserHasRelaxedSimd(browser) ? 'has relaxed SIMD' : 'has no relaxed SIMD, and says so', async () => {
    const result = runInBrowser<LifeReport>(browser, page, program, fused);
    if (browserHasRelaxedSimd(browser)) expect((await result).infos).toMatchObject([{ simd: 'relaxed-fma' }]);
    else await expect(result).rejects.toThrow('expected a host with relaxed SIMD');
  });
});

describe('Chromium with a content policy that forbids workers from blobs', () => {
  const contentSecurityPolicy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";

  test('runs the worker script that init({ workerUrl }) names', async () => {
    const { infos } = await runInBrowser<LifeReport>('Chromium', 'isolated window', program, {
      settings: 'names the worker script',
      contentSecurityPolicy,
    });
    expect(infos).toMatchObject([{ threads: 2 }]);
  });

  test('goes on with one thread without it, and says why', async () => {
    const { infos } = await runInBrowser<LifeReport>('Chromium', 'isolated window', program, {
      settings: 'calls init and never shutdown',
      contentSecurityPolicy,
    });
    expect(infos).toMatchObject([{ threads: 1, reason: expect.stringMatching(/worker/) }]);
  });
});
