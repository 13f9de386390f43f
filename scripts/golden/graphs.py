"""LP-SparseMAP of small factor graphs, exactly: each factor as the linear constraints that describe its hull, over variables, their
negations, couplings and, for trees, the weights of all trees. faces.py proposes and proves.

A reference is "x" (all of a table), "x[1,2]" or "x[:,2]", and "!x[1,2]" its negation.
"""

import re
from itertools import product

import numpy as np
from flint import fmpq

from cases import number, numbers, tolerance
from faces import (
    Face,
    NotProven,
    basis,
    column,
    exact,
    exact_to_float,
    interior_point,
    listed,
    nearest_solution,
    null_space,
    objective,
    optimum_on,
    rows_of,
)
from structures import enumerated
from tables import INF, written


class Linear:
    """sum of coefficients times unknowns, plus a constant."""

    def __init__(self, terms=None, constant=0):
        self.terms, self.constant = dict(terms or {}), constant

    def __add__(self, other):
        other = other if isinstance(other, Linear) else Linear({}, other)
        terms = dict(self.terms)
        for place, value in other.terms.items():
            terms[place] = terms.get(place, 0) + value
        return Linear(terms, self.constant + other.constant)

    def __mul__(self, factor):
        return Linear({place: value * factor for place, value in self.terms.items()}, self.constant * factor)

    def __sub__(self, other):
        return self + (other * -1 if isinstance(other, Linear) else -other)

    __radd__ = __add__


