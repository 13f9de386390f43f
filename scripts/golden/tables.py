"""Tables of scores for docs/conformance.md: a seed's or listed, with forbidden parts."""

import math

from cases import normal_row, number, numbers

INF = math.inf


class Table:
    """Numbers with a shape, and how the file writes them."""

    def __init__(self, shape, values, written):
        assert len(values) == math.prod(shape), (shape, len(values))
        self.shape, self.values, self.written = list(shape), list(values), {"shape": list(shape), **written}


def normal(seed, *shape, scale=1.0, forbidden=()):
    """About N(0, scale^2), from a seed; -Infinity at `forbidden`."""
    values = normal_row(seed, math.prod(shape), scale)
    for at in forbidden:
        values[at] = -INF
    more = {"forbidden": list(forbidden)} if forbidden else {}
    return Table(shape, values, {"generator": "normal", "seed": seed, "scale": number(scale), **more})


def given(values, *shape):
    shape = shape or (len(values),)
    return Table(shape, values, {"values": numbers(values)})


def written(tables):
    return {name: table.written for name, table in tables.items()}
