"""Quadratic programmes of structured inference, solved exactly. An interior-point solver in float64 (cvxopt) proposes the face of the
polytope on which the optimum lies; rational arithmetic (flint) then solves on that face and proves the answer: it is feasible, every
multiplier of the face is above 0, and every other constraint has slack. So a wrong proposal fails, and cannot become golden. Strict
multipliers and slacks also mean that the optimum is not at a kink, so that its derivative is the one of the face.

On a face with directions D (a basis, one a row) the answer moves by D^T (D_u D_u^T)^-1 D d for a change d of the scores, where D_u are
the columns that the square sees (MATH.md §9, §11).
"""

import numpy as np
from cvxopt import matrix, solvers
from flint import fmpq, fmpq_mat

from cases import fraction

solvers.options.update(show_progress=False, abstol=1e-13, reltol=1e-13, feastol=1e-13, maxiters=200)


class NotProven(ValueError):
    """The proposed face is not that of the optimum, or the optimum is at a kink."""


def exact(value):
    """A number as a fraction of flint's."""
    if isinstance(value, fmpq):
        return value
    part = fraction(value)
    return fmpq(int(part.numerator), int(part.denominator))


def exact_to_float(value):
    """The nearest float64."""
    return int(value.p) / int(value.q)


def column(values):
    return fmpq_mat(len(values), 1, [exact(each) for each in values])


def rows_of(rows, width):
    rows = [list(row) for row in rows]
    return fmpq_mat(len(rows), width, [exact(each) for row in rows for each in row])


def listed(vector):
    return [vector[i, 0] for i in range(vector.nrows())]


def basis(mat):
    """A basis of the rows' span, one a row, and the pivots."""
    reduced, rank = mat.rref()
    rows = [[reduced[i, j] for j in range(mat.ncols())] for i in range(rank)]
    pivots = [next(j for j, each in enumerate(row) if each != 0) for row in rows]
    return rows, pivots


def null_space(mat):
    """A basis of the vectors that the rows are orthogonal to."""
    rows, pivots = basis(mat)
    free = [j for j in range(mat.ncols()) if j not in set(pivots)]
    vectors = []
    for j in free:
        vector = [fmpq(0)] * mat.ncols()
        vector[j] = fmpq(1)
        for row, pivot in zip(rows, pivots):
            vector[pivot] = -row[j]
        vectors.append(vector)
    return vectors


def nearest_solution(mat, right, start):
    """The solution of mat x = right that is nearest to the floats in `start`."""
    width = mat.ncols()
    augmented = fmpq_mat(
        mat.nrows(), width + 1, [each for i in range(mat.nrows()) for each in [*(mat[i, j] for j in range(width)), right[i, 0]]]
    )
    rows, pivots = basis(augmented)
    if pivots and pivots[-1] == width:
        raise NotProven("inconsistent")
    if not rows:
        return column(start)
    a = fmpq_mat(len(rows), width, [each for row in rows for each in row[:width]])
    b = fmpq_mat(len(rows), 1, [row[width] for row in rows])
    x = column(start)
    return x + a.transpose() * (a * a.transpose()).solve(b - a * x)


class Face:
    """Directions of a face: `squared` says which coordinates the square sees."""

    def __init__(self, directions, squared):
        self.width = len(squared)
        self.rank = len(directions)
        if not self.rank:
            return
        self.d = fmpq_mat(self.rank, self.width, [each for row in directions for each in row])
        seen = fmpq_mat(self.rank, self.width, [each if s else fmpq(0) for row in directions for each, s in zip(row, squared)])
        self.gram = seen * seen.transpose()
        if self.gram.rank() < self.rank:
            raise NotProven("coordinates outside of the square are not unique")

    def along(self, vector):
        """D^T (D_u D_u^T)^-1 D vector."""
        if not self.rank:
            return fmpq_mat(self.width, 1)
        return self.d.transpose() * self.gram.solve(self.d * vector)


def optimum_on(face, start, scores, squared):
    """The maximum of <scores, x> - 1/2 |x|^2 (square over `squared`) on start + face."""
    slope = [scores[i, 0] - (start[i, 0] if squared[i] else 0) for i in range(len(squared))]
    return start + face.along(fmpq_mat(len(squared), 1, slope))


def objective(x, scores, squared):
    values = listed(x)
    return sum((s * v for s, v in zip(listed(scores), values)), fmpq(0)) - sum(
        (v * v for v, s in zip(values, squared) if s), fmpq(0)
    ) / 2


def interior_point(square, linear, inequalities, bounds, equalities=None, right=None):
    """min 1/2 x' square x + linear x: the point, slacks and multipliers of the inequalities, multipliers of the equalities."""
    args = [matrix(np.asarray(each, float)) for each in (square, linear, inequalities, bounds)]
    if equalities is not None and len(equalities):
        args += [matrix(np.asarray(equalities, float)), matrix(np.asarray(right, float))]
    answer = solvers.qp(*args)
    flat = lambda name: np.array(answer[name]).ravel()
    return flat("x"), flat("s"), flat("z"), flat("y")
