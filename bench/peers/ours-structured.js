/** Structured inference by the package under test, on float64 Tensors. What `data` is: reference/structured.js. */

import { fresh, inPlace, joined } from './prepared.js';

/** The factor of some problems. */
const FACTORS = {
  sequence: ({ factors }) => factors.sequence(),
  arborescence: ({ factors }) => factors.arborescence(),
  projective: ({ factors }) => factors.projectiveTree({ root: 'one' }),
  assignment: ({ factors }) => factors.assignment(),
  budget: ({ factors }, { k }) => factors.budget(k, { atMost: true }),
  bits: ({ factors }) => factors.bits(),
};
const factorOf = (entmax, { factor, sizes }) => FACTORS[factor](entmax, sizes);

/** Tensors of the scores, and how many entries hold them: the largest suites have 64 MB. */
const held = new WeakMap();

/** The scores of some problems as Tensors, in memory once for all entries of a suite. */
function scoresOf(entmax, data) {
  if (!held.has(data)) held.set(data, { holders: 0, tensors: undefined });
  const entry = held.get(data);
  entry.tensors ??= Object.fromEntries(
    Object.entries(data.shapes).map(([name, shape]) => [name, entmax.tensor(data[name], shape)]),
  );
  entry.holders++;
  const dispose = () => {
    if (--entry.holders > 0) return;
    disposeAll(entry.tensors);
    entry.tensors = undefined;
  };
  return { scores: entry.tensors, dispose };
}

const disposeAll = (tensors) => Object.values(tensors).forEach((tensor) => tensor.dispose());
const viewsOf = (tensors) => Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.view()]));

export const STRUCTURED_OPERATIONS = {
  sparsemap(entmax, form, task, data) {
    const problems = data.leading(task.problems);
    const factor = factorOf(entmax, problems);
    const { scores, dispose } = scoresOf(entmax, problems);
    return fresh([{ dispose }], {
      form,
      call: () => entmax.sparsemap(scores, factor),
      release: ({ marginals }) => disposeAll(marginals),
      output(solution) {
        const marginals = viewsOf(solution.marginals);
        const { iterations, converged: allConverged } = solution;
        const values = joined([marginals.unary, solution.weights], Float64Array);
        return { values, solution, marginals, iterations, allConverged };
      },
    });
  },

  /** The pullback alone, of a solution that is there. */
  sparsemapBackward(entmax, form, task, data) {
    const problems = data.leading(task.problems);
    const { scores, dispose } = scoresOf(entmax, problems);
    const [{ marginals }, pullback] = entmax.sparsemap.vjp(scores, factorOf(entmax, problems));
    disposeAll(marginals);
    const unary = entmax.tensor(problems.cotangents, problems.shapes.unary);
    return fresh([{ dispose }, unary, pullback], {
      form,
      call: () => pullback({ unary }),
      release: disposeAll,
      output(gradients) {
        const views = viewsOf(gradients);
        return { values: joined(Object.values(views), Float64Array), ...views };
      },
    });
  },

  map(entmax, form, task, data) {
    const problems = data.leading(task.problems);
    const factor = factorOf(entmax, problems);
    const { scores, dispose } = scoresOf(entmax, problems);
    return fresh([{ dispose }], {
      form,
      call: () => entmax.map(scores, factor),
      release: () => undefined,
      output: ({ structures, scores }) => ({ values: scores, structures, scores }),
    });
  },

  /** Of a set: the row map of the same problem, without structures. */
  marginals(entmax, form, { map, options = {} }, { x, shape }) {
    const scores = entmax.tensor(x, shape);
    const out = entmax.zeros(shape, 'float64');
    return inPlace(form, out, [scores], () => void entmax[map](scores, { ...options, out }));
  },
};
