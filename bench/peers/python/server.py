"""The PyTorch packages as a peer of the benchmark (protocol.py). The argument is the number of threads. A call makes a new tensor, as these packages do; gradients are asked of
autograd on a graph that is kept, so that a backward call is nothing but the backward pass.
"""

import sys
from importlib.metadata import version

import attention
import entmax
import protocol
import torch
import torch.nn.functional as F

DTYPES = {"float32": torch.float32, "float64": torch.float64, "int32": torch.int32}


def alpha_of(settings, rows):
    """A number, or one for each row in a column."""
    if "alphas" not in settings:
        return float(settings.get("alpha", 1.5))
    alphas = [float(each) for each in settings["alphas"].split(",")]
    return torch.tensor([alphas[row * len(alphas) // rows] for row in range(rows)]).unsqueeze(1)


def map_of(name, settings, rows):
    """The map as a function of the scores, or None."""
    maps = {
        "softmax": lambda x: torch.softmax(x, -1),
        "sparsemax": lambda x: entmax.sparsemax(x, dim=-1),
        "entmax15": lambda x: entmax.entmax15(x, dim=-1),
        "entmax": lambda x, alpha=alpha_of(settings, rows): entmax.entmax_bisect(x, alpha=alpha, dim=-1),
        "normmax": lambda x: entmax.normmax_bisect(x, alpha=float(settings["alpha"]), dim=-1),
        "budget": lambda x: entmax.budget_bisect(x, budget=float(settings["budget"]), dim=-1),
    }
    return maps.get(name)


def loss_of(name, settings, rows):
    """The loss, summed over the rows, as a function of scores and classes, or None."""
    losses = {
        "softmax": lambda x, y: F.cross_entropy(x, y, reduction="sum"),
        "sparsemax": lambda x, y: entmax.sparsemax_loss(x, y).sum(),
        "entmax15": lambda x, y: entmax.entmax15_loss(x, y).sum(),
        "entmax": lambda x, y, alpha=alpha_of(settings, rows): entmax.entmax_bisect_loss(x, y, alpha=alpha).sum(),
    }
    return losses.get(name)


def forward(f, arrays):
    def call():
        with torch.no_grad():
            return f(arrays["x"]), None

    return call


def backward(f, arrays):
    x = arrays["x"].clone().requires_grad_()
    p = f(x)
    return lambda: (torch.autograd.grad(p, x, arrays["dp"], retain_graph=True)[0], None)


def loss(f, arrays):
    x = arrays["x"].clone().requires_grad_()
    classes = arrays["targets"].long()

    def call():
        value = f(x, classes)
        return torch.autograd.grad(value, x)[0], value.detach()

    return call


OPERATIONS = {
    "forward": (map_of, forward),
    "regularised": (map_of, forward),
    "backward": (map_of, backward),
    "loss": (loss_of, loss),
}


class Tasks(protocol.Tasks):
    def array_of(self, data, dtype):
        return torch.frombuffer(data, dtype=DTYPES[dtype])

    def find(self, operation, map_name, rows, n, settings):
        if operation in attention.OPERATIONS:
            return attention.prepare(operation, map_name, settings, self.arrays)
        find, prepare = OPERATIONS.get(operation, (lambda *_: None, None))
        function = find(map_name, settings, rows)
        flat = {"targets"}
        arrays = {name: a if name in flat else a.view(rows, n) for name, a in self.arrays.items()}
        return function and prepare(function, arrays)

    def read(self, result):
        values, scalar = result
        parts = values if isinstance(values, tuple) else (values,)
        arrays = [part.detach().contiguous().numpy() for part in parts]
        return b"".join(array.tobytes() for array in arrays), str(arrays[0].dtype), scalar

    def about(self):
        packages = {name: version(name) for name in ("torch", "entmax")}
        return {**packages, "threads": torch.get_num_threads()}


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    protocol.serve(Tasks())
