"""Golden values of alpha-entmax on ordinary rows: ts/test/conformance/entmax-rows.json (short rows in full) and
entmax-large.json (rows that a seed describes, of which some entries are kept).

    python -m venv golden-env && golden-env/bin/pip install mpmath==1.4.1
    golden-env/bin/python scripts/golden/entmax_rows.py
"""

import json
import math

from cases import OUT, normal_row, number, versions
from maps import entmax

ALPHAS = [1, 1 + 1e-7, 1.0001, 1.001, 1.01, 1.25, 4 / 3, 1.5, 1.7, 1.99, 2, 2.0001, 2.5, 4, 10, 64, math.inf]

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


def write(name, about, cases):
    content = {"about": about, "script": "scripts/golden/entmax_rows.py", "versions": versions(), "cases": cases}
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
