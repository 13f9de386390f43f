/** Which entries of a problem's tables a structure has, and whether it is one of the factor's. */

import { EntmaxError, show } from '../errors.ts';
import { isSequence, KIND } from './factors.ts';
import type { Descriptor } from './factors.ts';
import type { ReadProblems, TableName } from './solve-call.ts';

/** Places in the tables of one problem. */
export type Parts = Readonly<Record<TableName, readonly number[]>> & {
  /** What each of the unary parts counts, of a structure of a caller's oracle; of all others 1. */
  readonly entries?: readonly number[];
};

/** The parts of a structure of a problem of that length, which is checked: `what` names it in errors. */
export function partsOf(call: ReadProblems, structure: unknown, length: number, what: string): Parts {
  const { op, descriptor, rows, columns } = call;
  const none: readonly number[] = [];
  const common = { transitions: none, start: none, end: none };
  if (descriptor.oracle) return { ...common, ...readVertex(op, structure, descriptor.oracle.size, what) };
  const labels = readLabels(call, structure, length, what);
  refuseStrangers(op, descriptor, labels, what);
  if (isSequence(descriptor)) {
    return {
      unary: labels.map((label, t) => t * columns + label),
      transitions: labels.slice(1).map((to, t) => (t * columns + labels[t]!) * columns + to),
      start: labels.slice(0, 1),
      end: labels.slice(-1),
    };
  }
  if (descriptor.isTree) return { ...common, unary: labels.map((head, m) => head * rows + m + 1) };
  if (descriptor.isSet) return { ...common, unary: labels.flatMap((bit, item) => (bit === 1 ? [item] : [])) };
  if (descriptor.kind === KIND.oneHot) return { ...common, unary: labels };
  return { ...common, unary: labels.flatMap((column, row) => (column < 0 ? [] : [row * columns + column])) };
}

function readVertex(op: string, structure: unknown, size: number, what: string): Pick<Parts, 'unary' | 'entries'> {
  const vertex = typeof structure === 'object' && structure !== null && 'vertex' in structure && structure.vertex;
  const isList = Array.isArray(vertex) || ArrayBuffer.isView(vertex);
  const numbers = isList ? Array.from(vertex as unknown as ArrayLike<unknown>) : [];
  if (numbers.length !== size || !numbers.every(Number.isFinite)) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `${what} as { vertex } of ${size} finite numbers`, show(structure));
  }
  const unary = numbers.flatMap((entry, part) => (entry === 0 ? [] : [part]));
  return { unary, entries: unary.map((part) => numbers[part] as number) };
}

function readLabels(
  { op, descriptor, rows, columns }: ReadProblems,
  structure: unknown,
  length: number,
  what: string,
): number[] {
  const { kind, isTree, isSet } = descriptor;
  const size = kind === KIND.oneHot ? 1 : length;
  const isList = Array.isArray(structure) || structure instanceof Int32Array || structure instanceof Uint8Array;
  if (!isList || structure.length !== size) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `${what} of ${size} numbers`, show(structure));
  }
  const least = kind === KIND.assignment ? -1 : 0;
  const most = isTree ? length : isSet ? 1 : kind === KIND.oneHot ? length - 1 : columns - 1;
  return Array.from(structure as ArrayLike<unknown>, (label, at) => {
    if (Number.isInteger(label) && (label as number) >= least && (label as number) <= most && rows > 0)
      return Number(label);
    throw new EntmaxError(
      'ENTMAX_OPTION',
      op,
      `${what} with numbers in [${least}, ${most}]`,
      `${show(label)} at ${at}`,
    );
  });
}

/** Refuses what is no structure of the factor. Whether arcs cross is not looked at. */
function refuseStrangers(op: string, descriptor: Descriptor, labels: readonly number[], what: string): void {
  const { kind, isTree, isSet, flag, budget } = descriptor;
  const refuse = (expected: string, got: string): never => {
    throw new EntmaxError('ENTMAX_OPTION', op, `${what} ${expected}`, got);
  };
  if (isTree) {
    const roots = labels.filter((head) => head === 0).length;
    if (flag && roots > 1) refuse('with one root', `${roots}`);
    const lost = labels.findIndex((_, word) => !reachesRoot(labels, word + 1));
    if (lost >= 0) refuse('to be a tree', `a cycle above word ${lost + 1}`);
  }
  if (kind === KIND.assignment) {
    const used = labels.filter((column) => column >= 0);
    if (new Set(used).size < used.length) refuse('with different columns', show(labels));
  }
  const spent = labels.filter((label) => label > 0).length;
  const within = kind === KIND.budget ? (flag ? spent <= budget : spent === budget) : true;
  if (isSet && !within) refuse(`with ${flag ? 'at most ' : ''}${budget} items`, `${spent}`);
  if (isSequence(descriptor) && spent > budget)
    refuse(`with at most ${budget} positions outside of state 0`, `${spent}`);
}

function reachesRoot(heads: readonly number[], word: number): boolean {
  let at = word;
  for (let steps = 0; at !== 0; steps++) {
    if (steps > heads.length) return false;
    at = heads[at - 1]!;
  }
  return true;
}
