"""LP-SparseMAP on small factor graphs, with gradients: ts/test/conformance/structured-graphs.json (docs/conformance.md).

    golden-env as for structured.py
    golden-env/bin/python scripts/golden/factor_graphs.py
"""

from importlib.metadata import version

from cases import write
from graphs import contradictory, graph_case
from tables import given, normal

AT_MOST = {"atMost": True}


def factor(kind, *over, coupling=None, **parameters):
    found = {"factor": kind, "over": list(over)}
    if coupling:
        found["coupling"] = coupling
    return {**found, "parameters": parameters} if parameters else found


def solved(name, tables, factors, seed=1, **more):
    cotangents = {each: normal(seed + 10 * i, *table.shape) for i, (each, table) in enumerate(tables.items())}
    return graph_case(name, tables, factors, cotangents, **more)[0]


def matching(n, m, exact_columns=True):
    columns = "xor" if exact_columns else "atMostOne"
    return [*(factor("xor", f"x[{i},:]") for i in range(n)), *(factor(columns, f"x[:,{j}]") for j in range(m))]


def matchings():
    yield solved("matching 4 x 4 of one-of factors", {"x": normal(100, 4, 4)}, matching(4, 4), 101)
    yield solved("matching 3 x 5, columns at most once", {"x": normal(110, 3, 5)}, matching(3, 5, False), 111)
    yield solved("matching 8 x 8, narrow", {"x": normal(120, 8, 8, scale=0.25)}, matching(8, 8), 121)
    yield solved("matching 5 x 5, pairs forbidden", {"x": normal(130, 5, 5, forbidden=[0, 6, 12, 18, 24])}, matching(5, 5), 131)
    table = {"x": normal(140, 9, 9, scale=0.5)}
    yield solved("assignment of 9 as one factor", table, [factor("assignment", "x")], 141)
    table = {"x": normal(150, 4, 6)}
    at_most = [factor("budget", f"x[{i},:]", k=2, **AT_MOST) for i in range(4)]
    each = [factor("xor", f"x[:,{j}]") for j in range(6)]
    yield solved("six items to four places for two", table, [*at_most, *each], 151)


def grid(n, m):
    edges = [((i, j), (i, j + 1)) for i in range(n) for j in range(m - 1)]
    edges += [((i, j), (i + 1, j)) for i in range(n - 1) for j in range(m)]
    name = lambda at: f"x[{at[0]},{at[1]}]"
    return [factor("pair", name(a), name(b), coupling=f"c[{k}]") for k, (a, b) in enumerate(edges)], len(edges)


def pairs():
    for kind, sign in (("attractive", 1), ("repulsive", -1)):
        for k, size in enumerate((0.25, 0.75, 1.5)):
            tables = {"x": given([0.71875, 0.34375]), "c": given([sign * size])}
            yield solved(f"a pair, {kind} by {size}", tables, [factor("pair", "x[0]", "x[1]", coupling="c[0]")], 200 + k)
    factors, count = grid(3, 3)
    yield solved("grid 3 x 3 of pairs", {"x": normal(210, 3, 3), "c": normal(211, count)}, factors, 212)
    factors, count = grid(4, 4)
    yield solved("grid 4 x 4 of pairs, narrow", {"x": normal(220, 4, 4, scale=0.5), "c": normal(221, count, scale=0.5)}, factors, 222)
    negated = [
        factor("pair", "x[0]", "!x[1]", coupling="c[0]"),
        factor("pair", "!x[1]", "!x[2]", coupling="c[1]"),
        factor("pair", "!x[2]", "x[0]", coupling="c[2]"),
    ]
    yield solved("a triangle of pairs with negations", {"x": given([0.75, 0.5, 0.3125]), "c": given([0.375, -0.5, 0.25])}, negated, 230)
    negated = [negated[0], factor("pair", "x[1]", "!x[2]", coupling="c[1]"), negated[2]]
    tables = {"x": given([0.5, 0.625, 0.25]), "c": given([-0.75, -0.5, -0.625])}
    yield solved("a triangle of repulsive pairs with negations", tables, negated, 231)


