"""Derivatives of alpha-entmax and the Fenchel-Young losses (MATH.md §4, §5) at 50 digits: the textbook forms, whose
cancellation costs 14 digits at alpha = 1 + 1e-7 and leaves 36. Those by alpha are checked against differences of the
map at 80 digits.
"""

import functools

import mpmath
from mpmath import mp, mpf

from maps import entmax, steep


def skew(p, alpha):
    """s = p^(2 - alpha) on the support."""
    return [value ** (2 - mpf(alpha)) if value > 0 else mpf(0) for value in p]


def vjp(p, alpha, v, temperature=1):
    """J v / T, J = diag(s) - s s' / sum s."""
    if alpha == mpmath.inf or not any(p):
        return [mpf(0)] * len(p)
    s = skew(p, alpha)
    mean = mpmath.fdot(s, v) / mpmath.fsum(s)
    return [each * (mpf(value) - mean) / mpf(temperature) for each, value in zip(s, v)]


def vjp_scale(p, alpha, v, temperature=1):
    """The size of the terms whose difference the VJP is: what an error can be measured against."""
    s = skew(p, alpha)
    mean = mpmath.fsum(each * abs(mpf(value)) for each, value in zip(s, v)) / mpmath.fsum(s)
    return float(max(each * (abs(mpf(value)) + mean) for each, value in zip(s, v)) / mpf(temperature))


def by_alpha(p, alpha):
    """dp/dalpha, the paper's form: (p - pt) / e^2 + (h - pt sum h) / e, pt = s / sum s, h = -p ln p; its limit at 1."""
    logs = [mpmath.log(value) if value > 0 else mpf(0) for value in p]
    h = [-value * l for value, l in zip(p, logs)]
    e = mpf(alpha) - 1
    if e == 0:
        second = mpmath.fdot(h, logs)
        return [(each * l - value * second) / 2 for value, l, each in zip(p, logs, h)]
    s = skew(p, alpha)
    pt = [each / mpmath.fsum(s) for each in s]
    total = mpmath.fsum(h)
    return [(a - b) / e**2 + (c - b * total) / e for a, b, c in zip(p, pt, h)]


def by_alpha_scale(p, alpha, v):
    """The size of the terms whose difference <v, dp/dalpha> is in the cancellation-free form of MATH.md §4."""
    e = mpf(alpha) - 1
    logs = [mpmath.log(value) if value > 0 else mpf(0) for value in p]
    s = skew(p, alpha)
    w = [x * l**2 / 2 if e == 0 else (y - x + e * x * l) / e**2 for x, y, l in zip(p, s, logs)]
    phi, entropy_term = mpmath.fsum(w), 1 - e * mpmath.fdot(p, logs)
    terms = [(x - e * x * l) * phi + entropy_term * each for x, l, each in zip(p, logs, w)]
    return float(mpmath.fsum(abs(mpf(weight)) * each for weight, each in zip(v, terms)) / mpmath.fsum(s))


def norm_newton(z, e):
    """p = [1 + e (z - c)]+^(1/e) for 0 < e <= 1, any e however small; c from the maximum upwards (MATH.md §2.4)."""
    c = max(z)
    for _ in range(60):
        x = [1 + e * (score - c) for score in z if 1 + e * (score - c) > 0]
        p = [mpmath.exp(mpmath.log(each) / e) for each in x]
        total, slope = mpmath.fsum(p), mpmath.fsum(value / each for value, each in zip(p, x))
        step = total * (1 - total ** (-e)) / (e * slope)
        c += step
        if abs(step) < mpf(10) ** (8 - mp.dps):
            break
    return [(1 + e * (score - c)) ** (1 / e) if 1 + e * (score - c) > 0 else mpf(0) for score in z]


def by_alpha_checked(row, p, alpha):
    """dp/dalpha, equal to a difference of the map within 1e-15."""
    dp = by_alpha(p, alpha)
    with mp.workdps(80):
        z = [mpf(score) for score in row if score != -mpmath.inf]
        e, h = mpf(alpha) - 1, mpf(10) ** -20

        def at(e):
            if e == 0:
                q = [mpmath.exp(score) for score in z]
                return [each / mpmath.fsum(q) for each in q]
            return norm_newton(z, e) if e <= 1 else steep(z, e)[0]

        below = e if e == 0 else e - h
        slopes = iter([(a - b) / (e + h - below) for a, b in zip(at(e + h), at(below))])
        for score, each in zip(row, dp):
            slope = next(slopes) if score != -mpmath.inf else 0
            assert abs(each - slope) <= mpf(10) ** -15 * (1 + abs(each)), (alpha, each, slope)
    return dp


def entropy(p, alpha):
    """H_alpha; Shannon's at alpha = 1."""
    a = mpf(alpha)
    if a == 1:
        return -mpmath.fsum(value * mpmath.log(value) for value in p if value > 0)
    return mpmath.fsum(value - value**a for value in p if value > 0) / (a * (a - 1))


def entropy_by_alpha(p, alpha):
    a, e = mpf(alpha), mpf(alpha) - 1
    p = [value for value in p if value > 0]
    logs = [mpmath.log(value) for value in p]
    if e == 0:
        return mpmath.fsum(value * l - value * l**2 / 2 for value, l in zip(p, logs))
    powers = [value**a for value in p]
    return -mpmath.fdot(powers, logs) / (a * e) - (1 - mpmath.fsum(powers)) * (2 * a - 1) / (a * e) ** 2


@functools.lru_cache(maxsize=1)
def solved(z, alpha):
    return entmax(z, alpha)[0]


def loss(row, q, alpha, temperature=1):
    """Value, gradients by x and alpha, and p. Excluded scores are -inf; a target among them costs inf."""
    z = [mpf(score) / mpf(temperature) for score in row]
    q = [mpf(value) for value in q]
    n = len(z)
    if all(score == -mpmath.inf for score in z):
        return mpmath.inf, [mpf(0)] * n, mpf(0), [mpf(0)] * n
    p = solved(tuple(z), alpha)
    if any(value > 0 and score == -mpmath.inf for value, score in zip(q, z)):
        return mpmath.inf, [mpf(0)] * n, mpf(0), p
    linear = mpmath.fsum((a - b) * score for a, b, score in zip(p, q, z) if a != b)
    value = linear + entropy(p, alpha) - entropy(q, alpha)
    gradient = [(a - b) / mpf(temperature) for a, b in zip(p, q)]
    return value, gradient, entropy_by_alpha(p, alpha) - entropy_by_alpha(q, alpha), p
