/** The sets of structures: what a caller sees of each, and how the kernels know it. */

import { EntmaxError, show } from '../errors.ts';
import type { CustomOracle, Factor } from './types.ts';

/** Numbers of the kernels (crates/entmax-core/src/structured/call.rs, `kind`). */
export const KIND = {
  sequence: 0,
  arborescence: 1,
  projectiveTree: 2,
  assignment: 3,
  budget: 4,
  bits: 5,
  oneHot: 6,
  custom: 7,
  /** Factors of logic, which only graphs have. */
  logic: 100,
} as const;

const UNLIMITED = 0xffffffff;
/** Bits of a word of a key. */
const WORD = 32;

/** Numbers of the kernels (crates/entmax-core/src/structured/logic.rs, `Kind`). */
const LOGIC = { xor: 0, atMostOne: 1, or: 2, orOut: 3, budget: 4, budgetAtMost: 5, knapsack: 6, pair: 7 } as const;

/** A factor of logic. */
export interface Logic {
  readonly kind: number;
  /** A budget. */
  readonly number: number;
  readonly costs?: Float64Array;
  /** Which of n places stand for their negation, besides those that the caller negates. */
  readonly turns: (place: number, n: number) => boolean;
  /** How many places it needs at least, and whether it takes no more. */
  readonly least: number;
  readonly exact: boolean;
}

/** A factor as the kernels and the readers of scores know it. */
export interface Descriptor {
  readonly kind: number;
  readonly flag: boolean;
  readonly budget: number;
  /** What the axes of a problem's unary table are, for errors. */
  readonly axes: readonly string[];
  /** Whether the table is square, with one row more than there are words. */
  readonly isTree: boolean;
  /** Whether problems may be shorter than their tables. */
  readonly ragged: boolean;
  /** Whether a structure is the bits of a set. */
  readonly isSet: boolean;
  readonly extra: readonly string[];
  /** In a graph: which factor of logic it is. */
  readonly logic?: Logic;
  /** The caller's oracle, if it is that which knows the structures. */
  readonly oracle?: CustomOracle<unknown>;
}

const descriptors = new WeakMap<object, Descriptor>();

/** The descriptor of what `factors` has made. */
export function anyDescriptorOf(op: string, factor: unknown): Descriptor {
  const known = typeof factor === 'object' && factor !== null ? descriptors.get(factor) : undefined;
  if (known) return known;
  throw new EntmaxError('ENTMAX_OPTION', op, 'a factor made by `factors`', show(factor));
}

/** The same for what has structures, and is not of logic alone. */
export function descriptorOf(op: string, factor: unknown): Descriptor {
  const known = anyDescriptorOf(op, factor);
  if (known.kind !== KIND.logic) return known;
  const { kind } = factor as Factor;
  throw new EntmaxError('ENTMAX_OPTION', op, `a set of structures (factors.${kind} is for a factorGraph)`, kind);
}

/** Whether `factors` has made it. */
export const isFactor = (factor: unknown): boolean =>
  typeof factor === 'object' && factor !== null && descriptors.has(factor);

const ANY_NUMBER = { turns: (): boolean => false, least: 1, exact: false };
const TREE = { axes: ['n + 1 heads', 'n + 1 modifiers'], isTree: true, ragged: true };
const SET = { axes: ['n items'], ragged: true };

function make<S extends string, K>(
  kind: string,
  code: number,
  extra: readonly S[],
  own: Partial<Descriptor> & Pick<Descriptor, 'axes'>,
): Factor<S, K> {
  const factor: Factor<S, K> = Object.freeze({ kind, extra: Object.freeze([...extra]) });
  const common = { flag: false, budget: UNLIMITED, isTree: false, ragged: false, isSet: false };
  descriptors.set(factor, { ...common, ...own, kind: code, extra });
  return factor;
}

/** Options of a tree. */
export interface TreeOptions {
  /** How many arcs may leave the root. Default: 'many'. */
  root?: 'one' | 'many' | undefined;
}

function tree(kind: 'arborescence' | 'projectiveTree', options: TreeOptions = {}): Factor {
  const root: unknown = options.root ?? 'many';
  if (root !== 'one' && root !== 'many') {
    throw new EntmaxError('ENTMAX_OPTION', `factors.${kind}`, "root to be 'one' or 'many'", show(root));
  }
  return make(kind, KIND[kind], [], { ...TREE, flag: root === 'one' });
}

/** A factor of logic, which has structures too where `own` says their set. */
function makeLogic(
  kind: string,
  logic: Partial<Logic> & Pick<Logic, 'kind'>,
  extra: readonly 'coupling'[] = [],
): Factor<'coupling', Uint8Array> {
  const common = { number: 0, ...ANY_NUMBER };
  return make(kind, KIND.logic, extra, { axes: ['n items'], isSet: true, logic: { ...common, ...logic } });
}

