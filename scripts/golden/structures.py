"""All structures of small factors, each as the 0 and 1 of its parts, and of what a caller sees of it: from the definitions alone.
Tables in the order of TABLES, a table row-major; trees have a table of (n + 1)^2 arcs, head times n + 1 plus modifier.
"""

from itertools import combinations, permutations, product

TABLES = ("unary", "transitions", "start", "end")


def sequences(t, s, budget=None):
    for labels in product(range(s), repeat=t):
        if budget is None or sum(label != 0 for label in labels) <= budget:
            yield labels


def sequence_parts(labels, s):
    return {
        "unary": [i * s + label for i, label in enumerate(labels)],
        "transitions": [(i * s + labels[i]) * s + labels[i + 1] for i in range(len(labels) - 1)],
        "start": [labels[0]],
        "end": [labels[-1]],
    }


def is_tree(heads):
    """Whether every word reaches the root, 0."""
    for word in range(1, len(heads) + 1):
        at, steps = word, 0
        while at and steps <= len(heads):
            at, steps = heads[at - 1], steps + 1
        if at:
            return False
    return True


def is_projective(heads):
    """No two arcs cross: the root stands to the left of the words."""
    arcs = [tuple(sorted((head, word))) for word, head in enumerate(heads, 1)]
    return not any(a < c < b < d for a, b in arcs for c, d in arcs)


def trees(n, one_root=False, projective=False):
    for heads in product(range(n + 1), repeat=n):
        if one_root and heads.count(0) != 1:
            continue
        if is_tree(heads) and (not projective or is_projective(heads)):
            yield heads


def assignments(n, m, unmatched=False):
    """Columns of the rows, -1 for none."""
    for size in range(0 if unmatched else min(n, m), min(n, m) + 1):
        for rows in combinations(range(n), size):
            for columns in permutations(range(m), size):
                chosen = dict(zip(rows, columns))
                yield tuple(chosen.get(row, -1) for row in range(n))


def subsets(n, sizes):
    for bits in product((0, 1), repeat=n):
        if sum(bits) in sizes:
            yield bits


def enumerated(factor, parameters, shape):
    """Pairs of a structure as the caller sees it, and its parts by table."""
    one_root = parameters.get("root") == "one"
    if factor == "sequence":
        return [(y, sequence_parts(y, shape[1])) for y in sequences(*shape, parameters.get("budget"))]
    if factor in ("arborescence", "projectiveTree"):
        side = shape[0]
        found = trees(side - 1, one_root, factor == "projectiveTree")
        return [(y, {"unary": [head * side + word for word, head in enumerate(y, 1)]}) for y in found]
    if factor == "assignment":
        found = assignments(*shape, parameters.get("unmatched", False))
        return [(y, {"unary": [i * shape[1] + j for i, j in enumerate(y) if j >= 0]}) for y in found]
    if factor == "oneHot":
        return [((i,), {"unary": [i]}) for i in range(shape[0])]
    sizes = range(shape[0] + 1)
    if factor == "budget":
        sizes = range(parameters["k"] + 1) if parameters.get("atMost") else (parameters["k"],)
    return [(y, {"unary": [i for i, bit in enumerate(y) if bit]}) for y in subsets(shape[0], sizes)]
