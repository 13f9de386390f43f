"""SparseMAP of a chain too long to be enumerated: structures are found by Viterbi where the dual is violated, their weights by an
interior-point solver, and at the end in rational arithmetic. The largest violation that Viterbi finds then bounds the error of the objective.
"""

import numpy as np
from flint import fmpq, fmpq_mat

from cases import numbers, tolerance
from faces import basis, column, exact_to_float, interior_point, listed
from tables import normal, written

GAP = 1e-11


def viterbi(unary, transitions):
    best, back = unary[0], []
    for i in range(1, len(unary)):
        totals = best[:, None] + transitions[i - 1]
        back.append(totals.argmax(0))
        best = totals.max(0) + unary[i]
    labels = [int(best.argmax())]
    for each in reversed(back):
        labels.append(int(each[labels[-1]]))
    return labels[::-1], float(best.max())


def long_chain_case(name, seed, t, s):
    scores = {"unary": normal(seed, t, s), "transitions": normal(seed + 1, t - 1, s, s)}
    unary, transitions = (np.array(table.values).reshape(table.shape) for table in scores.values())
    steps = np.arange(t)
    # A sum of multiples of a power of two: exact.
    linear = lambda y: float(unary[steps, y].sum() + transitions[steps[:-1], y[:-1], y[1:]].sum())
    atoms = [np.array(viterbi(unary, transitions)[0])]
    while True:
        gram = np.array([[float((a == b).sum()) for b in atoms] for a in atoms])
        totals = np.array([linear(y) for y in atoms])
        count = len(atoms)
        weights, _, multipliers, _ = interior_point(gram, -totals, -np.eye(count), np.zeros(count), np.ones((1, count)), [1.0])
        mu = np.zeros((t, s))
        for y, weight in zip(atoms, weights):
            mu[steps, y] += weight
        y, best = viterbi(unary - mu, transitions)
        tau = max(linear(a) - mu[steps, a].sum() for a in atoms)
        if best - tau < GAP or any((a == y).all() for a in atoms):
            break
        atoms.append(np.array(y))
    atoms = [y for y, weight, multiplier in zip(atoms, weights, multipliers) if weight > multiplier]
    weights = weights[multipliers < weights]
    independent, coefficients = solved(atoms, linear)
    mu = np.zeros((t, s))
    moves = np.zeros((t - 1, s, s))
    for y, coefficient in zip(independent, coefficients):
        mu[steps, y] += exact_to_float(coefficient)
        moves[steps[:-1], y[:-1], y[1:]] += exact_to_float(coefficient)
    # Coefficients may be negative: that mu is in the hull, the interior-point weights show, corrected by what they miss.
    rows = np.array([np.eye(s)[y].ravel() for y in atoms])
    missing = np.append(mu.ravel() - weights @ rows, 1 - weights.sum())
    correction = np.linalg.lstsq(np.hstack([rows, np.ones((len(atoms), 1))]).T, missing, rcond=None)[0]
    assert min(weights + correction) > 0, min(weights + correction)
    assert np.abs((weights + correction) @ rows - mu.ravel()).max() < 1e-13
    best = viterbi(unary - mu, transitions)[1]
    violation = max(best - (linear(y) - mu[steps, y].sum()) for y in atoms)
    assert violation < GAP, violation
    # Uncertain places only, the others are 0 and 1.
    expected = {}
    for table, values in (("unary", mu), ("transitions", moves)):
        inside = np.flatnonzero((values.ravel() > 1e-6) & (values.ravel() < 1 - 1e-6))
        at = inside[:: max(1, len(inside) // 40)].tolist()
        expected[table] = {"at": at, "values": numbers(values.ravel()[at])}
    print(f"{name}: {len(independent)} structures, violation {violation:.1e}")
    case = {"name": name, "operation": "sparsemap", "factor": "sequence", "parameters": {}, "scores": written(scores)}
    return {**case, "expected": {"marginals": expected}, "tolerance": tolerance({"marginals": 1e-8})}, scores


def solved(atoms, linear):
    """[0 1; 1 G] [tau; xi] = [1; b] in fractions, on atoms of which no one is an affine combination of the others."""
    shifted = fmpq_mat(len(atoms), len(atoms), [fmpq(int((a == b).sum()) + 1) for a in atoms for b in atoms])
    atoms = [atoms[pivot] for pivot in basis(shifted)[1]]
    count = len(atoms)
    entries = [fmpq(0)] + [fmpq(1)] * count
    for a in atoms:
        entries += [fmpq(1)] + [fmpq(int((a == b).sum())) for b in atoms]
    answer = fmpq_mat(count + 1, count + 1, entries).solve(column([1.0, *(linear(y) for y in atoms)]))
    return atoms, listed(answer)[1:]
