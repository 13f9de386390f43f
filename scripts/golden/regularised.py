"""Golden values of the regularised maps (MATH.md §6-8): ts/test/conformance/regularised.json. fusedmax, TVmax and oscarmax as quadratic
programmes in fractions (fused.py), normmax and the constrained maps by mpmath (norms.py), constrained sparsemax by both.

    golden-env/bin/pip install numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 cvxopt==1.3.3
    golden-env/bin/python scripts/golden/regularised.py        (golden-env as in entmax_rows.py)
"""

import math
from fractions import Fraction
from importlib.metadata import version

import mpmath
from mpmath import mpf

import exact
import fused
import norms
from cases import largest, neighbour, normal_row, number, numbers, tolerance, write

INF = math.inf
ROW = [0.5, 1.203125, -0.296875, 2.0, 1.90625]
UPPER = [0.25, 0.3125, 0.375, 0.25, 0.3125]
V = [1, -2, 3, 0.5, -1]
ALPHAS = {"constrainedSoftmax": 1, "constrainedSparsemax": 2}


def counted(row, mask):
    return [i for i, score in enumerate(row) if score > -INF and (not mask or mask[i])]


def spread(values, places, n, rest=0):
    """Values of what counts, and of all others `rest`."""
    result = [rest] * n
    for place, value in zip(places, values):
        result[place] = value
    return result


def fused_row(operation, row, v, penalty, temperature=1, mask=None, width=None):
    """What a row, or a grid of that width, must give."""
    n, places = len(row), counted(row, mask)
    edges = fused.path(n) if operation == "fusedmax" else fused.grid(n, width) if width else fused.complete(n)
    z = [Fraction(row[i]) / Fraction(temperature) for i in places]
    face, is_strict = fused.solve(z, fused.among(edges, places), Fraction(penalty))
    assert sum(face.p) == 1
    result = {"p": spread(face.p, places, n)}
    result["support"] = [i for i, value in enumerate(result["p"]) if value > 0]
    # Of max(a, b) = (a + b) / 2 + |a - b| / 2 the face has the second half; by the first all scores lose alike.
    lost = Fraction(penalty) * (len(places) - 1) / 2 if operation == "oscarmax" else 0
    threshold = Fraction(temperature) * (face.tau - lost)
    # No penalty is worth more than a float64 holds.
    if abs(threshold) < 1e250:
        result["threshold"] = threshold
        result["scale"] = float(temperature * (1 + lost)) + largest(row)
    if is_strict:
        dx, slope = face.derivative([Fraction(v[i]) for i in places])
        result["dx"] = spread([each / Fraction(temperature) for each in dx], places, n)
        result["dlambda"] = slope
        first = [places[face.groups[face.group_of[k]][0]] if k in face.group_of else -1 for k in range(len(places))]
        result["groups"] = spread(first, places, n, -1)
    return result


def cutoff_of(tau, alpha, is_norm):
    """The score, relative to the largest, up to which p is 0; of a softmax there is none."""
    if is_norm or tau is None:
        return tau
    return tau - 1 / (mpf(alpha) - 1) if alpha > 1 else mpf("-inf")


