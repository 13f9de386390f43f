"""lp-sparsemap as a peer of the benchmark (protocol.py). A call solves the given problems one after the other, for there is no
batch: each time a graph of variables, the factor, and its own active set, which is the fastest way that it offers. The class
FactorGraph around it takes 2 to 7 times as long for one factor.
"""

import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore", message="pytorch cannot be found")  # which is no loss here

import lp_graphs
import numpy as np
import protocol
from lpsmap.ad3ext.sequence import PFactorSequence
from lpsmap.ad3ext.tree import PFactorTree
from lpsmap.ad3qp.factor_graph import PFactorGraph

CONVERGED = 20_000  # steps; it stops when it has converged


class Sequence:
    def __init__(self, table):
        self.length, self.states = table

    def places(self):
        """Where its variables lie in the table of scores."""
        return np.arange(self.length * self.states)

    def add_to(self, graph, variables):
        factor = PFactorSequence()
        factor.initialize([self.states] * self.length)
        graph.declare_factor(factor, variables, owned_by_graph=True)
        return factor

    def label(self, configuration):
        return configuration


class Tree:
    def __init__(self, table, projective):
        self.side, self.projective = table[0], projective

    def places(self):
        words, heads = range(1, self.side), range(self.side)
        return np.array([head * self.side + word for word in words for head in heads if head != word])

    def add_to(self, graph, variables):
        factor = PFactorTree()
        factor.initialize(self.projective, False, self.side - 1)
        graph.declare_factor(factor, variables, owned_by_graph=True)
        return factor

    def label(self, heads):
        return heads[1:]


class Budget:
    def __init__(self, table, most):
        self.size, self.most = table[0], most

    def places(self):
        return np.arange(self.size)

    def add_to(self, graph, variables):
        return graph.create_factor_budget(variables, self.most)


def factor_of(map_name, table, settings):
    factors = {
        "sequence": lambda: Sequence(table),
        "arborescence": lambda: Tree(table, projective=False),
        "projective": lambda: Tree(table, projective=True),
        "budget": lambda: Budget(table, int(settings["budget"])),
    }
    return factors[map_name]() if map_name in factors else None


class Problems:
    """The scores as the factor wants them, and what a call does with each."""

    def __init__(self, factor, arrays, rows, steps):
        self.factor, self.steps = factor, steps
        self.table_size = arrays["unary"].size // rows
        self.places = factor.places()
        in_order = lambda name: arrays[name].reshape(rows, -1)[:, self.places].copy()
        self.unary = in_order("unary")
        self.additional = arrays["transitions"].reshape(rows, -1) if "transitions" in arrays else np.zeros((rows, 0))
        self.cotangents = in_order("cotangents") if "cotangents" in arrays else None

    def built(self, unary):
        graph = PFactorGraph()
        variables = [graph.create_binary_variable() for _ in range(len(unary))]
        return graph, self.factor.add_to(graph, variables)

    def each(self):
        return zip(self.unary, self.additional)

    def solve(self):
        solved = []
        for unary, additional in self.each():
            graph, factor = self.built(unary)
            factor.solve_qp(unary, additional, max_iter=self.steps)
            solved.append((graph, factor))
        return solved

    def marginals(self):
        """Of a factor with a closed form, in the order of its variables."""
        marginals = []
        for unary, additional in self.each():
            graph, factor = self.built(unary)
            marginals.append(factor.solve_qp(unary, additional)[0])
        return marginals

    def map(self):
        best = []
        for unary, additional in self.each():
            graph, factor = self.built(unary)
            factor.set_additional_log_potentials(additional)
            best.append(factor.solve_map(unary, additional)[1])
        return best

    def pullback(self):
        """A call that gives the gradients of solutions that are there."""
        solved = []
        for unary, additional in self.each():
            graph, factor = self.built(unary)
            factor.set_additional_log_potentials(additional)
            factor.solve_qp(unary, additional, max_iter=self.steps)
            solved.append((graph, factor))
        return lambda: (solved, [factor.jacobian_vec(v)[0] for (_, factor), v in zip(solved, self.cotangents)])

    def table_of(self, values):
        """Values of the variables in their places of the tables."""
        tables = np.zeros((len(values), self.table_size))
        tables[:, self.places] = values
        return tables.ravel()

    def solutions(self, solved):
        """For each problem the number of structures, their weights, the structures."""
        parts = []
        for _, factor in solved:
            structures, weights = factor.get_sparse_solution()
            parts += [[len(weights)], weights, np.ravel([self.factor.label(each) for each in structures])]
        return np.concatenate(parts)


class Tasks(protocol.Tasks):
    def array_of(self, data, dtype):
        return np.frombuffer(data, dtype=dtype)

    def find(self, operation, map_name, rows, n, settings):
        table = [int(side) for side in settings["table"].split(",")]
        if operation in ("graphSolve", "graphBackward"):
            call, graphs = lp_graphs.prepare(operation, map_name, self.arrays, rows, table, settings)
            return lambda: (graphs, None, call())
        factor = factor_of(map_name, table, settings)
        if factor is None:
            return None
        problems = Problems(factor, self.arrays, rows, int(settings.get("steps", CONVERGED)))
        if operation == "sparsemapBackward":
            pullback = problems.pullback()
            return lambda: (problems, *pullback())
        calls = {
            "sparsemap": lambda: (problems, problems.solve(), None),
            "marginals": lambda: (problems, None, problems.marginals()),
            "map": lambda: (problems, None, problems.map()),
        }
        return calls.get(operation)

    def read(self, result):
        problems, solved, values = result
        parts = [] if values is None else [problems.table_of(values)]
        if solved is not None:
            parts.append(problems.solutions(solved))
        return np.concatenate(parts).astype(np.float64).tobytes(), "float64", None

    def about(self):
        return {name: version(name) for name in ("lp-sparsemap", "numpy")}


if __name__ == "__main__":
    protocol.serve(Tasks())
