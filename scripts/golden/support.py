"""Rows whose support rounding can get wrong, alpha = 2 and 1.5: ts/test/conformance/support.json. Scores lie exactly on
the threshold, one place above and one below, in float32 and float64; supports and probabilities by fractions.

    golden-env/bin/python scripts/golden/support.py        (golden-env as in entmax_rows.py)

On the threshold exactly: choose tau and p with sum p = 1 as short binary fractions, then z = tau + p (alpha = 2), or y
with sum y^2 = 1, then z = 2 (tau + y) (alpha = 1.5), and a score at tau. Between two floats: where tau is no float, the
scores on its two sides.
"""

import math
from fractions import Fraction

import exact
from cases import fraction, largest, neighbour, number, numbers, random_bits, rounded, write

MAPS = {"sparsemax": exact.sparsemax, "entmax15": exact.entmax15}


def parts_of_one(bits, k):
    """k positive multiples of 2^-12 that sum to 1."""
    cuts = sorted({0, 4096, *_some(bits, k - 1, 4096)})
    return [Fraction(b - a, 4096) for a, b in zip(cuts, cuts[1:])]


def _some(bits, count, limit):
    chosen = set()
    while len(chosen) < count:
        chosen.add(1 + bits() % (limit - 1))
    return chosen


def squares_of_one(bits, k):
    """k positive multiples of 2^-8 whose squares sum to 1."""
    # 65536 = 4^8 is one square or four equal ones, but no sum of two or three positive squares (Legendre, Jacobi).
    if k in (1, 4):
        return [Fraction(1, math.isqrt(k))] * k
    whole, mean = 65536, (65536 / k) ** 0.5
    while True:
        # All but two at random, those two by search.
        free = [1 + bits() % int(1.4 * mean) for _ in range(k - 2)]
        rest = whole - sum(y * y for y in free)
        for a in range(1, math.isqrt(max(rest - 1, 0)) + 1):
            b = math.isqrt(rest - a * a)
            if b >= 1 and a * a + b * b == rest:
                return [Fraction(y, 256) for y in (*free, a, b)]


def on_the_threshold(bits, operation, k, origin):
    """Scores of a support of k, and tau, all exact in float32."""
    if operation == "sparsemax":
        tau = origin + Fraction(bits() % 1024, 1024)
        return [tau + each for each in parts_of_one(bits, k)], tau
    tau = origin + Fraction(bits() % 256, 256)
    return [tau + 2 * each for each in squares_of_one(bits, k)], tau


def case(name, operation, row, dtypes):
    p, tau = MAPS[operation](row)
    support = [i for i, value in enumerate(p) if value > 0]
    assert all((fraction(z) > fraction(tau)) == (value > 0) for z, value in zip(row, p)), name
    result = {"name": name, "operation": operation, "x": numbers(row)}
    values = [rounded(value, dtypes[0]) for value in p]
    assert all(value > 0 for value in (values[i] for i in support)), name
    result["expected"] = {"p": numbers(values), "support": [support], "sizes": [len(support)], "thresholds": [number(tau)]}
    size = max(1.0, largest(row))
    tolerances = {
        "float64": {"p": 1e-14 * largest(p), "thresholds": 4e-16 * size},
        "float32": {"p": 1e-6 * largest(p), "thresholds": 2.4e-7 * size},
    }
    result["tolerance"] = {
        dtype: {key: number(f"{value:.1e}") for key, value in tolerances[dtype].items()} for dtype in dtypes
    }
    return result


def exact_cases():
    for operation in MAPS:
        for k in (1, 2, 3, 4, 5, 8, 17, 64):
            if operation == "entmax15" and k in (2, 3):
                continue
            for origin in (-1, 1, 1000):
                if k > 17 and origin != 1:
                    continue
                bits = random_bits(1000 * k + origin + 7)
                scores, tau = on_the_threshold(bits, operation, k, Fraction(origin))
                row = [float(each) for each in scores]
                edge = float(tau)
                here = f"{operation}, support of {k} near {origin}"
                # Where the edge goes matters to those who scan in blocks: before, among and after the others.
                both = ["float64", "float32"]
                yield case(f"{here}, one score on the threshold", operation, [*row, edge], both)
                middle = len(row) // 2
                several = [edge, *row[:middle], edge, *row[middle:], edge, edge - 0.5]
                yield case(f"{here}, three scores on the threshold", operation, several, both)
                for dtype in both:
                    above, below = neighbour(edge, dtype, 1), neighbour(edge, dtype, -1)
                    yield case(f"{here}, one place above, {dtype}", operation, [*row, above], [dtype])
                    yield case(f"{here}, one place below, {dtype}", operation, [below, *row], [dtype])
                    mixed = [edge, *row, below, above, edge]
                    yield case(f"{here}, above, below and on it, {dtype}", operation, mixed, [dtype])


def between_floats():
    """tau is no float: the nearest float below is out, the nearest above is in."""
    for operation in MAPS:
        for dtype in ("float32", "float64"):
            for k in (2, 3, 7, 33):
                bits = random_bits(77 * k + len(operation))
                scale = 2**20 if dtype == "float32" else 2**40
                width = Fraction(1, k) if operation == "sparsemax" else Fraction(1, int(k**0.5) + 1)
                row = [rounded(1 + width * (bits() % scale) / scale, dtype) for _ in range(k)]
                p, tau = MAPS[operation](row)
                assert all(p), (operation, k)
                near = rounded(tau, dtype)
                below = near if fraction(near) <= fraction(tau) else neighbour(near, dtype, -1)
                above = neighbour(below, dtype, 1)
                here = f"{operation}, support of {k}, threshold between two floats, {dtype}"
                yield case(f"{here}, score above it", operation, [*row, above], [dtype])
                yield case(f"{here}, score below it", operation, [below, *row], [dtype])
                yield case(f"{here}, both", operation, [below, *row[1:], above, row[0], below], [dtype])


def main():
    cases = [*exact_cases(), *between_floats()]
    about = "supports of sparsemax and 1.5-entmax with scores on and beside the threshold: fractions, p rounded once"
    write("support.json", about, cases, "support.py")


if __name__ == "__main__":
    main()