def normed_row(operation, row, v, alpha, upper=None, temperature=1, mask=None):
    """The same of normmax, and with `upper` of the constrained maps."""
    n, places = len(row), counted(row, mask)
    v, t = [mpf(v[i]) for i in places], mpf(temperature)
    bounds = [mpf(upper[i] if upper else INF) for i in places]
    is_norm = operation == "normmax"
    with norms.digits_for(alpha, is_norm):
        # Relative to the largest, so that steps of differences are not lost beside it.
        x = [mpf(row[i]) - max(mpf(row[k]) for k in places) for i in places]

        def answer(x, alpha=alpha, u=bounds):
            z = [each / t for each in x]
            return norms.normmax(z, alpha) if is_norm else norms.constrained(z, alpha, u)

        p, kinds, tau = answer(x)
        # Scores and powers that float64 holds easily.
        if alpha <= 4 and max(x) - min(x) < 100:
            norms.cross_check([each / t for each in x], alpha, bounds, p, is_norm)
        if alpha == 2 and not is_norm:
            # Rational, and by another way.
            total = exact.budget([row[i] for i in places], 1, [min(float(each), 1) for each in bounds], temperature=temperature)[0]
            assert all(abs(a - mpf(b.numerator) / b.denominator) < mpf(10) ** -40 for a, b in zip(p, total))
        result = {"p": spread(p, places, n)}
        # The support is what is above 0 in float64.
        result["support"] = [i for i, value in enumerate(result["p"]) if float(value) > 0]
        cutoff = cutoff_of(tau, alpha, is_norm)
        # Bounds that sum to 1 leave a range. A score above it whose p is below float64 moves what is stored.
        if cutoff is not None and all(float(p[i]) > 0 for i in range(len(x)) if x[i] / t > cutoff and bounds[i] > 0):
            result["threshold"] = max(mpf(row[k]) for k in places) + t * cutoff
            # What a little of the mass moves it by.
            free = [each ** (2 - mpf(alpha)) for each, kind in zip(p, kinds) if kind == 1]
            result["scale"] = float(t if is_norm else t * max(1, 1 / mpmath.fsum(free))) + largest(row)
        is_full = not is_norm and sum(bounds) == 1
        dx = [mpf(0)] * len(x) if is_full else [norms.slope(answer, v, x, i) for i in range(len(x))]
        if None not in dx:
            result["dx"] = spread(dx, places, n)
        if operation in ("normmax", "constrainedEntmax") and 1 < alpha < INF and not is_full:
            slope = norms.slope(lambda a: answer(x, a[0]), v, [mpf(alpha)], 0)
            if slope is not None:
                result["dalpha"] = slope
        if not is_norm:
            result["saturated"] = [place for place, kind in zip(places, kinds) if kind == 2]
            held = [i for i, kind in enumerate(kinds) if kind == 2]
            # Where all are held they cannot move by themselves; by convention the sum follows.
            du = [v[i] if is_full else norms.slope(lambda u: answer(x, u=u), v, bounds, i) for i in held]
            if None not in du:
                result["dupper"] = spread(spread(du, held, len(x)), places, n)
    return result


def flat_of(blocks, axis):
    """Rows as one block, along the last axis or the first."""
    return [each for column in zip(*blocks) for each in column] if axis == 0 else [each for block in blocks for each in block]


# How far from the exact answer, times the size of what is compared.
F64 = {"p": 4e-15, "dx": 4e-14, "dlambda": 1e-13, "dalpha": 4e-13, "dupper": 4e-14, "thresholds": 2e-15}
F32 = {"p": 2e-7, "dx": 1e-6, "dlambda": 3e-6, "dalpha": 3e-6, "dupper": 1e-6, "thresholds": 2e-7}


def holds_float32(answer, bounds):
    """Whether no p vanishes in float32 or meets its bound there, and no gradient is beyond its range."""
    p = [float(each) for each in answer["p"]]
    gradients = [*answer.get("dx", []), *answer.get("dupper", []), answer.get("dalpha", 0)]
    free = (value for i, value in enumerate(p) if value > 0 and i not in answer.get("saturated", []))
    close = any(abs(value - bound) < 1e-6 * bound for value, bound in zip(p, bounds or []) if 0 < value < bound)
    return min(free, default=1) > 2.0**-100 and not close and largest(gradients) < 1e30


