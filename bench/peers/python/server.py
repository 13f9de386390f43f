"""The PyTorch packages as a peer of the benchmark: requests on standard input, answers on standard output, as
bench/peers/server.js describes. The argument is the number of threads. A call makes a new tensor, as these packages do; gradients are asked of
autograd on a graph that is kept, so that a backward call is nothing but the backward pass.
"""

import json
import sys
import time
from importlib.metadata import version

import attention
import entmax
import torch
import torch.nn.functional as F

UNTIMED_CALLS = 2  # as in bench/samplers.js
DTYPES = {"float32": torch.float32, "int32": torch.int32}


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


OPERATIONS = {"forward": (map_of, forward), "backward": (map_of, backward), "loss": (loss_of, loss)}


class Tasks:
    def __init__(self):
        self.forget()

    def forget(self):
        self.arrays, self.calls, self.results = {}, {}, {}
        return "ok"

    def array(self, name, dtype, length):
        data = bytearray(sys.stdin.buffer.read(4 * int(length)))
        self.arrays[name] = torch.frombuffer(data, dtype=DTYPES[dtype])
        return "ok"

    def prepare(self, key, operation, map_name, rows, n, *settings):
        settings = dict(each.split("=") for each in settings)
        if operation in attention.OPERATIONS:
            call = attention.prepare(operation, map_name, settings, self.arrays)
        else:
            call = self.of_matrix(operation, map_name, int(rows), int(n), settings)
        if call is None:
            return "missing"
        self.calls[key] = call
        return "ok"

    def of_matrix(self, operation, map_name, rows, n, settings):
        find, prepare = OPERATIONS.get(operation, (lambda *_: None, None))
        function = find(map_name, settings, rows)
        flat = {"targets"}
        arrays = {name: a if name in flat else a.view(rows, n) for name, a in self.arrays.items()}
        return function and prepare(function, arrays)

    def time(self, key, milliseconds, calls):
        call, limit, calls = self.calls[key], int(milliseconds) * 1_000_000, int(calls)
        for _ in range(UNTIMED_CALLS if calls > 1 else 0):
            call()
        samples, total = [], 0
        while len(samples) < calls or total < limit:
            start = time.perf_counter_ns()
            self.results[key] = call()
            samples.append(time.perf_counter_ns() - start)
            total += samples[-1]
        return " ".join(map(str, samples))

    def output(self, key):
        values, scalar = self.results[key]
        parts = values if isinstance(values, tuple) else (values,)
        content = b"".join(part.detach().contiguous().numpy().tobytes() for part in parts)
        reply = f"{len(content) // 4}\n".encode() + content
        return reply + ("none" if scalar is None else repr(float(scalar))).encode()

    def clear(self, key):
        self.results.pop(key, None)
        return "ok"

    def about(self):
        packages = {name: version(name) for name in ("torch", "entmax")}
        return json.dumps({**packages, "python": sys.version.split()[0], "threads": torch.get_num_threads()})


def main():
    torch.set_num_threads(int(sys.argv[1]))
    tasks = Tasks()
    for line in sys.stdin.buffer:
        name, *words = line.decode().split()
        try:
            answer = getattr(tasks, name)(*words)
        except Exception as error:  # told to the other side, which ends the run
            answer = f"error: {' '.join(str(error).split())}"
        sys.stdout.buffer.write((answer if isinstance(answer, bytes) else answer.encode()) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
