"""Inputs on which lp-sparsemap goes wrong (MATH.md §18 no. 10, and what measuring it showed), what it gives, and the right answer:
ts/test/conformance/structured-errata.json. It is run here, so the recorded answers are its own. Its wheels are for CPython 3.8 and 3.9.

    python3.9 -m venv golden-env39 && golden-env39/bin/pip install mpmath==1.4.1 numpy==1.26.4 scipy==1.13.1 networkx==3.2.1 \\
      cvxopt==1.3.3 python-flint==0.6.0 lp-sparsemap==1.0
    golden-env39/bin/python scripts/golden/lp_sparsemap.py
"""

import multiprocessing
import signal
import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore")

import lpsmap
import numpy as np
from lpsmap.ad3ext.sequence import PFactorSequence
from lpsmap.ad3qp.factor_graph import PFactorGraph

from cases import number, numbers, write
from factor_graphs import factor, matching
from graphs import Polytope, graph_case
from long_chain import long_chain_case
from oracles import kbest_case
from sparsemaps import sparsemap_case
from tables import given, normal

LOGIC = {
    "xor": "XOR",
    "atMostOne": "ATMOSTONE",
    "or": "OR",
    "orOut": "OROUT",
    "andOut": "ANDOUT",
    "xorOut": "XOROUT",
    "imply": "IMPLY",
}
#: Statuses of its solver.
STATUS = ["integral", "fractional", "infeasible", "unsolved"]
NO_NOTICE = "the default answer, unconverged without notice"


def theirs(call, gives):
    return {"package": "lp-sparsemap (PyPI)", "version": version("lp-sparsemap"), "call": call, "gives": gives}


def named(what, case, *others, number_of=None):
    """A case of the group; `number_of`: the number in the handbook's list."""
    head = f"erratum {number_of}: {what}" if number_of else f"lp-sparsemap: {what}"
    found = {"name": f"{head}, {case['name']}", "group": head}
    if number_of:
        found["erratum"] = number_of
    return {**found, **{key: value for key, value in case.items() if key != "name"}, "others": list(others)}


class Theirs:
    """A graph of ours as a graph of lp-sparsemap; its variables are ours without couplings, in order."""

    def __init__(self, tables, factors):
        self.tables, self.polytope = tables, Polytope(tables, factors)
        self.graph = PFactorGraph()
        places = [place for place in range(self.polytope.named) if self.polytope.squared[place]]
        self.variables = {place: self.graph.create_binary_variable() for place in places}
        self.couplings = []
        for each in factors:
            self.add(**each)
        self.graph.set_log_potentials(np.array([self.polytope.flat[place] for place in places]))

    def add(self, factor, over, parameters=None, coupling=None):
        pairs = [pair for reference in over for pair in self.polytope.places(reference)]
        variables = [self.variables[place] for place, _ in pairs]
        negated = [turned for _, turned in pairs]
        places = [place for place, _ in self.polytope.places(coupling)] if coupling else []
        scores = [self.polytope.flat[place] for place in places]
        self.couplings.append(places)
        if factor in LOGIC:
            self.graph.create_factor_logic(LOGIC[factor], variables, negated)
        elif factor == "budget":
            self.graph.create_factor_budget(variables, parameters["k"], negated)
        elif factor == "knapsack":
            self.graph.create_factor_knapsack(variables, parameters["costs"], parameters["budget"], negated)
        elif factor == "pair":
            self.graph.create_factor_pair(variables, scores[0])
        elif factor == "sequence":
            t, s = self.tables[over[0]].shape
            chain = PFactorSequence()
            chain.initialize([s] * t)
            self.graph.declare_factor(chain, variables, owned_by_graph=True)
            chain.set_additional_log_potentials(scores)

    def precise(self):
        self.graph.set_max_iterations_ad3(20000)
        self.graph.set_residual_threshold_ad3(1e-12)
        self.graph.set_inner_iter(500)
        return self

    def solve(self):
        _, self.values, self.extra, status = self.graph.solve_qp_ad3()
        return {"marginals": self.by_name(self.values, self.extra), "status": STATUS[status]}

    def gradients(self, cotangent, **limits):
        out = np.zeros(len(self.variables))
        extra = self.graph.jacobian_vec(np.array(cotangent, dtype=float), out, **limits)
        return self.by_name(out, extra)

    def by_name(self, values, extra):
        flat = np.full(self.polytope.named, np.nan)
        flat[list(self.variables)] = values
        # A flat list of all, or a list for each factor, empty where it has none.
        extra = np.concatenate([np.ravel(each) for each in extra]) if extra else []
        flat[[place for places in self.couplings for place in places][: len(extra)]] = extra
        found = {}
        for name, table in self.tables.items():
            part = flat[self.polytope.offsets[name] :][: len(table.values)]
            if not self.polytope.squared[self.polytope.offsets[name]] and not len(extra):
                continue
            found[name] = numbers(part)
        return found


