"""Golden gradients of the maps: ts/test/conformance/vjp.json (by the scores, with and without a temperature) and
alpha-gradient.json (by alpha, from exactly 1 to 64).

    golden-env/bin/python scripts/golden/gradients.py        (golden-env as in entmax_rows.py)
"""

import math

import mpmath
from mpmath import mpf

from cases import largest, normal_row, number, numbers, tolerance, write
from derivatives import by_alpha_checked, by_alpha_scale, vjp, vjp_scale
from maps import entmax

ALPHAS = [1, 1 + 1e-7, 1.0001, 1.001, 1.01, 1.25, 4 / 3, 1.5, 1.99, 2, 2.0001, 2.5, 4, 10]
NAMES = {1: "softmax", 1.5: "entmax15", 2: "sparsemax"}

ROWS = {
    "the row of MATH.md §21": ([0.5, 1.2, -0.3, 2.0, 1.9], [1, -2, 3, 0.5, -1]),
    "nearly that row, in float32": ([0.5, 1.203125, -0.296875, 2.0, 1.90625], [1, -2, 3, 0.5, -1]),
    "two classes": ([0.75, 0.5], [1, -3]),
    "one class": ([-3.25], [2]),
    "all equal": ([0.125] * 7, [1, 2, 4, -8, 16, 0.5, 0.25]),
    "ties": ([0.375, 0.0625, 0.375, 0.25, 0.0625, 0.375, 0.25], [1, -1, 2, 0.5, 3, -2, 0.25]),
    "with -Infinity": ([0.25, -math.inf, 0.125, -math.inf, 0.75], [1, 5, -2, 7, 0.5]),
    "far from zero": ([1000.125, 1000.5, 999.875, 1000.4375, 1000.25], [1, -2, 3, 0.5, -1]),
    "normal, 16": (normal_row(5, 16), normal_row(105, 16)),
    "narrow, 33": (normal_row(6, 33, 0.125), normal_row(106, 33)),
    "nearly equal, 64": (normal_row(8, 64, 2.0**-10), normal_row(108, 64)),
    "wide, 17": (normal_row(7, 17, 8.0), normal_row(107, 17)),
}


def solved(row, alpha, temperature=1):
    return entmax([mpf(score) / mpf(temperature) for score in row], alpha)[0]


def call(alpha):
    """The operation of its own where the alpha has one; entmax with alpha 1.5 and 2 is in alpha-gradient.json."""
    return {"operation": NAMES[alpha]} if alpha in NAMES else {"operation": "entmax", "parameters": {"alpha": alpha}}


def vjp_case(name, row, v, alpha, temperature=1):
    p = solved(row, alpha, temperature)
    scale = max(vjp_scale(p, alpha, v, temperature), 1e-3)
    f32 = {"p": 5e-6 * largest(p), "dx": 2e-5 * max(1, alpha) * scale}
    case = {"name": name, **call(alpha), "x": numbers(row), "dp": numbers(v)}
    if temperature != 1:
        case["parameters"] = {**case.get("parameters", {}), "temperature": temperature}
    expected = {"p": numbers(p), "dx": numbers(vjp(p, alpha, v, temperature))}
    f64 = {"p": 1e-14 * largest(p), "dx": 2e-13 * max(1, alpha) * scale}
    return {**case, "expected": expected, "tolerance": tolerance(f64, f32, [row, v])}


def alpha_case(name, row, v, alpha):
    p = solved(row, alpha)
    dp = by_alpha_checked(row, p, alpha)
    value = mpmath.fdot(dp, v)
    terms = float(mpmath.fsum(abs(each * mpf(weight)) for each, weight in zip(dp, v)))
    # 1e-4 of the value where its terms do not cancel, and of a fifth of their sum where they do; and what the rounding of
    # nearly equal p to float32 leaves, of which the value is the small difference.
    scale, size = max(abs(float(value)), terms / 5), by_alpha_scale(p, alpha, v)
    expected = {"p": numbers(p), "dalpha": [number(mpmath.chop(value, tol=mpf(10) ** -30))]}
    return {
        "name": name,
        "operation": "entmax",
        "parameters": {"alpha": alpha},
        "x": numbers(row),
        "dp": numbers(v),
        "expected": expected,
        "tolerance": tolerance(
            {"p": 1e-14 * largest(p), "dalpha": 1e-12 * size},
            {"p": 5e-6 * largest(p), "dalpha": max(1e-4 * scale, 1e-8 * size)},
            [row, v],
        ),
    }


def main():
    cases = [
        vjp_case(f"{name}, alpha {alpha}", row, v, alpha) for name, (row, v) in ROWS.items() for alpha in ALPHAS
    ]
    for temperature in (0.5, 2, 0.7):
        for alpha in ALPHAS[::2] + [1.5, 2]:
            for name in ("the row of MATH.md §21", "normal, 16"):
                row, v = ROWS[name]
                cases.append(vjp_case(f"{name}, alpha {alpha}, temperature {temperature}", row, v, alpha, temperature))
    write("vjp.json", "gradients of <dp, p> by the scores, alpha-entmax with mpmath", cases, "gradients.py")

    cases = [
        alpha_case(f"{name}, alpha {alpha}", row, v, alpha)
        for name, (row, v) in ROWS.items()
        for alpha in [*ALPHAS, 64]
        # At 64 the smallest entries depend on differences below 1e-50.
        if not (alpha == 64 and "normal" in name)
    ]
    about = "gradients of <dp, p> by alpha, mpmath, checked against differences of the map at 80 digits"
    write("alpha-gradient.json", about, cases, "gradients.py")


if __name__ == "__main__":
    main()
