"""Structured inference on one factor: best structures of large problems, the k best, and SparseMAP with its gradients.
Writes ts/test/conformance/structured.json (docs/conformance.md).

    python -m venv golden-env && golden-env/bin/pip install mpmath==1.4.1 numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 cvxopt==1.3.3 \\
      python-flint==0.9.0
    golden-env/bin/python scripts/golden/structured.py
"""

import math
from importlib.metadata import version

from cases import normal_row, write
from oracles import kbest_case, map_case
from sparsemaps import sparsemap_case
from tables import given, normal

ONE, UNMATCHED, AT_MOST = {"root": "one"}, {"unmatched": True}, {"atMost": True}
TINY, HUGE = 2.0**-20, 2.0**20


def chain(seed, t, s, scale=1.0, ends=True, **forbidden):
    tables = {"unary": normal(seed, t, s, scale=scale), "transitions": normal(seed + 1, t - 1, s, s, scale=scale, **forbidden)}
    if ends:
        tables |= {"start": normal(seed + 2, s, scale=scale), "end": normal(seed + 3, s, scale=scale)}
    return tables


def maps():
    for n, m in ((12, 12), (25, 25), (60, 60), (12, 25), (25, 12), (60, 25), (1, 40), (40, 1)):
        yield map_case(f"assignment {n} x {m}", "assignment", {"unary": normal(1000 + n + m, n, m)})
    for n, m in ((25, 25), (12, 25), (60, 25)):
        yield map_case(f"assignment {n} x {m}, unmatched", "assignment", {"unary": normal(1200 + n + m, n, m)}, UNMATCHED)
    forbidden = [i * 25 + j for i in range(25) for j in range(25) if (i * 7 + j * 11) % 5 < 3 and i != j]
    scores = {"unary": normal(1301, 25, 25, forbidden=forbidden)}
    yield map_case("assignment 25 x 25, most pairs forbidden", "assignment", scores)
    for n in (12, 25, 60):
        side = n + 1
        yield map_case(f"arborescence of {n}", "arborescence", {"unary": normal(1400 + n, side, side)})
        yield map_case(f"projective tree of {n}", "projectiveTree", {"unary": normal(1500 + n, side, side)})
        yield map_case(f"projective tree of {n}, one root", "projectiveTree", {"unary": normal(1600 + n, side, side)}, ONE)
    for n in (12, 25):
        yield map_case(f"arborescence of {n}, one root", "arborescence", {"unary": normal(1700 + n, n + 1, n + 1)}, ONE)
    # Heads far to the left are forbidden, so that cycles must be contracted within few arcs.
    banded = [head * 26 + word for head in range(26) for word in range(26) if abs(head - word) > 4]
    yield map_case("arborescence of 25, heads within 4 words", "arborescence", {"unary": normal(1801, 26, 26, forbidden=banded)})
    yield map_case("projective tree of 25, heads within 4 words", "projectiveTree", {"unary": normal(1802, 26, 26, forbidden=banded)})
    for t, s in ((12, 25), (40, 7), (60, 12)):
        yield map_case(f"sequence {t} x {s}", "sequence", chain(1900 + t, t, s))
    yield map_case("sequence 60 x 12, unary and ends alone", "sequence", {"unary": normal(1990, 60, 12), "end": normal(1991, 12)})
    off = [(i * 7 + a) * 7 + b for i in range(39) for a in range(7) for b in range(7) if (a + b + i) % 3 == 0]
    yield map_case("sequence 40 x 7, a third of the transitions forbidden", "sequence", chain(2000, 40, 7, forbidden=off))
    for budget in (0, 5, 12):
        yield map_case(f"sequence 40 x 4, budget {budget}", "sequence", chain(2100, 40, 4), {"budget": budget})
    yield map_case("25 of 60", "budget", {"unary": normal(2200, 60)}, {"k": 25})
    yield map_case("at most 40 of 60", "budget", {"unary": normal(2201, 60)}, {"k": 40, **AT_MOST})
    yield map_case("bits of 60", "bits", {"unary": normal(2202, 60)})
    yield map_case("one of 60", "oneHot", {"unary": normal(2203, 60)})


def many_best():
    yield kbest_case("the 40 best of 6 x 4", "sequence", chain(3000, 6, 4), 40)
    yield kbest_case("the 25 best of 4 x 7", "sequence", chain(3010, 4, 7, ends=False), 25)
    yield kbest_case("the 15 best of 11 x 2, budget 3", "sequence", chain(3020, 11, 2), 15, {"budget": 3})
    off = [(i * 3 + a) * 3 + a for i in range(6) for a in range(3)]
    yield kbest_case("the 20 best of 7 x 3, no label twice in a row", "sequence", chain(3030, 7, 3, forbidden=off), 20)
    yield kbest_case("the 60 best of 14 bits", "bits", {"unary": normal(3040, 14)}, 60)
    yield kbest_case("the 12 best of 9 bits, two forbidden", "bits", {"unary": normal(3041, 9, forbidden=[2, 7])}, 12)


