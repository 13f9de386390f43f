"""Sparsemax with a penalty on differences, solved exactly:

    argmin over the simplex of 1/2 |p - z|^2 + lambda sum over the edges ij of a graph of w_ij |p_i - p_j|

fusedmax is this on a path, TVmax on a grid, and oscarmax on the complete graph, since max(a, b) = (a + b) / 2 + |a - b| / 2 and the
sum of a + b over all pairs is constant on the simplex (MATH.md §8).

No decomposition is used. An interior-point solver (cvxopt) proposes which entries are 0 and which neighbours are equal; fractions
then solve on that face and prove it: the conditions of optimality ask for a subgradient, which is a flow along the edges between equal
entries, of at most lambda w_ij on each. A maximum flow (networkx, in fractions) says whether there is one. With a little less room, and
multipliers above 0, the face is that of all scores nearby too: then the answer has a derivative, and its groups are certain.
"""

from fractions import Fraction

import networkx
import numpy as np
from cvxopt import matrix, solvers, spmatrix

solvers.options.update(show_progress=False, abstol=1e-13, reltol=1e-13, feastol=1e-13, maxiters=200)
MARGIN = Fraction(1, 2**30)


class NotProven(ValueError):
    """The proposed face is not that of the optimum."""


def path(n):
    """Edges between neighbours, with their weights."""
    return {(i, i + 1): Fraction(1) for i in range(n - 1)}


def grid(n, width):
    """Edges between pixels beside and above each other, row by row."""
    beside = {(i, i + 1): Fraction(1) for i in range(n) if (i + 1) % width}
    return beside | {(i, i + width): Fraction(1) for i in range(n - width)}


def complete(n):
    """All pairs; a maximum costs half a difference."""
    return {(i, j): Fraction(1, 2) for i in range(n) for j in range(i + 1, n)}


def among(edges, places):
    """What is left of a graph, its entries renamed by their place among those that are left."""
    names = {place: k for k, place in enumerate(places)}
    return {(names[i], names[j]): weight for (i, j), weight in edges.items() if i in names and j in names}


def proposed(z, edges, penalty):
    """p in float64. Variables are p and what each edge costs at least. Numbers are brought to a size that the solver likes: a penalty
    that makes all entries equal, gaps that no penalty fills, and gaps so small that every entry is about 1 / n. Were this to change the
    answer, the proof would fail.
    """
    n, m = len(z), len(edges)
    gaps = [max(z) - each for each in z]
    if is_close := 0 < max(gaps) < 1e-6:
        # The distance from 1 / n, as a multiple of the largest gap.
        penalty, gaps = penalty / max(gaps), [each / max(gaps) for each in gaps]
    if penalty > 4 * (1 + n * max(gaps)):
        penalty, gaps = 4 * (1 + n), [min(each, 1) for each in gaps]
    gaps = [min(each, 8 * (1 + penalty * n)) for each in gaps]
    entries = []
    for e, (i, j) in enumerate(edges):
        entries += [(2 * e, i, 1), (2 * e, j, -1), (2 * e, n + e, -1)]
        entries += [(2 * e + 1, i, -1), (2 * e + 1, j, 1), (2 * e + 1, n + e, -1)]
    entries += [(2 * m + i, i, -1) for i in range(n)]
    rows, columns, values = zip(*entries)
    square = spmatrix(1.0, range(n), range(n), (n + m, n + m))
    linear = matrix([float(each) for each in gaps] + [float(penalty * each) for each in edges.values()])
    at_least = spmatrix([float(each) for each in values], rows, columns, (2 * m + n, n + m))
    total = matrix([1.0] * n + [0.0] * m, (1, n + m))
    if is_close:
        at_least = at_least[: 2 * m, :]
    limits = matrix(0.0, (at_least.size[0], 1))
    found = solvers.qp(square, linear, at_least, limits, total, matrix(0.0 if is_close else 1.0))
    return np.array(found["x"]).ravel()[:n] + 4 * n * is_close


def components(places, edges, is_joined):
    graph = networkx.Graph()
    graph.add_nodes_from(places)
    graph.add_edges_from((i, j) for i, j in edges if i in graph and j in graph and is_joined(i, j))
    return [sorted(each) for each in networkx.connected_components(graph)]


