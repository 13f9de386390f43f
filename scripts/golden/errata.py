"""Inputs on which other implementations go wrong (MATH.md §18), what they give, and the right answer by mpmath or
fractions: ts/test/conformance/errata.json. The other implementations are run here, so the recorded answers are theirs.

    python -m venv golden-env && golden-env/bin/pip install torch entmax==1.3 && golden-env/bin/pip install --no-deps mpmath==1.4.1
    golden-env/bin/python scripts/golden/errata.py
"""

import math
import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore")

import entmax as package
import torch
from mpmath import mpf

import budget as budgets
import exact
import gradients
import losses
import topk
from cases import normal_row, number, numbers, tolerance, write
from derivatives import entropy, vjp, vjp_scale
from maps import entmax

INF, NAN = math.inf, math.nan
Z = [0.5, 1.203125, -0.296875, 2.0, 1.90625]
V = [1, -2, 3, 0.5, -1]
F32, F64 = torch.float32, torch.float64


def theirs(call, run, **quantities):
    """What the package gives: numbers by quantity, or the error that it raises."""
    try:
        answer = run()
        gives = {key: numbers(torch.as_tensor(value).flatten().tolist()) for key, value in answer.items()}
    except Exception as error:
        gives = {"error": f"{type(error).__name__}: {error}"[:160]}
    return {"package": "entmax (PyPI)", "version": version("entmax"), "call": call, "gives": {**gives, **quantities}}


def erratum(k, what, case, *others, name=None):
    # A name of its own: the same input may break more than one thing.
    head = {"name": f"erratum {k}: {name or case['name']}", "erratum": k, "group": f"erratum {k}: {what}"}
    return {**head, **{key: value for key, value in case.items() if key != "name"}, "others": list(others)}


def tensor(values, dtype=F64, grad=False):
    return torch.tensor(values, dtype=dtype, requires_grad=grad)


def row_case(name, operation, row, p, tolerances=True, **more):
    support = [i for i, value in enumerate(p) if value > 0]
    expected = {"p": numbers(p), "support": [support], "sizes": [len(support)]}
    return {
        "name": name,
        "operation": operation,
        "x": numbers(row),
        **more,
        "expected": expected,
        "tolerance": tolerance({"p": 1e-14}, {"p": 1e-6} if tolerances else None, [row]),
    }


def docstring_sign():
    """2: the docstrings write max <x, p> - H_a(p); that maximum is a vertex."""
    p = exact.entmax15(Z)[0]
    vertex = [1 if score == max(Z) else 0 for score in Z]
    docs = {
        "package": "entmax (PyPI)",
        "version": version("entmax"),
        "call": "the docstring of entmax15, max_p <x, p> - H_a(p), taken at its word",
        "gives": {"p": vertex},
    }
    what = "the sign before the entropy in the docstrings"
    yield erratum(2, what, row_case("1.5-entmax is the maximum of <x, p> + H(p)", "entmax15", Z, p), docs)


def alpha_gradient():
    """3: the paper's form of dp/dalpha in float32."""
    what = "the gradient by alpha in float32 near 1"
    for name, row, v in (("five scores", Z, V), ("16 normal scores", normal_row(5, 16), normal_row(105, 16))):
        for alpha in (1 + 1e-7, 1.0001, 1.001, 1.01):
            case = gradients.alpha_case(f"{name}, alpha {alpha}", row, v, alpha)

            def run(alpha=alpha, row=row, v=v):
                a = tensor([alpha], F32, True)
                (package.entmax_bisect(tensor([row], F32), alpha=a) * tensor([v], F32)).sum().backward()
                return {"dalpha": a.grad}

            yield erratum(3, what, case, theirs("entmax_bisect, float32, backward to alpha", run))