def case(name, operation, rows, vs, values, axis=None, upper=None, grid=None, temperature=1, mask=None, loose=1):
    """`values` are lambda or alpha, one or a list with one per row; `grid` is the height and width of each row."""
    per_row = values if isinstance(values, list) else [values] * len(rows)
    common = {"temperature": temperature, "mask": mask}
    if operation in ("fusedmax", "tvmax", "oscarmax"):
        answers = [
            fused_row(operation, row, v, each, width=grid and grid[1], **common) for row, v, each in zip(rows, vs, per_row)
        ]
        parameter = "lambda"
    else:
        bounds = upper or [None] * len(rows)
        answers = [normed_row(operation, *each, **common) for each in zip(rows, vs, per_row, bounds)]
        parameter = "alpha"
    flat = lambda blocks: flat_of(blocks, axis)
    parameters = {}
    if operation not in ALPHAS:
        parameters[parameter] = numbers(values) if isinstance(values, list) else number(values)
    if upper:
        bounds = numbers(flat(upper))
        parameters["upper"] = bounds[0] if len(set(bounds)) == 1 else bounds
    if temperature != 1:
        parameters["temperature"] = temperature
    result = {"name": f"{operation}: {name}", "operation": operation, "x": numbers(flat(rows))}
    count, n = len(rows), len(rows[0])
    if grid:
        # One grid; several before it; or several behind it.
        result["shape"] = [*grid, count] if axis == 0 else [count] * (count > 1) + [*grid]
        result["axes"] = [0, 1] if axis == 0 else [-2, -1]
    elif count > 1:
        result |= {"shape": [n, count], "axis": 0} if axis == 0 else {"shape": [count, n]}
    if mask:
        result["x"] = [each if keep else 7 for each, keep in zip(result["x"], mask)]
        result["mask"] = mask
    result |= {"parameters": parameters, "dp": numbers(flat(vs))}
    expected = {}
    for key in ("p", "dx", "dupper", "groups"):
        if all(key in answer for answer in answers):
            expected[key] = numbers(flat([answer[key] for answer in answers]))
    for key in ("dlambda", "dalpha"):
        if all(answer.get(key) is not None for answer in answers):
            expected[key] = numbers(answer[key] for answer in answers)
    if all("threshold" in answer for answer in answers):
        expected["thresholds"] = numbers(answer["threshold"] for answer in answers)
    for key in ("support", "saturated"):
        if key in answers[0]:
            expected[key] = [answer[key] for answer in answers]
    slope = largest(flat(vs)) / min(temperature, 1)
    sizes = {"p": 1} | {key: max(slope, largest(expected.get(key, [0]))) for key in F64 if key not in ("p", "thresholds")}
    sizes["thresholds"] = max(largest([each.get("threshold", 0)]) + each.get("scale", 0) for each in answers)
    inputs = [*rows, *vs, *(upper or [])]
    holds = all(holds_float32(answer, bounds) for answer, bounds in zip(answers, upper or [None] * count))
    scaled = lambda table: {key: loose * each * sizes[key] for key, each in table.items() if key in expected}
    result["expected"] = expected
    result["tolerance"] = tolerance(scaled(F64), scaled(F32) if holds else None, inputs)
    return result


def one(name, operation, row, value, v=None, upper=None, **options):
    return case(name, operation, [row], [v or normal_row(99, len(row))], value, upper=upper and [upper], **options)


def refused(name, operation, row, **parameters):
    result = {"name": f"{operation}: {name}", "operation": operation, "x": numbers(row), "parameters": parameters}
    return {**result, "expected": {"error": True}, "tolerance": {"float64": {}, "float32": {}}}


def near(value, step):
    return neighbour(value, "float64", step)


# Rows that any map must get right, by name.
ROWS = {
    "five scores": ROW,
    "below 0": [-0.5, -1.25, -0.0625, -3, -0.125],
    "ties": [1, 1, 0.5, 0.5, 1, 0.75, 0.75, 0.75],
    "all equal": [0.375] * 7,
    "a ramp up": [i / 8 for i in range(12)],
    "a ramp down": [-i / 8 for i in range(12)],
    "alternating": [(-1) ** i * 0.625 for i in range(9)],
    "geometric": [2.0**-i for i in range(10)],
    "far from 0": [10000 + each for each in (0.5, 1.203125, -0.296875, 1.0, 0.90625, 0.875)],
    "far below 0": [-10000 + each for each in (0.5, 1.203125, -0.296875, 1.0, 0.90625, 0.875)],
    "one place apart": [1.0, near(1.0, 1), 1.0, near(1.0, -1), near(1.0, 2), 0.75],
    "of 2^100": [2.0**100, 0, -(2.0**100), 2.0**99, 2.0**100],
    "of 2^-100": [2.0**-100, 0, -(2.0**-100), 2.0**-99, 3 * 2.0**-100],
}
WITH_INF = [0.5, 0.75, -INF, 0.625, -INF, 0.875, 0.25]