def coupling_gradient():
    what = "the gradient by the coupling of a repulsive pair"
    for x, c, name in (([0.9375, 0.8125], -0.25, "both likely"), ([0.75, 0.6875], -0.1875, "a smaller coupling")):
        tables, factors = {"x": given(x), "c": given([c])}, [factor("pair", "x[0]", "x[1]", coupling="c[0]")]
        cotangent = given([1, 0.5])
        case, _ = graph_case(name, tables, factors, {"x": cotangent})
        other = Theirs(tables, factors).precise()
        gives = other.solve()
        gives["gradients"] = other.gradients(cotangent.values)
        call = "PFactorGraph.create_factor_pair, solve_qp_ad3, jacobian_vec: a tolerance of 1e+12 in place of 1e-12"
        yield named(what, case, theirs(call, gives), number_of=10)


def negated_jacobian():
    """A factor by itself, not adjusted to degrees."""
    what = "the unadjusted Jacobian of negated variables"
    x, v = [0.75, 0.59375, 0.53125, 0.28125], normal(350, 4)
    for kind in ("atMostOne", "budget"):
        for negated in ([1], [1, 3]):
            over = [("!" if i in negated else "") + f"x[{i}]" for i in range(4)]
            each = factor(kind, *over) if kind == "atMostOne" else factor(kind, *over, k=1, atMost=True)
            case, _ = graph_case(f"{kind}, {len(negated)} of 4 negated", {"x": given(x)}, [each], {"x": v})
            gives = alone(kind, x, [i in negated for i in range(4)], v.values)
            yield named(what, case, theirs("PFactor.solve_qp, jacobian_vec", gives), number_of=10)


def alone(kind, x, negated, cotangent):
    graph = PFactorGraph()
    variables = [graph.create_binary_variable() for _ in x]
    for variable, score in zip(variables, x):
        variable.set_log_potential(score)
    if kind == "budget":
        made = graph.create_factor_budget(variables, 1, negated)
    else:
        made = graph.create_factor_logic(LOGIC[kind], variables, negated)
    marginals, _ = made.solve_qp(np.array(x), [])
    gradients, _ = made.jacobian_vec(np.array(cotangent))
    return {"marginals": {"x": numbers(marginals)}, "gradients": {"x": numbers(gradients)}}


def or_with_output():
    """Its own test of this factor is skipped as suspicious."""
    what = "the unadjusted projection of OR with output"
    x, v = [0.75, 0.59375, 0.53125, 0.28125], normal(351, 4)
    case, _ = graph_case("three inputs", {"x": given(x)}, [factor("orOut", "x")], {"x": v})
    gives = alone("orOut", x, [False] * 4, v.values)
    yield named(what, case, theirs("PFactor.solve_qp, jacobian_vec", gives), number_of=10)


def dropped_transitions():
    what = "transition scores dropped by the numpy FactorGraph"
    for scale in (1.0, 4.0):
        tables = {"unary": normal(901, 4, 3), "transitions": normal(902, 3, 3, 3, scale=scale)}
        cotangents = {name: normal(903 + i, *table.shape) for i, (name, table) in enumerate(tables.items())}
        case, _ = sparsemap_case(f"sequence 4 x 3, transitions N(0, {scale:g}^2)", "sequence", tables, {}, cotangents)
        gives = in_a_process_of_its_own(by_the_numpy_graph, tables)
        yield named(what, case, theirs("lpsmap.FactorGraph.add(Sequence(u, transitions)), solve()", gives), number_of=10)


def by_the_numpy_graph(tables, answers):
    graph = lpsmap.FactorGraph()
    variable = graph.variable_from(np.array(tables["unary"].values).reshape(4, 3))
    graph.add(lpsmap.Sequence(variable, np.array(tables["transitions"].values).reshape(3, 3, 3)))
    graph.solve()
    answers.put({"marginals": {"unary": numbers(variable.value.ravel())}})


def in_a_process_of_its_own(run, tables):
    """It may crash: the factor reads scores that nobody has set."""
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    process = fork.Process(target=run, args=(tables, answers))
    process.start()
    process.join()
    return answers.get() if process.exitcode == 0 else {"error": signal.Signals(-process.exitcode).name}


def power_iteration():
    what = "the power iteration of the backward pass"
    for n, scale, seed in ((4, 1.0, 100), (6, 0.5, 704), (6, 4.0, 705)):
        tables, factors = {"x": normal(seed, n, n, scale=scale)}, matching(n, n)
        cotangent = normal(seed + 100, n, n)
        case, _ = graph_case(f"matching {n} x {n}, N(0, {scale:g}^2)", tables, factors, {"x": cotangent})
        other = Theirs(tables, factors).precise()
        gives = {"status": other.solve()["status"], "gradients": other.gradients(cotangent.values)}
        call = "solve_qp_ad3 with tol 1e-12, 20000 iterations; jacobian_vec as it is (100 iterations, 1e-8)"
        yield named(what, case, theirs(call, gives), number_of=10)


