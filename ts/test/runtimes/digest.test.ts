/**
 * The same bits in every runtime, with every thread count, on both SIMD levels that promise them. The reference is the
 * Node that runs the tests with one thread, whose results other tests hold to float64 references.
 */

import { beforeAll, describe, expect, test } from 'vitest';
import { bundle } from './driver/bundle.ts';
import { MOST_BROWSER_PAGES, browserHasRelaxedSimd, runInBrowser } from './driver/browser.ts';
import { commandLineRuntimes, hasRelaxedSimd, runInCommandLine } from './driver/command-line.ts';
import type { AnyForm, Digest, DigestSettings } from './programs/digest.ts';

const program = await bundle('programs/digest.ts');
const MILLISECONDS = 120_000;
const run = (runtime: (typeof commandLineRuntimes)[number], settings: DigestSettings): Promise<Digest[]> =>
  runInCommandLine<Digest[]>(runtime, program, { settings, milliseconds: MILLISECONDS });

let reference: Digest;
beforeAll(async () => {
  [reference] = (await run('this Node', { threads: [1], simd: 'simd128' })) as [Digest];
}, MILLISECONDS);

/** The cases in which a digest differs from the reference. */
function differences(digest: Digest): string[] {
  const expected = new Map(reference.entries.map((entry) => [entry.case, entry]));
  expect(digest.entries.map((entry) => entry.case)).toEqual([...expected.keys()]);
  return digest.entries.flatMap(({ case: name, rows, n, hashes, chunks }) => {
    const wanted = JSON.stringify(expected.get(name)?.hashes);
    const got = JSON.stringify(hashes);
    return got === wanted
      ? []
      : [`${name} (rows ${rows}, n ${n}, chunks ${chunks.join('+')}): expected ${wanted}, got ${got}`];
  });
}

test('every form of a call gives the same bits', () => {
  const alike: readonly (readonly AnyForm[])[] = [
    ['tensor', 'array', 'tensor async', 'array async'],
    ['vjp', 'vjp async'],
    ['inspect', 'inspect async'],
    ['loss', 'loss async'],
  ];
  const differing = reference.entries.filter(({ hashes }) =>
    alike.some((forms) => new Set(forms.flatMap((form) => hashes[form] ?? [])).size > 1),
  );
  expect(differing).toEqual([]);
  expect(reference.entries.length).toBeGreaterThan(1000);
  expect(reference.entries.filter(({ hashes }) => hashes.csr && hashes.vjp).length).toBeGreaterThan(100);
  expect(reference.entries.filter(({ hashes }) => hashes['inspect async']).length).toBeGreaterThan(40);
  expect(reference.entries.filter(({ hashes }) => hashes['inspect async'] && hashes['vjp async']).length).toBe(12);
  expect(reference.entries.filter(({ case: name }) => /sequence|tree/.test(name)).length).toBe(10);
  expect(reference.entries.filter(({ case: name }) => /^graph|custom/.test(name)).length).toBe(12);
  expect(reference.entries.filter(({ case: name }) => /^(fused|oscar|norm|tv)max|^constrained/.test(name)).length).toBe(
    38,
  );
  expect(reference.entries.filter(({ hashes }) => hashes.loss && hashes['loss csr']).length).toBeGreaterThan(50);
  expect(reference.entries.filter(({ meantFor }) => meantFor === 'all').length).toBeGreaterThan(30);
});

/** The cases in which a worker had nothing to do although it was asked to, or did something although it was not. */
function wronglyShared({ entries }: Digest): string[] {
  return entries.flatMap(({ case: name, rows, n, meantFor, chunks }) => {
    const [, ...workers] = chunks;
    const asMeant = {
      caller: workers.every((count) => count === 0),
      all: workers.every((count) => count > 0),
      any: true,
    };
    return asMeant[meantFor] ? [] : [`${name} (rows ${rows}, n ${n}): chunks ${chunks.join('+')}`];
  });
}

function expectSameBits(digests: readonly Digest[]): void {
  for (const digest of digests) {
    expect(differences(digest)).toEqual([]);
    expect(wronglyShared(digest)).toEqual([]);
    expect(digest.leaked).toEqual({ bytes: 0, tensors: 0 });
  }
}

describe.each(commandLineRuntimes)('%s', (runtime) => {
  test('gives the same bits with 1, 2 and 3 threads', { timeout: MILLISECONDS }, async () => {
    const simd = hasRelaxedSimd(runtime) ? 'relaxed-int' : 'simd128';
    const digests = await run(runtime, { threads: [1, 2, 3], simd });
    expect(digests.map(({ threads, simd: level }) => [threads, level])).toEqual(
      [1, 2, 3].map((threads) => [threads, simd]),
    );
    expectSameBits(digests);
  });
});

describe.each(MOST_BROWSER_PAGES)('%s, %s', (browser, page) => {
  const threads = page === 'plain window' ? [1] : [1, 2, 3];

  test(`gives the same bits with ${threads.join(', ')} thread(s)`, { timeout: MILLISECONDS }, async () => {
    const simd = browserHasRelaxedSimd(browser) ? 'relaxed-int' : 'simd128';
    const settings: DigestSettings = { threads, simd };
    const digests = await runInBrowser<Digest[]>(browser, page, program, { settings, milliseconds: MILLISECONDS });
    expect(digests.map(({ threads: got }) => got)).toEqual(threads);
    expectSameBits(digests);
  });
});

test('newest Node gives the same bits without relaxed SIMD', { timeout: MILLISECONDS }, async () => {
  const digests = await run('newest Node', { threads: [1], simd: 'simd128' });
  expect(digests.map(({ simd }) => simd)).toEqual(['simd128']);
  expectSameBits(digests);
});
