/**
 * Runs a conformance case through every form of the public API: dense, CSR, support, groups, `vjp` and `backward` of a map, those
 * that it has; value, `valueAndGrad`, `valueAndCsr` and `vjp` of a loss. Each form gives an answer that check.ts judges.
 */

import { expect } from 'vitest';
import * as entmax from 'entmax';
import * as regularised from 'entmax/regularised';
import type { FloatType } from '../oracle/compare.ts';
import type { ConformanceCase, LossName, MapName, Operation, Quantity } from '../oracle/golden.ts';
import { check, rowsAlong } from './check.ts';
import type { Answer } from './check.ts';

type Floats = Float32Array | Float64Array;
interface Nd<A = Floats> {
  data: A;
  shape: readonly number[];
}
interface Gradients {
  x: Nd;
  alpha?: number | Floats;
  lambda?: number | Floats;
  budget?: number | Floats;
  upper?: number | Nd;
}
interface Csr {
  indptr: Int32Array;
  indices: Int32Array;
  values: Floats;
  thresholds: Floats;
  exact?: Uint8Array;
  toDense(): Floats;
}

/** A map without its types: options come from the file. */
interface AnyMap {
  (x: Nd, options: object): Nd;
  csr?(x: Nd, options: object): Csr;
  support?(x: Nd, options: object): { sizes: Int32Array; thresholds: Floats; exact?: Uint8Array };
  groups?(x: Nd, options: object): { p: Nd; groups: Int32Array };
  vjp(x: Nd, options: object): [Nd, ((dp: Nd) => Gradients) & Disposable];
  backward?(p: Nd, dp: Nd, options: object): Gradients;
}

interface AnyLoss {
  (z: Nd, target: unknown, options: object): Nd | number;
  valueAndGrad(z: Nd, target: unknown, options: object): [number, Gradients];
  valueAndCsr(z: Nd, target: unknown, options: object): [number, Omit<Gradients, 'x'> & { x: Csr }];
  vjp(z: Nd, target: unknown, options: object): [Nd, ((dy: Nd) => Gradients) & Disposable];
  hvp(z: Nd, target: unknown, v: Nd, options: object): Nd;
}

const api = { ...entmax, ...regularised } as unknown as Record<Operation, unknown>;
const isLoss = (operation: Operation): operation is LossName => operation.endsWith('Loss');

/** Runs the case in one type; returns the quantities that some form was asked for. */
export function run(conformance: ConformanceCase, dtype: FloatType): Set<Quantity> {
  const answers = answersOf(conformance, dtype);
  return new Set(answers.flatMap(([form, answer]) => check(conformance, dtype, answer, `${dtype}, ${form}`)));
}

/** The call itself, for cases that must be refused. */
export function call({ operation, ...rest }: ConformanceCase, dtype: FloatType): unknown {
  return (api[operation] as AnyMap)(blockOf(rest, rest.x, dtype), optionsOf(rest, dtype));
}

/** The Hessian of the map's loss times the cotangent, which is the case's gradient: the Jacobian is symmetric. */
export function runHessian(conformance: ConformanceCase, dtype: FloatType): Quantity[] {
  const { operation, ...input } = conformance;
  const loss = api[`${operation}Loss` as LossName] as AnyLoss;
  const [z, v] = [blockOf(input, input.x, dtype), blockOf(input, input.dp!, dtype)];
  const { data } = loss.hvp(z, [1], v, { ...optionsOf(input, dtype), reduction: 'sum' });
  return check(conformance, dtype, { dx: data }, `${dtype}, hvp`);
}

function answersOf(conformance: ConformanceCase, dtype: FloatType): [form: string, Answer][] {
  return isLoss(conformance.operation) ? lossAnswers(conformance, dtype) : mapAnswers(conformance, dtype);
}

type Input = Omit<ConformanceCase, 'operation'>;

const floatsOf = (values: ArrayLike<number>, dtype: FloatType): Floats =>
  dtype === 'float32' ? Float32Array.from(values) : Float64Array.from(values);

const blockOf = ({ shape }: Input, values: ArrayLike<number>, dtype: FloatType): Nd => ({
  data: floatsOf(values, dtype),
  shape,
});

function optionsOf(input: Input, dtype: FloatType): Record<string, unknown> {
  const { axis, axes, mask, parameters } = input;
  const { upper, ...rest } = parameters;
  return {
    ...(axes ? { axes } : { axis }),
    ...rest,
    ...(mask && { mask }),
    ...(upper !== undefined && { upper: typeof upper === 'number' ? upper : blockOf(input, upper, dtype) }),
  };
}

/** One value of a parameter for each row, so that its gradient comes back for each row. */
function perRow(options: Record<string, unknown>, rows: number): Record<string, unknown> {
  const spread = (name: string): object =>
    typeof options[name] === 'number' ? { [name]: new Float64Array(rows).fill(options[name]) } : {};
  return { ...options, ...spread('alpha'), ...spread('lambda'), ...spread('budget') };
}

/** Gradients by name as the quantities of the file: numbers as lists of one. */
function gradientsOf({ x, alpha, lambda, budget, upper }: Omit<Gradients, 'x'> & { x?: Nd }): Answer {
  const list = (each: number | Floats): ArrayLike<number> => (typeof each === 'number' ? [each] : each);
  return {
    ...(x && { dx: x.data }),
    ...(alpha !== undefined && { dalpha: list(alpha) }),
    ...(lambda !== undefined && { dlambda: list(lambda) }),
    ...(budget !== undefined && { dbudget: list(budget) }),
    ...(typeof upper === 'object' && { dupper: upper.data }),
  };
}

