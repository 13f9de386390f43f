"""The golden values of MATH.md §21 and the published ones it lists, recomputed with mpmath and fractions and compared
with their printed digits: ts/test/conformance/handbook.json.

    golden-env/bin/python scripts/golden/handbook.py        (golden-env as in entmax_rows.py)
"""

from mpmath import mpf

import budget
import gradients
import losses
from cases import numbers, write
from maps import entmax

Z = [0.5, 1.2, -0.3, 2.0, 1.9]
V = [1, -2, 3, 0.5, -1]

# alpha, c, p, <v, dp/dalpha>, loss of class 1; dz.
TABLE = [
    (1, 2.984904209, [0.083333537, 0.167813135, 0.037444172, 0.373475001, 0.337934155], -0.542615991, 1.784904209),
    (1.25, 2.750710705, [0.036576874, 0.140578975, 0.003172155, 0.435425194, 0.384246803], -0.212152777, 1.357958739),
    (1.5, 2.601516196, [0, 0.089545716, 0, 0.488939237, 0.421515047], 0.526812550, 1.163081439),
    (1.75, 2.496100763, [0, 0.008471865, 0, 0.537703881, 0.453824254], 0.667601380, 1.061131900),
    (2, 2.450000000, [0, 0, 0, 0.55, 0.45], 0.052111415, 1.002500000),
    (2.5, 2.379191443, [0, 0, 0, 0.570769976, 0.429230024], 0.073704741, 0.925922776),
    (4, 2.223474562, [0, 0, 0, 0.690746455, 0.309253545], 0.163440289, 0.832674625),
]
VJP = {
    1: [0.107596669, -0.286766323, 0.123234643, 0.295477314, -0.239542303],
    1.5: [0, -0.435379851, 0, 0.730747782, -0.295367931],
    2: [0, 0, 0, 0.75, -0.75],
    4: [0, 0, 0, 2.618859469, -2.618859469],
}
# Published: row, alpha, p to four digits.
PUBLISHED = [
    ([-2, 0, 0.5], 1, [0.0486, 0.3592, 0.5922]),
    ([-2, 0, 0.5], 2, [0, 0.25, 0.75]),
    ([-2, 0, 0.5], 1.5, [0, 0.3260, 0.6740]),
    ([-1, 0, 0.5], 1.33, [0.0460, 0.3276, 0.6264]),
    ([1, 2, 3.5], 1.33, [0.0026, 0.1012, 0.8963]),
]
BUDGETS = [
    (Z, 2, [0, 0.166666667, 0, 0.966666667, 0.866666667]),
    ([-2, 0, 0.5], 2, [0, 1, 1]),
    ([0, 0.25, 0.5, 0.75, 1], 2, [0, 0.125, 0.375, 0.625, 0.875]),
    ([0, 0.5, 1, 1.5, 2], 3, [0, 0.25, 0.75, 1, 1]),
]


def agree(ours, printed, digits):
    assert all(abs(a - b) <= 0.51 * 10**-digits for a, b in zip(ours, printed)), (ours, printed)


def table():
    for alpha, c, p, dalpha, value in TABLE:
        case = gradients.alpha_case(f"§21, alpha {alpha}", Z, V, alpha)
        vjp = gradients.vjp_case("", Z, V, alpha)
        threshold = entmax([mpf(score) for score in Z], alpha)[1]
        if alpha > 1:
            agree([threshold + 1 / (mpf(alpha) - 1)], [c], 9)
        agree(case["expected"]["p"], p, 9)
        agree(case["expected"]["dalpha"], [dalpha], 9)
        if alpha in VJP:
            agree(vjp["expected"]["dx"], VJP[alpha], 9)
        case["expected"] |= {"dx": vjp["expected"]["dx"], "thresholds": numbers([threshold])}
        case["tolerance"]["float64"] |= {"dx": vjp["tolerance"]["float64"]["dx"], "thresholds": 1e-14 if alpha > 1 else 0}
        yield case
        loss = losses.case(f"§21, loss of class 1, alpha {alpha}", alpha, [Z], [1])
        agree(loss["expected"]["loss"], [value], 9)
        yield loss


def published():
    for row, alpha, p in PUBLISHED:
        case = gradients.alpha_case(f"published, {row}, alpha {alpha}", row, [1] + [0] * (len(row) - 1), alpha)
        agree(case["expected"]["p"], p, 4)
        if alpha == 1.33 and row[0] == -1:
            agree(case["expected"]["dalpha"], [-0.2562], 4)
        yield case
    for row, total, p in BUDGETS:
        case = budget.one(f"published, {row}, budget {total}", row, total)
        agree(case["expected"]["p"], p, 9)
        yield case
    case = budget.one("§21, bounds", Z, 1, V, [0.2, 0.3, 0.4, 0.25, 0.3])
    agree(case["expected"]["p"], [0.15, 0.3, 0, 0.25, 0.3], 9)
    yield case


def main():
    about = "the golden values of MATH.md §21 to full precision, and published values"
    write("handbook.json", about, [*table(), *published()], "handbook.py")


if __name__ == "__main__":
    main()
