"""Golden values of the capped simplex (MATH.md §7.1), all rational: ts/test/conformance/budget.json.

    golden-env/bin/python scripts/golden/budget.py        (golden-env as in entmax_rows.py)
"""

import math
from fractions import Fraction

import exact
from cases import normal_row, number, numbers, tolerance, write

INF = math.inf
ROW = [0.5, 1.203125, -0.296875, 2.0, 1.90625]
UPPER = [0.25, 0.3125, 0.375, 0.25, 0.3125]
V = [1, -2, 3, 0.5, -1]


def solve(row, v, total, upper, at_most, temperature):
    p, tau, held = exact.budget(row, total, upper, at_most, temperature)
    u = [Fraction(bound) for bound in (upper if isinstance(upper, list) else [upper] * len(row))]
    dx, db, du = exact.budget_vjp(row, p, upper, v, held, temperature)
    inside = any(0 < value < bound for value, bound in zip(p, u))
    return {
        "p": p,
        "tau": tau * Fraction(temperature) if inside or not held else None,
        "dx": dx,
        "dbudget": db,
        "dupper": du,
        "support": [i for i, value in enumerate(p) if value > 0],
        "saturated": [i for i, value in enumerate(p) if 0 < value == u[i]],
    }


def case(name, rows, vs, totals, upper=1, at_most=False, temperature=1, axis=None, mask=None):
    """Rows with a budget each, or one for all; `upper` is a number, or a list for each row."""
    per_row = totals if isinstance(totals, list) else [totals] * len(rows)
    bounds = upper if isinstance(upper, list) else [upper] * len(rows)
    answers = [solve(*each, at_most, temperature) for each in zip(rows, vs, per_row, bounds)]
    n, flat = len(rows[0]), _flat(axis)
    parameters = {"budget": numbers(totals) if isinstance(totals, list) else number(totals)}
    if upper != 1:
        parameters["upper"] = numbers(flat(upper)) if isinstance(upper, list) else upper
    if at_most:
        parameters["atMost"] = True
    if temperature != 1:
        parameters["temperature"] = temperature
    result = {"name": name, "operation": "budget", "x": numbers(flat(rows)), "parameters": parameters}
    if len(rows) > 1:
        result |= {"shape": [n, len(rows)], "axis": 0} if axis == 0 else {"shape": [len(rows), n]}
    result["dp"] = numbers(flat(vs))
    expected = {key: numbers(flat([each[key] for each in answers])) for key in ("p", "dx", "dupper")}
    expected["support"] = [each["support"] for each in answers]
    expected["saturated"] = [each["saturated"] for each in answers]
    expected["dbudget"] = numbers(each["dbudget"] for each in answers)
    if all(each["tau"] is not None for each in answers):
        expected["thresholds"] = numbers(each["tau"] for each in answers)
    size = max(abs(each) for row in rows for each in row if abs(each) < INF) + 1
    slope = max(abs(each) for v in vs for each in v) / temperature
    f64 = {"p": 1e-15 * size / temperature, "dx": 1e-14 * slope, "dupper": 1e-14 * slope}
    f64 |= {"dbudget": 1e-14 * slope, "thresholds": 2e-15 * size}
    f32 = {"p": 3e-7 * size / temperature, "dx": 1e-6 * slope, "dupper": 1e-6 * slope}
    f32 |= {"dbudget": 1e-6 * slope, "thresholds": 6e-7 * size}
    inputs = [*rows, *vs, *([each for each in upper] if isinstance(upper, list) else [[upper]])]
    result["expected"] = expected
    result["tolerance"] = {
        dtype: {key: value for key, value in each.items() if key in expected}
        for dtype, each in tolerance(f64, f32, inputs).items()
    }
    if mask:
        result["x"] = [each if keep else 7 for each, keep in zip(result["x"], mask)]
        result["mask"] = mask
    return result


def _flat(axis):
    if axis == 0:
        return lambda rows: [each for column in zip(*rows) for each in column]
    return lambda rows: [each for row in rows for each in row]


def one(name, row, total, v=None, upper=1, **options):
    v = v or normal_row(99, len(row))
    return case(name, [row], [v], total, [upper] if isinstance(upper, list) else upper, **options)


def refused(name, row, total, upper=1, **parameters):
    parameters = {"budget": total, **({"upper": upper} if upper != 1 else {}), **parameters}
    result = {"name": name, "operation": "budget", "x": numbers(row), "parameters": parameters}
    return {**result, "expected": {"error": True}, "tolerance": {"float64": {}, "float32": {}}}