class Polytope:
    """Unknowns: all variables, then what factors add. `nonnegative` and `zero` are lists of Linear."""

    def __init__(self, tables, factors):
        self.names, self.offsets, self.tables = list(tables), {}, tables
        self.named = 0
        for name, table in tables.items():
            self.offsets[name] = self.named
            self.named += len(table.values)
        self.width = self.named
        self.nonnegative, self.zero = [], []
        couplings = {place for each in factors if "coupling" in each for place, _ in self.places(each["coupling"])}
        self.squared = [place not in couplings for place in range(self.named)]
        self.unused = set()
        flat = [value for table in tables.values() for value in table.values]
        for place, value in enumerate(flat):
            if self.squared[place]:
                self.nonnegative += [self.at(place), self.at(place) * -1 + 1]
            if value == -INF:
                self.zero.append(self.at(place))
        self.flat = [0.0 if value == -INF else value for value in flat]
        for each in factors:
            self.add(**each)
        # Variables that a tree leaves unused are no part of the problem: they get some value inside, which is left out.
        for place in self.unused:
            self.flat[place] = 0.5

    @staticmethod
    def at(place):
        return Linear({place: 1})

    def places(self, reference):
        """Flat places and whether they are negated."""
        found = re.fullmatch(r"(!?)(\w+)(?:\[([\d:,]*)\])?", reference)
        negated, name, indices = found[1] == "!", found[2], found[3]
        shape = self.tables[name].shape
        indices = [":"] * len(shape) if indices is None else indices.split(",")
        axes = [range(size) if index == ":" else [int(index)] for index, size in zip(indices, shape)]
        for where in product(*axes):
            yield self.offsets[name] + int(np.ravel_multi_index(where, shape)), negated

    def add(self, factor, over, parameters=None, coupling=None):
        parameters = parameters or {}
        places = [pair for reference in over for pair in self.places(reference)]
        literals = [self.at(place) * -1 + 1 if negated else self.at(place) for place, negated in places]
        extra = [self.at(place) for place, _ in self.places(coupling)] if coupling else []
        shape = self.tables[over[0]].shape if over[0] in self.tables else [len(literals)]
        getattr(self, f"_{factor}")(literals, parameters, extra, shape)

    def _xor(self, u, *_):
        self.zero.append(sum(u) - 1)

    _oneHot = _xor

    def _atMostOne(self, u, *_):
        self.nonnegative.append(sum(u) * -1 + 1)

    def _or(self, u, *_):
        self.nonnegative.append(sum(u) - 1)

    def _orOut(self, u, *_):
        *inputs, out = u
        self.nonnegative += [sum(inputs) - out, *(out - each for each in inputs)]

    def _andOut(self, u, *_):
        self._orOut([each * -1 + 1 for each in u])

    def _xorOut(self, u, *_):
        self.zero.append(sum(u[:-1]) - u[-1])

    def _imply(self, u, *_):
        self._or([*(each * -1 + 1 for each in u[:-1]), u[-1]])

    def _bits(self, *_):
        pass

    def _budget(self, u, parameters, *_):
        left = sum(u) * -1 + parameters["k"]
        (self.nonnegative if parameters.get("atMost") else self.zero).append(left)

    def _knapsack(self, u, parameters, *_):
        self.nonnegative.append(sum(each * -cost for each, cost in zip(u, parameters["costs"])) + parameters["budget"])

    def _pair(self, u, _, extra, __):
        both = extra[0] if extra else self.fresh(1)[0]
        self.nonnegative += [both, u[0] - both, u[1] - both, both - u[0] - u[1] + 1]

    def _assignment(self, u, parameters, _, shape):
        n, m = shape
        rows = [sum(u[i * m + j] for j in range(m)) * -1 + 1 for i in range(n)]
        columns = [sum(u[i * m + j] for i in range(n)) * -1 + 1 for j in range(m)]
        full = not parameters.get("unmatched")
        (self.zero if full and n <= m else self.nonnegative).extend(rows)
        (self.zero if full and m <= n else self.nonnegative).extend(columns)

    def _sequence(self, u, _, extra, shape):
        t, s = shape
        self.zero += [sum(u[i * s : i * s + s]) - 1 for i in range(t)]
        flow = extra or self.fresh((t - 1) * s * s)
        self.nonnegative += flow
        for i, a in product(range(t - 1), range(s)):
            self.zero += [
                sum(flow[(i * s + a) * s + b] for b in range(s)) - u[i * s + a],
                sum(flow[(i * s + b) * s + a] for b in range(s)) - u[i * s + s + a],
            ]

    def _arborescence(self, u, parameters, _, shape, factor="arborescence"):
        side = shape[0]
        trees = [parts["unary"] for _, parts in enumerated(factor, parameters, shape)]
        weights = self.fresh(len(trees))
        self.nonnegative += weights
        self.zero.append(sum(weights) - 1)
        used = [[] for _ in range(side * side)]
        for weight, parts in zip(weights, trees):
            for part in parts:
                used[part].append(weight)
        for place, each in enumerate(used):
            if each:
                self.zero.append(sum(each) - u[place])
            else:
                self.unused |= set(u[place].terms)

    def _projectiveTree(self, u, parameters, _, shape):
        self._arborescence(u, parameters, _, shape, "projectiveTree")

    def fresh(self, count):
        self.width += count
        return [self.at(self.width - count + i) for i in range(count)]

    def rows(self, linears):
        """As a matrix of numbers, with right sides: row . x + constant."""
        rows = np.zeros((len(linears), self.width))
        for row, linear in zip(rows, linears):
            for place, value in linear.terms.items():
                row[place] = value
        return rows, np.array([float(linear.constant) for linear in linears])


