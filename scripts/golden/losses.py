"""Golden Fenchel-Young losses (MATH.md §5): ts/test/conformance/losses.json. Entmax losses with mpmath, budget losses in
fractions.

    golden-env/bin/python scripts/golden/losses.py        (golden-env as in entmax_rows.py)
"""

import math

import mpmath
from mpmath import mpf

import exact
from cases import largest, neighbour, normal_row, number, numbers, tolerance, write
from derivatives import entropy, loss

INF, NAN = math.inf, math.nan
ALPHAS = [1, 1 + 1e-7, 1.001, 1.25, 1.5, 1.99, 2, 2.5, 4, 10]
NAMES = {1: "softmaxLoss", 1.5: "entmax15Loss", 2: "sparsemaxLoss"}

NEARLY_21 = [0.5, 1.203125, -0.296875, 2.0, 1.90625]
ROWS = {
    "the row of MATH.md §21": ([0.5, 1.2, -0.3, 2.0, 1.9], [1]),
    "nearly that row, in float32": (NEARLY_21, [1, 3, 2]),
    "with -Infinity": ([0.25, -INF, 0.125, -INF, 0.75], [0, 4]),
    "ties": ([0.375, 0.0625, 0.375, 0.25, 0.0625, 0.375, 0.25], [1, 2]),
    "wide": (normal_row(7, 17, 8.0), [0, 16]),
    "narrow": (normal_row(6, 33, 0.125), [5]),
}
SOFT = {
    "nearly that row, in float32": [0.125, 0.5, 0, 0.25, 0.125],
    "with -Infinity": [0.25, 0, 0.25, 0, 0.5],
    "ties": [0.125] * 5 + [0.25, 0.125],
}


def one_hot(k, n):
    return [1 if i == k else 0 for i in range(n)]


def solve(row, q, alpha, temperature):
    """One row: value, dx, dalpha, and the sizes of the terms that they are made of."""
    if any(score != score for score in row):
        return NAN, [NAN] * len(row), NAN, (1, 1, 1)
    value, dx, dalpha, p = loss(row, q, alpha, temperature)
    if value == mpmath.inf:
        return value, dx, dalpha, (1, 1, 1)
    gaps = [abs((a - b) * (mpf(z) - max(row)) / mpf(temperature)) for a, b, z in zip(p, q, row) if a != b]
    scale = float(mpmath.fsum(gaps) + entropy(p, alpha) + entropy([mpf(each) for each in q], alpha))
    logs = float(mpmath.fsum(each * mpmath.log(each) ** 2 for each in p if each > 0) + abs(dalpha))
    return value, dx, dalpha, (scale, largest(p) / temperature, logs)


def case(name, alpha, rows, targets, own=True, axis=None, group=None, dtypes=2, reductions=False, **parameters):
    """A case of several rows; a target is a class or a distribution, None where the row is ignored."""
    per_row = alpha if isinstance(alpha, list) else [alpha] * len(rows)
    n, temperature = len(rows[0]), parameters.get("temperature", 1)
    weights, ignore = parameters.get("classWeights"), parameters.get("ignoreIndex", -100)
    # Below 1e-35 the values at 50 digits are noise.
    values, gradients, by_alpha, scales = [], [], [], []
    for row, target, a in zip(rows, targets, per_row):
        if target == ignore:
            values, gradients, by_alpha = [*values, 0], [*gradients, [0] * n], [*by_alpha, 0]
            continue
        q = one_hot(target, n) if isinstance(target, int) else target
        value, dx, dalpha, scale = solve(row, q, a, temperature)
        w = mpf(weights[target]) if weights else 1
        values.append(w * value if value < mpmath.inf else value)
        gradients.append([w * each for each in dx])
        by_alpha.append(w * dalpha)
        scales.append([float(w) * each for each in scale])
    values, by_alpha = [[mpmath.chop(each, tol=mpf(10) ** -35) for each in line] for line in (values, by_alpha)]
    loss_scale, p_scale, alpha_scale = [max((s[i] for s in scales), default=0) + 1e-20 for i in range(3)]

    named = own and not isinstance(alpha, list) and alpha in NAMES
    result = {"name": name, "operation": NAMES[alpha] if named else "entmaxLoss"}
    x, dx = [flat(each, axis) for each in (rows, gradients)]
    result["x"] = numbers(x)
    if len(rows) > 1 or axis is not None:
        result["shape"] = [n, len(rows)] if axis == 0 else [len(rows), n]
    if axis is not None:
        result["axis"] = axis
    parameters = {key: numbers(each) if isinstance(each, list) else each for key, each in parameters.items()}
    if not named:
        parameters["alpha"] = numbers(alpha) if isinstance(alpha, list) else number(alpha)
    if parameters:
        result["parameters"] = parameters
    if isinstance(targets[0], int):
        result["classes"] = targets
    else:
        result["distribution"] = numbers(flat(targets, axis))
    expected = {"loss": numbers(values), "dx": numbers(dx)}
    # The floor is the rounding of a probability next to 1.
    one = largest(dx)
    f64 = {"loss": 2e-14 * loss_scale + 2e-16, "dx": 1e-14 * p_scale + 2e-16 * one}
    f32 = {"loss": 3e-6 * loss_scale + 1e-7, "dx": 5e-6 * p_scale + 1e-7 * one}
    if not named:
        expected["dalpha"] = numbers(by_alpha)
        f64["dalpha"], f32["dalpha"] = 1e-12 * alpha_scale + 2e-16, 2e-5 * alpha_scale + 1e-7
    if reductions:
        counted = sum(target != ignore for target in targets)
        total = mpmath.fsum(values)
        expected |= {"sum": number(total), "mean": number(total / counted if counted else 0)}
        f64["sum"] = f64["mean"] = f64["loss"] * len(rows)
        f32["sum"] = f32["mean"] = f32["loss"] * len(rows)
    inputs = rows if isinstance(targets[0], int) else [*rows, *targets]
    return {**result, "expected": expected, "tolerance": tolerance(f64, f32 if dtypes == 2 else None, inputs)}


