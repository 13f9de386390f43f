// The golden values of the regularised maps are optimal by certificates that know nothing of how they were made.

import { expect, test } from 'vitest';
import { rowsAlong } from '../conformance/check.ts';
import { conformanceCases } from '../oracle/golden.ts';
import type { ConformanceCase, Parameter } from '../oracle/golden.ts';
import { constrainedResidual, fusedResidual, normResidual, oscarResidual } from './certificates.ts';
import { gridDistance } from './grid-certificate.ts';

const ofRow = (parameter: Parameter | undefined, r: number): number | undefined =>
  typeof parameter === 'object' ? parameter[r] : parameter;
const ALPHA: Readonly<Record<string, number>> = { constrainedSoftmax: 1, constrainedSparsemax: 2 };

/** Of the rows of a case: how far each is from its optimum. */
function residuals({ operation, x, shape, axis, mask, parameters, expected }: ConformanceCase): number[] {
  const { temperature = 1, upper = 1 } = parameters;
  const rows = (block: ArrayLike<number>): number[][] => rowsAlong(block, shape, axis);
  const bounds = rows(typeof upper === 'number' ? x.map(() => upper) : upper);
  const scores = rows(x.map((score, i) => (mask?.[i] === 0 ? -Infinity : score / temperature)));
  return rows(expected.p!.values).map((p, r) => {
    const z = scores[r]!;
    const counts = [...z.keys()].filter((j) => z[j]! > -Infinity);
    const kept = (row: number[]): number[] => counts.map((j) => row[j]!);
    const lambda = ofRow(parameters.lambda, r) ?? 0;
    const alpha = ofRow(parameters.alpha, r) ?? ALPHA[operation] ?? 2;
    if (operation === 'fusedmax') return fusedResidual(kept(p), kept(z), lambda);
    if (operation === 'oscarmax') return oscarResidual(kept(p), kept(z), lambda);
    if (operation === 'normmax') return normResidual(kept(p), kept(z), alpha);
    return constrainedResidual(kept(p), kept(z), alpha, kept(bounds[r]!));
  });
}

const cases = [...conformanceCases('regularised'), ...conformanceCases('regularised-errata')].filter(
  ({ expected, parameters }) => !expected.error && !parameters.compat,
);

/** Whether all of it counts, and neighbours are neighbours. */
const isWhole = ({ x, mask }: ConformanceCase): boolean => !mask && x.every((score) => score > -Infinity);
/** What a certificate in float64 can decide: beyond that p says little of its scores, and penalties swallow them. */
const isPlain = ({ x, parameters: { alpha, lambda } }: ConformanceCase): boolean =>
  x.every((score) => Math.abs(score) < 1e6 || score === -Infinity) &&
  !(typeof alpha === 'number' && (alpha > 20 || alpha < 1.005) && alpha !== 1) &&
  !(typeof lambda === 'number' && lambda > 100);

test('all but few of them can be judged', () => {
  const judged = cases.filter(
    (each) => isPlain(each) && (isWhole(each) || !['fusedmax', 'tvmax'].includes(each.operation)),
  );
  expect(judged.length / cases.length).toBeGreaterThan(0.8);
});

test.each([...new Set(cases.map(({ operation }) => operation))])('of %s', (operation) => {
  for (const each of cases.filter((one) => one.operation === operation && isPlain(one))) {
    const { name, x, shape, axes, parameters, expected } = each;
    if (operation === 'fusedmax' && !isWhole(each)) continue;
    if (operation !== 'tvmax') {
      for (const residual of residuals(each)) expect(residual, name).toBeLessThan(1e-11);
      continue;
    }
    if (!isWhole(each) || axes![0] !== -2 || typeof parameters.lambda !== 'number') continue;
    const z = x.map((score) => score / (parameters.temperature ?? 1));
    const distance = gridDistance(expected.p!.values, z, parameters.lambda, [shape.at(-2)!, shape.at(-1)!]);
    expect(distance, name).toBeLessThan(1e-11);
  }
});
