/**
 * One random call of a map through the public API, held against the float64 references and against its own other forms:
 * the probabilities, the support, CSR bit for bit, the gradients from the input and from the output.
 */

import * as entmax from 'entmax';
import { budgetReference, budgetVjpReference } from '../oracle/budget.ts';
import { errorOf, gradientError, wrongSupport } from '../oracle/compare.ts';
import { entmaxBackwardReference, entmaxVjpReference } from '../oracle/derivatives.ts';
import { entmaxReference } from '../oracle/reference.ts';
import { topkReference, topkVjpReference } from '../oracle/topk.ts';
import { inputsOf } from './random-call.ts';
import type { Inputs, RandomCall } from './random-call.ts';

type Floats = Float32Array | Float64Array;
interface UntypedMap {
  (x: unknown, options: object): unknown;
  csr(x: unknown, options: object): { toDense(): Floats; indptr: Int32Array; thresholds: Floats };
  support(x: unknown, options: object): { sizes: Int32Array; thresholds: Floats };
  vjp(x: unknown, options: object): [unknown, { (dy: unknown): Record<string, unknown>; dispose(): void }];
  backward(p: unknown, dp: unknown, options: object): Record<string, unknown>;
}

const ALPHA = { softmax: 1, sparsemax: 2, entmax15: 1.5, topkSparsemax: 2 } as const;
/** Relative to the largest entry of a row. */
const TOLERANCE = { float32: 2e-6, float64: 1e-12 };

/** What is wrong with the call; nothing if nothing is. */
export function complaints(call: RandomCall): string[] {
  const inputs = inputsOf(call);
  const { dtype, asTensor } = call;
  const { shape, lay, unlay } = layoutOf(call);
  const options = { ...rowOptions(call, inputs), ...ownOptions(call, inputs, lay) };
  const map = entmax[call.map] as unknown as UntypedMap;
  const wrong: string[] = [];

  entmax.scope(() => {
    const x = asTensor ? entmax.tensor(lay(inputs.rows), shape) : lay(inputs.rows);
    const flat = (result: unknown): Floats =>
      (result instanceof entmax.Tensor ? result.toTypedArray() : result) as Floats;
    const p = flat(map(x, options));
    const csr = map.csr(x, options);
    if (!sameBits(csr.toDense(), p)) wrong.push('CSR differs from dense');
    const { sizes, thresholds } = map.support(x, options);
    if (!sameBits(csr.thresholds, thresholds)) wrong.push('thresholds of CSR and support differ');
    sizes.forEach((size, r) => {
      if (csr.indptr[r + 1]! - csr.indptr[r]! !== size) wrong.push(`row ${r}: ${size} in the support`);
    });

    // Far from 0 the reference of a budget loses digits between a threshold and its score: all at 1e30, three at 1000.
    const far = call.scores === 'huge' || (call.scores === 'offset' && dtype === 'float64');
    const comparable = !(call.map === 'budget' && far);
    (comparable ? unlay(p) : []).forEach((row, r) => {
      const wanted = referenceOf(call, inputs, r);
      // Denormal probabilities have few digits: `at most` gives denormal scores themselves.
      const denormal = wanted.p.every((p) => p < 1e-30);
      const error = denormal ? 0 : errorOf(row, wanted.p);
      if (!(error <= tolerance(call)) && !(row.every(Number.isNaN) && wanted.p.some(Number.isNaN)))
        wrong.push(`row ${r}: off by ${error}`);
      const excused = call.map === 'budget' || call.temperature !== 1 || alphaOf(call, inputs, r) > 2;
      if (!excused && !wanted.p.some(Number.isNaN)) {
        const differing = wrongSupport(row, wanted, inputs.rows[r]!, dtype);
        if (differing.length > 0) wrong.push(`row ${r}: support differs at ${differing.join()}`);
      }
    });

    const [value, pullback] = map.vjp(x, options);
    if (!sameBits(flat(value), p)) wrong.push('the value of vjp differs');
    const dy = asTensor ? entmax.tensor(lay(inputs.cotangents), shape) : lay(inputs.cotangents);
    const gradients = pullback(dy);
    const dx = unlay(flat(gradients['x']));
    if (dtype === 'float64' && call.scores !== 'huge' && call.scores !== 'tiny') {
      dx.forEach((row, r) => {
        const wanted = gradientOf(call, inputs, r);
        if (wanted === undefined) return;
        const scale = wanted.reduce((most, each) => Math.max(most, Math.abs(each)), 1e-3);
        const error = row.reduce((most, each, j) => Math.max(most, Math.abs(each - wanted[j]!)), 0) / scale;
        if (!(error <= 1e-7) && !(Number.isNaN(row[0]) && Number.isNaN(wanted[0])))
          wrong.push(`row ${r}: gradient off by ${error}`);
      });
    }
    pullback.dispose();

    // The output alone tells all but which rows are constant, where the pullback gives 0, and whether "at most" was held
    // where the sum is the budget to the last digits.
    const output = asTensor ? entmax.tensor(p, shape) : p;
    const fromOutput = map.backward(output, dy, options);
    unlay(flat(fromOutput['x'])).forEach((row, r) => {
      const constant = dx[r]!.every((each) => each === 0);
      const room = inputs.budgets[call.perRow ? r : 0]! - unlay(p)[r]!.reduce((sum, each) => sum + each, 0);
      const unclear = call.map === 'budget' && call.atMost && Math.abs(room) < 1e-4;
      if (!constant && !unclear && !row.every((each, j) => Object.is(each, dx[r]![j])))
        wrong.push(`row ${r}: backward differs`);
    });
    if (call.map !== 'budget') wrong.push(...outputComplaints(call, inputs, unlay(p), unlay(flat(fromOutput['x']))));
  });
  return wrong;
}

