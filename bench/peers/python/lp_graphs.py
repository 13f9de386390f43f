"""Graphs of factors as users of lp-sparsemap write them, with its class FactorGraph; bench/structured/graphs.js has the same ones.
Its `solve` without PyTorch takes no options and loses the status, so the lines of `solve` with PyTorch are followed here.
"""

import numpy as np
from lpsmap import Budget, DepTree, FactorGraph, Pair, Xor
from lpsmap.ad3qp.factor_graph import PFactorGraph

MOST_DEPENDENTS = 2


class Matching:
    def places(self, table):
        return np.arange(table[0] * table[1])

    def build(self, graph, scores, table, couplings):
        x = graph.variable_from(scores.reshape(table))
        for axis in range(2):
            for i in range(table[axis]):
                graph.add(Xor(x[i, :] if axis == 0 else x[:, i]))


class Grid(Matching):
    def build(self, graph, scores, table, couplings):
        x = graph.variable_from(scores.reshape(table))
        across = table[0] * (table[1] - 1)
        graph.add(Pair(flat(x[:, :-1]), flat(x[:, 1:]), couplings[:across]))
        graph.add(Pair(flat(x[:-1, :]), flat(x[1:, :]), couplings[across:]))


def flat(part):
    part._ix = part._ix.ravel()
    return part


class Tree:
    """Its packed table has a row for each word and a column for each head; the diagonal is the root."""

    def places(self, table):
        words = range(1, table[0])
        return np.array([(0 if head == word else head) * table[0] + word for word in words for head in words])

    def build(self, graph, scores, table, couplings):
        n = table[0] - 1
        x = graph.variable_from(scores.reshape(n, n))
        graph.add(DepTree(x, packed=True))
        for head in range(n):
            dependents = [word for word in range(n) if word != head]
            graph.add(Budget(x[dependents, head], MOST_DEPENDENTS))


GRAPHS = {"matching": Matching, "grid": Grid, "tree": Tree}


class Graphs:
    def __init__(self, graph, arrays, rows, table, settings):
        self.graph, self.table, self.settings = graph, table, settings
        self.size = arrays["unary"].size // rows
        self.places = graph.places(table)
        in_order = lambda name: arrays[name].reshape(rows, -1)[:, self.places].copy()
        self.unary = in_order("unary")
        self.couplings = arrays["couplings"].reshape(rows, -1) if "couplings" in arrays else np.zeros((rows, 0))
        self.cotangents = in_order("cotangents") if "cotangents" in arrays else None

    def solved(self, scores, couplings):
        """The graph of the core, and its marginals."""
        graph = FactorGraph()
        self.graph.build(graph, scores, self.table, couplings)
        core = PFactorGraph()
        offset, variables, potentials = graph._make_variables(core)
        additional = graph._make_factors(core, offset, variables)
        core.set_eta_ad3(0.1)
        core.adapt_eta_ad3(True)
        core.set_max_iterations_ad3(int(self.settings.get("steps", 1000)))
        core.set_residual_threshold_ad3(float(self.settings.get("tol", 1e-6)))
        core.set_inner_iter(int(self.settings.get("inner", 10)))
        core.set_log_potentials(potentials)
        core.set_all_additionals(additional)
        return core, core.solve_qp_ad3()[1]

    def solve(self):
        return [self.solved(*each)[1] for each in zip(self.unary, self.couplings)]

    def pullback(self):
        """A call that gives the gradients of solutions that are there."""
        solved = [self.solved(*each)[0] for each in zip(self.unary, self.couplings)]

        def call():
            gradients = []
            for core, cotangent in zip(solved, self.cotangents):
                gradient = np.empty(len(cotangent))
                core.jacobian_vec(cotangent, gradient)
                gradients.append(gradient)
            return gradients

        return call

    def table_of(self, values):
        tables = np.zeros((len(values), self.size))
        tables[:, self.places] = values
        return tables.ravel()


def prepare(operation, map_name, arrays, rows, table, settings):
    """A call that gives values, and what puts them into tables."""
    graphs = Graphs(GRAPHS[map_name](), arrays, rows, table, settings)
    return graphs.solve if operation == "graphSolve" else graphs.pullback(), graphs
