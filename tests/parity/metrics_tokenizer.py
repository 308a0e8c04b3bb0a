"""Reference values for the patch tokenizer of `retally-metrics`, from NumPy in double precision on exact integers.

Patches are made from SplitMix64, so that the Rust tests make the same ones; they are not stored. Means and covariances are
computed exactly (the values are multiples of 2^-24, as fractions) and rounded once; eigenvalues, the projector on the first d
directions (which has no signs) and errors come from numpy.linalg.eigh of that. Prints one JSON document; the recorded one stands beside this
file. Usage:

    OPENBLAS_NUM_THREADS=1 python metrics_tokenizer.py > metrics_tokenizer.json
"""

import json
import sys
from fractions import Fraction

import numpy as np

from portable_arrays import uniform

# Patches of 2 x 2 pixels: 12 numbers. `scale` of number j is 2^(-decay j), `rank` numbers vary on their own and the others are sums
# of two of them, `offset` is added to all.
CASES = [
    dict(name="full-rank", patches=90, rank=12, decay=0, offset=0),
    dict(name="steep", patches=60, rank=12, decay=1, offset=0),
    dict(name="rank-deficient", patches=70, rank=5, decay=0, offset=1),
    dict(name="few-patches", patches=6, rank=12, decay=0, offset=0),
    dict(name="huge-offset", patches=80, rank=12, decay=0, offset=1 << 20),
    dict(name="constant", patches=9, rank=0, decay=0, offset=3),
]
WIDTH = 12
DIMENSIONS = [1, 2, 5, 8, 12]


def values(case):
    """[patches, 12] of fractions."""
    rows = []
    drawn = uniform(11, case["patches"] * WIDTH).reshape(-1, WIDTH)
    for row in range(case["patches"]):
        own = [Fraction(float(number)) for number in drawn[row]]
        numbers = []
        for column in range(WIDTH):
            if column < case["rank"]:
                number = own[column] + own[(column + 1) % case["rank"]] / 2
            elif case["rank"] > 1:
                number = numbers[column % case["rank"]] + numbers[(column + 1) % case["rank"]]
            else:
                number = Fraction(0)
            numbers.append(number)
        rows.append([number / (1 << case["decay"] * column) + case["offset"] for column, number in enumerate(numbers)])
    for row in rows:
        assert all(Fraction(float(number)) == number for number in row)
    return rows


def covariance(rows, centred):
    count = len(rows)
    mean = [sum(column) / count if centred else Fraction(0) for column in zip(*rows)]
    shifted = [[number - m for number, m in zip(row, mean)] for row in rows]
    columns = list(zip(*shifted))
    matrix = [[float(sum(a * b for a, b in zip(one, other)) / count) for other in columns] for one in columns]
    return [float(m) for m in mean], np.array(matrix)


def reference(case):
    rows = values(case)
    result = dict(case)
    for centring in ["mean", "none"]:
        mean, matrix = covariance(rows, centring == "mean")
        eigenvalues, vectors = np.linalg.eigh(matrix)
        eigenvalues, vectors = np.maximum(eigenvalues[::-1], 0.0), vectors[:, ::-1]
        subspaces = []
        for d in DIMENSIONS:
            gap = eigenvalues[d - 1] - (eigenvalues[d] if d < WIDTH else 0.0)
            # A subspace is defined where its last eigenvalue stands apart from the next.
            defined = d == WIDTH or gap > 1e-2 * eigenvalues[0] > 0.0
            if defined:
                projector = vectors[:, :d] @ vectors[:, :d].T
                subspaces.append(dict(d=d, gap=gap, projector=projector.ravel().tolist()))
        result[centring] = dict(
            mean=mean,
            eigenvalues=eigenvalues.tolist(),
            errors=[dict(d=d, error=float(eigenvalues[d:].sum())) for d in DIMENSIONS],
            subspaces=subspaces,
        )
    return result


def main():
    document = {
        "made_by": "tests/parity/metrics_tokenizer.py",
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__},
        "cases": [reference(case) for case in CASES],
        "schedule": schedule(),
    }
    lines = [f" {json.dumps(key)}: {compact(value)}" for key, value in document.items()]
    print("{\n" + ",\n".join(lines) + "\n}")


def compact(value):
    """Lists one entry a line, everything below on that line."""
    if isinstance(value, list):
        return "[\n  " + ",\n  ".join(json.dumps(entry) for entry in value) + "\n ]"
    return json.dumps(value)


def schedule():
    """Squared signals of DDPM's schedule as DiT's code computes them: the product of 1 - beta over 1000 betas."""
    products = np.cumprod(1.0 - np.linspace(1e-4, 0.02, 1000, dtype=np.float64))
    return [dict(step=step, squared_signal=float(products[step - 1])) for step in [1, 2, 10, 500, 999, 1000]]


if __name__ == "__main__":
    main()
