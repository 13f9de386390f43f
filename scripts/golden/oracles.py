"""Best structures of factors too large to be enumerated, by other people's solvers (scipy's linear_sum_assignment, networkx's
maximum_spanning_arborescence) and by dynamic programmes written from the definitions; and the k best by enumeration.

Scores are multiples of a power of two, so sums of them are exact. A case is kept only where the best structure is the only one: without any
one of its parts, the best of the others scores less by MARGIN at least.
"""

import heapq
from itertools import product

import networkx
import numpy as np
from scipy.optimize import linear_sum_assignment

from cases import numbers, tolerance
from structures import sequence_parts, sequences
from tables import INF, written

MARGIN = 1e-5
#: In place of -Infinity for solvers that take none; more than all scores together.
FORBIDDEN = -1e7


def finite(values):
    return np.where(np.isneginf(values), FORBIDDEN, values)


def assignment(tables, parameters):
    scores = finite(tables["unary"])
    n, m = scores.shape
    if parameters.get("unmatched"):
        # A row may have a column of its own that is worth 0, a column a row of its own; what is left matches itself for 0.
        alone = np.full((n, n), FORBIDDEN)
        np.fill_diagonal(alone, 0)
        spare = np.full((m, m), FORBIDDEN)
        np.fill_diagonal(spare, 0)
        scores = np.block([[scores, alone], [spare, np.zeros((m, n))]])
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return [int(dict(zip(rows, columns)).get(i, -1)) if dict(zip(rows, columns)).get(i, m) < m else -1 for i in range(n)]


def arborescence(tables, parameters):
    scores = tables["unary"]
    n = len(scores) - 1

    def best(roots):
        graph = networkx.DiGraph()
        graph.add_nodes_from(range(n + 1))
        for head, word in product(range(n + 1), range(1, n + 1)):
            if head != word and (head or word in roots) and scores[head, word] != -INF:
                graph.add_edge(head, word, weight=float(scores[head, word]))
        tree = networkx.maximum_spanning_arborescence(graph)
        heads = {word: head for head, word in tree.edges}
        return [heads[word] for word in range(1, n + 1)]

    if parameters.get("root") != "one":
        return best(set(range(1, n + 1)))
    found = []
    for root in range(1, n + 1):
        try:
            heads = best({root})
        except networkx.NetworkXException:
            continue
        found.append((sum(scores[head, word] for word, head in enumerate(heads, 1)), heads))
    return max(found)[1]


def projective_tree(tables, parameters):
    """Eisner: spans [i, j] that are a half tree of i (right) or of j (left), complete or with the arc between i and j only begun."""
    scores = finite(tables["unary"])
    n = len(scores) - 1
    side = n + 1
    complete = np.zeros((2, side, side))
    begun = np.zeros((2, side, side))
    splits = np.zeros((4, side, side), dtype=int)
    for width in range(1, side):
        for i in range(side - width):
            j = i + width
            between = complete[1, i, i:j] + complete[0, i + 1 : j + 1, j]
            at = int(between.argmax())
            splits[0, i, j] = splits[1, i, j] = i + at
            begun[0, i, j] = between[at] + (scores[j, i] if i else FORBIDDEN)
            begun[1, i, j] = between[at] + scores[i, j]
            left = complete[0, i, i:j] + begun[0, i:j, j]
            right = begun[1, i, i + 1 : j + 1] + complete[1, i + 1 : j + 1, j]
            splits[2, i, j], splits[3, i, j] = i + int(left.argmax()), i + 1 + int(right.argmax())
            complete[0, i, j], complete[1, i, j] = left.max(), right.max()
    heads = [0] * n

    def take(is_complete, goes_right, i, j):
        pending = [(is_complete, goes_right, i, j)]
        while pending:
            is_complete, goes_right, i, j = pending.pop()
            if i == j:
                continue
            if not is_complete:
                head, word = (i, j) if goes_right else (j, i)
                heads[word - 1] = head
                at = splits[0, i, j]
                pending += [(True, True, i, at), (True, False, at + 1, j)]
            elif goes_right:
                at = splits[3, i, j]
                pending += [(False, True, i, at), (True, True, at, j)]
            else:
                at = splits[2, i, j]
                pending += [(True, False, i, at), (False, False, at, j)]

    if parameters.get("root") == "one":
        root = max(range(1, side), key=lambda r: scores[0, r] + complete[0, 1, r] + complete[1, r, n])
        heads[root - 1] = 0
        take(True, False, 1, root)
        take(True, True, root, n)
    else:
        take(True, True, 0, n)
    return [int(head) for head in heads]


