"""Inputs on which other implementations of the regularised maps go wrong (MATH.md §7, §8, §18), what they give, and the right answer:
ts/test/conformance/regularised-errata.json. The other implementations are run here, so the recorded answers are theirs. What oscarmax
must give with `compat: 'torchsparseattn'` is what that package gives.

    golden-env/bin/pip install numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 cvxopt==1.3.3 jax==0.10.2 jaxopt==0.8.5
    golden-env/bin/python scripts/golden/regularised_errata.py torchsparseattn-env/bin/python
                                                              (golden-env as in entmax_rows.py, the other as in torchsparseattn_answers.py)
"""

import json
import subprocess
import sys
from fractions import Fraction
from importlib.metadata import version
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
from jaxopt.projection import projection_box_section

import exact
import fused
from cases import normal_row, numbers, random_bits, tolerance, write
from regularised import ROW, UPPER, V, case, one, refused

EXAMPLE = [0.155, 2.594, 0.092, -1.661]
PACKAGE = {"Fusedmax": "alpha", "Oscarmax": "beta"}


def torchsparseattn(calls):
    """Runs (module, x, lambda, dp) in float64; returns their answers and PyTorch's version."""
    script = Path(__file__).with_name("torchsparseattn_answers.py")
    asked = [
        {"module": module, "x": x, "options": {PACKAGE[module]: penalty}, "dp": v, "dtype": "float64"}
        for module, x, penalty, v in calls
    ]
    done = subprocess.run([sys.argv[1], script], input=json.dumps(asked), capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    return result["answers"], result["torch"]


def gives(call, answer, package="torchsparseattn (PyPI)", of="0.2"):
    return {"package": package, "version": of, "call": call, "gives": {key: numbers(each) for key, each in answer.items()}}


def erratum(what, case, other, k=None):
    number = {"erratum": k} if k else {}
    head = f"erratum {k}: " if k else ""
    rest = {key: value for key, value in case.items() if key != "name"}
    return {"name": f"{head}{what}; {case['name']}", **number, "group": f"{head}{what}", **rest, "others": [other]}


def differs(case, answer, key="p"):
    return max(abs(a - b) for a, b in zip(case["expected"][key], answer[key]))


def published(name, row, penalty, v, answer, loose=False):
    """oscarmax as the package has it: expected is its answer."""
    slope = max(1, *(abs(each) for each in v))
    # The package rounds lambda (N - 1 - rank) to float32, which shows unless that is exact.
    size = max(1, *(abs(each) for each in row)) + penalty * len(row)
    f64 = {"p": 1e-7 * size if loose else 1e-15 * size, "dx": 1e-14 * slope}
    support = [i for i, value in enumerate(answer["p"]) if value > 0]
    return {
        "name": f"oscarmax as published: {name}",
        "group": "oscarmax as published: what torchsparseattn gives",
        "operation": "oscarmax",
        "x": numbers(row),
        "parameters": {"lambda": penalty, "compat": "torchsparseattn"},
        "dp": numbers(v),
        "source": {"package": "torchsparseattn (PyPI)", "call": f"Oscarmax(beta={penalty})(x), float64, and its backward"},
        "expected": {"p": numbers(answer["p"]), "support": [support], "dx": numbers(answer["dx"])},
        "tolerance": tolerance(f64, {"p": 4e-7 * size, "dx": 1e-6 * slope}, [row, v]),
    }


# Scores, lambda and cotangent of what is published: of either sign, above 0, below 0, with ties of magnitudes, far from 0.
def published_inputs():
    for seed in range(1, 41):
        n = 2 + seed % 11
        offset = (0, 1, -1, 4)[seed % 4]
        row = [each + offset for each in normal_row(seed, n)]
        yield f"{n} normal scores and {offset}, {seed}", row, (0.5, 0.125, 0.03125, 0.25, 1)[seed % 5] / (1 if n < 6 else 4)
    yield "magnitudes that tie", [0.5, -0.5, 0.25, 0.5, -0.25, 0.75], 0.0625
    yield "all below 0", [-0.5, -1, -0.25, -2], 0.0625
    yield "all equal", [0.375] * 6, 0.03125
    yield "zeros", [0, 0, 0.5, 0], 0.0625
    yield "one score", [0.75], 0.5
    yield "lambda 0", ROW, 0
    yield "cut off at 0", ROW, 4


def oscarmax():
    """1: the published decomposition is not the minimum, and not even invariant to a shift."""
    what = "the published decomposition of oscarmax is not its minimum"
    named = [("the example of MATH.md §8.3", EXAMPLE, 0.966, [1, -2, 3, 0.5])]
    named += [(f"the same, shifted by {by}", [each + by for each in EXAMPLE], 0.966, [1, -2, 3, 0.5]) for by in (1, 3)]
    inputs = [(name, row, penalty, normal_row(len(row) + 500, len(row))) for name, row, penalty in published_inputs()]
    loose = [("the example of MATH.md §8.3", EXAMPLE, 0.966, [1, -2, 3, 0.5]), ("five scores, lambda 0.1", ROW, 0.1, V)]
    answers, torch = torchsparseattn([("Oscarmax", *each[1:]) for each in (*named, *inputs, *loose)])
    wrong = 0
    for (name, row, penalty, v), answer in zip((*named, *inputs), answers):
        right = one(name, "oscarmax", row, penalty, v)
        # The shifted example is recorded though it comes out right: its answer must not depend on the shift.
        if differs(right, answer) > 1e-6 or (name, row, penalty, v) in named:
            wrong += 1
            call = f"Oscarmax(beta={penalty})(x), PyTorch {torch}"
            yield erratum(what, right, gives(call, answer), 1)
    assert wrong > 10, wrong
    for (name, row, penalty, v), answer in zip(inputs, answers[len(named) :]):
        yield published(name, row, penalty, v, answer)
    for (name, row, penalty, v), answer in zip(loose, answers[len(named) + len(inputs) :]):
        yield published(f"{name}, lambda not of float32", row, penalty, v, answer, True)


def close_rows():
    """Rows of a few places around 1, with a lambda of parts of a place: rounding makes segments equal that no penalty joins."""
    for seed in range(1, 4000):
        bits = random_bits(seed)
        n = 4 + bits() % 5
        row = [1 + (bits() % 4) * 2.0**-52 for _ in range(n)]
        yield row, (1 + bits() % 7) * 2.0**-56


def fusedmax():
    """MATH.md §8.1: segments are found again by comparing floats, so that equal ones that nothing holds together are averaged."""
    what = "fusedmax's gradient averages over ties that no segment holds together"
    v = normal_row(600, 8)
    calls = [(f"lambda 0, {name}", row, 0, v[: len(row)]) for name, row in (("ties", [1, 1, 0.5, 0.75]), ("all equal", [0.5] * 6))]
    found = []
    for row, penalty in close_rows():
        face, is_strict = fused.solve([Fraction(each) for each in row], fused.path(len(row)), Fraction(penalty))
        if is_strict and len(face.groups) > 1:
            found.append((f"{len(row)} scores within some places", row, penalty, v[: len(row)]))
        if len(found) == 200:
            break
    answers, torch = torchsparseattn([("Fusedmax", *each[1:]) for each in (*calls, *found)])
    count = 0
    for (name, row, penalty, v), answer in zip((*calls, *found), answers):
        right = one(name, "fusedmax", row, penalty, v)
        if differs(right, answer, "dx") > 1e-3:
            count += 1
            right["name"] += f", {count}"
            yield erratum(what, right, gives(f"Fusedmax(alpha={penalty})(x), backward, PyTorch {torch}", answer))
        if count == 8:
            return
    assert count > 2, count


def bounds():
    """7: bounds that no distribution meets are met by something that is none, without a word."""
    what = "bounds that sum to less than 1"
    for name, upper in {
        "five scores": [0.25, 0.25, 0.125, 0.25, 0],
        "0.125 each": [0.125] * 5,
        "nothing": [0] * 5,
    }.items():
        hyper = (jnp.zeros(5), jnp.array(upper, dtype=float), jnp.ones(5), 1.0)
        answer = {"p": projection_box_section(jnp.array(ROW), hyper).tolist()}
        call = "projection_box_section(x, (0, upper, 1, 1.0)), JAX " + jax.__version__
        other = gives(call, answer, "jaxopt (PyPI)", version("jaxopt"))
        for operation in ("constrainedSparsemax", "constrainedSoftmax", "constrainedEntmax"):
            refusal = refused(f"{name}", operation, ROW, upper=upper)
            yield erratum(what, refusal, other if operation == "constrainedSparsemax" else {**other, "call": call + " (alpha 2)"}, 7)
    # Where there is one, theirs is that of some bisections.
    hyper = (jnp.zeros(5), jnp.array(UPPER), jnp.ones(5), 1.0)
    answer = {"p": projection_box_section(jnp.array(ROW), hyper).tolist()}
    assert exact.budget(ROW, 1, UPPER)[0] == [Fraction(1, 8), Fraction(5, 16), 0, Fraction(1, 4), Fraction(5, 16)]
    other = gives("projection_box_section(x, (0, upper, 1, 1.0))", answer, "jaxopt (PyPI)", version("jaxopt"))
    yield erratum(what, one("bounds that do", "constrainedSparsemax", ROW, 2, V, UPPER), other, 7)


def singleton_axes():
    """7: gradients beside an axis of length 1, where budget_bisect goes wrong (errata.json), of the constrained maps."""
    what = "gradients beside an axis of length 1"
    rows, vs = [normal_row(71 + r, 6) for r in range(4)], [normal_row(81 + r, 6) for r in range(4)]
    upper = [[0.25, 0.375, 0.25, 0.5, 0.125, 0.25]] * 4
    for operation, alpha in (("constrainedSoftmax", 1), ("constrainedSparsemax", 2), ("constrainedEntmax", 1.5)):
        whole = case("", operation, rows, vs, alpha, upper=upper)
        for shape in ([4, 6], [4, 1, 6], [1, 4, 6], [4, 6, 1]):
            axis = -2 if shape[-1] == 1 else -1
            made = {**whole, "name": f"{operation}: shape {shape}, axis {axis}", "shape": shape, "axis": axis}
            head = {"name": f"erratum 7: {what}; {made['name']}", "erratum": 7, "group": f"erratum 7: {what}"}
            yield {**head, **{key: value for key, value in made.items() if key != "name"}}


def main():
    cases = [*oscarmax(), *fusedmax(), *bounds(), *singleton_axes()]
    about = "inputs that break other implementations of the regularised maps: what they give, and the right answer"
    packages = {each: version(each) for each in ("numpy", "scipy", "networkx", "cvxopt", "jax", "jaxopt")}
    write("regularised-errata.json", about, cases, "regularised_errata.py", torchsparseattn="0.2", **packages)


if __name__ == "__main__":
    main()
