"""Golden values of alpha-entmax, from the definition, with mpmath at 50 digits.

    python -m venv golden-env && golden-env/bin/pip install mpmath==1.4.1
    golden-env/bin/python scripts/golden/entmax.py

Writes ts/test/conformance/entmax-rows.json (short rows in full) and entmax-large.json (rows that a seed describes, of
which some entries are kept). The map of a row z, with e = alpha - 1:

    alpha = 1        exp(z_i) / sum exp(z_j)
    1 < alpha <= 2   [e (z_i - tau)]+^(1/e), tau by Newton's method from a bisection in Python's floats
    alpha > 2        (e (z_i - z_min) + t^e)^(1/e) over the support, which the sorted prefix test finds; t by Newton
    alpha = inf      uniform over the maxima

Every solution is checked before it is written: it sums to 1 within 1e-30, no score outside the support lies above the
threshold, none inside below.
"""

import json
import math
import platform
from pathlib import Path

import mpmath
from mpmath import mp, mpf

mp.dps = 50
OUT = Path(__file__).resolve().parents[2] / "ts" / "test" / "conformance"

ALPHAS = [1, 1 + 1e-7, 1.0001, 1.001, 1.01, 1.25, 4 / 3, 1.5, 1.7, 1.99, 2, 2.0001, 2.5, 4, 10, 64, math.inf]


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


def normal_row(seed, n, scale=1.0):
    """The rows of ts/test/oracle/random.ts: xorshift32, four 16-bit uniforms, summed, centred, scaled by 7/4."""
    state, row = seed, []

    def bits():
        nonlocal state
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        return state

    for _ in range(n):
        row.append((sum(bits() >> 16 for _ in range(4)) / 65536 - 2) * 1.75 * scale)
    return row


def number(value):
    value = float(value)
    return value if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"


ROWS = {
    "the row of MATH.md §21": [0.5, 1.2, -0.3, 2.0, 1.9],
    "three scores": [-2.0, 0.0, 0.5],
    "one score": [-3.25],
    "two classes, difference 0.7": [0.7, 0.0],
    "two classes, difference 2 (exactly the limit of 1.5)": [2.0, 0.0],
    "all equal": [0.1] * 7,
    "ties on three levels": [0.3, 0.1, 0.3, 0.2, 0.1, 0.3, 0.2, 0.2, 0.1],
    "one spike": [0.0] * 8 + [0.9] + [0.0] * 8,
    "with -Infinity": [0.3, -math.inf, 0.1, -math.inf, 0.7],
    "far from zero": [1000.125, 1000.5, 999.875, 1000.4375, 1000.25],
    "tiny": [1e-7, -2e-7, 3e-7, 0.0, 2.5e-7],
    "full significands": [s / 3 for s in normal_row(11, 9)],
    "normal, 16": normal_row(5, 16),
    "narrow, 33": [s / 7 for s in normal_row(6, 33, 0.125)],
    "wide, 17": normal_row(7, 17, 16.0),
}

LARGE = [(seed, n, scale) for n in (64, 129, 257, 513, 1000, 4097) for seed, scale in ((n, 1.0), (n + 1, 2.0**-7))]
LARGE += [(32000, 32000, 1.0)]
LARGE_ALPHAS = [1, 1.001, 1.25, 4 / 3, 1.5, 1.7, 2, 2.5, 10]


def sampled(z, p):
    """Indices of the largest entries, of those on both sides of the threshold, and of some between."""
    order = sorted(range(len(z)), key=lambda i: (-z[i], i))
    size = sum(value > 0 for value in p)
    places = {0, 1, 2, size - 2, size - 1, size, size + 1} | {k * (size - 1) // 9 for k in range(10)}
    return sorted(order[k] for k in places if 0 <= k < len(z))


def versions():
    return {"python": platform.python_version(), "mpmath": mpmath.__version__, "digits": mp.dps}


def write(name, about, cases):
    content = {"about": about, "script": "scripts/golden/entmax.py", "versions": versions(), "cases": cases}
    lines = ",\n".join("  " + json.dumps(case, ensure_ascii=False) for case in cases)
    head = json.dumps({**content, "cases": []}, ensure_ascii=False)
    (OUT / name).write_text(head[: -len("[]}")] + "[\n" + lines + "\n]}\n", encoding="utf-8")
    print(f"{name}: {len(cases)} cases, {(OUT / name).stat().st_size} bytes")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, row in ROWS.items():
        results = []
        for alpha in ALPHAS:
            p, tau = entmax(row, alpha)
            results.append({"alpha": number(alpha), "threshold": number(tau), "p": [number(value) for value in p]})
        rows.append({"name": name, "x": [number(s) for s in row], "results": results})
    write("entmax-rows.json", "alpha-entmax of short rows of float64: x, and for each alpha the threshold and p", rows)

    large = []
    for seed, n, scale in LARGE:
        row = normal_row(seed, n, scale)
        for alpha in LARGE_ALPHAS:
            p, tau = entmax(row, alpha)
            size = sum(value > 0 for value in p)
            entries = [[i, number(p[i])] for i in sampled(row, p)]
            case = {"seed": seed, "n": n, "scale": scale, "alpha": alpha, "size": size}
            large.append({**case, "threshold": number(tau), "largest": number(max(p)), "entries": entries})
    about = "alpha-entmax of x = scale * normal_row(seed, n): support size, threshold, largest p, some [index, p]"
    write("entmax-large.json", about, large)


if __name__ == "__main__":
    main()
