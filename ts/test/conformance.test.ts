/**
 * Every conformance case through the public API, in every form and in both types where its inputs are exact
 * (docs/conformance.md): the values are those of mpmath and rational arithmetic, the tolerances those of the files.
 */

import { describe, expect, test } from 'vitest';
import * as entmax from 'entmax';
import { call, run, runHessian } from './conformance/run.ts';
import type { FloatType } from './oracle/compare.ts';
import { CONFORMANCE_FILES, conformanceCases } from './oracle/golden.ts';
import type { ConformanceCase, ConformanceFile } from './oracle/golden.ts';

/**
 * The cases of the operations that the package has: those of the others wait for them. Supports with scores on the
 * threshold (support.json, erratum 8) wait for the kernels that decide them exactly.
 */
const casesOf = (file: ConformanceFile): ConformanceCase[] =>
  conformanceCases(file).filter(({ operation, erratum }) => operation in entmax && erratum !== 8);
const FILES = CONFORMANCE_FILES.filter((file) => !['errata', 'support'].includes(file) && casesOf(file).length > 0);

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
  const groups = grouped(casesOf('errata'), ({ group }) => group!);
  describe.each(groups)('%s', (_, cases) => {
    test.each(inTypes(cases))('%s, %s', (__, dtype, conformance) => judge(conformance, dtype));
  });
});

test.each(
  inTypes(casesOf('errata').filter(({ operation, erratum }) => erratum === 16 && `${operation}Loss` in entmax)),
)('%s, %s, by the loss itself', (_, dtype, conformance) => expect(runHessian(conformance, dtype)).toEqual(['dx']));

describe.each(FILES)('%s.json', (file) => {
  const cases = inTypes(casesOf(file));
  test.each(grouped(cases, ([, dtype, { operation }]) => `${operation}, ${dtype}`))('%s', (_, group) => {
    for (const [, dtype, conformance] of group) judge(conformance, dtype);
  });
});