def edges():
    """4: alpha = 1, and rows of -Infinity, with +Infinity or NaN."""
    what = "alpha = 1, all -Infinity, +Infinity and NaN rows"
    p = entmax([mpf(score) for score in Z], 1)[0]
    case = row_case("alpha 1 is softmax", "entmax", Z, p, parameters={"alpha": 1})
    run = lambda: {"p": package.entmax_bisect(tensor(Z), alpha=1.0)}
    yield erratum(4, what, case, theirs("entmax_bisect(X, alpha=1)", run))
    functions = {"sparsemax": package.sparsemax, "entmax15": package.entmax15, "entmax": package.entmax_bisect}
    rows = {
        "all -Infinity": ([-INF, -INF, -INF], [0, 0, 0]),
        "one +Infinity": ([INF, 1, 2], [1, 0, 0]),
        "two +Infinity": ([1, INF, 2, INF], [0, 0.5, 0, 0.5]),
        "NaN": ([NAN, 1, 2], [NAN, NAN, NAN]),
    }
    for kind, (row, p) in rows.items():
        for operation, function in functions.items():
            parameters = {"parameters": {"alpha": 1.25}} if operation == "entmax" else {}
            case = row_case(f"{kind}, {operation}", operation, row, p, **parameters)
            if kind == "NaN":
                del case["expected"]["support"], case["expected"]["sizes"]
            case["tolerance"] = {"float64": {"p": 0}, "float32": {"p": 0}}
            call = f"{function.__name__}(X)"
            yield erratum(4, what, case, theirs(call, lambda: {"p": function(tensor(row))}))
    # A row beside it must not notice.
    rows = [[-INF] * 3, [0.5, 0.25, 0.125], [NAN, 1, 2]]
    p = [*[0] * 3, *exact.sparsemax(rows[1])[0], *[NAN] * 3]
    flat = [each for row in rows for each in row]
    case = row_case("an empty row and a NaN row beside a good one", "sparsemax", flat, p, shape=[3, 3])
    del case["expected"]["support"], case["expected"]["sizes"]
    yield erratum(4, what, case, theirs("sparsemax(X)", lambda: {"p": package.sparsemax(tensor(rows))}))


LOSSES = {
    2: ("sparsemax_loss", package.sparsemax_loss),
    1.5: ("entmax15_loss", package.entmax15_loss),
    1.25: ("entmax_bisect_loss, alpha 1.25", lambda x, k: package.entmax_bisect_loss(x, k, alpha=1.25)),
}


def masked_losses():
    """5: losses of rows with -Infinity; no gradient by alpha; an alpha per row makes n x n losses."""
    what = "losses with -Infinity, their gradient by alpha, an alpha per row"
    row = [0.25, -INF, 0.125, 0.75]
    for alpha, (call, function) in LOSSES.items():
        for k in (0, 1):
            kind = "-Infinity" if k == 0 else "a target of -Infinity"
            case = losses.case(f"{kind}, alpha {alpha}", alpha, [row], [k])

            def run(function=function, k=k):
                x = tensor([row], grad=True)
                loss = function(x, torch.tensor([k]))
                loss.sum().backward()
                return {"loss": loss.detach(), "dx": x.grad}

            yield erratum(5, what, case, theirs(call, run))

    def no_gradient():
        a = tensor(1.25, grad=True)
        package.entmax_bisect_loss(tensor([Z], grad=True), torch.tensor([1]), alpha=a).sum().backward()
        return {} if a.grad is None else {"dalpha": a.grad}

    case = losses.case("the gradient of a loss by alpha, alpha 1.25", 1.25, [Z], [1])
    yield erratum(5, what, case, theirs("entmax_bisect_loss, backward to alpha: None", no_gradient))
    rows, alphas, targets = [Z, normal_row(61, 5), normal_row(62, 5)], [1.25, 1.5, 2], [1, 0, 4]
    run = lambda: {"loss": package.entmax_bisect_loss(tensor(rows), torch.tensor(targets), alpha=tensor(alphas)[:, None])}
    case = losses.case("an alpha per row: n losses, not n x n", alphas, rows, targets)
    yield erratum(5, what, case, theirs("entmax_bisect_loss, alpha of shape (n, 1)", run))