def cotangents(scores, seed):
    return {name: normal(seed + 10 * i, *table.shape) for i, (name, table) in enumerate(scores.items())}


def solved(name, factor, scores, parameters=None, seed=1, **more):
    """A case with cotangents of all marginals and of the weights, where these are unique."""
    dweights = normal_row(seed + 7, 40)
    case, _ = sparsemap_case(name, factor, scores, parameters, cotangents(scores, seed), dweights, **more)
    return case


def tree(seed, n, **more):
    return {"unary": normal(seed, n + 1, n + 1, **more)}


FACTORS = {
    "sequence 5 x 3": ("sequence", lambda seed, scale: chain(seed, 5, 3, scale), {}, [0, 2, 1, 0, 0]),
    "sequence 7 x 2, budget 3": ("sequence", lambda seed, scale: chain(seed, 7, 2, scale, ends=False), {"budget": 3}, [0, 1, 0, 0, 1, 0, 1]),
    "arborescence of 4": ("arborescence", lambda seed, scale: tree(seed, 4, scale=scale), {}, [0, 1, 1, 3]),
    "arborescence of 4, one root": ("arborescence", lambda seed, scale: tree(seed, 4, scale=scale), ONE, [2, 0, 2, 3]),
    "projective tree of 4": ("projectiveTree", lambda seed, scale: tree(seed, 4, scale=scale), {}, [0, 1, 4, 0]),
    "projective tree of 4, one root": ("projectiveTree", lambda seed, scale: tree(seed, 4, scale=scale), ONE, [2, 0, 4, 2]),
    "assignment 4 x 4": ("assignment", lambda seed, scale: {"unary": normal(seed, 4, 4, scale=scale)}, {}, [1, 0, 3, 2]),
    "assignment 3 x 5": ("assignment", lambda seed, scale: {"unary": normal(seed, 3, 5, scale=scale)}, {}, [4, 0, 3]),
    "assignment 5 x 3": ("assignment", lambda seed, scale: {"unary": normal(seed, 5, 3, scale=scale)}, {}, [-1, 0, 2, -1, 1]),
    "assignment 4 x 3, unmatched": ("assignment", lambda seed, scale: {"unary": normal(seed, 4, 3, scale=scale)}, UNMATCHED, [-1, 0, -1, 2]),
    "3 of 8": ("budget", lambda seed, scale: {"unary": normal(seed, 8, scale=scale)}, {"k": 3}, [1, 1, 0, 0, 0, 0, 0, 1]),
    "at most 2 of 8": ("budget", lambda seed, scale: {"unary": normal(seed, 8, scale=scale)}, {"k": 2, **AT_MOST}, [0, 0, 1, 0, 0, 0, 0, 0]),
    "bits of 8": ("bits", lambda seed, scale: {"unary": normal(seed, 8, scale=scale)}, {}, [1, 0, 1, 0, 1, 0, 1, 0]),
    "one of 9": ("oneHot", lambda seed, scale: {"unary": normal(seed, 9, scale=scale)}, {}, [3]),
}


def small():
    scales = {"": 1.0, ", narrow": 0.25, ", scores about 1e-6": TINY, ", scores about 1e6": HUGE}
    for f, (name, (factor, scores, parameters, target)) in enumerate(FACTORS.items()):
        for s, (kind, scale) in enumerate(scales.items()):
            seed = 4009 + 100 * f + 10 * s
            known = target if scale >= 0.25 else None
            large = {"objective": 1e-8, "loss": 1e-8} if scale == HUGE else {}
            yield solved(name + kind, factor, scores(seed, scale), parameters, seed, target=known, tolerances=large)


def medium():
    yield solved("sequence 6 x 4, all scores", "sequence", chain(5000, 6, 4, 0.5), seed=5001)
    yield solved("arborescence of 5", "arborescence", tree(5100, 5, scale=0.25), seed=5101)
    yield solved("projective tree of 6", "projectiveTree", tree(5200, 6, scale=0.5), seed=5201)
    yield solved("assignment 6 x 6", "assignment", {"unary": normal(5300, 6, 6, scale=0.5)}, seed=5301)
    yield solved("assignment 4 x 6, narrow", "assignment", {"unary": normal(5310, 4, 6, scale=0.25)}, seed=5311)
    yield solved("5 of 11", "budget", {"unary": normal(5400, 11)}, {"k": 5}, seed=5401)
    yield solved("one of 200", "oneHot", {"unary": normal(5500, 200, scale=0.25)}, seed=5501)


