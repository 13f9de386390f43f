/**
 * Every conformance case through the public API, in every form and in both types where its inputs are exact
 * (docs/conformance.md): the values are those of mpmath and rational arithmetic, the tolerances those of the files.
 */

import { describe, expect, test } from 'vitest';
import { call, run, runHessian } from './conformance/run.ts';
import type { FloatType } from './oracle/compare.ts';
import { CONFORMANCE_FILES, REGULARISED_FILES, conformanceCases } from './oracle/golden.ts';
import type { ConformanceCase } from './oracle/golden.ts';

const casesOf = conformanceCases;
const FILES = [...CONFORMANCE_FILES, ...REGULARISED_FILES].filter((file) => !file.endsWith('errata'));

const inTypes = (cases: ConformanceCase[]): [string, FloatType, ConformanceCase][] =>
  cases.flatMap((each) =>
    (Object.keys(each.tolerance) as FloatType[]).map((dtype): [string, FloatType, ConformanceCase] => [
      each.name,
      dtype,
      each,
    ]),
  );

function judge(conformance: ConformanceCase, dtype: FloatType): void {
  if (conformance.expected.error) {
    expect(() => call(conformance, dtype), conformance.name).toThrow(/expected/);
    return;
  }
  expect([...run(conformance, dtype)].sort(), conformance.name).toEqual(Object.keys(conformance.expected).sort());
}

/** In groups of equal key, in the order of their first members. */
function grouped<T>(all: readonly T[], key: (each: T) => string): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const each of all) groups.set(key(each), [...(groups.get(key(each)) ?? []), each]);
  return [...groups];
}

describe('errata of other implementations', () => {
  const groups = grouped([...casesOf('errata'), ...casesOf('regularised-errata')], ({ group }) => group!);
  describe.each(groups)('%s', (_, cases) => {
    test.each(inTypes(cases))('%s, %s', (__, dtype, conformance) => judge(conformance, dtype));
  });
});

test.each(inTypes(casesOf('errata').filter(({ erratum }) => erratum === 16)))(
  '%s, %s, by the loss itself',
  (_, dtype, conformance) => expect(runHessian(conformance, dtype)).toEqual(['dx']),
);

describe.each(FILES)('%s.json', (file) => {
  const cases = inTypes(casesOf(file));
  test.each(grouped(cases, ([, dtype, { operation }]) => `${operation}, ${dtype}`))('%s', (_, group) => {
    for (const [, dtype, conformance] of group) judge(conformance, dtype);
  });
});