/** A factor of logic without additional scores. */
const plainLogic = (kind: string, logic: Partial<Logic> & Pick<Logic, 'kind'>): Factor<never, Uint8Array> =>
  makeLogic(kind, logic) as unknown as Factor<never, Uint8Array>;

function count(op: string, name: string, value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 0) return Math.min(value as number, UNLIMITED - 1);
  throw new EntmaxError('ENTMAX_OPTION', op, `${name} to be a non-negative integer`, show(value));
}

/**
 * The sets of structures that SparseMAP knows, and the factors of logic that only a `factorGraph` takes ("In a graph"); all others go
 * into a graph too. Letters: T positions, S states, n words, items or variables, m columns; a leading axis more than the table
 * has is a batch. Ties of the oracles go to the lowest index; a sequence's to the lexicographically first.
 */
export const factors = {
  /**
   * Labellings of a chain. Unary [T, S]; `transitions` [T - 1, S, S] as [from][to], `start` [S], `end` [S], each optional. A
   * structure is an Int32Array of T states. With `budget` at most that many positions are in another state than 0. Viterbi,
   * O(T S^2), with a budget O(T S^2 budget).
   */
  sequence({ budget }: { budget?: number | undefined } = {}): Factor<'transitions' | 'start' | 'end'> {
    const most = budget === undefined ? UNLIMITED : count('factors.sequence', 'budget', budget);
    return make('sequence', KIND.sequence, ['transitions', 'start', 'end'], {
      axes: ['T positions', 'S states'],
      ragged: true,
      budget: most,
    });
  },
  /**
   * Non-projective dependency trees. Unary [n + 1, n + 1] as [head][modifier], 0 the root; column 0 and the diagonal are
   * ignored. A structure is an Int32Array of the n words' heads. Edmonds in Tarjan's form, O(n^2).
   */
  arborescence: (options?: TreeOptions): Factor => tree('arborescence', options),
  /** Projective dependency trees, as `arborescence`. Eisner, O(n^3). */
  projectiveTree: (options?: TreeOptions): Factor => tree('projectiveTree', options),
  /**
   * Matchings of rows and columns. Unary [n, m]. A structure is an Int32Array of n columns, -1 for a row without. The smaller
   * side is fully matched; with `unmatched` anything may stay alone, for a score of 0. Shortest augmenting paths, O(n^2 m).
   */
  assignment({ unmatched = false }: { unmatched?: boolean | undefined } = {}): Factor {
    if (typeof unmatched !== 'boolean') {
      throw new EntmaxError('ENTMAX_OPTION', 'factors.assignment', 'unmatched to be a boolean', show(unmatched));
    }
    return make('assignment', KIND.assignment, [], { axes: ['n rows', 'm columns'], flag: unmatched });
  },
  /** Sets of exactly k of n items, or with `atMost` of at most k. Unary [n]. A structure is a Uint8Array of n bits. O(n). */
  budget(k: number, { atMost = false }: { atMost?: boolean | undefined } = {}): Factor<never, Uint8Array> {
    const budget = count('factors.budget', 'k', k);
    const logic = { ...ANY_NUMBER, kind: atMost ? LOGIC.budgetAtMost : LOGIC.budget, number: budget };
    return make('budget', KIND.budget, [], { ...SET, isSet: true, budget, flag: atMost, logic });
  },
  /** All subsets of n items. Unary [n]; the marginals are `clip(unary, 0, 1)`. A structure is a Uint8Array of n bits. O(n). */
  bits: (): Factor<never, Uint8Array> =>
    make('bits', KIND.bits, [], {
      ...SET,
      isSet: true,
      logic: { ...ANY_NUMBER, kind: LOGIC.budgetAtMost, number: Infinity },
    }),
  /** One of n items: SparseMAP is sparsemax. Unary [n]. A structure is an Int32Array of one index. O(n). */
  oneHot: (): Factor =>
    make('oneHot', KIND.oneHot, [], { ...SET, logic: { ...ANY_NUMBER, kind: LOGIC.xor, number: 1 } }),
  /**
   * The structures of a MAP oracle of yours. Unary [size]. `map` is given scores, a Float64Array of `size` that it may keep,
   * and returns the best structure for them: `vertex`, the numbers that each part counts, `value`, which is what results hold,
   * and `key`, which tells structures apart. Undefined: none is possible. It must be exact and give equal answers to equal
   * questions. Called on the thread of the caller, about as often as there are structures in the result, and a few times more.
   */
  custom<K>(oracle: CustomOracle<K>): Factor<never, K> {
    const size = readOracleSize(oracle);
    const axes = [`${size} parts`];
    return make('custom', KIND.custom, [], { axes, oracle: { size, map: (scores) => oracle.map(scores) } });
  },
  /** In a graph: exactly one of n variables is on. */
  xor: (): Factor<never, Uint8Array> => plainLogic('xor', { kind: LOGIC.xor }),
  /** In a graph: at most one of n variables is on. */
  atMostOne: (): Factor<never, Uint8Array> => plainLogic('atMostOne', { kind: LOGIC.atMostOne }),
  /** In a graph: at least one of n variables is on. */
  or: (): Factor<never, Uint8Array> => plainLogic('or', { kind: LOGIC.or }),
  /** In a graph: the last of n variables is on if and only if any other is. */
  orOut: (): Factor<never, Uint8Array> => plainLogic('orOut', { kind: LOGIC.orOut, least: 2 }),
  /** In a graph: the last of n variables is on if and only if all others are. */
  andOut: (): Factor<never, Uint8Array> => plainLogic('andOut', { kind: LOGIC.orOut, least: 2, turns: () => true }),
  /** In a graph: if the last of n variables is on, exactly one other is, else none. */
  xorOut: (): Factor<never, Uint8Array> =>
    plainLogic('xorOut', { kind: LOGIC.xor, least: 2, turns: (place, n) => place === n - 1 }),
  /** In a graph: if all of n variables but the last are on, the last is too. */
  imply: (): Factor<never, Uint8Array> =>
    plainLogic('imply', { kind: LOGIC.or, least: 2, turns: (place, n) => place < n - 1 }),
  /** In a graph: what the variables that are on cost, at least 0 each, is at most `budget` in sum (relaxed: fractions count). */
  knapsack(costs: ArrayLike<number>, budget: number): Factor<never, Uint8Array> {
    const op = 'factors.knapsack';
    const isList = Array.isArray(costs) || ArrayBuffer.isView(costs);
    const each = isList ? Float64Array.from(costs) : undefined;
    if (!each?.every((cost) => cost >= 0 && cost < Infinity) || each.length === 0) {
      throw new EntmaxError('ENTMAX_OPTION', op, 'costs as a list of non-negative numbers', show(costs));
    }
    if (typeof budget !== 'number' || !(budget >= 0)) {
      throw new EntmaxError('ENTMAX_OPTION', op, 'budget to be a non-negative number', show(budget));
    }
    return plainLogic('knapsack', {
      kind: LOGIC.knapsack,
      costs: each,
      number: budget,
      least: each.length,
      exact: true,
    });
  },
  /** In a graph: two variables, with a coupling, of either sign, which counts where both are on. */
  pair: (): Factor<'coupling', Uint8Array> =>
    makeLogic('pair', { kind: LOGIC.pair, least: 2, exact: true }, ['coupling']),
};

