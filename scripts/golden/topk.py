"""Golden values of top-k sparsemax and top-k entmax: ts/test/conformance/topk.json. The map of the k largest scores (of
equal ones the first), and whether it is that of all scores.

    golden-env/bin/python scripts/golden/topk.py        (golden-env as in entmax_rows.py)
"""

import math

import mpmath
from mpmath import mpf

import exact
from cases import largest, normal_row, number, numbers, tolerance, write
from derivatives import by_alpha, by_alpha_scale, vjp, vjp_scale
from maps import entmax

INF = math.inf
ALPHAS = [1, 1.25, 1.5, 2, 2.5, 4]
ROWS = {
    "nearly the row of MATH.md §21": ([0.5, 1.203125, -0.296875, 2.0, 1.90625], [1, -2, 3, 0.5, -1], (1, 2, 3, 5, 8)),
    "ties across k": ([1, 2, 2, 2, 1.75], [9, 1, 3, 7, -2], (1, 2, 3, 4)),
    "ties outside the support": ([3, 0, 0, 0], [1, 2, 3, 4], (1, 2)),
    "all equal": ([0.125] * 6, [1, 2, 4, -8, 16, 0.5], (1, 2, 5, 6)),
    "with -Infinity": ([0.25, -INF, 0.125, -INF, 0.75], [1, 5, -2, 7, 0.5], (1, 2, 4)),
    "narrow, 33": (normal_row(6, 33, 0.125), normal_row(106, 33), (1, 4, 17, 32)),
    # The second score lies exactly on the threshold of sparsemax (1.5-entmax) of the first.
    "a score exactly 1 below": ([0.5, -0.5, -1], [1, 2, 3], (1, 2)),
    "a score exactly 2 below": ([0.5, -1.5, -2], [1, 2, 3], (1, 2)),
}


def restricted(row, k):
    kept = set(sorted((i for i in range(len(row)) if row[i] > -INF), key=lambda i: (-row[i], i))[:k])
    return [score if i in kept else -INF for i, score in enumerate(row)]


def solve(row, alpha):
    """p at 50 digits, with an exact support at 2 and 1.5."""
    if alpha == 2:
        return [mpf(value.numerator) / value.denominator for value in exact.sparsemax(row)[0]]
    return exact.entmax15(row)[0] if alpha == 1.5 else entmax([mpf(score) for score in row], alpha)[0]


def case(name, alpha, k, row, v, temperature=1, mask=None):
    scaled = [score / temperature for score in row]
    p, whole = solve(restricted(scaled, k), alpha), solve(scaled, alpha)
    operation = {"operation": "topkSparsemax"} if alpha == 2 else {"operation": "topkEntmax"}
    parameters = {"k": k} if alpha == 2 else {"k": k, "alpha": alpha}
    if temperature != 1:
        parameters["temperature"] = temperature
    support = [i for i, value in enumerate(p) if value > 0]
    expected = {
        "p": numbers(p),
        "support": [support],
        "exact": [int(support == [i for i, value in enumerate(whole) if value > 0])],
        "dx": numbers(vjp(p, alpha, v, temperature)),
    }
    slope = max(vjp_scale(p, alpha, v, temperature), 1e-3) * max(1, alpha)
    f64 = {"p": 1e-14 * largest(p), "dx": 2e-13 * slope}
    f32 = {"p": 5e-6 * largest(p), "dx": 2e-5 * slope}
    if alpha != 2:
        value = mpmath.fdot(by_alpha(p, alpha), v)
        expected["dalpha"] = [number(mpmath.chop(value, tol=mpf(10) ** -30))]
        size = by_alpha_scale(p, alpha, v)
        f64["dalpha"], f32["dalpha"] = 1e-12 * size, max(1e-4 * abs(float(value)), 4e-6 * size)
    result = {"name": name, **operation, "x": numbers(row), "parameters": parameters, "dp": numbers(v)}
    if mask:
        result["x"] = [each if keep else 9 for each, keep in zip(result["x"], mask)]
        result["mask"] = mask
    return {**result, "expected": expected, "tolerance": tolerance(f64, f32, [row, v])}


def main():
    cases = [
        case(f"{name}, k {k}, alpha {alpha}", alpha, k, row, v)
        for name, (row, v, ks) in ROWS.items()
        for k in ks
        for alpha in ALPHAS
        if not ("exactly" in name and alpha not in (1.5, 2))
    ]
    row, v = [0.5, -INF, 1.25, -INF, 0.75], [1, 2, 3, 4, 5]
    for alpha in (1, 1.5, 2):
        cases.append(case(f"masked scores, k 2, alpha {alpha}", alpha, 2, row, v, mask=[1, 0, 1, 0, 1]))
        long = normal_row(17, 16)
        cases.append(case(f"temperature 2, k 3, alpha {alpha}", alpha, 3, long, normal_row(18, 16), temperature=2))
    write("topk.json", "top-k sparsemax and top-k entmax with their certificate and gradients", cases, "topk.py")


if __name__ == "__main__":
    main()
