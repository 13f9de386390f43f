"""Gradients of attention by PyTorch's autograd through the composed form (products, the entmax package, a sum):
ts/test/attention/golden-gradients.json. Inputs are drawn from seeds that the test draws from, too.

    golden-env/bin/python scripts/golden/attention.py        (golden-env as in packages.py)
"""

import json
from importlib.metadata import version
from pathlib import Path

import entmax as package
import torch

from cases import normal_row, numbers

OUT = Path(__file__).resolve().parents[2] / "ts" / "test" / "attention" / "golden-gradients.json"

# Letters as in MATH.md §13; alpha of each head. alpha = 1 is torch.softmax, which has no gradient by alpha.
CASES = [
    {"name": "softmax, 1.25, 1.5-entmax and sparsemax", "sizes": [1, 4, 2, 6, 8, 8, 8], "alpha": [1, 1.25, 1.5, 2]},
    {"name": "any alpha", "sizes": [2, 4, 1, 3, 7, 8, 4], "alpha": [1.1, 1.75, 2.5, 1.33]},
    {"name": "causal", "sizes": [1, 4, 4, 8, 8, 4, 12], "alpha": [1, 1.5, 2, 1.2], "causal": True},
    {"name": "with a bias", "sizes": [2, 4, 2, 5, 6, 8, 8], "alpha": [1, 1.5, 2, 1.2], "bias": [1, 4, 1, 6]},
]


def draw(seed, shape):
    size = 1
    for length in shape:
        size *= length
    return torch.tensor(normal_row(seed, size), dtype=torch.float64).reshape(shape).requires_grad_()


def weights(scores, alpha):
    if alpha.item() == 1:
        return torch.softmax(scores, -1)
    return package.entmax_bisect(scores[None], alpha=alpha.reshape(1, 1), n_iter=100)[0]


def gradients(case, seed):
    batches, heads, key_heads, queries, keys, width, value_width = case["sizes"]
    q = draw(seed, [batches, heads, queries, width])
    k = draw(seed + 1, [batches, key_heads, keys, width])
    v = draw(seed + 2, [batches, key_heads, keys, value_width])
    dout = draw(seed + 3, [batches, heads, queries, value_width]).detach()
    bias = draw(seed + 4, case["bias"]) if "bias" in case else None
    alpha = torch.tensor(case["alpha"], dtype=torch.float64, requires_grad=True)
    total = 0
    for b in range(batches):
        for h in range(heads):
            g = h // (heads // key_heads)
            for i in range(queries):
                # Visible keys only: the package gives NaN by alpha where a score is -inf.
                seen = i + 1 if case.get("causal") else keys
                scores = k[b, g, :seen] @ q[b, h, i] / width**0.5
                if bias is not None:
                    scores = scores + bias.expand(batches, heads, queries, keys)[b, h, i, :seen]
                total = total + (weights(scores, alpha[h]) @ v[b, g, :seen]) @ dout[b, h, i]
    total.backward()
    found = {"q": q, "k": k, "v": v, "alpha": alpha, **({} if bias is None else {"bias": bias})}
    return {name: numbers(each.grad.flatten().tolist()) for name, each in found.items()}


written = {
    "source": {"script": "scripts/golden/attention.py", "torch": version("torch"), "entmax": version("entmax")},
    "cases": [{**case, "seed": 100 * (at + 1), "gradients": gradients(case, 100 * (at + 1))} for at, case in enumerate(CASES)],
}
OUT.write_text(json.dumps(written) + "\n")
