/**
 * Gradients from the output alone (MATH.md §4, §7.1): p tells the Jacobian, so that a backward step needs neither the
 * scores nor the threshold. `.backward` is given p by the caller; a pullback keeps it (vjp.ts).
 */

import { elementBytes, viewOf } from '../elements.ts';
import type { Entries } from '../csr.ts';
import { EntmaxError, show } from '../errors.ts';
import { newArray, readLike, scoresView } from '../scores.ts';
import type { ReadScores } from '../scores.ts';
import { sizeOf } from '../shape.ts';
import type { Plan } from '../runtime/plan.ts';
import { eachBound } from './bounds.ts';
import type { Labels } from './dense.ts';
import type { Prepared } from './forms.ts';
import { refuseBounds } from './refuse-rows.ts';
import { arrayOperand, inRoom, operandOf } from './room.ts';
import type { Room } from './room.ts';
import { inRows, parametersOf, readRowCall } from './row-call.ts';
import type { RowCall, RowMapCall, RowMapDescriptor } from './row-call.ts';
import { parameterAt, runKernel } from './row-job.ts';
import { stagedRows } from './staging.ts';
import type { Operand, StagedRows } from './staging.ts';

/** A dense output, with what a map with groups tells beside it. */
export type DenseOutput = Operand & { readonly labels?: Labels | undefined };

/** Gradients by name. */
export type NamedGradients = Record<string, unknown>;

/** Names of all that a map has gradients for. */
export function gradientNames(descriptor: RowMapDescriptor): string[] {
  return ['x', ...parametersOf(descriptor)];
}

/** Reads `wrt`: the names of the gradients that are wanted, all by default. */
export function readWrt(op: string, wrt: unknown, names: readonly string[]): readonly string[] {
  if (wrt === undefined) return names;
  if (Array.isArray(wrt) && wrt.every((name) => names.includes(name as string))) return wrt as string[];
  throw new EntmaxError('ENTMAX_OPTION', op, `wrt to be an array of names among ${names.join(', ')}`, show(wrt));
}

export function prepareBackward(
  descriptor: RowMapDescriptor,
  op: string,
  [p, dp, options]: readonly unknown[],
  isAsync: boolean,
): Prepared<NamedGradients> {
  const call = readRowCall(op, descriptor, p, options, ['wrt'], isAsync, true);
  refuseBounds(call, false);
  const cotangent = readLike(op, dp, call.scores, 'dp');
  const wrt = readWrt(op, call.given['wrt'], gradientNames(descriptor));
  return {
    op,
    plan: () => gradients(call, unmasked(call), cotangent, wrt),
    rows: call.layout.rows,
    reads: [call.scores, cotangent, call.upper?.each],
    given: call.given,
  };
}

/** p without what the mask excludes: p itself wherever that is 0 already. */
function unmasked({ op, scores, mask }: RowCall): Operand {
  const data = mask && scoresView(scores, op);
  if (!data?.some((value, at) => value !== 0 && mask?.[at] === 0)) return operandOf(scores);
  const source = newArray(scores.dtype, data.length);
  source.set(data);
  mask?.forEach((keep, at) => {
    if (keep === 0) source[at] = 0;
  });
  return { dtype: scores.dtype, source };
}

/** The gradients named by `wrt` at the output `p`, dense or as entries, for the cotangent `dp`. */
export function gradients(
  call: RowMapCall,
  p: DenseOutput | Entries,
  dp: ReadScores,
  wrt: readonly string[],
): Plan<NamedGradients> {
  const { op, template, layout, map, parameter, upper, temperature, large } = call;
  return inRoom(op, function* (room) {
    const entries = 'indptr' in p ? new Expansion(call, room, p) : undefined;
    const labels = 'indptr' in p ? undefined : p.labels;
    const dx = wrt.includes('x') ? room.result(template, undefined, layout.apart) : undefined;
    const dUpper = wrt.includes('upper') ? newArray(template.dtype, sizeOf(template.shape)) : undefined;
    const wantsParameter = wrt.some((name) => name === call.descriptor.parameter.name);
    const dParameter = wantsParameter ? room.perRow('float64', layout.rows, 0) : undefined;
    const parameters = room.copyOfNumbers(parameter.values);
    const bounds = upper && eachBound(upper, template, layout);
    const operands = [
      'indptr' in p ? { dtype: template.dtype } : p,
      operandOf(inRows(op, dp, layout.apart)),
      bounds && operandOf(bounds),
      dx?.operand,
      dUpper && { dtype: template.dtype, target: dUpper },
      arrayOperand('int32', labels?.groups),
      arrayOperand(template.dtype, labels?.rates),
    ];
    for (const stage of wrt.length > 0 ? stagedRows(op, layout, operands, room, large) : []) {
      const at = stage.at as [number, number, number, number, number, number, number];
      if (entries) yield* entries.expand(stage, at[0]);
      const perRow = parameterAt(call, stage, parameters);
      const results = [at[3], dParameter?.at(stage) ?? 0, at[4]];
      const saved = labels ? [at[5], at[6]] : [];
      const args = [at[0], at[1], ...saved, ...results, layout.n, stage.inner, map, ...perRow, at[2], temperature];
      const kernel = labels ? 'row_map_groups_backward' : 'row_map_backward';
      yield* runKernel(call, stage, kernel, args, 'row_map_backward_workspace');
      stage.finish();
    }
    const named: NamedGradients = {};
    for (const name of wrt) {
      if (name === 'x') named[name] = dx?.value;
      else if (name === 'upper') named[name] = dUpper && upper?.gradient(dUpper);
      else named[name] = dParameter && parameter.gradient(dParameter.take());
    }
    return named;
  });
}

/** Entries of sparse rows, made dense for staged rows. */
class Expansion {
  readonly #call: RowMapCall;
  readonly #room: Room;
  readonly #entries: Entries;
  readonly #indptr: number;
  #capacity = 0;
  #indices = 0;
  #values = 0;

  constructor(call: RowMapCall, room: Room, entries: Entries) {
    this.#call = call;
    this.#room = room;
    this.#entries = entries;
    this.#indptr = room.allocate(4 * (call.layout.rows + 1));
  }

  /** Writes the staged rows to `dense`, an address. */
  *expand(stage: StagedRows, dense: number): Plan<void> {
    const { template, layout } = this.#call;
    const { firstRow, rows, inner } = stage;
    const { indptr, indices, values } = this.#entries;
    const [start, end] = [indptr[firstRow]!, indptr[firstRow + rows]!];
    this.#reserve(end - start);
    const offsets = viewOf('int32', this.#indptr, rows + 1);
    for (let row = 0; row <= rows; row++) offsets[row] = indptr[firstRow + row]! - start;
    viewOf('int32', this.#indices, end - start).set(indices.subarray(start, end));
    viewOf(template.dtype, this.#values, end - start).set(values.subarray(start, end));
    const args = [this.#indptr, this.#indices, this.#values, dense, layout.n, inner];
    yield* runKernel(this.#call, stage, 'csr_expand', args);
  }

  #reserve(count: number): void {
    if (count <= this.#capacity && this.#indices) return;
    this.#capacity = count;
    this.#indices = this.#room.allocate(4 * count);
    this.#values = this.#room.allocate(elementBytes(this.#call.template.dtype) * count);
  }
}

/** True when the entries take fewer bytes than the dense array that they stand for. */
export function isSmaller({ indptr, indices, values }: Entries, size: number): boolean {
  return indptr.byteLength + indices.byteLength + values.byteLength < size * values.BYTES_PER_ELEMENT;
}
