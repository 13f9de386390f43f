// The float64 references answer every conformance case: two independent oracles agree, one of mpmath and fractions, one of plain loops.

import { describe, expect, test } from 'vitest';
import { check, laidAlong, rowsAlong } from '../conformance/check.ts';
import type { Answer } from '../conformance/check.ts';
import { budgetReference, budgetVjpReference } from './budget.ts';
import { entmaxVjpReference } from './derivatives.ts';
import { CONFORMANCE_FILES, conformanceCases } from './golden.ts';
import type { ConformanceCase, Parameter } from './golden.ts';
import { budgetLossReference, entmaxLossReference } from './losses.ts';
import { exactSupport } from './rational.ts';
import { entmaxReference, sum } from './reference.ts';
import { topkReference, topkVjpReference } from './topk.ts';

/** The alphas of the operations that have one of their own. */
const ALPHA: Partial<Record<ConformanceCase['operation'], number>> = {
  softmax: 1,
  softmaxLoss: 1,
  sparsemax: 2,
  sparsemaxLoss: 2,
  topkSparsemax: 2,
  entmax15: 1.5,
  entmax15Loss: 1.5,
};

interface RowAnswer {
  p?: Float64Array;
  threshold?: number;
  exact?: boolean;
  dx?: Float64Array;
  dalpha?: number;
  dbudget?: number;
  dupper?: Float64Array;
  loss?: number;
}

const ofRow = (parameter: Parameter | undefined, r: number): number | undefined =>
  typeof parameter === 'object' ? parameter[r] : parameter;

/** What the references say of row r. */
function answerRow(conformance: ConformanceCase, r: number, rows: ReturnType<typeof inRows>): RowAnswer {
  const { operation, parameters } = conformance;
  const [z, dp, mask] = [rows.x[r]!, rows.dp?.[r], rows.mask?.[r]];
  const alpha = ALPHA[operation] ?? ofRow(parameters.alpha, r) ?? 1.5;
  const { temperature, k = z.length, atMost } = parameters;
  const options = { mask, temperature };
  const limits = { ...options, atMost, budget: ofRow(parameters.budget, r) ?? 1, upper: rows.upper?.[r] ?? 1 };
  if (operation.endsWith('Loss')) {
    const target = conformance.classes ? conformance.classes[r]! : rows.distribution![r]!;
    if (target === (parameters.ignoreIndex ?? -100))
      return { loss: 0, dx: new Float64Array(z.length), dalpha: 0, dbudget: 0 };
    const weight = typeof target === 'number' ? (parameters.classWeights?.[target] ?? 1) : 1;
    const weighted = (values: Float64Array): Float64Array => values.map((value) => weight * value);
    if (operation === 'budgetLoss') {
      const { value, x, budget, upper } = budgetLossReference(z, target, limits);
      return { loss: weight * value, dx: weighted(x), dbudget: weight * budget, dupper: weighted(upper) };
    }
    const { value, x, alpha: dalpha } = entmaxLossReference(z, target, alpha, options);
    return { loss: weight * value, dx: weighted(x), dalpha: weight * dalpha };
  }
  if (operation === 'budget') {
    const gradients = dp && budgetVjpReference(z, dp, limits);
    const { p, threshold } = budgetReference(z, limits);
    return { p, threshold, ...(gradients && { dx: gradients.x, dbudget: gradients.budget, dupper: gradients.upper }) };
  }
  const topk = operation.startsWith('topk');
  const map = topk ? topkReference(z, k, alpha, options) : entmaxReference(z, alpha, options);
  if (!dp) return map;
  const { x: dx, alpha: dalpha } = topk
    ? topkVjpReference(z, k, alpha, dp, options)
    : entmaxVjpReference(z, alpha, dp, options);
  return { ...map, dx, dalpha };
}