def flat(rows, axis):
    return [each for column in zip(*rows) for each in column] if axis == 0 else [each for row in rows for each in row]


def ordinary():
    for name, (row, targets) in ROWS.items():
        for alpha in ALPHAS:
            for k in targets:
                yield case(f"{name}, class {k}, alpha {alpha}", alpha, [row], [k])
            if name in SOFT:
                yield case(f"{name}, soft target, alpha {alpha}", alpha, [row], [SOFT[name]])
    for alpha in (1, 1.5, 2):
        yield case(f"entmaxLoss at alpha {alpha}", alpha, [NEARLY_21], [1], own=False)
    for alpha in (1, 1.25, 1.5, 2, 4):
        for temperature in (0.5, 2):
            name = f"temperature {temperature}, alpha {alpha}"
            yield case(name, alpha, [NEARLY_21], [1], temperature=temperature)


def margins():
    """The loss is 0 from a lead of exactly 1 / (alpha - 1) on, and positive one place below."""
    for alpha, lead in ((1.125, 8), (1.25, 4), (1.5, 2), (2, 1), (3, 0.5), (5, 0.25)):
        for name, row in (
            ("lead of exactly 1/(alpha - 1)", [0, lead, -1, 0]),
            ("lead of 1/(alpha - 1) over both others", [0.125, 0.125 + lead, 0.125]),
            ("lead of more", [0, lead * 1.25, -3]),
        ):
            exactly = case(f"{name}, alpha {alpha}", alpha, [row], [1])
            assert exactly["expected"]["loss"] == [0] and set(exactly["expected"]["dx"]) == {0}
            exactly["tolerance"] = {"float64": {"loss": 1e-15, "dx": 0}, "float32": {"loss": 1e-7, "dx": 0}}
            if "dalpha" in exactly["expected"]:
                exactly["tolerance"]["float64"]["dalpha"] = exactly["tolerance"]["float32"]["dalpha"] = 0
            yield exactly
        for dtype in ("float32", "float64"):
            row = [0, neighbour(float(lead), dtype, -1), -1]
            below = case(f"lead one place below, {dtype}, alpha {alpha}", alpha, [row], [1])
            below["tolerance"] = {dtype: below["tolerance"][dtype]}
            yield below


def edges():
    row = [0.5, -INF, 1.25, -INF]
    for alpha in (1, 1.25, 1.5, 2, 4):
        yield case(f"target on an excluded class, alpha {alpha}", alpha, [row], [1])
        yield case(f"soft target with mass on an excluded class, alpha {alpha}", alpha, [row], [[0.5, 0, 0.25, 0.25]])
        yield case(f"nothing left, alpha {alpha}", alpha, [[-INF] * 3], [1])
        yield case(f"one class left, alpha {alpha}", alpha, [[-INF, 0.5, -INF]], [1])
        yield case(f"NaN beside a good row, alpha {alpha}", alpha, [[0.5, NAN, 1], [0.5, 0.25, 1]], [0, 2])
        masked = case(f"masked scores, alpha {alpha}", alpha, [[0.5, -INF, 1.25, -INF, 1]], [4])
        masked["x"] = [0.5, 9, 1.25, 2.5, 1]
        yield {**masked, "mask": [1, 0, 1, 0, 1]}
        gone = case(f"masked target, alpha {alpha}", alpha, [[0.5, -INF, 1.25]], [1])
        gone["x"] = [0.5, 9, 1.25]
        yield {**gone, "mask": [1, 0, 1]}
    for large in (1e4, 2.0**100):
        for alpha in (1, 1.5, 2):
            yield case(f"scores of {large:g}, alpha {alpha}", alpha, [[large, 0, -large]], [1])


