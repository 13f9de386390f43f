"""SparseMAP over all structures of small factors: the marginals, the objective, weights and structures where these are unique, and
gradients; exact, by faces.py. The dual has few unknowns, mu and tau, and a constraint for each structure:
min 1/2 |mu|^2 + tau where tau >= <m, eta - mu> + <n, eta_v>.
"""

import numpy as np
from flint import fmpq, fmpq_mat
from scipy.optimize import linprog

from cases import normal_row, number, numbers, tolerance
from faces import Face, NotProven, basis, column, exact_to_float, interior_point, listed, nearest_solution, objective, optimum_on, rows_of
from structures import TABLES, enumerated
from tables import INF, written


LINPROG = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


class Problem:
    """A factor with its scores, its possible structures as rows of 0 and 1 over all tables, flat."""

    def __init__(self, factor, parameters, scores):
        self.names = [name for name in TABLES if name in scores]
        self.sizes = [len(scores[name].values) for name in self.names]
        self.offsets = dict(zip(self.names, np.cumsum([0, *self.sizes[:-1]]).tolist()))
        flat = [value for name in self.names for value in scores[name].values]
        self.width, self.unary = len(flat), self.sizes[0]
        self.squared = [i < self.unary for i in range(self.width)]
        self.structures, rows = [], []
        for structure, parts in enumerated(factor, parameters, scores["unary"].shape):
            places = [self.offsets[name] + part for name in self.names for part in parts[name]]
            if any(flat[place] == -INF for place in places):
                continue
            row = np.zeros(self.width, dtype=int)
            row[places] = 1
            self.structures.append(list(structure))
            rows.append(row)
        self.rows = np.array(rows)
        self.flat = [0.0 if value == -INF else value for value in flat]
        self.scores = column(self.flat)

    def by_table(self, vector):
        values = [exact_to_float(each) for each in listed(vector)]
        return {name: numbers(values[self.offsets[name] :][:size]) for name, size in zip(self.names, self.sizes)}


class Solved:
    """The exact answer. `hint`: scores with the same answer, for the interior-point solver, where these are too large for it."""

    def __init__(self, problem, hint=None):
        self.problem = problem
        for proposed in self.proposals(hint or problem.flat):
            try:
                self.on_face(proposed)
                break
            except NotProven:
                pass
        else:
            raise NotProven("no face that was proposed is that of the optimum")
        self.objective = objective(self.mu, problem.scores, problem.squared)
        # All structures that score as much: the answer has a derivative if all of them may have weight.
        self.atoms = rows_of(problem.rows[self.best], problem.width)
        self.weights = self.inner_weights()
        self.smooth = self.weights is not None
        self.unique = self.smooth and self.face.rank == len(self.best) - 1
        self.ties = self.smooth and self.of_fewer()

    def proposals(self, flat):
        """Sets of structures that may have weight, by the interior-point solver."""
        problem = self.problem
        totals = problem.rows @ np.array(flat)
        totals -= totals.max()
        # mu and tau as unknowns, both in units of `scale`: large scores, and small ones of which mu is small too.
        linear = np.array([0.0] * problem.unary + [1.0])
        inequalities = -np.hstack([problem.rows[:, : problem.unary], np.ones((len(totals), 1))])
        largest = np.abs(totals).max() or 1.0
        for scale in (max(1.0, largest / 1e4), largest):
            square = np.diag([scale] * problem.unary + [0.0])
            _, slack, weight, _ = interior_point(square, linear, inequalities, -totals / scale)
            for chosen in (weight > slack, *(weight > bound for bound in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8))):
                yield np.flatnonzero(chosen)

    def on_face(self, proposed):
        """The optimum on the hull of these structures, if no structure scores more there: `best` are those that score as much."""
        problem = self.problem
        if not len(proposed):
            raise NotProven("nothing proposed")
        rows = problem.rows[proposed]
        self.face = self.face_through(rows)
        self.mu = optimum_on(self.face, column([float(each) for each in rows[0]]), problem.scores, problem.squared)
        if min(listed(self.inside(rows, np.full(len(rows), 1 / len(rows))))) < 0:
            weights = self.best_inside(rows)
            if weights is None or min(weights) < 0:
                raise NotProven("outside of the hull")
        left = [s - (m if q else 0) for s, m, q in zip(listed(problem.scores), listed(self.mu), problem.squared)]
        totals = listed(rows_of(problem.rows, problem.width) * column(left))
        tau = max(totals)
        if any(totals[y] != tau for y in proposed):
            raise NotProven("another structure scores more")
        self.best = [y for y, total in enumerate(totals) if total == tau]
        self.face = self.face_through(problem.rows[self.best])

    def face_through(self, rows):
        width = self.problem.width
        return Face(basis(rows_of(rows[1:] - rows[0], width))[0] if len(rows) > 1 else [], self.problem.squared)

    def inside(self, rows, start):
        """Weights of these structures that give mu, near to `start`."""
        system = rows_of([*rows.T, [1] * len(rows)], len(rows))
        return nearest_solution(system, column([*listed(self.mu), fmpq(1)]), start)

    def best_inside(self, rows):
        """The same with the least weight as large as it can be; exact."""
        count = len(rows)
        mu = [exact_to_float(each) for each in listed(self.mu)]
        equal = np.vstack([np.hstack([rows.T, np.zeros((rows.shape[1], 1))]), [[1] * count + [0]]])
        above = np.hstack([-np.eye(count), np.ones((count, 1))])
        goal = np.array([0.0] * count + [-1.0])
        free = [(None, None)] * (count + 1)
        limits = {"A_ub": above, "b_ub": np.zeros(count), "A_eq": equal, "b_eq": [*mu, 1], "bounds": free}
        found = linprog(goal, **limits, method="highs", options=LINPROG)
        return listed(self.inside(rows, found.x[:-1])) if found.x is not None else None

    def of_fewer(self):
        """Whether fewer structures than span the face can give mu too: basic solutions, for some linear goals."""
        rows = self.problem.rows[self.best]
        mu = [exact_to_float(each) for each in listed(self.mu)]
        equal = np.vstack([rows.T, [[1] * len(rows)]])
        for seed in range(1, 9):
            goal = np.array(normal_row(seed, len(rows)))
            found = linprog(goal, A_eq=equal, b_eq=[*mu, 1], method="highs-ds", options=LINPROG)
            if found.x is not None and np.sum(found.x > 1e-9) <= self.face.rank:
                return True
        return False

    def inner_weights(self):
        """Weights above 0 of all of the best structures, if there are any."""
        weights = self.best_inside(self.problem.rows[self.best])
        return None if weights is None or exact_to_float(min(weights)) < 1e-9 else weights

    def gradient(self, cotangent):
        return self.face.along(column(cotangent))

    def weight_gradient(self, cotangent):
        """[M; N] Q g, Q from the KKT system of the weights."""
        problem, count = self.problem, len(self.best)
        seen = rows_of([row[: problem.unary] for row in problem.rows[self.best]], problem.unary)
        gram = seen * seen.transpose()
        entries = [fmpq(0)] + [fmpq(1)] * count
        for i in range(count):
            entries += [fmpq(1)] + [gram[i, j] for j in range(count)]
        kkt = fmpq_mat(count + 1, count + 1, entries)
        answer = kkt.solve(column([0.0, *cotangent]))
        return self.atoms.transpose() * fmpq_mat(count, 1, [answer[i + 1, 0] for i in range(count)])