def lines(operation, unit):
    """fusedmax and oscarmax; lambdas are times `unit` of the length."""
    for name, row in ROWS.items():
        for penalty in (0, 0.0625, 0.3, 1e6):
            yield one(f"{name}, lambda {penalty}", operation, row, penalty * unit(len(row)))
    for n in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20):
        for penalty in (0.03125, 0.125, 0.5):
            for scale in (1, 0.25):
                row = normal_row(3 * n + 1, n, scale)
                yield one(f"{n} scores, scale {scale}, lambda {penalty}", operation, row, penalty * unit(n), normal_row(n + 200, n))
    yield one("lambda 2^-1022", operation, ROW, 2.0**-1022, V)
    yield one("lambda 1e308", operation, ROW, 1e308, V)
    yield one("lambda 1e308 of 1e30", operation, [each * 2.0**100 for each in ROW], 1e308, V)
    for penalty in (0.0625, 0.5, 100):
        penalty *= unit(5)
        yield one(f"with -Infinity, lambda {penalty}", operation, WITH_INF, penalty)
        yield one(f"masked, lambda {penalty}", operation, WITH_INF, penalty, mask=[1, 1, 0, 1, 0, 1, 1])
        for temperature in (0.5, 4):
            yield one(f"temperature {temperature}, lambda {penalty}", operation, ROW, penalty, V, temperature=temperature)
    rows, vs = [normal_row(41 + r, 6, 0.5) for r in range(3)], [normal_row(51 + r, 6) for r in range(3)]
    penalties = [each * unit(6) for each in (0.0625, 0.25, 2)]
    yield case("a lambda per row", operation, rows, vs, penalties)
    yield case("a lambda per row, along the first axis", operation, rows, vs, penalties, axis=0)
    yield refused("refused: lambda below 0", operation, ROW, **{"lambda": -0.5})
    yield refused("refused: lambda NaN", operation, ROW, **{"lambda": "NaN"})
    yield refused("refused: lambda Infinity", operation, ROW, **{"lambda": "Infinity"})
    yield refused("refused: no lambda", operation, ROW)


