/** LP-SparseMAP by the package under test, on float64 Tensors. What `data` is: reference/graphs.js. */

import { MOST_DEPENDENTS, NEIGHBOURS, SIDE, TABLES } from '../structured/graphs.js';
import { fresh } from './prepared.js';

const lines = Array.from({ length: SIDE }, (_, i) => i);

/** The variables are `x`, scores of couplings are `c`. */
const GRAPHS = {
  matching({ factorGraph, factors }) {
    const graph = factorGraph({ x: TABLES.matching });
    for (const axis of [0, 1]) for (const i of lines) graph.add(factors.xor(), graph.vars.x.slice(axis, i));
    return graph;
  },
  grid({ factorGraph, factors }) {
    const graph = factorGraph({ x: TABLES.grid, c: [NEIGHBOURS.length] });
    const { x, c } = graph.vars;
    const cell = (at) => x.at(Math.floor(at / SIDE), at % SIDE);
    NEIGHBOURS.forEach(([a, b], k) => graph.add(factors.pair(), [cell(a), cell(b)], c.at(k)));
    return graph;
  },
  tree({ factorGraph, factors }) {
    const graph = factorGraph({ x: TABLES.tree });
    const { x } = graph.vars;
    graph.add(factors.arborescence(), x);
    for (const word of lines) graph.add(factors.budget(MOST_DEPENDENTS, { atMost: true }), x.slice(0, word + 1));
    return graph;
  },
};

const disposeAll = (tensors) => Object.values(tensors).forEach((tensor) => tensor.dispose());

function scoresOf(entmax, { unary, couplings, count, table }) {
  const x = entmax.tensor(unary, [count, ...table]);
  return couplings ? { x, c: entmax.tensor(couplings, [count, NEIGHBOURS.length]) } : { x };
}

export const GRAPH_OPERATIONS = {
  graphSolve(entmax, form, { map, options }, data) {
    const graph = GRAPHS[map](entmax);
    const scores = scoresOf(entmax, data);
    return fresh(Object.values(scores), {
      form,
      call: () => graph.solve(scores, options),
      release: ({ marginals }) => disposeAll(marginals),
      output: ({ marginals, residual, iterations, status }) => ({
        values: marginals.x.view(),
        residual,
        iterations,
        status,
      }),
    });
  },

  /** The pullback alone, of a solution that is there. */
  graphBackward(entmax, form, { map, options }, data) {
    const graph = GRAPHS[map](entmax);
    const scores = scoresOf(entmax, data);
    const [{ marginals }, pullback] = graph.vjp(scores, options);
    disposeAll(marginals);
    const x = entmax.tensor(data.cotangents, [data.count, ...data.table]);
    /** Marginals at other scores: what differences are taken of. */
    const solveAt = (unary) => {
      const { x, ...rest } = scores;
      const moved = entmax.tensor(unary, x.shape);
      const { marginals } = graph.solve({ ...rest, x: moved }, { ...options, tol: 1e-11 });
      const values = marginals.x.toTypedArray();
      disposeAll({ ...marginals, moved });
      return values;
    };
    return fresh([...Object.values(scores), x, pullback], {
      form,
      call: () => pullback({ x }),
      release: disposeAll,
      output: (gradients) => ({ values: gradients.x.view(), solveAt }),
    });
  },
};
