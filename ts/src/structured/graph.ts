/**
 * LP-SparseMAP: a graph of variables that factors share (Niculae & Martins 2020; MATH.md §11). This is the graph as it is built;
 * `graph-solve.ts` solves it.
 */

import { EntmaxError, show, showShape } from '../errors.ts';
import { asynchronous, synchronous } from '../maps/forms.ts';
import { checkShape, sizeOf } from '../shape.ts';
import { anyDescriptorOf, fullLength, isSequence, tableOf } from './factors.ts';
import type { Descriptor, Logic } from './factors.ts';
import { prepareGraphSolve, prepareGraphVjp } from './graph-solve.ts';
import type { FactorGraph, GraphSolve, GraphVjp, Vars } from './graph-types.ts';
import { literalsOf, makeVars } from './vars.ts';
import type { Literal } from './vars.ts';

/** A factor and what it is over. */
export interface GraphFactor {
  readonly descriptor: Descriptor;
  readonly literals: readonly Literal[];
  /** Rows and columns of a structured factor's table. */
  readonly rows: number;
  readonly columns: number;
  readonly couplings: readonly number[];
}

/** Variables of one name: their scores are `size` numbers from `first` on. */
export interface Named {
  readonly name: string;
  readonly shape: readonly number[];
  readonly first: number;
  readonly size: number;
}

/** A graph as those who solve it see it. */
export interface GraphModel {
  readonly names: readonly Named[];
  /** Variables in all. */
  readonly size: number;
  readonly factors: readonly GraphFactor[];
}

type Role = 'in a factor' | 'a coupling';

/**
 * A graph of variables with these names and shapes, without a factor yet. Solve it as it is and every marginal is
 * `clip(score, 0, 1)`. Errors: ENTMAX_SHAPE, ENTMAX_OPTION.
 */
export function factorGraph<V extends string>(shapes: Readonly<Record<V, readonly number[]>>): FactorGraph<V> {
  const op = 'factorGraph';
  if (typeof shapes !== 'object' || (shapes as unknown) === null || Array.isArray(shapes)) {
    throw new EntmaxError('ENTMAX_OPTION', op, 'names of variables with their shapes', show(shapes));
  }
  const names: Named[] = [];
  let size = 0;
  for (const [name, shape] of Object.entries<unknown>(shapes)) {
    const read = readShape(op, name, shape);
    names.push({ name, shape: read, first: size, size: sizeOf(read) });
    size += sizeOf(read);
  }
  const factors: GraphFactor[] = [];
  const roles = new Map<number, Role>();
  const owner = {};
  const entries = names.map((named): [string, Vars] => {
    const literals = Array.from({ length: named.size }, (_, i) => ({ variable: named.first + i, negated: false }));
    return [named.name, makeVars(owner, named.shape, literals)];
  });
  const model = (): GraphModel => ({ names, size, factors: [...factors] });
  const graph: FactorGraph<V> = {
    vars: Object.freeze(Object.fromEntries(entries)) as FactorGraph<V>['vars'],
    add(factor, vars, coupling) {
      const added = readFactor(owner, factor, vars, coupling);
      const used = added.literals.map(({ variable }) => variable);
      // Nothing is noted of a factor that is refused.
      for (const variable of used) refuseRole(roles, variable, 'in a factor', names);
      for (const variable of added.couplings) {
        if (used.includes(variable)) refuseRole(new Map([[variable, 'in a factor']]), variable, 'a coupling', names);
        refuseRole(roles, variable, 'a coupling', names);
      }
      for (const variable of used) roles.set(variable, 'in a factor');
      for (const variable of added.couplings) roles.set(variable, 'a coupling');
      factors.push(added);
      return graph;
    },
    solve: formsOf('graph.solve', prepareGraphSolve(owner, model)) as GraphSolve<V>,
    vjp: formsOf('graph.vjp', prepareGraphVjp(owner, model)) as GraphVjp<V>,
  };
  return Object.freeze(graph);
}

const formsOf = (op: string, prepare: Parameters<typeof synchronous>[1]): unknown =>
  Object.assign(synchronous(op, prepare), { async: asynchronous(`${op}.async`, prepare) });