def sequence(tables, parameters):
    """Viterbi; with a budget, the states are pairs of a label and how many labels other than 0 there were."""
    unary = tables["unary"]
    t, s = unary.shape
    transitions = tables.get("transitions", np.zeros((t - 1, s, s)))
    most = parameters.get("budget", t)
    best = {(label, int(label != 0)): (unary[0, label] + tables.get("start", np.zeros(s))[label], [label]) for label in range(s)}
    for i in range(1, t):
        after = {}
        for (label, used), (score, labels) in best.items():
            for to in range(s):
                key = (to, used + (to != 0))
                total = score + transitions[i - 1, label, to] + unary[i, to]
                if key[1] <= most and total > -INF and (key not in after or total > after[key][0]):
                    after[key] = (total, [*labels, to])
        best = after
    ends = tables.get("end", np.zeros(s))
    return max((score + ends[label], labels) for (label, used), (score, labels) in best.items() if used <= most)[1]


def budget(tables, parameters):
    scores = tables["unary"]
    order = sorted(range(len(scores)), key=lambda i: -scores[i])[: parameters["k"]]
    chosen = [i for i in order if scores[i] > 0] if parameters.get("atMost") else order
    return [int(i in chosen) for i in range(len(scores))]


ORACLES = {
    "assignment": assignment,
    "arborescence": arborescence,
    "projectiveTree": projective_tree,
    "sequence": sequence,
    "budget": budget,
    "bits": lambda tables, _: [int(score > 0) for score in tables["unary"]],
    "oneHot": lambda tables, _: [int(np.argmax(tables["unary"]))],
}


def parts_of(factor, structure, shape):
    """Flat places by table."""
    if factor == "sequence":
        return sequence_parts(structure, shape[1])
    if factor in ("arborescence", "projectiveTree"):
        return {"unary": [head * shape[0] + word for word, head in enumerate(structure, 1)]}
    if factor == "assignment":
        return {"unary": [i * shape[1] + j for i, j in enumerate(structure) if j >= 0]}
    if factor == "oneHot":
        return {"unary": list(structure)}
    return {"unary": [i for i, bit in enumerate(structure) if bit]}


def total(factor, structure, tables):
    parts = parts_of(factor, structure, tables["unary"].shape)
    return float(sum(table.flat[part] for name, table in tables.items() for part in parts[name]))


def assert_unique(name, factor, parameters, tables, structure, score):
    """Any other structure lacks a part of this one, or has one more."""
    unary = tables["unary"]
    for part in parts_of(factor, structure, unary.shape)["unary"]:
        kept, unary.flat[part] = unary.flat[part], FORBIDDEN
        other = ORACLES[factor](tables, parameters)
        assert total(factor, other, tables) < score - MARGIN, (name, part)
        unary.flat[part] = kept
    if factor in ("bits", "budget", "assignment") and np.isfinite(unary).all():
        assert np.abs(unary).min() > MARGIN, name


def map_case(name, factor, scores, parameters=None):
    parameters = parameters or {}
    tables = {key: np.array(table.values).reshape(table.shape) for key, table in scores.items()}
    structure = ORACLES[factor](tables, parameters)
    score = total(factor, structure, tables)
    assert_unique(name, factor, parameters, tables, structure, score)
    return ranked(name, "map", factor, scores, parameters, [structure], [score])


def kbest_case(name, factor, scores, k, parameters=None):
    """By enumeration."""
    parameters = parameters or {}
    tables = {key: np.array(table.values).reshape(table.shape) for key, table in scores.items()}
    shape = tables["unary"].shape
    all_of_them = sequences(*shape, parameters.get("budget")) if factor == "sequence" else product((0, 1), repeat=shape[0])
    rated = ((total(factor, each, tables), each) for each in all_of_them)
    best = heapq.nlargest(k + 1, (each for each in rated if each[0] > -INF))
    gaps = [a[0] - b[0] for a, b in zip(best, best[1:])]
    assert min(gaps) > MARGIN, (name, min(gaps))
    best = best[:k]
    case = ranked(name, "kbest", factor, scores, parameters, [list(y) for _, y in best], [score for score, _ in best])
    return {**case, "k": k}


def ranked(name, operation, factor, scores, parameters, structures, totals):
    expected = {"structures": structures, "scores": numbers(totals)}
    return {
        "name": name,
        "operation": operation,
        "factor": factor,
        "parameters": parameters,
        "scores": written(scores),
        "expected": expected,
        "tolerance": tolerance({"scores": 1e-12}, {"scores": 1e-12}, [table.values for table in scores.values()]),
    }