def grids():
    rows = {f"normal, {h} x {w}": ((h, w), normal_row(7 * h + w, h * w, 0.5)) for h, w in [(1, 1), (1, 2), (2, 1), (2, 2)]}
    rows |= {f"normal, {h} x {w}": ((h, w), normal_row(7 * h + w, h * w, 0.5)) for h, w in [(1, 7), (7, 1), (2, 3), (3, 2)]}
    rows |= {f"normal, {h} x {w}": ((h, w), normal_row(7 * h + w, h * w, 0.5)) for h, w in [(3, 3), (4, 5), (5, 4), (2, 10)]}
    rows["wide, 4 x 5"] = ((4, 5), normal_row(11, 20, 2.0))
    rows["narrow, 4 x 5"] = ((4, 5), normal_row(12, 20, 0.125))
    rows["constant, 3 x 4"] = ((3, 4), [0.25] * 12)
    rows["a checkerboard, 3 x 3"] = ((3, 3), [(i % 2) / 2 for i in range(9)])
    rows["ties, 3 x 4"] = ((3, 4), [1, 1, 0.5, 0.5, 1, 0.75, 0.75, 0.5, 0, 0.75, 1, 1])
    rows["a slope, 3 x 4"] = ((3, 4), [(i // 4 + i % 4) / 8 for i in range(12)])
    rows["far from 0, 3 x 3"] = ((3, 3), [10000 + each for each in normal_row(13, 9, 0.5)])
    rows["-Infinity, 3 x 4"] = ((3, 4), [-INF if i in (1, 5, 6) else each for i, each in enumerate(normal_row(14, 12, 0.5))])
    for name, (shape, row) in rows.items():
        for penalty in (0, 0.03125, 0.1, 0.4, 1e6):
            yield one(f"{name}, lambda {penalty}", "tvmax", row, penalty, grid=shape)
    masked = [0 if i in (2, 7, 11, 12) else 1 for i in range(20)]
    for penalty in (0.0625, 0.25):
        yield one(f"masked, 4 x 5, lambda {penalty}", "tvmax", normal_row(15, 20, 0.5), penalty, grid=(4, 5), mask=masked)
        yield one(f"temperature 0.5, lambda {penalty}", "tvmax", normal_row(16, 9, 0.25), penalty, grid=(3, 3), temperature=0.5)
    rows, vs = [normal_row(61 + r, 6, 0.5) for r in range(3)], [normal_row(71 + r, 6) for r in range(3)]
    yield case("a lambda per grid", "tvmax", rows, vs, [0.03125, 0.125, 1], grid=(2, 3))
    yield case("a lambda per grid, of the first axes", "tvmax", rows, vs, [0.03125, 0.125, 1], grid=(2, 3), axis=0)


def normmaxes():
    for name, row in ROWS.items():
        for alpha in (1.25, 2, 3):
            yield one(f"{name}, alpha {alpha}", "normmax", row, alpha)
    for alpha in (1 + 2.0**-20, 1.0001, 1.01, 1.1, 4 / 3, 1.5, 1.99, 2.5, 4, 10, 64, 1000, INF):
        yield one(f"five scores, alpha {alpha}", "normmax", ROW, alpha, V)
        yield one(f"9 narrow scores, alpha {alpha}", "normmax", normal_row(21, 9, 0.125), alpha)
    for n in (1, 2, 3, 4, 7, 8, 15, 17, 20):
        for scale in (1, 0.25, 0.0625):
            yield one(f"{n} scores, scale {scale}, alpha 1.75", "normmax", normal_row(5 * n, n, scale), 1.75, normal_row(n + 300, n))
    yield one("with -Infinity, alpha 1.5", "normmax", WITH_INF, 1.5)
    yield one("masked, alpha 1.5", "normmax", WITH_INF, 1.5, mask=[1, 1, 0, 1, 0, 1, 1])
    for temperature in (0.5, 4):
        yield one(f"temperature {temperature}, alpha 1.5", "normmax", ROW, 1.5, V, temperature=temperature)
    rows, vs = [normal_row(41 + r, 6, 0.5) for r in range(3)], [normal_row(51 + r, 6) for r in range(3)]
    yield case("an alpha per row", "normmax", rows, vs, [1.25, 2, 7])
    yield case("an alpha per row, along the first axis", "normmax", rows, vs, [1.25, 2, 7], axis=0)
    yield refused("refused: alpha 1", "normmax", ROW, alpha=1)
    yield refused("refused: alpha NaN", "normmax", ROW, alpha="NaN")


def bounds_of(n, room, step=5):
    """Dyadic bounds that sum to about `room`, above 0."""
    raw = [1 + (step * i) % 7 for i in range(n)]
    return [max(1, round(256 * room * each / sum(raw))) / 256 for each in raw]


def bounded(operation, alpha):
    def each(name, row, upper, v=None, **options):
        return one(name, operation, row, alpha, v, upper=upper, **options)

    tag = f", alpha {alpha}" if operation == "constrainedEntmax" else ""
    for name, row in ROWS.items():
        # Of 2^100 softmax is 0 but for rounding, and which bounds hold with it.
        for room in (1.25, 3) if alpha > 1 or largest(row) < 1e9 else ():
            yield each(f"{name}, bounds that sum to about {room}{tag}", row, bounds_of(len(row), room))
        yield each(f"{name}, no bounds{tag}", row, [INF] * len(row))
    yield each(f"five scores and their bounds{tag}", ROW, UPPER, V)
    yield each(f"some without bounds{tag}", ROW, [0.25, INF, 0.125, 0.25, INF], V)
    yield each(f"a bound of 1{tag}", ROW, [1] * 5, V)
    yield each(f"a bound of 0.375 for all{tag}", ROW, [0.375] * 5, V)
    yield each(f"bounds of 0{tag}", ROW, [0.5, 0, 0.5, 0, 0.25], V)
    yield each(f"a bound of 0 on the largest{tag}", ROW, [0.5, 0.5, 0.25, 0, 1], V)
    yield each(f"bounds that sum to 1{tag}", ROW, [0.25, 0.125, 0.25, 0.25, 0.125], V)
    yield each(f"bounds that sum to 1, some of them 0{tag}", ROW, [0.5, 0, 0.25, 0.25, 0], V)
    yield each(f"bounds that sum to hardly more than 1{tag}", ROW, [0.25, 0.125, 0.25, 0.25, 0.125 + 2.0**-20], V)
    yield each(f"a tiny bound{tag}", ROW, [2.0**-60, 0.5, 0.25, 2.0**-30, 1], V)
    yield each(f"one score, bound 1{tag}", [3.25], [1], [2])
    yield each(f"two scores, bounds 0.5{tag}", [3.25, -1], [0.5, 0.5], [2, 1])
    for n in (2, 3, 7, 8, 15, 17, 20):
        for scale in (1, 0.25):
            row, v = normal_row(4 * n + 1, n, scale), normal_row(n + 400, n)
            yield each(f"{n} scores, scale {scale}{tag}", row, bounds_of(n, 1.5, 3), v)
    upper = [0.25, 0.375, 0.5, 0.125, 0.5, 0.25, 0.5]
    yield each(f"with -Infinity{tag}", WITH_INF, upper)
    yield each(f"masked{tag}", WITH_INF, upper, mask=[1, 1, 0, 1, 0, 1, 1])
    for temperature in (0.5, 4):
        yield each(f"temperature {temperature}{tag}", ROW, UPPER, V, temperature=temperature)
    rows, vs = [normal_row(41 + r, 6, 0.5) for r in range(3)], [normal_row(51 + r, 6) for r in range(3)]
    upper = [bounds_of(6, 1.25 + r / 4, 3 + r) for r in range(3)]
    alphas = [1.25, 1.5, 3] if operation == "constrainedEntmax" else alpha
    if tag in ("", ", alpha 1.5"):
        yield case("three rows", operation, rows, vs, alphas, upper=upper)
        yield case("along the first axis", operation, rows, vs, alphas, upper=upper, axis=0)
        yield refused("refused: bounds that sum to less than 1", operation, ROW, upper=[0.25, 0.25, 0.125, 0.25, 0])
        yield refused("refused: bounds of 0", operation, ROW, upper=0)
        yield refused("refused: what counts has too low bounds", operation, [0.5, -INF, 1], upper=[0.25, 1, 0.5])
        yield refused("refused: a bound below 0", operation, ROW, upper=-0.5)
        yield refused("refused: a bound of NaN", operation, ROW, upper="NaN")


def steep():
    """constrainedEntmax from near 1 to where p is a root of high order."""
    for alpha in (1 + 2.0**-20, 1.0001, 1.01, 1.1, 4 / 3, 1.75, 1.99, 2.5, 4, 10, 64):
        yield one(f"alpha {alpha}", "constrainedEntmax", ROW, alpha, V, UPPER)
        equal = [0.5, 0.5, 0.25, 0.5, 0.5, 0.5]
        upper = [0.125, 0.5, 0.25, 0.5, 0.25, 0.5]
        yield one(f"close scores, alpha {alpha}", "constrainedEntmax", equal, alpha, None, upper)
    yield refused("refused: alpha below 1", "constrainedEntmax", ROW, alpha=0.5)
    yield refused("refused: alpha Infinity", "constrainedEntmax", ROW, alpha="Infinity")


def main():
    cases = [*lines("fusedmax", lambda n: 1), *lines("oscarmax", lambda n: 4 / n), *grids(), *normmaxes()]
    for operation, alpha in (("constrainedSoftmax", 1), ("constrainedSparsemax", 2), ("constrainedEntmax", 1.5)):
        cases += bounded(operation, alpha)
    cases += [*bounded("constrainedEntmax", 3), *steep()]
    about = "fusedmax, TVmax and oscarmax in fractions, normmax and the constrained maps by mpmath, with gradients and groups"
    packages = {each: version(each) for each in ("numpy", "scipy", "networkx", "cvxopt")}
    write("regularised.json", about, cases, "regularised.py", **packages)


if __name__ == "__main__":
    main()
