"""Attention as users of PyTorch have it: its own function for softmax; for other maps two products with the entmax package
between them, which is what a model does today. Gradients are autograd's, of a new graph in every call.
"""

import entmax
import torch
import torch.nn.functional as F


class Problem:
    """Sizes and options, as bench/peers/server.js sends them."""

    def __init__(self, settings):
        names = ("batches", "heads", "queries", "keys", "width")
        self.batches, self.heads, self.queries, self.keys, self.width = (int(settings[name]) for name in names)
        self.layers = int(settings.get("layers", 1))
        self.causal = settings["isCausal"] == "true"
        self.scale = float(settings["scale"])
        self.alpha = [float(each) for each in settings["alpha"].split(",")]
        self.unseen = torch.ones(self.queries, self.keys, dtype=torch.bool).triu(1) if self.causal else None

    def rows(self, x, count):
        return x.view(self.layers, self.batches, self.heads, count, self.width)

    def alphas(self):
        """One for each head of each layer, as entmax_bisect takes them."""
        return torch.tensor(self.alpha).view(self.layers, 1, -1, 1, 1)

    def dense(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=self.causal, scale=self.scale)

    def composed(self, q, k, v, weights):
        scores = q @ k.transpose(-1, -2) * self.scale
        if self.causal:
            scores = scores.masked_fill(self.unseen, float("-inf"))
        return weights(scores) @ v


def function_of(problem, map_name):
    """The output as a function of q, k, v and, where it is learned, alpha; or None."""
    maps = {
        "sparsemax": lambda z: entmax.sparsemax(z, dim=-1),
        "entmax15": lambda z: entmax.entmax15(z, dim=-1),
    }
    if map_name == "softmax":
        return problem.dense
    if map_name == "learned":
        return lambda q, k, v, alpha: problem.composed(q, k, v, lambda z: entmax.entmax_bisect(z, alpha, dim=-1))
    if map_name in maps:
        return lambda q, k, v: problem.composed(q, k, v, maps[map_name])
    return None


def inputs_of(problem, map_name, arrays):
    """Tensors of each layer."""
    q, k, v = problem.rows(arrays["q"], problem.queries), *(problem.rows(arrays[x], problem.keys) for x in "kv")
    inputs = (q, k, v, problem.alphas()) if map_name == "learned" else (q, k, v)
    return list(zip(*inputs))


def forward(problem, map_name, arrays):
    function = function_of(problem, map_name)
    (inputs,) = inputs_of(problem, map_name, arrays)

    def call():
        with torch.no_grad():
            return function(*inputs), None

    return function and call


def both(problem, map_name, arrays):
    """Output and gradients of every layer."""
    function = function_of(problem, map_name)
    douts = problem.rows(arrays["dout"], problem.queries)
    layers = [
        [x.clone().requires_grad_() for x in inputs] for inputs in inputs_of(problem, map_name, arrays)
    ]

    def call():
        results = []
        for inputs, dout in zip(layers, douts):
            out = function(*inputs)
            results += [out.detach(), *torch.autograd.grad(out, inputs, dout)]
        return tuple(results), None

    return function and call


def training_step(problem, map_name, arrays):
    """All layers' attention, and the loss of the logits, summed."""
    attention = both(problem, map_name, arrays)
    targets = arrays["targets"].long()
    logits = arrays["x"].view(len(targets), -1).clone().requires_grad_()

    def call():
        results, _ = attention()
        loss = entmax.entmax15_loss(logits, targets).sum()
        return (*results, torch.autograd.grad(loss, logits)[0]), loss.detach()

    return call


OPERATIONS = {
    "attention": forward,
    "decode": forward,
    "attentionBackward": both,
    "trainingStep": training_step,
}


def prepare(operation, map_name, settings, arrays):
    """A call without arguments, or None."""
    return OPERATIONS[operation](Problem(settings), map_name, arrays)
