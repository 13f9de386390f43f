"""normmax and the constrained entmax from their conditions of optimality, with mpmath (MATH.md §6, §7.2):

    normmax        p = q / sum q, q_i = [z_i - tau]+^(1 / (alpha - 1)), tau such that sum q^alpha = 1
    constrained    p_i = min(u_i, [1 + (alpha - 1) (z_i - c)]+^(1 / (alpha - 1))), exp(z_i - c) at alpha = 1, c such that sum p = 1

Gradients are central differences of these answers at many more digits than are kept, and only where no entry reaches or leaves 0 or its
bound between them. `cross_check` holds values against the variational problems, which SLSQP (scipy) solves in float64.
"""

import math
from contextlib import contextmanager

import mpmath
import numpy as np
from mpmath import mp, mpf
from scipy.optimize import minimize

INF = math.inf


@contextmanager
def digits_for(alpha, is_norm):
    """Enough digits: with bounds, p^(alpha - 1) is what is solved for, and may be tiny where p is not."""
    with mp.workdps(60 if is_norm else 60 + 2 * int(alpha)):
        yield


def root(excess, low, high):
    """The root of a decreasing function, which changes its sign around what is returned. Both ends are moved apart first, so that
    their rounding does not matter. Bisection, until regula falsi (Illinois) has the rest.
    """
    slack = mpf(2) ** -40
    low, high = low - slack, high + slack
    assert excess(low) > 0 > excess(high)
    near = mpf(10) ** (3 - mp.dps) * (1 + max(abs(low), abs(high)))
    for step in range(int(mp.prec) + 60):
        if step % 40 == 20:
            try:
                found = mpmath.findroot(excess, (low, high), solver="illinois", tol=near * near, maxsteps=40)
            except (ValueError, ZeroDivisionError):
                continue
            if low <= found <= high and excess(found - near) > 0 > excess(found + near):
                return found
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2


def normmax(z, alpha):
    """p, and what each entry is: 0, or free (1)."""
    top = max(z)
    if alpha == INF:
        # The limit: sum [z - tau]+ = 1 says what the support is.
        tau = root(lambda tau: mpmath.fsum(s - tau for s in z if s > tau) - 1, top - 1, top)
        q = [mpf(s > tau) for s in z]
    else:
        e = mpf(alpha) - 1
        power = lambda s, tau, exponent: (s - tau) ** exponent if s > tau else mpf(0)
        tau = root(lambda tau: mpmath.fsum(power(s, tau, (1 + e) / e) for s in z) - 1, top - 1, top)
        q = [power(s, tau, 1 / e) for s in z]
    total = mpmath.fsum(q)
    return [each / total for each in q], [int(each > 0) for each in q], tau


def constrained(z, alpha, u):
    """p, and what each entry is: 0, free (1), or at its bound (2)."""
    e = mpf(alpha) - 1

    def free(s, c):
        if e == 0:
            return mpmath.exp(s - c)
        x = 1 + e * (s - c)
        # A score on the threshold, but for the rounding of c, is out.
        return x ** (1 / e) if x > mpf(10) ** (10 - mp.dps) else mpf(0)

    if mpmath.fsum(u) == 1:
        return list(u), [2 if bound > 0 else 0 for bound in u], None
    assert mpmath.fsum(bound for bound in u if bound < INF) > 1 or INF in u
    total = lambda c: mpmath.fsum(min(free(s, c), bound) for s, bound in zip(z, u))
    # Below the lowest score by ln of what is missing all are at their bounds.
    low, high = min(z) - 1, max(z) + len(z)
    while total(low) <= 1:
        low -= 1 + abs(low)
    c = root(lambda c: total(c) - 1, low, high)
    raw = [free(s, c) for s in z]
    kinds = [0 if bound == 0 or each == 0 else 2 if each >= bound else 1 for each, bound in zip(raw, u)]
    if e and mpmath.fsum(bound for bound, kind in zip(u, kinds) if kind == 2) == 1:
        # These are all there is, for a range of c; the others are what was left of rounding.
        kinds = [2 * (kind == 2) for kind in kinds]
        return [bound if kind else mpf(0) for bound, kind in zip(u, kinds)], kinds, None
    return [min(each, bound) for each, bound in zip(raw, u)], kinds, c


def slope(answer, v, x, i):
    """d<v, p>/dx_i, or None at a kink. `answer` gives p and kinds for a list of inputs."""
    h = mpf(10) ** -(mp.dps // 3)
    ends = [answer([each + (by if k == i else 0) for k, each in enumerate(x)]) for by in (h, -h)]
    kinds = answer(x)[1]
    if any(end[1] != kinds for end in ends):
        return None
    return mpmath.fsum(w * (a - b) for w, a, b in zip(v, ends[0][0], ends[1][0])) / (2 * h)


def cross_check(z, alpha, u, p, is_norm):
    """Whether SLSQP finds nothing better, and the same."""
    z, p = np.array([float(each - max(z)) for each in z]), np.array([float(each) for each in p])
    bounds = [(0, min(float(bound), 1)) for bound in u]

    def loss(q):
        q = np.maximum(q, 0)
        if is_norm:
            return np.sum(q**alpha) ** (1 / alpha) - q @ z
        if alpha == 1:
            return np.sum(q * np.log(np.maximum(q, 1e-300))) - q @ z
        return np.sum(q**alpha - q) / (alpha * (alpha - 1)) - q @ z

    start = np.array([high for _, high in bounds])
    # From between all bounds and nothing, so that it is feasible.
    found = minimize(
        loss,
        start / start.sum(),
        method="SLSQP",
        bounds=bounds,
        constraints={"type": "eq", "fun": lambda q: q.sum() - 1},
        options={"maxiter": 1000, "ftol": 1e-15},
    )
    assert abs(found.x.sum() - 1) < 1e-9, found
    assert loss(p) <= loss(found.x) + 1e-9, (z, alpha, u, p, found)
    assert loss(p) >= loss(found.x) - 1e-6, (z, alpha, u, p, found)
    assert np.abs(p - found.x).max() < 5e-3, (z, alpha, u, p, found.x)
    return np.abs(p - found.x).max()