def logic():
    x = given([0.75, 0.59375, 0.53125, 0.28125])
    triangle = [factor("atMostOne", "x[0]", "x[1]"), factor("atMostOne", "x[1]", "x[2]"), factor("atMostOne", "x[0]", "x[2]")]
    yield solved("at most one of two, on a triangle", {"x": x}, triangle, 300)
    yield solved("one of four", {"x": x}, [factor("xor", "x")], 301)
    yield solved("at most one of four", {"x": x}, [factor("atMostOne", "x")], 302)
    low = given([-0.75, 0.125, -0.25, 0.0625])
    yield solved("at least one of four, not met by themselves", {"x": low}, [factor("or", "x")], 303)
    yield solved("at least one of four, met by themselves", {"x": x}, [factor("or", "x")], 304)
    for k, values in enumerate(([0.75, 0.25, -0.25, 0.125], [0.125, 0.0625, 0.1875, 0.875], [0.5, 0.625, 0.25, 0.5625])):
        yield solved(f"or with output, {k}", {"x": given(values)}, [factor("orOut", "x")], 310 + k)
        yield solved(f"and with output, {k}", {"x": given(values)}, [factor("andOut", "x")], 320 + k)
        yield solved(f"one-of with output, {k}", {"x": given(values)}, [factor("xorOut", "x")], 330 + k)
        yield solved(f"implication, {k}", {"x": given(values)}, [factor("imply", "x")], 340 + k)
    for kind in ("xor", "atMostOne", "or", "orOut", "andOut", "xorOut", "imply"):
        over = ["x[0]", "!x[1]", "x[2]", "!x[3]"]
        yield solved(f"{kind} with negated variables", {"x": x}, [factor(kind, *over)], 350)
    chain = [factor("imply", "x[0]", "x[1]"), factor("imply", "x[1]", "x[2]"), factor("imply", "x[2]", "!x[3]")]
    yield solved("a chain of implications", {"x": given([0.875, 0.5, 0.25, 0.625])}, chain, 360)
    over = [factor("orOut", "x[0]", "x[1]", "x[2]", "x[3]"), factor("andOut", "x[0]", "!x[4]", "x[5]"), factor("xor", "x[1]", "x[3]", "x[5]")]
    yield solved("or, and, one-of that share variables", {"x": normal(361, 6, scale=0.5)}, over, 362)


def budgets():
    x = normal(400, 6, scale=0.5)
    for k in (1, 2, 4):
        yield solved(f"exactly {k} of 6", {"x": x}, [factor("budget", "x", k=k)], 401)
        yield solved(f"at most {k} of 6", {"x": x}, [factor("budget", "x", k=k, **AT_MOST)], 402)
    over = [f"{'!' if i in (1, 4) else ''}x[{i}]" for i in range(6)]
    yield solved("exactly 2 of 6, two negated", {"x": x}, [factor("budget", *over, k=2)], 403)
    yield solved("at most 2 of 6, two negated", {"x": x}, [factor("budget", *over, k=2, **AT_MOST)], 404)
    positive = given([0.875, 0.625, 0.75, 0.5, 0.375, 0.25])
    costs = [1, 2, 0.5, 3, 0, 1.5]
    yield solved("knapsack, tight", {"x": positive}, [factor("knapsack", "x", costs=costs, budget=2)], 410)
    yield solved("knapsack, loose", {"x": positive}, [factor("knapsack", "x", costs=costs, budget=20)], 411)
    two = [factor("knapsack", "x", costs=costs, budget=2.5), factor("knapsack", "x", costs=costs[::-1], budget=2)]
    yield solved("two knapsacks", {"x": positive}, two, 412)
    over = ["x[0]", "!x[1]", "x[2]", "x[3]", "!x[4]", "x[5]"]
    yield solved("knapsack with negated variables", {"x": positive}, [factor("knapsack", *over, costs=costs, budget=2)], 413)