/** Gradients at the kernels' own p, whose rounding those of alpha above 2 would magnify. */
function outputComplaints(call: RandomCall, inputs: Inputs, p: number[][], dx: number[][]): string[] {
  const tolerance = { float32: 4e-6, float64: 1e-11 }[call.dtype];
  return dx.flatMap((row, r) => {
    const wanted = entmaxBackwardReference(p[r]!, alphaOf(call, inputs, r), inputs.cotangents[r]!, call.temperature).x;
    if (wanted.some((each) => Math.abs(each) > 1e37)) return [];
    const error = gradientError(row, wanted);
    return error <= tolerance ? [] : [`row ${r}: gradient from the output off by ${error}`];
  });
}

type Lay = (rows: readonly ArrayLike<number>[]) => Floats;

/** The shape of the call's block, and its rows into the block and out of it. */
export function layoutOf({ outer, n, inner, dtype }: RandomCall): {
  shape: number[];
  lay: Lay;
  unlay: (data: ArrayLike<number>) => number[][];
} {
  const at = (r: number, j: number): number => (Math.floor(r / inner) * n + j) * inner + (r % inner);
  const lay: Lay = (rows) => {
    const data = dtype === 'float32' ? new Float32Array(outer * n * inner) : new Float64Array(outer * n * inner);
    rows.forEach((row, r) => Array.from(row).forEach((value, j) => (data[at(r, j)] = value)));
    return data;
  };
  const unlay = (data: ArrayLike<number>): number[][] =>
    Array.from({ length: outer * inner }, (_, r) => Array.from({ length: n }, (__, j) => data[at(r, j)]!));
  return { shape: [outer, n, inner], lay, unlay };
}

/** Where the rows run, and what of them counts. */
export function rowOptions(call: RandomCall, inputs: Inputs): object {
  const { shape, lay } = layoutOf(call);
  const masking =
    call.masked === 'none'
      ? {}
      : inputs.lengths
        ? { lengths: inputs.lengths }
        : { mask: { data: Uint8Array.from(lay(inputs.masks)), shape } };
  return { axis: 1, ...(call.asTensor ? {} : { shape }), ...masking, temperature: call.temperature };
}