class GraphSolved:
    def __init__(self, polytope):
        self.polytope = polytope
        width, named = polytope.width, polytope.named
        self.inside, self.inside_constant = polytope.rows(polytope.nonnegative)
        self.equal, self.equal_constant = polytope.rows(polytope.zero)
        x, slack, multiplier, _ = self.interior()
        self.tight = [k for k in range(len(slack)) if multiplier[k] > slack[k]]
        active = rows_of([*self.equal, *self.inside[self.tight]], width)
        right = column([-value for value in [*self.equal_constant, *self.inside_constant[self.tight]]])
        start = nearest_solution(active, right, x)
        null = null_space(active)
        directions = []
        if null:
            directions = basis(rows_of([vector[:named] for vector in null], named))[0]
        self.face = Face(directions, polytope.squared)
        self.scores = column(polytope.flat)
        first = column(listed(start)[:named])
        self.answer = optimum_on(self.face, first, self.scores, polytope.squared)
        self.prove(active, right, x, multiplier)
        self.objective = objective(self.answer, self.scores, polytope.squared) - exact(0.125) * len(polytope.unused)

    def interior(self):
        polytope = self.polytope
        width, named = polytope.width, polytope.named
        square = np.diag([float(i < named and polytope.squared[i]) for i in range(width)])
        linear = np.array([*(-value for value in polytope.flat), *[0.0] * (width - named)])
        augmented = np.hstack([self.equal, -self.equal_constant[:, None]])
        reduced = basis(rows_of(augmented, width + 1))[0] if len(augmented) else []
        reduced = np.array([[exact_to_float(each) for each in row] for row in reduced]).reshape(len(reduced), width + 1)
        return interior_point(square, linear, -self.inside, self.inside_constant, reduced[:, :-1], reduced[:, -1])

    def prove(self, active, right, x, multiplier):
        """Feasible with slack where it is not tight, and a multiplier above 0 for all that is."""
        polytope = self.polytope
        width, named = polytope.width, polytope.named
        # The whole point: named variables as they are, the others near to where they were.
        identity = np.eye(named, width)
        system = rows_of([*(listed_row(active, i) for i in range(active.nrows())), *identity], width)
        whole = nearest_solution(system, column([*listed(right), *listed(self.answer)]), x)
        slacks = listed(rows_of(self.inside, width) * whole)
        tight = set(self.tight)
        for k, value in enumerate(slacks):
            slack = value + exact(self.inside_constant[k])
            if (slack != 0) if k in tight else (exact_to_float(slack) < 1e-9):
                raise NotProven(f"not the face of the optimum: constraint {k}")
        slope = [s - (m if q else 0) for s, m, q in zip(listed(self.scores), listed(self.answer), polytope.squared)]
        slope += [fmpq(0)] * (width - named)
        # Those of the equalities by least squares, so that what is to be corrected is rounding alone.
        rest = np.array([exact_to_float(each) for each in slope]) + self.inside[self.tight].T @ multiplier[self.tight]
        of_equal = np.linalg.lstsq(self.equal.T, rest, rcond=None)[0] if len(self.equal) else []
        start = [*of_equal, *(-multiplier[self.tight])]
        multipliers = listed(nearest_solution(active.transpose(), column(slope), start))
        if any(exact_to_float(value) > -1e-9 for value in multipliers[len(self.equal) :]):
            raise NotProven("a multiplier of the wrong sign, or a kink")

    def gradient(self, cotangent):
        return self.face.along(column(cotangent))


def listed_row(mat, i):
    return [mat[i, j] for j in range(mat.ncols())]


def by_name(polytope, vector):
    """Values by table; where a factor leaves parts unused, those that it uses, with their places."""
    values, found = [exact_to_float(each) for each in listed(vector)], {}
    for name, table in polytope.tables.items():
        first = polytope.offsets[name]
        at = [i for i in range(len(table.values)) if first + i not in polytope.unused]
        chosen = numbers([values[first + i] for i in at])
        found[name] = chosen if len(at) == len(table.values) else {"at": at, "values": chosen}
    return found


def graph_case(name, tables, factors, cotangents=None, tolerances=()):
    polytope = Polytope(tables, factors)
    case = {"name": name, "operation": "lpSparsemap", "scores": written(tables), "factors": factors}
    solved = GraphSolved(polytope)
    expected = {
        "marginals": by_name(polytope, solved.answer),
        "objective": number(exact_to_float(solved.objective)),
    }
    bounds = {"marginals": 1e-8, "objective": 1e-8, **dict(tolerances)}
    if cotangents:
        case["cotangents"] = written(cotangents)
        flat = []
        for each, table in tables.items():
            flat += cotangents[each].values if each in cotangents else [0.0] * len(table.values)
        flat = [0.0 if place in polytope.unused else value for place, value in enumerate(flat)]
        expected["gradients"] = by_name(polytope, solved.gradient(flat))
        bounds.setdefault("gradients", 1e-8)
    return {**case, "expected": expected, "tolerance": tolerance(bounds)}, solved


def contradictory(name, tables, factors):
    """A graph that no assignment satisfies, not even in fractions: the solver must say so."""
    return {
        "name": name,
        "operation": "lpSparsemap",
        "scores": written(tables),
        "factors": factors,
        "expected": {"converged": False},
        "tolerance": {"float64": {}},
    }
