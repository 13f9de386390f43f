/** Variables of a graph as its caller names them: numbers of scores, some of them negated, in an array with a shape. */

import { EntmaxError, show, showShape } from '../errors.ts';
import { sizeOf } from '../shape.ts';
import type { Vars } from './graph-types.ts';

/** A variable or its negation. */
export interface Literal {
  readonly variable: number;
  readonly negated: boolean;
}

/** What belongs to `Vars`: whose they are, and what they stand for. */
interface Held {
  readonly owner: object;
  readonly literals: readonly Literal[];
}

const held = new WeakMap<object, Held>();

/** New variables of a graph. */
export function makeVars(owner: object, shape: readonly number[], literals: readonly Literal[]): Vars {
  const vars: Vars = Object.freeze({
    shape: Object.freeze([...shape]),
    at: (...indices: number[]) => {
      if (indices.length > shape.length) {
        throw new EntmaxError('ENTMAX_OPTION', 'Vars.at', `at most ${shape.length} indices`, showShape(indices));
      }
      indices.forEach((index, axis) => checkIndex('Vars.at', index, shape[axis]!));
      return indices.reduce<Vars>((left, index) => left.slice(0, index), vars);
    },
    slice: (axis: number, index: number) => {
      checkIndex('Vars.slice', axis, shape.length, 'axis');
      checkIndex('Vars.slice', index, shape[axis]!);
      const [before, size, after] = [shape.slice(0, axis), shape[axis]!, shape.slice(axis + 1)];
      const inner = sizeOf(after);
      const chosen = literals.filter((_, at) => Math.floor(at / inner) % size === index);
      return makeVars(owner, [...before, ...after], chosen);
    },
    not: () => {
      const turned = literals.map(({ variable, negated }) => ({ variable, negated: !negated }));
      return makeVars(owner, shape, turned);
    },
  });
  held.set(vars, { owner, literals });
  return vars;
}

function checkIndex(op: string, index: unknown, size: number, what = 'index'): void {
  if (Number.isInteger(index) && (index as number) >= 0 && (index as number) < size) return;
  throw new EntmaxError('ENTMAX_OPTION', op, `${what} to be an integer below ${size}`, show(index));
}

/** What `Vars` of this graph stand for. */
export function literalsOf(op: string, owner: object, vars: unknown): readonly Literal[] {
  const known = typeof vars === 'object' && vars !== null ? held.get(vars) : undefined;
  if (known?.owner === owner) return known.literals;
  const got = known ? 'variables of another graph' : show(vars);
  throw new EntmaxError('ENTMAX_OPTION', op, 'variables of this graph', got);
}