class Face:
    """Groups of equal entries above 0; all other entries are 0. On it p_G = mean of z over G - lambda slope_G - tau."""

    def __init__(self, z, edges, penalty, groups):
        self.z, self.edges, self.penalty, self.groups = z, edges, penalty, groups
        self.group_of = {i: g for g, members in enumerate(groups) for i in members}
        self.size = len(self.group_of)

    def solve(self, order):
        """p and tau, given which group of two is larger: `order` are values by entry."""
        base, slopes = [], []
        for members in self.groups:
            slope = Fraction(0)
            for (i, j), weight in self.edges.items():
                for own, other in ((i, j), (j, i)):
                    if own in members and other not in members and order[own] != order[other]:
                        slope += weight * (1 if order[own] > order[other] else -1)
            slopes.append(slope / len(members))
            base.append(sum(self.z[i] for i in members) / len(members) - self.penalty * slopes[-1])
        self.slopes = slopes
        self.tau = (sum(len(members) * each for members, each in zip(self.groups, base)) - 1) / self.size
        self.p = [base[self.group_of[i]] - self.tau if i in self.group_of else Fraction(0) for i in range(len(self.z))]
        return self.p

    def is_optimal(self, margin=Fraction(0)):
        """Whether there is a subgradient: a flow between equal entries that leaves room of `margin`."""
        p, z = self.p, self.z
        if any(p[i] <= margin for i in self.group_of):
            return False
        excess = [z[i] - p[i] - self.tau for i in range(len(z))]
        graph = networkx.DiGraph()
        graph.add_nodes_from(["source", "sink"])
        for (i, j), weight in self.edges.items() if self.penalty else ():
            weight = self.penalty * weight
            if p[i] != p[j]:
                sign = 1 if p[i] > p[j] else -1
                if margin and abs(p[i] - p[j]) <= margin * min(1, max(z) - min(z)):
                    return False
                excess[i] -= sign * weight
                excess[j] += sign * weight
                continue
            # Equal neighbours of two groups are on a kink.
            if self.group_of.get(i) != self.group_of.get(j):
                return False
            room = weight * (1 - margin) if i in self.group_of else weight
            graph.add_edge(i, j, capacity=room)
            graph.add_edge(j, i, capacity=room)
        wanted = Fraction(0)
        for i, each in enumerate(excess):
            # What is 0 may have more than its share: a multiplier.
            each += 0 if i in self.group_of else margin
            if each > 0:
                graph.add_edge("source", i, capacity=each)
                wanted += each
            elif each < 0:
                graph.add_edge(i, "sink", capacity=-each)
        return wanted == 0 or networkx.maximum_flow_value(graph, "source", "sink") == wanted

    def derivative(self, v):
        """Gradients of <v, p> by z and by lambda, forwards: one direction after the other. None for lambda = 0 with ties."""
        columns = []
        for i in range(len(self.z)):
            change = [Fraction(int(i in members), len(members)) for members in self.groups]
            columns.append(self._along(change, v))
        kinks = (i for i, j in self.edges if self.p[i] == self.p[j] > 0 and self.group_of[i] != self.group_of[j])
        return columns, self._along([-each for each in self.slopes], v) if next(kinks, None) is None else None

    def _along(self, base, v):
        tau = sum(len(members) * each for members, each in zip(self.groups, base)) / self.size
        return sum((v[i] * (base[g] - tau) for i, g in self.group_of.items()), Fraction(0))


def solve(z, edges, penalty):
    """The proven face of the optimum, and whether it is strict; all numbers are fractions."""
    guess = proposed(z, edges, penalty)
    for tolerance in (1e-7, 1e-6, 1e-8, 1e-5, 1e-9, 1e-4, 1e-10, 1e-3):
        places = [i for i, each in enumerate(guess) if each > tolerance]
        groups = components(places, edges, lambda i, j: penalty > 0 and abs(guess[i] - guess[j]) < tolerance)
        # A group is as high as its mean, so that rounding does not order the members of a group.
        order = [0.0] * len(z) if penalty else z
        for members in groups if penalty else ():
            for i in members:
                order[i] = float(np.mean(guess[members]))
        if not groups:
            continue
        face = Face(z, edges, penalty, groups)
        face.solve(order)
        if face.is_optimal():
            return face, face.is_optimal(MARGIN)
    raise NotProven(f"{[float(each) for each in z]}, {guess}")
