"""Exact arithmetic (fractions.Fraction): sparsemax, the support of 1.5-entmax, and the capped simplex (MATH.md §1, §7.1).
Scores are floats, so everything here but the square root of 1.5-entmax is a rational number.
"""

from fractions import Fraction

import mpmath
from mpmath import mp, mpf

mp.dps = 50
INF = float("inf")


def sparsemax(row):
    """p and tau as Fractions; the support is where z > tau, strictly."""
    z = [Fraction(score) for score in row if score != -INF]
    ordered = sorted(z, reverse=True)
    size, total = 0, Fraction(0)
    for k, score in enumerate(ordered):
        # In the support <=> the larger scores exceed it by less than 1 in total.
        if total - k * score >= 1:
            break
        size, total = k + 1, total + score
    tau = (total - 1) / size
    return [max(Fraction(score) - tau, Fraction(0)) if score != -INF else Fraction(0) for score in row], tau


def entmax15(row):
    """p and tau (of the scores) at 50 digits; the support is exact."""
    x = [Fraction(score) / 2 if score != -INF else None for score in row]
    ordered = sorted((each for each in x if each is not None), reverse=True)
    size, total, squares = 0, Fraction(0), Fraction(0)
    for k, score in enumerate(ordered):
        # sum over the larger of (x_j - x_k)^2 = squares - 2 x_k total + k x_k^2
        if squares - 2 * score * total + k * score * score >= 1:
            break
        size, total, squares = k + 1, total + score, squares + score * score
    mean = total / size
    rest = (1 - (squares - size * mean * mean)) / size
    root = mpmath.sqrt(mpf(rest.numerator) / rest.denominator)
    smallest = ordered[size - 1]

    def probability(each):
        if each is None or each < smallest:
            return mpf(0)
        gap = each - mean
        return (mpf(gap.numerator) / gap.denominator + root) ** 2

    tau = mpf(mean.numerator) / mean.denominator - root
    return [probability(each) for each in x], 2 * tau


def budget(row, total, upper=1, at_most=False, temperature=1):
    """p, tau (of z / T) as Fractions and whether the sum is held; `row` without infinities other than -inf."""
    z = [None if score == -INF else Fraction(score) / Fraction(temperature) for score in row]
    u = [Fraction(bound) for bound in (upper if isinstance(upper, list) else [upper] * len(row))]
    total = Fraction(total)

    def at(tau):
        return [Fraction(0) if score is None else min(max(score - tau, Fraction(0)), bound) for score, bound in zip(z, u)]

    if at_most and sum(at(Fraction(0))) <= total:
        return at(Fraction(0)), Fraction(0), False
    breaks = sorted({b for score, bound in zip(z, u) if score is not None for b in (score, score - bound)})
    assert 0 <= total <= sum(bound for score, bound in zip(z, u) if score is not None)
    # The sum falls from all bounds to 0 between the first and the last breakpoint, linearly between any two.
    low, high = breaks[0], breaks[-1]
    for each in breaks:
        if sum(at(each)) >= total:
            low = each
        else:
            high = each
            break
    above, below = sum(at(low)), sum(at(high))
    tau = low if above == below else low + (high - low) * (above - total) / (above - below)
    p = at(tau)
    assert sum(p) == total
    return p, tau, True


def budget_vjp(row, p, upper, v, held, temperature=1):
    """dx, dB, du: entries on a breakpoint count as fixed; a bound of 0 has no gradient."""
    u = [Fraction(bound) for bound in (upper if isinstance(upper, list) else [upper] * len(row))]
    v = [Fraction(each) for each in v]
    inside = [i for i, value in enumerate(p) if 0 < value < u[i]]
    mean = sum(v[i] for i in inside) / len(inside) if held and inside else Fraction(0)
    dx = [(v[i] - mean) / Fraction(temperature) if i in inside else Fraction(0) for i in range(len(row))]
    du = [v[i] - mean if 0 < p[i] == u[i] else Fraction(0) for i in range(len(row))]
    return dx, mean, du


def budget_loss(row, q, total, upper=1, at_most=False, temperature=1):
    """Value, dL/dx, dL/dB = tau, dL/du, p: Omega(p) = 1/2 ||p||^2 on the capped simplex."""
    p, tau, held = budget(row, total, upper, at_most, temperature)
    u = [Fraction(bound) for bound in (upper if isinstance(upper, list) else [upper] * len(row))]
    q = [Fraction(each) for each in q]
    value = Fraction(0)
    for score, a, b in zip(row, p, q):
        if a != b:
            value += (a - b) * (Fraction(score) / Fraction(temperature) - (a + b) / 2)
    dx = [(a - b) / Fraction(temperature) for a, b in zip(p, q)]
    du = [
        Fraction(score) / Fraction(temperature) - tau - bound if 0 < a == bound else Fraction(0)
        for score, a, bound in zip(row, p, u)
    ]
    return value, dx, tau if held else Fraction(0), du, p