function readOracleSize(oracle: unknown): number {
  const op = 'factors.custom';
  const given = (typeof oracle === 'object' && oracle !== null ? oracle : {}) as { size?: unknown; map?: unknown };
  if (typeof given.map !== 'function')
    throw new EntmaxError('ENTMAX_OPTION', op, 'map to be a function', show(given.map));
  const size = count(op, 'size', given.size);
  if (size === 0) throw new EntmaxError('ENTMAX_OPTION', op, 'size to be a positive integer', '0');
  return size;
}

/** Rows and columns of the table of one problem. */
export function tableOf({ axes }: Descriptor, table: readonly number[]): [number, number] {
  return axes.length === 1 ? [1, table[0]!] : [table[0]!, table[1]!];
}

/** The length of a problem that fills its table. */
export function fullLength({ isTree }: Descriptor, table: readonly number[]): number {
  return isTree ? table[0]! - 1 : table[0]!;
}

/** i32 numbers of the key of a problem of that length. */
export function keyLength({ isSet, kind }: Descriptor, length: number): number {
  if (kind === KIND.oneHot || kind === KIND.custom) return 1;
  return isSet ? Math.ceil(length / WORD) : length;
}

/** A structure as the caller sees it. */
export function structureOf({ isSet }: Descriptor, key: Int32Array, length: number): Int32Array | Uint8Array {
  if (!isSet) return key.slice();
  const bits = new Uint8Array(length);
  for (let item = 0; item < length; item++) bits[item] = (key[item >> 5]! >> (item & 31)) & 1;
  return bits;
}

/** Whether the k best structures can be found. */
export const findsMany = ({ kind }: Descriptor): boolean => kind === KIND.sequence || kind === KIND.bits;

/** Whether sequences are decided by tables of S^2 transitions. */
export const isSequence = ({ kind }: Descriptor): boolean => kind === KIND.sequence;