function mapAnswers({ operation, ...input }: ConformanceCase, dtype: FloatType): [string, Answer][] {
  const map = api[operation as MapName] as AnyMap;
  const x = blockOf(input, input.x, dtype);
  const options = optionsOf(input, dtype);
  const p = map(x, options);
  const rows = rowsAlong(p.data, ...rowsOf(input));
  const answers: [string, Answer][] = [
    ['dense', { p: p.data, support: rows.map(supportOf), saturated: saturatedOf(rows, input, dtype) }],
  ];
  if (map.support) {
    const { sizes, thresholds, exact } = map.support(x, options);
    if (!operation.startsWith('topk') && !map.groups) expectCutoffs(input, dtype, rows, thresholds);
    answers.push(['support', { sizes: [...sizes], thresholds, ...(exact && { exact: [...exact] }) }]);
  }
  if (map.csr) answers.push(['csr', csrAnswer(map.csr(x, options), rows.length)]);
  if (map.groups) {
    const grouped = map.groups(x, options);
    answers.push(['groups', { p: grouped.p.data, groups: [...grouped.groups] }]);
  }
  if (!input.dp) return answers;
  const dp = blockOf(input, input.dp, dtype);
  const separately = perRow(options, rows.length);
  if (operation === 'budget' || operation.startsWith('constrained')) {
    // A bound for each entry, so that each has its gradient.
    const { upper = 1 } = input.parameters;
    separately['upper'] = blockOf(input, typeof upper === 'number' ? input.x.map(() => upper) : upper, dtype);
  }
  const [value, pullback] = map.vjp(x, separately);
  answers.push(['vjp', { p: value.data, ...gradientsOf(pullback(dp)) }]);
  pullback[Symbol.dispose]();
  // The output alone cannot tell +Infinity from equal scores, nor whether "at most B" was held.
  if (map.backward && !input.x.includes(Infinity))
    answers.push(['backward', gradientsOf(map.backward(p, dp, separately))]);
  return answers;
}

/** What `rowsAlong` needs: a grid is a row, whose two axes are one here. */
function rowsOf({ shape, axis, axes }: Input): [shape: readonly number[], axis: number] {
  if (!axes) return [shape, axis];
  const first = axes[0] < 0 ? axes[0] + shape.length : axes[0];
  return [[...shape.slice(0, first), shape[first]! * shape[first + 1]!, ...shape.slice(first + 2)], first];
}

/** In the support <=> unmasked, with a bound above 0 and above the threshold, as both are stored; a row of NaN has no threshold. */
function expectCutoffs(input: Input, dtype: FloatType, rows: number[][], thresholds: Floats): void {
  const z = rowsAlong(floatsOf(input.x, dtype), input.shape, input.axis);
  const mask = input.mask && rowsAlong(input.mask, input.shape, input.axis);
  const { upper = 1 } = input.parameters;
  const bounds = typeof upper === 'number' ? undefined : rowsAlong(floatsOf(upper, dtype), input.shape, input.axis);
  const counts = (r: number, i: number) => mask?.[r]![i] !== 0 && (bounds?.[r]![i] ?? upper) !== 0;
  rows.forEach((row, r) => {
    const above = z[r]!.map((score, i) => score > thresholds[r]! && counts(r, i));
    const inside = row.map((p) => p > 0);
    if (!Number.isNaN(thresholds[r])) expect(above, `${input.name}, ${dtype}: above the threshold`).toEqual(inside);
    else expect(row.every(Number.isNaN), `${input.name}, ${dtype}: NaN throughout`).toBe(true);
  });
}

const supportOf = (row: readonly number[]): number[] => [...row.keys()].filter((i) => row[i]! > 0);

function saturatedOf(rows: number[][], { parameters, shape, axis }: Input, dtype: FloatType): number[][] {
  const { upper = 1 } = parameters;
  const bounds = typeof upper === 'number' ? undefined : rowsAlong(floatsOf(upper, dtype), shape, axis);
  return rows.map((row, r) => supportOf(row).filter((i) => row[i] === (bounds?.[r]![i] ?? upper)));
}

function csrAnswer(csr: Csr, rows: number): Answer {
  const { indptr, indices, thresholds, exact } = csr;
  const support = Array.from({ length: rows }, (_, r) => [...indices.subarray(indptr[r], indptr[r + 1])]);
  return { p: csr.toDense(), support, thresholds, ...(exact && { exact: [...exact] }) };
}

function lossAnswers({ operation, ...input }: ConformanceCase, dtype: FloatType): [string, Answer][] {
  const loss = api[operation as LossName] as AnyLoss;
  const z = blockOf(input, input.x, dtype);
  const target = input.classes ?? blockOf(input, input.distribution!, dtype);
  const options = perRow(optionsOf(input, dtype), input.x.length / input.shape.at(input.axis)!);
  const none = loss(z, target, { ...options, reduction: 'none' }) as Nd;
  const mean = loss(z, target, { ...options, reduction: 'mean' }) as number;
  const [sum, gradients] = loss.valueAndGrad(z, target, { ...options, reduction: 'sum' });
  const [again, { x: csr, ...rest }] = loss.valueAndCsr(z, target, { ...options, reduction: 'sum' });
  const [values, pullback] = loss.vjp(z, target, options);
  const ones = { data: floatsOf(new Array<number>(values.data.length).fill(1), dtype), shape: values.shape };
  const answers: [string, Answer][] = [
    ['value', { loss: none.data, mean }],
    ['valueAndGrad', { sum, ...gradientsOf(gradients) }],
    ['valueAndCsr', { sum: again, dx: csr.toDense(), ...gradientsOf(rest) }],
    ['vjp', { loss: values.data, ...gradientsOf(pullback(ones)) }],
  ];
  pullback[Symbol.dispose]();
  return answers;
}