def sparsemap_case(name, factor, scores, parameters=None, cotangents=None, dweights=None, target=None, hint=None, tolerances=()):
    parameters = parameters or {}
    problem = Problem(factor, parameters, scores)
    solved = Solved(problem, hint)
    expected = {"marginals": problem.by_table(solved.mu), "objective": number(exact_to_float(solved.objective))}
    case = {"name": name, "operation": "sparsemap", "factor": factor, "parameters": parameters, "scores": written(scores)}
    bounds = {"marginals": 1e-12, "objective": 1e-12, **dict(tolerances)}
    if solved.unique:
        order = sorted(range(len(solved.best)), key=lambda j: problem.structures[solved.best[j]])
        weights = solved.weights
        expected["structures"] = [problem.structures[solved.best[j]] for j in order]
        expected["weights"] = numbers([exact_to_float(weights[j]) for j in order])
        bounds.setdefault("weights", 1e-12)
        if dweights is not None:
            chosen = dweights[: len(order)]
            case["dweights"] = numbers(chosen)
            by_atom = [0.0] * len(order)
            for j, value in zip(order, chosen):
                by_atom[j] = value
            expected["weightGradients"] = problem.by_table(solved.weight_gradient(by_atom))
            bounds.setdefault("weightGradients", 1e-11)
    if cotangents and solved.smooth:
        case["cotangents"] = written(cotangents)
        flat = [v for n, size in zip(problem.names, problem.sizes) for v in (cotangents[n].values if n in cotangents else [0.0] * size)]
        expected["gradients"] = problem.by_table(solved.gradient(flat))
        bounds.setdefault("gradients", 1e-11)
    if target is not None:
        row = problem.rows[problem.structures.index(list(target))]
        y = column([float(each) for each in row])
        case["target"] = list(target)
        expected["loss"] = number(exact_to_float(solved.objective - objective(y, problem.scores, problem.squared)))
        bounds.setdefault("loss", 1e-12)
    if solved.ties:
        case["ties"] = True
    case["expected"] = expected
    rows = [[v for v in table.values] for table in [*scores.values(), *(cotangents or {}).values()]]
    single = {key: max(bounds[key], 2e-6 if "radients" in key else 5e-7) for key in bounds}
    case["tolerance"] = tolerance(bounds, single, rows)
    return case, solved
