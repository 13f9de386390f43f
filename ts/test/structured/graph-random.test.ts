/** Graphs that nobody thought of: factors at random on few variables, so that they share many, against the plain method. */

import { expect, test } from 'vitest';
import { factors } from 'entmax/structured';
import { randomFrom } from '../oracle/random.ts';
import type { Random } from '../oracle/random.ts';
import { assignments, sequences } from './enumerate.ts';
import { custom } from './graph-cases.ts';
import { cloud, expectClose } from './listed.ts';
import {
  build,
  flat,
  knapsack,
  logic,
  MEANINGS,
  normals,
  pair,
  relaxation,
  structured,
  tablesOf,
  upTo,
  variablesOf,
} from './rules.ts';
import type { Described, Rule } from './rules.ts';

/** A graph of 6 variables, maybe a table whose variables are shared too, and up to 5 factors; it may be contradictory. */
function randomGraph(random: Random): Described {
  const shapes: Record<string, readonly number[]> = { x: [6] };
  const rules: Rule[] = [];
  const free = upTo(6);
  const isNegated = random.below(4) === 0;
  const table = (size: number): number[] => {
    const variables = upTo(size).map((at) => 6 + at);
    free.push(...variables);
    return variables.map((variable) => (isNegated ? ~variable : variable));
  };
  const kind = random.below(4);
  if (kind === 0) {
    shapes['s'] = [3, 2];
    shapes['t'] = [2, 2, 2];
    rules.push(structured(factors.sequence(), 's', table(6), sequences(3, 2), 't'));
  } else if (kind === 1) {
    shapes['m'] = [2, 3];
    rules.push(structured(factors.assignment({ unmatched: true }), 'm', table(6), assignments(2, 3, true)));
  }
  const some = (count: number): number[] =>
    upTo(count).map(() => {
      const variable = free[random.below(free.length)]!;
      return random.below(3) === 0 ? ~variable : variable;
    });
  const names = Object.keys(MEANINGS);
  const count = 1 + random.below(5);
  for (let f = 0; f < count; f++) {
    const which = random.below(names.length + 3);
    if (which < names.length) rules.push(logic(names[which]!, some(2 + random.below(3))));
    else if (which === names.length) rules.push(knapsack([1, 2, 0.5], 1.75, some(3)));
    else if (which === names.length + 1) {
      rules.push(
        custom(
          some(3),
          cloud(4, 3, 6).map((vertex) => vertex.map((entry) => Math.abs(entry) / 4)),
        ),
      );
    } else {
      shapes[`c${f}`] = [1];
      rules.push(pair(some(2), `c${f}`));
    }
  }
  return { shapes, rules };
}

/** What the plain method finds; undefined where it gets nowhere in time. */
function expected(described: Described, scores: readonly number[]): number[] | undefined {
  try {
    return relaxation(described, scores, 1, 3000);
  } catch {
    return undefined;
  }
}

test('marginals of random graphs, and that contradictions are told', () => {
  let [solved, contradictory] = [0, 0];
  for (let seed = 1; seed <= 120; seed++) {
    const described = randomGraph(randomFrom(seed * 7919));
    const scores = normals(variablesOf(described.shapes), seed, seed % 3 === 0 ? 3 : 1);
    if (seed % 4 === 0) scores[seed % 6] = -Infinity;
    const { status, marginals } = build(described).solve(tablesOf(described.shapes, scores), { tol: 1e-10 });
    const wanted = expected(described, scores);
    if (status[0] === 'converged') {
      solved++;
      if (wanted) expectClose(flat(marginals), wanted, 1e-7, `seed ${seed}`);
    } else {
      contradictory++;
      expect(wanted, `seed ${seed}`).toBeUndefined();
    }
  }
  expect(solved).toBeGreaterThan(80);
  expect(contradictory).toBeGreaterThan(5);
});

test('gradients of random graphs are projections: symmetric, and the same twice', () => {
  for (let seed = 201; seed <= 260; seed++) {
    const described = randomGraph(randomFrom(seed * 7919));
    const { shapes } = described;
    const size = variablesOf(shapes);
    const [{ converged }, pullback] = build(described).vjp(tablesOf(shapes, normals(size, seed)), { tol: 1e-10 });
    if (!converged) continue;
    // Of variables, not of couplings.
    const ofVariables = (numbers: readonly number[]) => {
      const tables = tablesOf(shapes, numbers);
      return Object.fromEntries(Object.entries(tables).filter(([name]) => /^[xsm]$/.test(name)));
    };
    const pull = (numbers: readonly number[]): number[] => {
      const gradient = flat(pullback(ofVariables(numbers)));
      return flat(ofVariables(gradient));
    };
    const spread = (numbers: readonly number[]): number[] => {
      let at = 0;
      return Object.entries(shapes).flatMap(([name, shape]) =>
        upTo(shape.reduce((a, b) => a * b, 1)).map(() => (/^[xsm]$/.test(name) ? numbers[at++]! : 0)),
      );
    };
    const [a, b] = [normals(size, seed + 1000), normals(size, seed + 2000)];
    const inner = (u: readonly number[], v: readonly number[]): number =>
      u.reduce((sum, each, at) => sum + each * v[at]!, 0);
    const [ofA, ofB] = [pull(a), pull(b)];
    expect(Math.abs(inner(ofA, flat(ofVariables(b))) - inner(ofB, flat(ofVariables(a)))), `seed ${seed}`).toBeLessThan(
      1e-8,
    );
    expectClose(pull(spread(ofA)), ofA, 1e-8, `seed ${seed}`);
  }
});