def no_factor():
    what = "the gradient of a variable in no factor"
    tables, factors = {"x": given([0.75, 0.59375, 0.53125, 0.28125, 1.5])}, [factor("xor", "x[0]", "x[1]")]
    cotangent = given([1, 0.5, -2, 0.25, 3])
    case, _ = graph_case("three of five", tables, factors, {"x": cotangent})
    other = Theirs(tables, factors).precise()
    gives = other.solve()
    gives["gradients"] = other.gradients(cotangent.values)
    yield named(what, case, theirs("solve_qp_ad3, jacobian_vec", gives))


def unconverged():
    """lpsmap.FactorGraph.solve() takes these defaults and drops the status."""
    for n, scale, seed in ((6, 1.0, 700), (10, 4.0, 702)):
        tables, factors = {"x": normal(seed, n, n, scale=scale)}, matching(n, n)
        cotangent = normal(seed + 100, n, n)
        case, _ = graph_case(f"matching {n} x {n}, N(0, {scale:g}^2)", tables, factors, {"x": cotangent})
        other = Theirs(tables, factors)
        gives = other.solve()
        gives["gradients"] = other.gradients(cotangent.values)
        yield named(NO_NOTICE, case, theirs("solve_qp_ad3 and jacobian_vec as they are", gives))


def cost_of_nothing():
    what = "a knapsack with an item that costs nothing"
    tables = {"x": given([0.875, 0.625, 0.75, 0.5, 0.375, 0.25])}
    factors = [factor("knapsack", "x", costs=[1, 2, 0.5, 3, 0, 1.5], budget=2)]
    case, _ = graph_case("one of six", tables, factors, {"x": normal(1, 6)})
    gives = Theirs(tables, factors).precise().solve()
    yield named(what, case, theirs("create_factor_knapsack, solve_qp_ad3", gives))


def sequence_with_budgets():
    """It reports success for a point whose objective is lower."""
    what = "a sequence whose labels have budgets"
    tables = {"x": normal(500, 5, 3, scale=0.75), "t": normal(501, 4, 3, 3, scale=0.75)}
    more = [factor("budget", f"x[:,{label}]", k=1, atMost=True) for label in (1, 2)]
    factors = [factor("sequence", "x", coupling="t"), *more]
    case, _ = graph_case("5 x 3, labels 1 and 2 at most once", tables, factors, {"x": normal(503, 5, 3)})
    gives = Theirs(tables, factors).precise().solve()
    yield named(what, case, theirs("solve_qp_ad3 with tol 1e-12, 20000 iterations, 500 inner ones", gives))


def drifting_inverse():
    what = "the inverse of the active set drifts on long chains"
    case, scores = long_chain_case("100 x 50", 9100, 100, 50)
    graph = PFactorGraph()
    variables = [graph.create_binary_variable() for _ in range(5000)]
    chain = PFactorSequence()
    chain.initialize([50] * 100)
    graph.declare_factor(chain, variables, owned_by_graph=True)
    graph.set_log_potentials(np.array(scores["unary"].values))
    chain.set_additional_log_potentials(scores["transitions"].values)
    graph.set_inner_iter(5000)
    graph.set_residual_threshold_ad3(1e-9)
    _, marginals, _, status = graph.solve_qp_ad3()
    _, weights = chain.get_sparse_solution()
    places = case["expected"]["marginals"]["unary"]["at"]
    gives = {
        "marginals": {"unary": {"at": places, "values": numbers(np.array(marginals)[places])}},
        "status": STATUS[status],
        "structures with weight": len(weights),
        "sum of the weights": number(sum(weights)),
    }
    yield named(what, case, theirs("PFactorSequence, solve_qp_ad3 with 5000 inner iterations, tol 1e-9", gives))


def few_and_many_bits():
    """15: sparse-marginalization-lvm's k best bit vectors assume 2 <= k <= 2^d; by reading, not by running it."""
    what = "k best bit vectors for k = 1 and k > 2^d"
    for k, name in ((1, "k = 1 of 5 bits"), (20, "k = 20 of 3 bits: there are 8")):
        case = kbest_case(name, "bits", {"unary": normal(3050 + k, 5 if k == 1 else 3)}, k)
        yield named(what, case, number_of=15)


def main():
    makers = [coupling_gradient, negated_jacobian, or_with_output, dropped_transitions, power_iteration, no_factor, unconverged]
    makers += [cost_of_nothing, sequence_with_budgets, drifting_inverse, few_and_many_bits]
    cases = [case for make in makers for case in make()]
    about = "inputs of structured inference that break other implementations: what they give, and the right answer"
    used = {"lp-sparsemap": version("lp-sparsemap"), "cvxopt": version("cvxopt"), "flint": version("python-flint")}
    write("structured-errata.json", about, cases, "lp_sparsemap.py", digits="exact", **used)


if __name__ == "__main__":
    main()