def negative_axis():
    """6: top-k along a negative axis other than the last."""
    what = "k with a negative axis other than -1"
    block = normal_row(63, 24)
    v = normal_row(64, 24)
    at = lambda i, j, l: (i * 3 + j) * 4 + l
    for alpha, operation, function in ((2, "topkSparsemax", package.sparsemax), (1.5, "topkEntmax", package.entmax15)):
        p, dx, supports, certificates = [0] * 24, [0] * 24, [], []
        for i in range(2):
            for l in range(4):
                places = [at(i, j, l) for j in range(3)]
                answer = topk.case("", alpha, 2, [block[a] for a in places], [v[a] for a in places])["expected"]
                for place, value, slope in zip(places, answer["p"], answer["dx"]):
                    p[place], dx[place] = value, slope
                supports += answer["support"]
                certificates += answer["exact"]
        parameters = {"k": 2} if alpha == 2 else {"k": 2, "alpha": alpha}
        case = {
            "name": f"{operation}, axis -2 of [2, 3, 4]",
            "operation": operation,
            "x": numbers(block),
            "shape": [2, 3, 4],
            "axis": -2,
            "parameters": parameters,
            "dp": numbers(v),
            "expected": {"p": p, "dx": dx, "support": supports, "exact": certificates},
            "tolerance": tolerance({"p": 1e-14, "dx": 1e-13}, {"p": 1e-6, "dx": 1e-5}, [block, v]),
        }
        run = lambda: {"p": function(tensor(block).reshape(2, 3, 4), dim=-2, k=2)}
        yield erratum(6, what, case, theirs(f"{function.__name__}(X, dim=-2, k=2)", run))


def singleton_axis():
    """7: the gradient of budget_bisect where another axis has length 1; a budget above n."""
    what = "the budget's gradient beside an axis of length 1, and a budget above n"
    rows = [normal_row(71 + r, 6) for r in range(4)]
    vs = [normal_row(81 + r, 6) for r in range(4)]
    for shape in ([4, 6], [4, 1, 6], [1, 4, 6], [4, 6, 1]):
        axis = -2 if shape[-1] == 1 else -1
        case = budgets.case(f"shape {shape}, axis {axis}", rows, vs, 2)

        def run(shape=shape, axis=axis):
            x = tensor(rows).reshape(shape).requires_grad_()
            p = package.budget_bisect(x, budget=2, dim=axis)
            (p * tensor(vs).reshape(shape)).sum().backward()
            return {"p": p.detach(), "dx": x.grad}

        yield erratum(7, what, {**case, "shape": shape, "axis": axis}, theirs(f"budget_bisect(X, budget=2, dim={axis})", run))
    run = lambda: {"p": package.budget_bisect(tensor(Z), budget=7)}
    yield erratum(7, what, budgets.refused("a budget above n", Z, 7), theirs("budget_bisect(X, budget=7)", run))


def threshold_ties():
    """8: a score exactly on the threshold is not in the support."""
    what = "scores on the threshold in the support size"
    from entmax.activations import _entmax_threshold_and_support as of15
    from entmax.activations import _sparsemax_threshold_and_support as of2

    for row in ([2.0, 0.0], [2.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.5, 0.5, -0.5], [0.25, 2.25, 0.25]):
        case = row_case(f"{row}, 1.5-entmax", "entmax15", row, exact.entmax15(row)[0])
        size = lambda row=row: {"sizes": of15(tensor(row) / 2)[1]}
        yield erratum(8, what, case, theirs("_entmax_threshold_and_support(X / 2)", size))
    for row in ([1.0, 0.0], [0.75, 0.25, -0.0, 0.0], [0.5, 0.5, 0.0]):
        case = row_case(f"{row}, sparsemax", "sparsemax", row, exact.sparsemax(row)[0])
        size = lambda row=row: {"sizes": of2(tensor(row))[1]}
        yield erratum(8, what, case, theirs("_sparsemax_threshold_and_support(X)", size))