def batches():
    rows = [normal_row(20 + r, 5) for r in range(4)]
    for alpha in (1, 1.25, 1.5, 2, 2.5):
        yield case(f"ignored rows, alpha {alpha}", alpha, rows, [1, -100, 0, 3], reductions=True)
        yield case(f"ignoreIndex 3, alpha {alpha}", alpha, rows, [1, 3, 0, 3], reductions=True, ignoreIndex=3)
        yield case(f"all rows ignored, alpha {alpha}", alpha, rows, [-100] * 4, reductions=True)
        yield case(f"along the first axis, alpha {alpha}", alpha, rows, [1, 2, 0, 3], axis=0, reductions=True)
        weights = [0.5, 2, 1, 0, 4]
        yield case(f"class weights, alpha {alpha}", alpha, rows, [1, 4, 0, 3], classWeights=weights)
        soft = [[0.5, 0.5, 0, 0, 0], [0.25, 0.25, 0.25, 0.125, 0.125], [0, 0, 1, 0, 0], [0, 0.75, 0, 0.25, 0]]
        yield case(f"soft targets, alpha {alpha}", alpha, rows, soft, reductions=True)
    yield case("an alpha per row", [1, 1.5, 2.5, 4], rows, [1, 2, 0, 3], reductions=True)
    yield case("an alpha per row, along the first axis", [2, 1.25, 1, 10], rows, [1, 2, 0, 3], axis=0)


def vocabulary():
    """V = 50257: some entries of the gradient."""
    seed, n, scale = 50257, 50257, 2.0
    row = normal_row(seed, n, scale)
    order = sorted(range(n), key=lambda i: (-row[i], i))
    for alpha in (1, 1.25, 1.5, 2, 2.5):
        for rank in (1, 30000) if alpha in (1.5, 2) else (1,):
            k = order[rank]
            whole = case(f"V = 50257, class of rank {rank}, alpha {alpha}", alpha, [row], [k])
            dx = whole["expected"]["dx"]
            kept = sorted({*order[:6], *order[20:4000:400], *order[20000::10000], k})
            whole["x"] = {"generator": "normal", "seed": seed, "n": n, "scale": scale}
            whole["expected"]["dx"] = {"at": kept, "values": [dx[i] for i in kept]}
            yield whole


def budget_case(name, row, q, total, upper=1, at_most=False, temperature=1, classes=None):
    assert len(q) == len(row), name
    value, dx, db, du, p = exact.budget_loss(row, q, total, upper, at_most, temperature)
    size = max(abs(each) for each in row if each > -INF) / temperature + 1
    scale = max(size * float(sum(abs(a - exact.Fraction(b)) for a, b in zip(p, q))), 1e-3)
    parameters = {"budget": number(total)}
    if upper != 1:
        parameters["upper"] = numbers(upper) if isinstance(upper, list) else upper
    if at_most:
        parameters["atMost"] = True
    if temperature != 1:
        parameters["temperature"] = temperature
    target = {"classes": classes} if classes else {"distribution": numbers(q)}
    f64 = {"loss": 1e-14 * scale, "dx": 1e-14 * size, "dbudget": 1e-14 * size}
    f32 = {"loss": 3e-6 * scale, "dx": 1e-6 * size, "dbudget": 2e-6 * size}
    expected = {"loss": [number(value)], "dx": numbers(dx), "dbudget": [number(db)]}
    if db != 0 and not any(0 < each < upper for each in p):
        # No entry between its bounds: tau, and so dL/dB, is any number of an interval.
        del expected["dbudget"], f64["dbudget"], f32["dbudget"]
    return {
        "name": name,
        "operation": "budgetLoss",
        "x": numbers(row),
        "parameters": parameters,
        **target,
        "expected": expected,
        "tolerance": tolerance(f64, f32, [row, q, upper if isinstance(upper, list) else []]),
    }


def budgets():
    row = NEARLY_21
    yield budget_case("budget 2, a set of two", row, [0, 1, 0, 1, 0], 2)
    yield budget_case("budget 2, the nearest set: still not 0", row, [0, 0, 0, 1, 1], 2)
    yield budget_case("budget 2, a set with a lead of 1: exactly 0", [0, 1.5, 1.25, -0.25], [0, 1, 1, 0], 2)
    yield budget_case("budget 2, soft target", row, [0.25, 0.5, 0, 0.75, 0.5], 2)
    yield budget_case("budget 1.5", row, [0.25, 0.5, 0, 0.5, 0.25], 1.5)
    yield budget_case("budget 2, temperature 0.5", row, [0, 1, 0, 1, 0], 2, temperature=0.5)
    yield budget_case("budget 1, a class", row, [0, 1, 0, 0, 0], 1, classes=[1])
    yield budget_case("at most 2, held", row, [0, 1, 0, 1, 0], 2, at_most=True)
    yield budget_case("at most 4, room to spare", row, [1, 1, 0, 0, 1], 4, at_most=True)
    yield budget_case("at most 3, a class", row, [0, 1, 0, 0, 0], 3, at_most=True, classes=[1])
    yield budget_case("with -Infinity", [0.5, -INF, 2, 1.75, -INF], [1, 0, 0, 1, 0], 2)
    yield budget_case("16 normal scores, budget 5", normal_row(31, 16), [1, 0, 0, 1] * 2 + [0.25] * 4 + [0] * 4, 5)


def main():
    cases = [*ordinary(), *margins(), *edges(), *batches(), *vocabulary(), *budgets()]
    about = "Fenchel-Young losses: values per row and gradients of their sum, mpmath and fractions"
    write("losses.json", about, cases, "losses.py")


if __name__ == "__main__":
    main()