def structured():
    tables = {"x": normal(500, 5, 3, scale=0.75), "t": normal(501, 4, 3, 3, scale=0.75)}
    chain = factor("sequence", "x", coupling="t")
    yield solved("a sequence 5 x 3 alone", tables, [chain], 502)
    more = [factor("budget", f"x[:,{a}]", k=1, **AT_MOST) for a in (1, 2)]
    yield solved("a sequence 5 x 3, labels 1 and 2 at most once", tables, [chain, *more], 503)
    more = [factor("budget", f"x[:,{a}]", k=k) for a, k in ((0, 2), (2, 1))]
    yield solved("a sequence 5 x 3, label 0 twice and label 2 once", tables, [chain, *more], 504)
    tables = {"x": normal(510, 12, 4, scale=0.5), "t": normal(511, 11, 4, 4, scale=0.5)}
    yield solved("a sequence 12 x 4 alone", tables, [chain], 512)
    two = {"x": normal(520, 4, 3), "y": normal(521, 4, 3), "t": normal(522, 3, 3, 3)}
    agree = [factor("imply", f"x[{i},1]", f"y[{i},2]") for i in range(4)]
    yield solved("two sequences tied by implications", two, [chain, factor("sequence", "y"), *agree], 523)
    for k, root in enumerate(("many", "one")):
        tables = {"x": normal(530 + k, 5, 5, scale=0.5)}
        arcs = {h: [f"x[{h},{m}]" for m in range(1, 5) if m != h] for h in range(1, 5)}
        more = [factor("budget", *arcs[h], k=1, **AT_MOST) for h in range(1, 5)]
        parameters = {} if root == "many" else {"root": root}
        yield solved(f"a tree of 4, root {root}, heads of one word each", tables, [factor("arborescence", "x", **parameters), *more], 532)
    tables = {"x": normal(540, 5, 5, scale=0.5)}
    more = [factor("atMostOne", "x[0,1]", "x[0,3]"), factor("imply", "x[1,2]", "x[3,4]")]
    yield solved("a projective tree of 4 and logic", tables, [factor("projectiveTree", "x"), *more], 541)
    tables = {"x": normal(550, 4, 4, scale=0.5), "y": normal(551, 4, 4, scale=0.5)}
    same = [factor("imply", f"x[{i},{j}]", f"!y[{j},{i}]") for i in range(4) for j in range(4) if i != j]
    yield solved("two assignments of 4 that avoid each other", tables, [factor("assignment", "x"), factor("assignment", "y"), *same], 552)


def edges():
    x = given([0.75, 1.5, -0.5, 0.25, 0.875])
    yield solved("no factor at all", {"x": x}, [], 600)
    yield solved("three of five variables in no factor", {"x": x}, [factor("xor", "x[0]", "x[4]")], 601)
    star = [factor("atMostOne", "x[0]", f"x[{i}]") for i in range(1, 11)]
    yield solved("a variable in 10 factors", {"x": given([0.875, *(0.25 + i / 16 for i in range(10))])}, star, 602)
    star = [factor("xor", "x[0]", f"x[{2 * i + 1}]", f"x[{2 * i + 2}]") for i in range(10)]
    yield solved("a variable in 10 one-of factors", {"x": normal(603, 21, scale=0.5)}, star, 604)
    yield solved("the same factor three times", {"x": normal(605, 5, scale=0.5)}, [factor("xor", "x")] * 3, 606)
    twice = [*matching(4, 4), *matching(4, 4)[:4]]
    yield solved("matching 4 x 4, rows twice", {"x": normal(607, 4, 4, scale=0.5)}, twice, 608)
    yield solved("matching 4 x 4, all scores equal", {"x": given([1] * 16, 4, 4)}, matching(4, 4), 609)
    yield solved("matching 4 x 4, scores about 1e-6", {"x": normal(610, 4, 4, scale=2.0**-20)}, matching(4, 4), 611)
    large = {"objective": 1e-6}
    yield solved("matching 4 x 4, scores about 1e3", {"x": normal(612, 4, 4, scale=2.0**10)}, matching(4, 4), 613, tolerances=large)
    yield contradictory("one of two, both and neither", {"x": given([0.5, 0.25])}, [factor("xor", "x"), factor("budget", "x", k=2)])
    contradiction = [factor("xor", "x[0]", "x[1]"), factor("xor", "x[1]", "x[2]"), factor("budget", "x", k=3)]
    yield contradictory("three of three, of which two exclude each other", {"x": given([0.5, 0.25, 1])}, contradiction)


def main():
    makers = [matchings, pairs, logic, budgets, structured, edges]
    cases = [case for make in makers for case in make()]
    about = "LP-SparseMAP on factor graphs: marginals, couplings, gradients"
    write("structured-graphs.json", about, cases, "factor_graphs.py", digits="exact", cvxopt=version("cvxopt"), flint=version("python-flint"))


if __name__ == "__main__":
    main()
