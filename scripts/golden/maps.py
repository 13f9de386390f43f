"""alpha-entmax from the definition, with mpmath at 50 digits. The map of a row z, with e = alpha - 1:

    alpha = 1        exp(z_i) / sum exp(z_j)
    1 < alpha <= 2   [e (z_i - tau)]+^(1/e), tau by Newton's method from a bisection in Python's floats
    alpha > 2        (e (z_i - z_min) + t^e)^(1/e) over the support, which the sorted prefix test finds; t by Newton
    alpha = inf      uniform over the maxima

Every solution is checked before it is used: it sums to 1 within 1e-30, no score outside the support lies above the
threshold, none inside below.
"""

import math

import mpmath
from mpmath import mp, mpf

mp.dps = 50


def softmax(z):
    top = max(z)
    q = [mpmath.exp(s - top) if s != -mpmath.inf else mpf(0) for s in z]
    total = mpmath.fsum(q)
    return [each / total for each in q], -mpmath.inf


def flat(z, e):
    """1 < alpha <= 2."""
    top = max(z)
    u = [s - top for s in z if e * (s - top) > -1]
    coarse = [float(each) for each in u]
    exponent = float(e)

    def excess(tau):
        # x^(1/e) as exp(log1p(e u') / e) around the maximum keeps its digits for small e.
        c = tau + 1 / exponent
        terms = (exponent * (each - c) for each in coarse)
        return math.fsum(math.exp(math.log1p(x) / exponent) for x in terms if x > -1) - 1

    low, high = -1 / exponent, 0.0
    for _ in range(120):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    tau = mpf(high)
    for _ in range(12):
        x = [e * (each - tau) for each in u if each > tau]
        p = [each ** (1 / e) for each in x]
        step = (mpmath.fsum(p) - 1) / mpmath.fsum(value / each for value, each in zip(p, x))
        tau += step
        if abs(step) < mpf(10) ** -45:
            break
    p = [(e * (s - top - tau)) ** (1 / e) if s - top > tau else mpf(0) for s in z]
    return p, top + tau


def steep(z, e):
    """alpha > 2."""
    ordered = sorted((s for s in z if s != -mpmath.inf), reverse=True)

    def admits(k):
        return mpmath.fsum((e * (s - ordered[k])) ** (1 / e) for s in ordered[:k] if s > ordered[k]) < 1

    inside, outside = 0, len(ordered)
    while outside - inside > 1:
        middle = (inside + outside) // 2
        inside, outside = (middle, outside) if admits(middle) else (inside, middle)
    smallest = ordered[inside]
    gaps = [e * (s - smallest) for s in ordered[: inside + 1]]
    t = mpf(1) / len(gaps)
    for _ in range(2000):
        power = t**e
        p = [(d + power) ** (1 / e) for d in gaps]
        step = (mpmath.fsum(p) - 1) / mpmath.fsum((t / value) ** (e - 1) for value in p)
        t -= step
        if abs(step) < t * mpf(10) ** -40:
            break
    return [(e * (s - smallest) + t**e) ** (1 / e) if s >= smallest else mpf(0) for s in z], smallest - t**e / e


def entmax(row, alpha):
    z = [mpf(s) for s in row]
    if alpha == math.inf:
        top = max(z)
        share = mpf(1) / z.count(top)
        return [share if s == top else mpf(0) for s in z], top
    e = mpf(alpha) - 1
    p, tau = softmax(z) if e == 0 else flat(z, e) if e <= 1 else steep(z, e)
    assert abs(mpmath.fsum(p) - 1) < mpf(10) ** -30, (alpha, mpmath.fsum(p))
    for score, value in zip(z, p):
        # For large alpha t^e / e may lie below 50 digits, and the threshold on the smallest score of the support.
        assert score >= tau if value > 0 else score <= tau, (alpha, score, tau)
    return p, tau