def keras_threshold():
    """9: the threshold from the sum of the cumulative sums (keras#23425, tensorflow#127246)."""
    what = "the sparsemax threshold of Keras and TensorFlow"

    def summed_twice(row):
        ordered = sorted(row, reverse=True)
        sums = [math.fsum(ordered[: k + 1]) for k in range(len(row))]
        size = sum(1 + (k + 1) * score > sums[k] for k, score in enumerate(ordered))
        tau = (sum(sums[:size]) - 1) / size
        return [max(score - tau, 0) for score in row]

    for row in ([0.0, 0.5, 1.0], [0.1, 0.2, 0.3, 0.4, 0.5], [0.175, 0.0, -2.0], normal_row(65, 12, 0.25)):
        case = row_case(f"{len(row)} scores from {row[0]:g}", "sparsemax", row, exact.sparsemax(row)[0])
        gives = {
            "package": "Keras before PR 23469, TensorFlow 2.21 and 2.22",
            "version": "by the formula of the issue, not by running it",
            "call": "keras.ops.sparsemax(x)",
            "gives": {"p": numbers(summed_twice(row))},
        }
        yield erratum(9, what, case, gives)


def label_smoothing():
    """13: FYLabelSmoothingLoss of the S7 repository leaves out the entropy of the target."""
    what = "label smoothing without the entropy of the target"
    eps, k, row = 0.125, 1, [0.5, 1.203125, -0.296875, 2.0]
    q = [eps / 4 + (1 - eps if i == k else 0) for i in range(4)]
    for alpha, (call, function) in {**LOSSES, 1: ("cross_entropy", torch.nn.functional.cross_entropy)}.items():
        case = losses.case(f"smoothing 1/8, alpha {alpha}", alpha, [row], [q])

        def run(function=function):
            x = tensor([row], grad=True)
            loss = function(x, torch.tensor([k])) + eps * (x[0, k] - x.mean())
            loss.sum().backward()
            return {"loss": loss.detach(), "dx": x.grad}

        missing = number(entropy([mpf(each) for each in q], alpha))
        other = theirs(f"{call} + eps (z_k - mean z), as FYLabelSmoothingLoss of deep-spin/S7 has it", run)
        other["gives"]["tooLargeBy"] = missing
        yield erratum(13, what, case, other)


def double_backward():
    """16: the second derivative. The Hessian of a loss is the Jacobian of its map."""
    what = "double backward"
    for alpha, (call, function) in LOSSES.items():
        p = entmax([mpf(score) for score in Z], alpha)[0]
        scale = vjp_scale(p, alpha, V)
        head = {"operation": {2: "sparsemax", 1.5: "entmax15"}.get(alpha, "entmax"), "x": numbers(Z), "dp": V}
        if alpha == 1.25:
            head["parameters"] = {"alpha": alpha}
        tolerances = tolerance({"p": 1e-14, "dx": 2e-13 * scale}, {"p": 5e-6, "dx": 2e-5 * scale}, [Z])
        case = {**head, "expected": {"p": numbers(p), "dx": numbers(vjp(p, alpha, V))}, "tolerance": tolerances}

        def run(function=function):
            x = tensor([Z], grad=True)
            (gradient,) = torch.autograd.grad(function(x, torch.tensor([1])).sum(), x, create_graph=True)
            return {"dx": torch.autograd.grad((gradient * tensor([V])).sum(), x)[0]}

        other = theirs(f"{call}, Hessian-vector product by double backward", run)
        yield erratum(16, what, case, other, name=f"Hessian of the loss times a vector, alpha {alpha}")


def steep_bisection():
    """Not of §18, but of §2.5 (entmax#36): bisection on the threshold in float32 for large alpha."""
    for alpha in (4, 10):
        p = entmax([mpf(score) for score in Z], alpha)[0]
        case = row_case(f"alpha {alpha} in float32", "entmax", Z, p, parameters={"alpha": alpha})
        run = lambda alpha=alpha: {"p": package.entmax_bisect(tensor(Z, F32), alpha=float(alpha))}
        other = theirs(f"entmax_bisect(X, alpha={alpha}), float32", run)
        yield {**case, "name": f"entmax#36: {case['name']}", "group": "entmax#36: large alpha in float32", "others": [other]}


def main():
    makers = [docstring_sign, alpha_gradient, edges, masked_losses, negative_axis, singleton_axis, threshold_ties]
    makers += [keras_threshold, label_smoothing, double_backward, steep_bisection]
    cases = [case for make in makers for case in make()]
    about = "inputs that break other implementations (MATH.md §18): what they give, and the right answer"
    write("errata.json", about, cases, "errata.py", torch=torch.__version__, entmax=version("entmax"))


if __name__ == "__main__":
    main()
