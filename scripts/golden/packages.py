"""Answers of the PyTorch packages where they are right: ts/test/conformance/packages.json. Each is first held against
mpmath or fractions, so that a version that is wrong cannot become golden.

    python -m venv golden-env && golden-env/bin/pip install torch entmax==1.3 && golden-env/bin/pip install --no-deps mpmath==1.4.1
    golden-env/bin/python scripts/golden/packages.py
"""

import warnings
from importlib.metadata import version

warnings.filterwarnings("ignore")

import entmax as package
import torch

import budget as budgets
import gradients
import losses
from cases import normal_row, number, numbers, write

ROWS = {
    "five scores": [0.5, 1.203125, -0.296875, 2.0, 1.90625],
    "normal, 16": normal_row(5, 16),
    "narrow, 33": normal_row(6, 33, 0.125),
    "wide, 17": normal_row(7, 17, 8.0),
    "with -Infinity": [0.25, -float("inf"), 0.125, -float("inf"), 0.75],
}
SORTED = {1: lambda x: torch.softmax(x, -1), 1.5: package.entmax15, 2: package.sparsemax}
LOSSES = {
    1: lambda x, k: torch.nn.functional.cross_entropy(x, k, reduction="none"),
    1.5: package.entmax15_loss,
    2: package.sparsemax_loss,
}


def tensor(values, grad=False):
    return torch.tensor(values, dtype=torch.float64, requires_grad=grad)


def golden(case, call, expected):
    """The case with the package's answers in place of ours, which they must agree with within 1e-9."""
    for key, values in expected.items():
        ours = case["expected"][key]
        scale = max(1.0, *(abs(each) for each in ours))
        assert all(abs(a - b) <= 1e-9 * scale for a, b in zip(ours, values)), (case["name"], key)
    tolerances = {
        dtype: {key: number(f"{max(each[key], 1e-9):.1e}") for key in expected} for dtype, each in case["tolerance"].items()
    }
    expected = {key: numbers(values) for key, values in expected.items()}
    origin = {"package": f"{call.split('.')[0]} (PyPI)", "call": call}
    return {**case, "source": origin, "expected": expected, "tolerance": tolerances}


def maps():
    for name, row in ROWS.items():
        v = normal_row(len(row) + 200, len(row))
        for alpha, function in SORTED.items():
            x = tensor([row], True)
            p = function(x)
            (p * tensor([v])).sum().backward()
            call = "torch.softmax" if alpha == 1 else f"entmax.{function.__name__}"
            case = gradients.vjp_case(f"{name}, alpha {alpha}", row, v, alpha)
            yield golden(case, call, {"p": p.detach()[0].tolist(), "dx": x.grad[0].tolist()})
        for alpha in (1.1, 1.25, 1.75, 2.5):
            x, a = tensor([row], True), tensor([alpha], True)
            p = package.entmax_bisect(x, alpha=a, n_iter=100)
            if "Infinity" not in name:
                (p * tensor([v])).sum().backward()
            case = gradients.alpha_case(f"{name}, entmax_bisect, alpha {alpha}", row, v, alpha)
            expected = {"p": p.detach()[0].tolist()}
            if x.grad is not None:
                vjp = gradients.vjp_case("", row, v, alpha)
                case["expected"]["dx"] = vjp["expected"]["dx"]
                for dtype in case["tolerance"]:
                    case["tolerance"][dtype]["dx"] = vjp["tolerance"][dtype]["dx"]
                expected |= {"dx": x.grad[0].tolist(), "dalpha": a.grad.tolist()}
            yield golden(case, "entmax.entmax_bisect", expected)


def loss_cases():
    for name, row in ROWS.items():
        if "Infinity" in name:
            continue
        for alpha, function in {**LOSSES, 1.25: package.entmax_bisect_loss, 2.5: package.entmax_bisect_loss}.items():
            more = {"alpha": alpha, "n_iter": 100} if alpha not in LOSSES else {}
            for k in (0, len(row) - 1):
                x = tensor([row], True)
                loss = function(x, torch.tensor([k]), **more)
                loss.sum().backward()
                case = losses.case(f"{name}, loss of class {k}, alpha {alpha}", alpha, [row], [k])
                expected = {"loss": loss.tolist(), "dx": x.grad[0].tolist()}
                call = "torch.nn.functional.cross_entropy" if alpha == 1 else f"entmax.{function.__name__}"
                yield golden(case, call, expected)


def budget_cases():
    for name, row in ROWS.items():
        if "Infinity" in name:
            continue
        v = normal_row(len(row) + 300, len(row))
        for total in (1, 1.5, 2):
            x = tensor([row], True)
            p = package.budget_bisect(x, budget=total, n_iter=100)
            (p * tensor([v])).sum().backward()
            case = budgets.one(f"{name}, budget {total}", row, total, v)
            yield golden(case, "entmax.budget_bisect", {"p": p.detach()[0].tolist(), "dx": x.grad[0].tolist()})


def main():
    cases = [*maps(), *loss_cases(), *budget_cases()]
    about = "answers of the PyTorch packages in float64 where they agree with mpmath within 1e-9"
    write("packages.json", about, cases, "packages.py", torch=torch.__version__, entmax=version("entmax"))


if __name__ == "__main__":
    main()