export function sameBits(a: Floats, b: Floats): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}

function tolerance({ map, dtype }: RandomCall): number {
  return map === 'budget' ? 4 * TOLERANCE[dtype] : TOLERANCE[dtype];
}

export function alphaOf(call: RandomCall, inputs: Inputs, r: number): number {
  return call.map in ALPHA ? ALPHA[call.map as keyof typeof ALPHA] : inputs.alphas[r]!;
}

export function ownOptions(call: RandomCall, inputs: Inputs, lay: Lay): object {
  const one = (values: Float64Array): Float64Array | number => (call.perRow ? values : (values[0] ?? 1));
  const alpha = { alpha: one(inputs.alphas) };
  if (call.map === 'entmax') return alpha;
  if (call.map === 'topkEntmax') return { ...alpha, k: call.k };
  if (call.map === 'topkSparsemax') return { k: call.k };
  if (call.map !== 'budget') return {};
  const shape = [call.outer, call.n, call.inner];
  const upper = call.bounded ? { upper: { data: lay(inputs.bounds), shape } } : {};
  return { budget: one(inputs.budgets), atMost: call.atMost, ...upper };
}

export function referenceOptions(call: RandomCall, inputs: Inputs, r: number) {
  return { mask: inputs.masks[r], temperature: call.temperature };
}

function referenceOf(call: RandomCall, inputs: Inputs, r: number): { p: Float64Array; threshold: number } {
  const options = referenceOptions(call, inputs, r);
  const scores = inputs.rows[r]!;
  if (call.map === 'budget') return budgetReference(scores, { ...options, ...cappedOptions(call, inputs, r) });
  const alpha = alphaOf(call, inputs, r);
  return 'k' in ownOptions(call, inputs, () => new Float64Array())
    ? topkReference(scores, call.k, alpha, options)
    : entmaxReference(scores, alpha, options);
}

function cappedOptions(call: RandomCall, inputs: Inputs, r: number) {
  return { budget: inputs.budgets[r]!, atMost: call.atMost, upper: inputs.bounds[r] };
}

/** The gradient of a row, where differentiation says what it is. */
function gradientOf(call: RandomCall, inputs: Inputs, r: number): Float64Array | undefined {
  const options = referenceOptions(call, inputs, r);
  const scores = inputs.rows[r]!;
  const dp = inputs.cotangents[r]!;
  // Sets that rounding decides: an entry on its bound within the last digits is inside for one and outside for the other,
  // and so is a score on the threshold where the quotient by the temperature rounds.
  if (call.map === 'budget') {
    const { p, threshold } = referenceOf(call, inputs, r);
    if (call.temperature === 3 && scores.some((score) => Math.abs(score - threshold) < 1e-9)) return undefined;
    const onEdge = p.some(
      (value, j) => value > 0 && Math.abs(value - inputs.bounds[r]![j]!) < 1e-9 && value !== inputs.bounds[r]![j],
    );
    if (onEdge || call.odd.includes('Infinity') || p.some((value) => value > 0 && value < 1e-9)) return undefined;
    return budgetVjpReference(scores, dp, { ...options, ...cappedOptions(call, inputs, r) }).x;
  }
  const alpha = alphaOf(call, inputs, r);
  const { p, threshold } = referenceOf(call, inputs, r);
  // A score on the threshold is a kink: the last digit of x / temperature decides which side's derivative it is.
  if (scores.some((score) => Math.abs(score - threshold) <= 1e-12 * Math.max(1, Math.abs(score)))) return undefined;
  // Above 2 the derivative grows without bound as p goes to 0.
  if (alpha > 2 && p.some((value) => value > 0 && value < 1e-5)) return undefined;
  if (p.some((value) => value > 0 && value < 1e-200)) return undefined;
  return call.map === 'topkEntmax' || call.map === 'topkSparsemax'
    ? call.odd.includes('Infinity')
      ? undefined
      : topkVjpReference(scores, call.k, alpha, dp, options).x
    : entmaxVjpReference(scores, alpha, dp, options).x;
}
