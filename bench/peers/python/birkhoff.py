"""JAXopt's projection onto doubly stochastic matrices, which is SparseMAP for assignments up to its tolerance, and scipy's
assignment, as a peer of the benchmark (protocol.py). A batch is a loop inside of one compiled call: with `vmap`, a matrix of
20 x 20 takes three times as long.
"""

from importlib.metadata import version

import jax
import numpy as np
import protocol
from jaxopt.projection import projection_birkhoff
from scipy.optimize import linear_sum_assignment

jax.config.update("jax_enable_x64", True)


def birkhoff(scores):
    project = jax.jit(lambda batch: jax.lax.map(projection_birkhoff, batch))
    on_device = jax.numpy.asarray(scores)
    return lambda: project(on_device).block_until_ready()


def assignment(scores):
    return lambda: [linear_sum_assignment(each, maximize=True)[1] for each in scores]


OPERATIONS = {("marginals", "birkhoff"): birkhoff, ("map", "assignment"): assignment}


class Tasks(protocol.Tasks):
    def array_of(self, data, dtype):
        return np.frombuffer(data, dtype=dtype)

    def find(self, operation, map_name, rows, n, settings):
        prepare = OPERATIONS.get((operation, map_name))
        table = [int(side) for side in settings["table"].split(",")]
        return prepare and prepare(self.arrays["unary"].reshape(rows, *table))

    def read(self, result):
        return np.asarray(result, dtype=np.float64).tobytes(), "float64", None

    def about(self):
        return {name: version(name) for name in ("jaxopt", "jax", "scipy")}


if __name__ == "__main__":
    protocol.serve(Tasks())
