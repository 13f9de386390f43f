/**
 * The loss of a random call's map, where it has one: its value and gradients against the float64 references, and all
 * forms against each other. Classes and distributions follow from the call's seed; some rows are ignored, some targets
 * lie where nothing counts.
 */

import * as entmax from 'entmax';
import { gradientError } from '../oracle/compare.ts';
import { budgetLossReference, entmaxLossReference } from '../oracle/losses.ts';
import type { LossReference, Target } from '../oracle/losses.ts';
import { randomFrom } from '../oracle/random.ts';
import { alphaOf, layoutOf, ownOptions, referenceOptions, rowOptions, sameBits } from './check-call.ts';
import { inputsOf } from './random-call.ts';
import type { Inputs, RandomCall } from './random-call.ts';

type Floats = Float32Array | Float64Array;
interface UntypedLoss {
  (z: unknown, target: unknown, options: object): unknown;
  valueAndGrad(z: unknown, target: unknown, options: object): [number, Record<string, unknown>];
  valueAndCsr(z: unknown, target: unknown, options: object): [number, { x: { toDense(): Floats } }];
}

const LOSSES = {
  softmax: entmax.softmaxLoss,
  sparsemax: entmax.sparsemaxLoss,
  entmax15: entmax.entmax15Loss,
  entmax: entmax.entmaxLoss,
  budget: entmax.budgetLoss,
};
const IGNORED = -1;
/** Relative to the largest score that counts, or 1: the value is a sum of scores times probabilities. */
const VALUE = { float32: 1e-5, float64: 1e-11 };
const GRADIENT = { float32: 1e-5, float64: 1e-10 };

/** What is wrong with the loss; nothing if nothing is, or if the map has none. */
export function lossComplaints(call: RandomCall): string[] {
  if (!(call.map in LOSSES) || call.n === 0) return [];
  // Of a budget there is no loss with bounds; its reference loses digits far from 0, and does not know +Infinity.
  const far = call.scores === 'huge' || call.scores === 'offset' || call.odd.includes('Infinity');
  if (call.map === 'budget' && (call.bounded || far)) return [];
  const loss = LOSSES[call.map as keyof typeof LOSSES] as unknown as UntypedLoss;
  const inputs = inputsOf(call);
  // Targets sum to 1: they lie in the set of at most B from B = 1 on.
  if (call.map === 'budget' && !(call.atMost && inputs.budgets.every((budget) => budget >= 1))) return [];
  const { shape, lay, unlay } = layoutOf(call);
  const options = { ...rowOptions(call, inputs), ...ownOptions(call, inputs, lay), ignoreIndex: IGNORED };
  const targets = targetsOf(call);
  const wrong: string[] = [];
  entmax.scope(() => {
    const z = call.asTensor ? entmax.tensor(lay(inputs.rows), shape) : lay(inputs.rows);
    const classes = targets.every((target) => typeof target === 'number');
    const distributions = targets as readonly Float64Array[];
    const target = classes
      ? Int32Array.from(targets)
      : call.asTensor
        ? entmax.tensor(lay(distributions), shape)
        : lay(distributions);
    const flat = (result: unknown): Floats =>
      (result instanceof entmax.Tensor ? result.toTypedArray() : result) as Floats;
    const sum = { ...options, reduction: 'sum' };
    const values = flat(loss(z, target, { ...options, reduction: 'none' }));
    const [total, gradients] = loss.valueAndGrad(z, target, sum);
    const x = flat(gradients['x']);
    if (!Object.is(loss(z, target, sum), total)) wrong.push('the sum alone differs');
    const [sparseTotal, { x: csr }] = loss.valueAndCsr(z, target, sum);
    if (!Object.is(sparseTotal, total)) wrong.push('the sum beside CSR differs');
    if (
      !sameBits(
        csr.toDense(),
        x.map((each) => each + 0),
      )
    )
      wrong.push('the gradient as CSR differs');
    unlay(x).forEach((row, r) => {
      if (targets[r] === IGNORED) {
        if (values[r] !== 0 || row.some((each) => each !== 0)) wrong.push(`row ${r}: ignored and not 0`);
        return;
      }
      wrong.push(...rowComplaints(call, inputs, r, targets[r]!, values[r]!, row));
    });
  });
  return wrong;
}

function rowComplaints(
  call: RandomCall,
  inputs: Inputs,
  r: number,
  target: Target,
  value: number,
  x: number[],
): string[] {
  const wanted = referenceOf(call, inputs, r, target);
  const counted = Array.from(inputs.rows[r]!).filter((score, j) => inputs.masks[r]![j] && Number.isFinite(score));
  const scale = counted.reduce((most, score) => Math.max(most, Math.abs(score)), 1) / call.temperature;
  const near = Math.abs(value - wanted.value) <= VALUE[call.dtype] * scale;
  const wrong: string[] = [];
  if (!near && !Object.is(value, wanted.value)) wrong.push(`row ${r}: loss ${value} instead of ${wanted.value}`);
  if (value < 0) wrong.push(`row ${r}: loss ${value}`);
  const error = gradientError(x, wanted.x);
  if (!(error <= GRADIENT[call.dtype])) wrong.push(`row ${r}: gradient of the loss off by ${error}`);
  return wrong;
}

/** +Infinity: the loss of equal scores for a target that lies among them, Infinity for any other. */
function referenceOf(call: RandomCall, inputs: Inputs, r: number, target: Target): LossReference {
  const options = referenceOptions(call, inputs, r);
  const mask = inputs.masks[r]!;
  const infinite = inputs.rows[r]!.some((score, j) => score === Infinity && mask[j]);
  const finite = inputs.rows[r]!.map((score) => (score === Infinity ? 0 : Number.isNaN(score) ? NaN : -Infinity));
  const scores = infinite ? finite : inputs.rows[r]!;
  if (call.map !== 'budget') return entmaxLossReference(scores, target, alphaOf(call, inputs, r), options);
  return budgetLossReference(scores, target, { ...options, budget: budgetOf(call, inputs, r), atMost: call.atMost });
}

const budgetOf = (call: RandomCall, inputs: Inputs, r: number): number => inputs.budgets[call.perRow ? r : 0]!;

/** A class or a distribution for each row, the same of all; every seventh class is ignored. */
function targetsOf(call: RandomCall): readonly (number | Float64Array)[] {
  const { outer, inner, n, seed } = call;
  const random = randomFrom(seed + 1);
  const rows = Array.from({ length: outer * inner }, (_, r) => r);
  if (seed % 2 === 0) return rows.map((r) => (r % 7 === 3 ? IGNORED : random.below(n)));
  return rows.map(() => {
    const q = new Float64Array(n);
    // Eighths are exact in both types.
    for (let eighth = 0; eighth < 8; eighth++) q[random.below(n)]! += 1 / 8;
    return q;
  });
}