/** A case's blocks as rows. */
function inRows({ x, shape, axis, dp, mask, distribution, parameters: { upper } }: ConformanceCase) {
  const rows = (block: ArrayLike<number> | undefined): number[][] | undefined => block && rowsAlong(block, shape, axis);
  return {
    x: rowsAlong(x, shape, axis),
    dp: rows(dp),
    mask: rows(mask),
    distribution: rows(distribution),
    upper: rows(typeof upper === 'number' ? new Float64Array(x.length).fill(upper) : upper),
  };
}

const saturated = (p: Float64Array, upper?: number[]): number[] =>
  [...p.keys()].filter((i) => p[i]! > 0 && p[i] === (upper?.[i] ?? 1));

function answer(conformance: ConformanceCase): Answer {
  const { operation, shape, axis, classes, parameters } = conformance;
  const blocks = inRows(conformance);
  const rows = blocks.x.map((_, r) => answerRow(conformance, r, blocks));
  const block = (key: 'p' | 'dx' | 'dupper'): Float64Array | undefined =>
    rows[0]?.[key] &&
    laidAlong(
      rows.map((row) => row[key]!),
      shape,
      axis,
    );
  const list = (key: 'threshold' | 'dalpha' | 'dbudget' | 'loss'): number[] | undefined =>
    rows[0]?.[key] === undefined ? undefined : rows.map((row) => row[key]!);
  const loss = list('loss');
  const counted = classes?.filter((each) => each !== (parameters.ignoreIndex ?? -100)).length ?? rows.length;
  // A float64 reference cannot place a score within an ulp of the threshold; for two maps there is an exact one.
  const exact = operation === 'sparsemax' ? 2 : operation === 'entmax15' ? 1.5 : undefined;
  const supports =
    rows[0]?.p &&
    rows.map(({ p }, r) =>
      exact && blocks.x[r]!.every((score) => score < Infinity) && p!.some((each) => each > 0)
        ? exactSupport(
            blocks.x[r]!.map((score, i) => (blocks.mask?.[r]?.[i] === 0 ? -Infinity : score)),
            exact,
          )
        : [...p!.keys()].filter((i) => p![i]! > 0),
    );
  return {
    p: block('p'),
    dx: block('dx'),
    dupper: block('dupper'),
    thresholds: list('threshold'),
    dalpha: list('dalpha'),
    dbudget: list('dbudget'),
    loss,
    ...(supports && operation === 'budget' && { saturated: rows.map(({ p }, r) => saturated(p!, blocks.upper?.[r])) }),
    ...(supports && { support: supports, sizes: supports.map(({ length }) => length) }),
    ...(rows[0]?.exact !== undefined && { exact: rows.map(({ exact }) => Number(exact)) }),
    ...(loss && { sum: sum(loss), mean: counted === 0 ? 0 : sum(loss) / counted }),
  } as Answer;
}

describe.each(CONFORMANCE_FILES)('%s.json', (file) => {
  const cases = conformanceCases(file);

  test('has cases whose blocks have one size, with tolerances and expected values', () => {
    expect(cases.length).toBeGreaterThan(10);
    for (const { name, x, shape, dp, mask, distribution, expected, tolerance } of cases) {
      const size = shape.reduce((product, length) => product * length, 1);
      for (const block of [x, dp, mask, distribution]) if (block) expect(block.length, name).toBe(size);
      expect(Object.keys(tolerance).length, name).toBeGreaterThan(0);
      expect(Object.keys(expected).length, name).toBeGreaterThan(0);
    }
  });

  test('the references answer within the tolerance of float64', () => {
    for (const conformance of cases) {
      if (conformance.expected.error) {
        expect(() => answer(conformance), conformance.name).toThrow();
        continue;
      }
      const dtype = conformance.tolerance.float64 ? 'float64' : 'float32';
      const compared = check(conformance, dtype, answer(conformance));
      expect(compared.sort(), conformance.name).toEqual(Object.keys(conformance.expected).sort());
    }
  });
});
