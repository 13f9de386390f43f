/**
 * The semantics table of DESIGN.md §7, for every map, form of scores, element type, axis and call. A test is one claim
 * for one map and one form; in it every axis and every call is a case of its own, and all are counted.
 */

import { afterAll, describe, expect, test } from 'vitest';
import { errorOf } from '../oracle/compare.ts';
import { AXES, expectSameBits, floats, FORMS, laidOut, rowsOf } from '../oracle/layouts.ts';
import type { Axis, Floats, Form } from '../oracle/layouts.ts';
import { MAPS } from '../oracle/maps.ts';
import type { MapCase } from '../oracle/maps.ts';
import type { Reference } from '../oracle/reference.ts';
import { checkGradients, checkSparse } from './semantics-forms.ts';
import { SEMANTICS } from './semantics-table.ts';
import type { Semantics } from './semantics-table.ts';

let cases = 0;
let tests = 0;
const count = <R>(result: R): R => (cases++, result);

/** Scores as the element type holds them: the oracle sees what the map sees. */
const heldScores = (form: Form, rows: Semantics['scores']): Floats[] => rows.map((row) => floats(form.dtype, row));

/** The dense result of a call holds what the definition says. */
function checkDense(
  claim: Semantics,
  form: Form,
  { alpha, kind }: MapCase,
  expected: readonly Reference[],
  rows: readonly number[][],
  context: string,
): void {
  const tolerance = form.dtype === 'float32' ? 5e-6 : 1e-12;
  rows.forEach((p, r) => {
    const of = `${context}, row ${r}`;
    const reference = expected[r]!.p;
    if (Number.isNaN(reference[0])) expect(p, of).toEqual([...reference]);
    else if (!(errorOf(p, reference) <= tolerance)) expect.fail(`${of}: ${p.join()} instead of ${reference.join()}`);
    p.forEach((value, j) => {
      // A budget may hold other entries at their bounds: there the claim is that of the reference.
      const exact = kind === 'capped' ? exactZero(reference[j]!) : claim.exact?.(r, j, alpha);
      if (exact !== undefined && !Object.is(value, exact))
        expect.fail(`${of}, entry ${j}: ${value} instead of exactly ${exact}`);
      if (value < 0 || Object.is(value, -0)) expect.fail(`${of}, entry ${j}: ${value}`);
    });
    for (const [a, b] of claim.ties ?? []) {
      // Of equal scores top-k keeps the first ones.
      if (kind === 'topk' && p[b] === 0) continue;
      if (!Object.is(p[a], p[b])) expect.fail(`${of}: entries ${a} and ${b} differ, ${p[a]} and ${p[b]}`);
    }
  });
}

const exactZero = (value: number): number | undefined => (value === 0 ? 0 : undefined);

/** Sizes and thresholds say of every score what the dense result says. */
function checkSupport(
  claim: Semantics,
  form: Form,
  { kind }: MapCase,
  rows: readonly number[][],
  support: { sizes: Int32Array; thresholds: Floats },
  context: string,
): void {
  expect(support.thresholds.constructor, context).toBe(form.dtype === 'float32' ? Float32Array : Float64Array);
  const scores = heldScores(form, claim.scores);
  rows.forEach((p, r) => {
    const of = `${context}, row ${r}`;
    const threshold = support.thresholds[r]!;
    const isNaNRow = Number.isNaN(p[0]);
    const counted = scores[r]!.map((score, j) => (claim.mask && !claim.mask[r]![j] ? -Infinity : score));
    const isEmpty = counted.every((score) => score === -Infinity);
    expect(support.sizes[r], of).toBe(isNaNRow ? p.length : p.filter((value) => value > 0).length);
    if (isEmpty) expect(threshold, of).toBe(Infinity);
    else if (isNaNRow) expect(threshold, of).toBeNaN();
    else {
      // Where scores tie for the k-th place no threshold can tell those apart that are in.
      const tied =
        kind === 'topk' && p.some((value, i) => value === 0 && p.some((q, j) => q > 0 && counted[i] === counted[j]));
      p.forEach((value, j) => {
        if (value > 0 !== counted[j]! > threshold && !(tied && value === 0))
          expect.fail(`${of}, entry ${j}: p ${value}, score ${counted[j]}, threshold ${threshold}`);
      });
    }
  });
}

/** All calls of one map on one form along one axis. */
async function checkCalls(claim: Semantics, mapCase: MapCase, form: Form, axis: Axis): Promise<void> {
  const { map, options: own } = mapCase;
  const n = claim.scores[0]!.length;
  const shape = axis.shape(n);
  const scores = heldScores(form, claim.scores);
  const { temperature, emptyRow } = claim;
  const inRows = scores.map((row, r) => ({ scores: row, options: { mask: claim.mask?.[r], temperature, emptyRow } }));
  const expected = inRows.map((row) => mapCase.reference(row.scores, row.options));
  const values = laidOut(claim.scores, axis);
  const { x, options: needed } = form.make(values, shape);
  const options = { ...own, ...needed, ...claim.options?.(axis), axis: axis.axis };
  const context = (call: string): string => `${axis.name}, ${call}`;

  const dense = form.read(map(x, options), shape);
  const rows = rowsOf(dense, axis, n);
  checkDense(claim, form, mapCase, expected, rows, context('dense'));
  count(dense);

  const out = form.out(shape);
  expect(count(map(x, { ...options, out })), context('out')).toBe(out);
  expectSameBits(form.read(out, shape), dense, context('out'));

  const support = count(map.support(x, options));
  checkSupport(claim, form, mapCase, rows, support, context('support'));

  expectSameBits(form.read(await count(map.async(x, options)), shape), dense, context('async'));
  const later = await count(map.async.support(x, options));
  expect(later.sizes, context('async.support')).toEqual(support.sizes);
  expectSameBits(later.thresholds, support.thresholds, context('async.support'));

  const call = { mapCase, form, axis, n, shape, x, options, dense, support };
  cases += await checkSparse(call, context);
  cases += await checkGradients({ ...call, rows: inRows, p: rows }, context);

  expectSameBits(floats(form.dtype, flat(x)), floats(form.dtype, values), context('the scores are left as they were'));
  if (claim.without) checkUntouched(claim.without, { map, options, form, axis, rows, n });
}

