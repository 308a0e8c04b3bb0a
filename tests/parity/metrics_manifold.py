"""Precision, recall, density and coverage by brute force in NumPy, in float64 and in ADM's float16 arithmetic.

Prints one JSON document; the recorded one stands beside this file. Usage:

    python metrics_manifold.py > metrics_manifold.json

ADM's cases are grids on which every sum is exact, so that the order in which a machine adds cannot matter.
"""

import json
import sys

import numpy as np
from portable_arrays import clusters, grid

BLOCK = 10_000


def squared_distances(first, second):
    return np.stack([((first - row) ** 2).sum(axis=1) for row in second], axis=1)


def exact(first, second):
    return squared_distances(first.astype(np.float64), second.astype(np.float64))


def expansion(first, second):
    """|u|^2 - 2 u.v + |v|^2 in the type of the operands; float16 products are summed exactly, then rounded once."""
    kind = first.dtype
    products = (first.astype(np.float64) @ second.astype(np.float64).T).astype(kind)
    length = lambda rows: np.square(rows).astype(np.float64).sum(axis=1).astype(kind)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.maximum(length(first)[:, None] - kind.type(2) * products + length(second)[None, :], kind.type(0))


def adm(first, second):
    result = np.empty((len(first), len(second)), np.float32)
    for i in range(0, len(first), BLOCK):
        for j in range(0, len(second), BLOCK):
            rows, columns = first[i : i + BLOCK], second[j : j + BLOCK]
            with np.errstate(over="ignore"):
                block = expansion(rows.astype(np.float16), columns.astype(np.float16))
            if not np.isfinite(block).all():
                block = expansion(rows, columns)
            result[i : i + BLOCK, j : j + BLOCK] = block
    return result


def count(reference, samples, k, distances, closed):
    """A row of a set with itself counts as its own nearest neighbour, as in ADM; in exact arithmetic that is no difference."""
    inside = np.less_equal if closed else np.less
    radius = lambda rows: np.partition(distances(rows, rows), k, axis=1)[:, k]
    between = distances(reference, samples)
    in_reference = inside(between, radius(reference)[:, None])
    in_samples = inside(between, radius(samples)[None, :])
    return {
        "precise": int(in_reference.any(axis=0).sum()),
        "recalled": int(in_samples.any(axis=1).sum()),
        "balls": int(in_reference.sum()),
        "covered": int(in_reference.any(axis=1).sum()),
    }


def spoiled(seed, rows):
    """One set of two blocks; only the second is too large for float16."""
    values = grid(seed, rows, 8, 64, 1.0)
    values[BLOCK:] *= 16.0
    return values


def main():
    cases = {
        "clusters": (clusters(1, 700, 48, 0.5, 0.0), clusters(2, 600, 48, 0.5, 0.0625)),
        "far from the origin": (clusters(1, 300, 20, 0.5, 1000.0), clusters(2, 310, 20, 0.5, 1000.0)),
        "ties": (grid(3, 400, 5, 3, 1.0), grid(4, 350, 5, 3, 1.0)),
        "duplicates": (grid(5, 600, 2, 4, 1.0), grid(6, 600, 2, 4, 1.0)),
    }
    document = {"versions": {"python": sys.version.split()[0], "numpy": np.__version__}, "exact": [], "adm": []}
    for name, (reference, samples) in cases.items():
        for k in (1, 3, 5):
            for closed in (True, False):
                counts = count(reference, samples, k, exact, closed)
                document["exact"].append({"case": name, "k": k, "closed": closed, **counts})
    halves = {
        "half": (grid(7, 500, 64, 128, 1 / 64), grid(8, 450, 64, 128, 1 / 64)),
        "nearly too large for half": (grid(7, 300, 64, 128, 1 / 4), grid(8, 310, 64, 128, 1 / 4)),
        "too large for half": (grid(7, 300, 64, 128, 1.0), grid(8, 310, 64, 128, 1.0)),
        "one block too large": (spoiled(9, 10_300), spoiled(10, 10_200)),
    }
    for name, (reference, samples) in halves.items():
        document["adm"].append({"case": name, "k": 3, **count(reference, samples, 3, adm, True)})
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