def cases():
    for total in (0.25, 1, 1.5, 2, 2.75, 4.875):
        yield one(f"budget {total}", ROW, total, V)
        yield one(f"at most {total}", ROW, total, V, at_most=True)
    for total in (0.25, 0.75, 1, 1.25, 1.4375):
        yield one(f"budget {total}, bounds per entry", ROW, total, V, UPPER)
        yield one(f"at most {total}, bounds per entry", ROW, total, V, UPPER, at_most=True)
    yield one("the row of MATH.md §21, budget 2", [0.5, 1.2, -0.3, 2.0, 1.9], 2, V)
    yield one("the row of MATH.md §21, bounds", [0.5, 1.2, -0.3, 2.0, 1.9], 1, V, [0.2, 0.3, 0.4, 0.25, 0.3])
    yield one("budget 1.5, one bound of 0.75 for all", ROW, 1.5, V, 0.75)
    yield one("at most 5, room to spare", ROW, 5, V, at_most=True)
    yield one("at most 2 of scores below 0", [-0.5, -1.25, -0.0625], 2, [1, 2, 3], at_most=True)
    for temperature in (0.5, 2):
        yield one(f"budget 2, temperature {temperature}", ROW, 2, V, temperature=temperature)
        yield one(f"at most 2, temperature {temperature}", ROW, 2, V, temperature=temperature, at_most=True)
    # Edges.
    yield one("budget 0", ROW, 0, V)
    yield one("budget n", ROW, 5, V)
    yield one("the sum of the bounds", ROW, 1.5, V, UPPER)
    yield one("a whole budget with a gap of more than 1: no entry between its bounds", [3, 0.25, 2.5, -1], 2, [1, 2, 3, 4])
    yield one("all equal", [0.375] * 8, 3, [1, 2, 3, 4, 5, 6, 7, 8])
    yield one("ties across the edge", [1, 0.5, 0.5, 0.5, 0.5, -1], 2.5, [1, 2, 3, 4, 5, 6])
    yield one("a score exactly on tau", [1, 0.5, -0.25, 1.25], 1.5, [1, 2, 3, 4])
    yield one("entries exactly at their bound", [1.5, 1.0, 0.5], 1.5, [1, 2, 3])
    yield one("one score, budget 0.5", [3.25], 0.5, [2])
    yield one("one score, budget 1", [3.25], 1, [2])
    yield one("far from zero", [1000.125, 1000.5, 999.875, 1000.4375, 1000.25], 2, V)
    yield one("of 1e30", [2.0**100, 0, -(2.0**100), 2.0**99], 2, [1, 2, 3, 4])
    with_inf = [0.5, -INF, 1.25, -INF, 0.75]
    yield one("with -Infinity", with_inf, 1.5, V)
    yield one("with -Infinity, as many as are left", with_inf, 3, V)
    yield one("masked scores", with_inf, 1.5, V, mask=[1, 0, 1, 0, 1])
    yield one("at most 2, with -Infinity", with_inf, 2, V, at_most=True)
    # Several rows.
    rows = [normal_row(41 + r, 6) for r in range(3)]
    vs = [normal_row(51 + r, 6) for r in range(3)]
    bounds = [[0.25 + ((7 * i + 3 * r) % 8) / 8 for i in range(6)] for r in range(3)]
    yield case("a budget per row", rows, vs, [0.5, 2, 4.75])
    yield case("a budget per row, along the first axis", rows, vs, [0.5, 2, 4.75], axis=0)
    yield case("bounds per entry of three rows", rows, vs, 1.5, bounds)
    yield case("bounds per entry, along the first axis, at most", rows, vs, [0.5, 2, 3], bounds, at_most=True, axis=0)
    for n in (16, 33, 65):
        yield one(f"{n} normal scores, budget {n // 4}.5", normal_row(n, n), n // 4 + 0.5, normal_row(n + 1, n))
        narrow = normal_row(n + 2, n, 0.125)
        yield one(f"{n} narrow scores, budget {n // 2}", narrow, n // 2, normal_row(n + 3, n))
        upper = [0.125 + ((5 * i) % 16) / 16 for i in range(n)]
        yield one(f"{n} normal scores, bounds", normal_row(n + 4, n), n / 8, normal_row(n + 5, n), upper)
    # What has no answer.
    yield refused("refused: more than n", ROW, 5.5)
    yield refused("refused: below 0", ROW, -0.5)
    yield refused("refused: more than the bounds hold", ROW, 3, 0.5)
    yield refused("refused: NaN", ROW, "NaN")


def main():
    write("budget.json", "the capped simplex with its gradients, in fractions", [*cases()], "budget.py")


if __name__ == "__main__":
    main()