function readShape(op: string, name: string, shape: unknown): readonly number[] {
  const isShape = Array.isArray(shape) && shape.every((size) => Number.isInteger(size) && size >= 0);
  if (!isShape) throw new EntmaxError('ENTMAX_SHAPE', op, `the shape of ${name}`, show(shape));
  return checkShape(op, shape, sizeOf(shape as number[]));
}

function refuseRole(roles: ReadonlyMap<number, Role>, variable: number, role: Role, names: readonly Named[]): void {
  const known = roles.get(variable);
  if (known === undefined || known === role) return;
  const { name } = names.find(({ first, size }) => variable >= first && variable < first + size)!;
  throw new EntmaxError('ENTMAX_OPTION', 'graph.add', `variables to be ${known} or ${role}`, `${name} as both`);
}

function readFactor(owner: object, factor: unknown, vars: unknown, coupling: unknown): GraphFactor {
  const op = 'graph.add';
  const descriptor = anyDescriptorOf(op, factor);
  const list: readonly unknown[] = Array.isArray(vars) ? vars : [vars];
  const literals = list.flatMap((each) => literalsOf(op, owner, each));
  const couplings = coupling === undefined ? [] : readCouplings(op, owner, coupling);
  if (descriptor.logic) {
    const turned = readLogic(op, descriptor.logic, (factor as { kind: string }).kind, literals);
    const most = descriptor.extra.length;
    refuseCouplings(op, couplings, most === 0 ? [] : [1], 1);
    return { descriptor, literals: turned, rows: 1, columns: literals.length, couplings };
  }
  const shape = descriptor.axes.length === 1 ? [literals.length] : (list as readonly Vars[])[0]!.shape;
  checkTable(op, descriptor, list.length, shape);
  const [rows, columns] = tableOf(descriptor, shape);
  const transitions = isSequence(descriptor) ? [rows - 1, columns, columns] : [];
  refuseCouplings(op, couplings, transitions, sizeOf(transitions));
  return { descriptor, literals, rows, columns, couplings };
}

function readCouplings(op: string, owner: object, coupling: unknown): readonly number[] {
  return literalsOf(op, owner, coupling).map(({ variable, negated }) => {
    if (!negated) return variable;
    throw new EntmaxError('ENTMAX_OPTION', op, 'a coupling that is not negated', 'its negation');
  });
}

function refuseCouplings(op: string, couplings: readonly number[], shape: readonly number[], size: number): void {
  if (couplings.length === 0) return;
  const got = `${couplings.length} variables`;
  if (shape.length === 0) throw new EntmaxError('ENTMAX_OPTION', op, 'no coupling for this factor', got);
  if (couplings.length !== size) throw new EntmaxError('ENTMAX_SHAPE', op, `a coupling of ${showShape(shape)}`, got);
}

/** The literals of a factor of logic, its own negations included. */
function readLogic(
  op: string,
  { least, exact, turns }: Logic,
  kind: string,
  literals: readonly Literal[],
): readonly Literal[] {
  const n = literals.length;
  if (n < least || (exact && n > least)) {
    const expected = `${exact ? '' : 'at least '}${least} variables for factors.${kind}`;
    throw new EntmaxError('ENTMAX_SHAPE', op, expected, `${n}`);
  }
  return literals.map(({ variable, negated }, place) => ({ variable, negated: negated !== turns(place, n) }));
}

function checkTable(op: string, descriptor: Descriptor, given: number, shape: readonly number[]): void {
  const { axes, isTree, oracle } = descriptor;
  const letters = `[${axes.join(', ')}]`;
  const fits = shape.length === axes.length && sizeOf(shape) > 0 && !(isTree && shape[0] !== shape[1]);
  if (!fits || (axes.length > 1 && given > 1)) {
    const got = given > 1 ? `${given} of them` : showShape(shape);
    throw new EntmaxError('ENTMAX_SHAPE', op, `variables of shape ${letters}`, got);
  }
  if (fullLength(descriptor, shape) === 0) throw new EntmaxError('ENTMAX_SHAPE', op, 'a word at least', '0');
  if (oracle && shape[0] !== oracle.size) {
    throw new EntmaxError('ENTMAX_SHAPE', op, `${oracle.size} variables`, `${shape[0]}`);
  }
}
