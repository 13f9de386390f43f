"""Packages with proximal operators of total variation and OSCAR as a peer of the benchmark (protocol.py): torchsparseattn, prox-tv and
copt. None of them knows a batch: rows and images go one after the other, in torchsparseattn itself or in a loop here.
"""

import sys
import warnings
from importlib.metadata import version

import entmax
import numpy as np
import protocol
import torch
from copt.tv_prox import prox_tv2d
from prox_tv import tv1_1d, tv1_2d
from torchsparseattn import FusedProxFunction, OscarProxFunction, SparsemaxFunction
from torchsparseattn._fused import prox_tv1d

# Its autograd functions are of a kind that PyTorch no longer calls, so its modules raise; their `forward` can be called.
warnings.filterwarnings("ignore", message=".*should not be instantiated", category=DeprecationWarning)

EXACT = {"tol": 1e-10, "max_iter": 10_000}


def after(prox):
    return lambda x: SparsemaxFunction().forward(prox.forward(x)).numpy()


def fusedmax(x, settings):
    """What its Fusedmax does, on a tensor."""
    scores, step = torch.from_numpy(x), float(settings["lambda"])
    return lambda: after(FusedProxFunction(step))(scores)


def oscarmax(x, settings):
    scores, step = torch.from_numpy(x), float(settings["lambda"])
    return lambda: after(OscarProxFunction(beta=step))(scores)


def own_prox(x, settings):
    """Its kernel, which works in place."""
    step = float(settings["lambda"])

    def call():
        out = x.copy()
        for row in out:
            prox_tv1d(row, step)
        return out

    return call


def prox_of_rows(x, settings):
    step = float(settings["lambda"])
    return lambda: [tv1_1d(row, step) for row in x]


def images_of(x, settings):
    return x.reshape(len(x), *(int(side) for side in settings["grid"].split(",")))


def prox_of_images(x, settings):
    images, step = images_of(x, settings), float(settings["lambda"])
    return lambda: [tv1_2d(image, step, method="dr") for image in images]


def tvmax(x, settings):
    """The prox of images, then sparsemax of all at once."""
    images, step = images_of(x, settings), float(settings["lambda"])

    def call():
        levels = [prox_tv2d(image.ravel(), step, *image.shape, **EXACT) for image in images]
        return entmax.sparsemax(torch.from_numpy(np.stack(levels)), dim=-1).numpy()

    return call


OPERATIONS = {
    ("torchsparseattn", "regularised", "fusedmax"): fusedmax,
    ("torchsparseattn", "regularised", "oscarmax"): oscarmax,
    ("torchsparseattn", "prox", "fusedmax"): own_prox,
    ("prox-tv", "prox", "fusedmax"): prox_of_rows,
    ("prox-tv", "prox", "tvmax"): prox_of_images,
    ("copt", "regularised", "tvmax"): tvmax,
}


class Tasks(protocol.Tasks):
    def array_of(self, data, dtype):
        return np.frombuffer(data, dtype=dtype)

    def find(self, operation, map_name, rows, n, settings):
        prepare = OPERATIONS.get((settings["package"], operation, map_name))
        return prepare and prepare(self.arrays["x"].reshape(rows, n), settings)

    def read(self, result):
        values = np.asarray(result)
        return values.tobytes(), str(values.dtype), None

    def about(self):
        packages = ("torchsparseattn", "prox-tv", "copt", "numba", "torch", "entmax")
        return {name: version(name) for name in packages}


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    protocol.serve(Tasks())