/** The values of scores in any form. */
function flat(x: unknown): number[] {
  if (Array.isArray(x)) return x.flat(Infinity) as number[];
  if (ArrayBuffer.isView(x)) return [...(x as Floats)];
  if (typeof x === 'object' && x !== null && 'data' in x) return flat(x.data);
  return [...(x as { toTypedArray(): Floats }).toTypedArray()];
}

interface Calm {
  map: MapCase['map'];
  options: object;
  form: Form;
  axis: Axis;
  rows: number[][];
  n: number;
}

/** Rows beside a special one have the bits that they have without it. */
function checkUntouched(without: NonNullable<Semantics['without']>, { map, options, form, axis, rows, n }: Calm): void {
  const shape = axis.shape(n);
  const { x } = form.make(laidOut(without.scores, axis), shape);
  const calm = rowsOf(form.read(count(map(x, options)), shape), axis, n);
  for (const r of without.rows) expect(rows[r], `${axis.name}, row ${r} beside a special one`).toEqual(calm[r]);
}

describe.each(SEMANTICS)('$name', (claim) => {
  describe.each(MAPS)('$name', (mapCase) => {
    test.each(FORMS)('$name', async (form) => {
      tests++;
      for (const axis of AXES) await checkCalls(claim, mapCase, form, axis);
    });
  });
});

describe('rows of length 0 give an empty result of the same shape', () => {
  describe.each(MAPS)('$name', ({ map, options: own }) => {
    test.each(FORMS)('$name', async (form) => {
      tests++;
      for (const axis of AXES) {
        const full = axis.shape(0);
        // Nested arrays end at the axis of length 0, and cannot say what would follow.
        const shape = form.name === 'nested numbers' ? full.slice(0, full.indexOf(0) + 1) : full;
        const rows = shape.filter((_, at) => at !== full.indexOf(0)).reduce((product, length) => product * length, 1);
        const { x, options: needed } = form.make([], shape);
        const options = { ...own, ...needed, axis: axis.axis, emptyRow: 'throw' };
        const out = form.out(shape);
        expect(form.read(count(map(x, options)), shape)).toHaveLength(0);
        expect(count(map(x, { ...options, out }))).toBe(out);
        expect(form.read(await count(map.async(x, options)), shape)).toHaveLength(0);
        for (const { sizes, thresholds } of [
          count(map.support(x, options)),
          await count(map.async.support(x, options)),
        ]) {
          expect([...sizes], axis.name).toEqual(new Array(rows).fill(0));
          expect([...thresholds], axis.name).toEqual(new Array(rows).fill(Infinity));
        }
      }
    });
  });
});

describe("emptyRow 'throw' names the row and leaves out untouched", () => {
  const scores = SEMANTICS.find(({ name }) => name === 'a row with nothing left is all zeros')!.scores.map((row, r) =>
    r === 0 ? row.map(() => 1) : row,
  );
  describe.each(MAPS)('$name', ({ name, map, options: own }) => {
    test.each(FORMS)('$name', async (form) => {
      tests++;
      const op = name.split(',')[0]!;
      for (const axis of AXES) {
        const shape = axis.shape(scores[0]!.length);
        const { x, options: needed } = form.make(laidOut(scores, axis), shape);
        const options = { ...own, ...needed, axis: axis.axis, emptyRow: 'throw' };
        const failure = (of: string): object => ({
          code: 'ENTMAX_EMPTY_ROW',
          op: of,
          message: `${of}: expected a score that counts in every row, got none in row 4`,
        });
        const out = form.out(shape);
        expect(() => count(map(x, options))).toThrow(expect.objectContaining(failure(op)));
        expect(() => count(map(x, { ...options, out }))).toThrow(expect.objectContaining(failure(op)));
        expect(() => count(map.support(x, options))).toThrow(expect.objectContaining(failure(`${op}.support`)));
        await expect(count(map.async(x, { ...options, out }))).rejects.toThrow(
          expect.objectContaining(failure(`${op}.async`)),
        );
        await expect(count(map.async.support(x, options))).rejects.toThrow(
          expect.objectContaining(failure(`${op}.async.support`)),
        );
        expect(flat(form.read(out, shape)).every((value) => value === 7)).toBe(true);
      }
    });
  });
});

afterAll(() => {
  console.log(
    `semantics: ${cases} calls checked in ${tests} generated tests (${SEMANTICS.length + 2} claims, ${MAPS.length} maps, ${FORMS.length} forms, ${AXES.length} axes)`,
  );
});