def ties():
    """All equal, whole numbers, and equal rows: the marginals are unique all the same, and so is their gradient inside of a face."""
    flat = lambda *shape: given([0] * math.prod(shape), *shape)
    yield solved("sequence 4 x 3, all scores 0", "sequence", {"unary": flat(4, 3)}, seed=6001)
    yield solved("arborescence of 4, all scores 0", "arborescence", {"unary": flat(5, 5)}, seed=6002)
    yield solved("arborescence of 3, one root, all scores 0", "arborescence", {"unary": flat(4, 4)}, ONE, seed=6003)
    yield solved("projective tree of 4, all scores 0", "projectiveTree", {"unary": flat(5, 5)}, seed=6004)
    yield solved("assignment 4 x 4, all scores 0", "assignment", {"unary": flat(4, 4)}, seed=6005)
    yield solved("assignment 3 x 4, all scores 1", "assignment", {"unary": given([1] * 12, 3, 4)}, seed=6006)
    yield solved("3 of 7, all scores 2", "budget", {"unary": given([2] * 7)}, {"k": 3}, seed=6007)
    rows = [1, 0.5, 0, 1, 0.5, 0, 0.25, 0.25, 0.75]
    yield solved("assignment 3 x 3, two equal rows", "assignment", {"unary": given(rows, 3, 3)}, seed=6008)
    twin = [0.5, 0.5, 0, 0.25, 0.25, 1, 0, 0, 0.5, 0.125, 0.125, 0.25]
    yield solved("sequence 4 x 3, a state twice", "sequence", {"unary": given(twin, 4, 3)}, seed=6009)


def forbidden():
    arcs = [2 * 5 + 1, 0 * 5 + 3, 4 * 5 + 2]
    yield solved("arborescence of 4, arcs forbidden", "arborescence", tree(7000, 4, scale=0.5, forbidden=arcs), seed=7001)
    yield solved("arborescence of 4, one root, arcs forbidden", "arborescence", tree(7010, 4, scale=0.5, forbidden=arcs), ONE, seed=7011)
    yield solved("projective tree of 4, arcs forbidden", "projectiveTree", tree(7020, 4, scale=0.5, forbidden=arcs), seed=7021)
    square = {"unary": normal(7030, 4, 4, scale=0.5, forbidden=[0, 5, 10, 15])}
    yield solved("assignment 4 x 4, the diagonal forbidden", "assignment", square, seed=7031)
    one = {"unary": normal(7040, 3, 3, forbidden=[1, 2, 3, 5, 6, 7])}
    yield solved("assignment 3 x 3, one structure left", "assignment", one, seed=7041)
    off = [(i * 3 + a) * 3 + a for i in range(4) for a in range(3)]
    yield solved("sequence 5 x 3, no label twice in a row", "sequence", chain(7050, 5, 3, 0.5, forbidden=off), seed=7051)
    yield solved("3 of 8, two forbidden", "budget", {"unary": normal(7060, 8, scale=0.5, forbidden=[0, 4])}, {"k": 3}, seed=7061)
    yield solved("one of 6, three forbidden", "oneHot", {"unary": normal(7070, 6, scale=0.5, forbidden=[1, 3, 4])}, seed=7071)


def offsets():
    """Millions that all structures have alike: the answer is that of what is left, if it is not lost in rounding."""
    noise = normal_row(8000, 25, 0.5)
    base = [HUGE * (i + 1) - 3 * HUGE * (j - 2) for i in range(5) for j in range(5)]
    scores = {"unary": given([a + b for a, b in zip(noise, base)], 5, 5)}
    more = {"hint": noise, "tolerances": {"objective": 1e-8}}
    yield solved("assignment 5 x 5, millions by row and column", "assignment", scores, seed=8001, **more)
    noise = normal_row(8010, 25, 0.5)
    scores = {"unary": given([a + HUGE * (at % 5 - 2) for at, a in enumerate(noise)], 5, 5)}
    more["hint"] = noise
    yield solved("arborescence of 4, millions by modifier", "arborescence", scores, seed=8011, **more)
    noise = normal_row(8020, 12, 0.5)
    scores = {"unary": given([a + HUGE * (at // 3) for at, a in enumerate(noise)], 4, 3)}
    more["hint"] = noise
    yield solved("sequence 4 x 3, millions by position", "sequence", scores, seed=8021, **more)


PACKAGES = {"scipy": "scipy", "networkx": "networkx", "cvxopt": "cvxopt", "flint": "python-flint"}


def main():
    makers = [maps, many_best, small, medium, ties, forbidden, offsets]
    cases = [case for make in makers for case in make()]
    about = "one factor: best structures, the k best, SparseMAP with weights, gradients and losses"
    used = {name: version(package) for name, package in PACKAGES.items()}
    write("structured.json", about, cases, "structured.py", digits="exact", **used)


if __name__ == "__main__":
    main()
