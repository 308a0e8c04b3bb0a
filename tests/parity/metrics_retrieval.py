"""Ranks, MRR, H@k and PRE in NumPy, by sorting every bank.

Prints one JSON document; the recorded one stands beside this file. Usage:

    python metrics_retrieval.py > metrics_retrieval.json

Distances are squared Euclidean ones, or one minus the cosine, in float64. Ranks come from scipy.stats.rankdata, means from a
sum in query order, so that recorded numbers are the same on every machine. Cases:

- random: predictions and members scatter about the same eight centres, independently; no ties.
- tied: few levels of a coarse grid, exact in float32, so that many members are exactly as near as the target.
- planted: each prediction lies near its target.
- constant: every prediction is the same row, each member is asked for once.

Shared banks are [N, D]; "per query" banks are [Q, N, D] with the target in row q of bank q.
"""

import json
import sys

import numpy as np
import scipy
from portable_arrays import clusters, grid, uniform
from scipy.stats import rankdata

RULES = {"mid-rank": "average", "optimistic": "min", "pessimistic": "max"}


def distances(prediction, bank, distance):
    prediction, bank = prediction.astype(np.float64), bank.astype(np.float64)
    if distance == "l2":
        return np.array([sum_in_order((member - prediction) ** 2) for member in bank])
    lengths = np.sqrt([sum_in_order(member**2) for member in bank])
    products = np.array([sum_in_order(member * prediction) for member in bank])
    return 1.0 - products / (np.sqrt(sum_in_order(prediction**2)) * lengths)


def sum_in_order(terms):
    """Sixteen interleaved sums, added from the first to the last: the order that retally documents."""
    lanes = [0.0] * 16
    for index, term in enumerate(terms.tolist()):
        lanes[index % 16] += term
    total = 0.0
    for lane in lanes:
        total += lane
    return total


def planted(targets, seed, spread):
    noise = uniform(seed, targets.size).reshape(targets.shape)
    return (targets + spread * (noise - 0.5)).astype(np.float32)


def cases():
    for name, seed, queries, members, width in (("random", 11, 40, 40, 19), ("random", 13, 7, 61, 32)):
        yield name, clusters(seed, queries, width, 0.7, -0.3), clusters(seed + 1, members, width, 0.7, -0.3), None
    yield "tied", grid(15, 30, 3, 3, 0.5) + 1, grid(16, 30, 3, 3, 0.5) + 1, None
    bank = clusters(17, 50, 24, 0.5, -0.4)
    yield "planted", planted(bank, 18, 0.9), bank, None
    order = [(7 * query + 3) % 50 for query in range(33)]
    yield "planted", planted(bank[order], 19, 1.3), bank, order
    yield "constant", np.repeat(clusters(21, 1, 12, 0.5, -0.4), 64, axis=0), clusters(22, 64, 12, 0.5, -0.4), None
    banks = clusters(23, 9 * 14, 10, 0.6, -0.3).reshape(9, 14, 10)
    yield "per query", planted(banks[np.arange(9), np.arange(9)], 24, 1.1), banks, None


def record(name, predictions, bank, order):
    targets = list(range(len(predictions))) if order is None else order
    result = {"case": name, "targets": targets, "scores": []}
    for distance in ("l2", "cosine"):
        for rule, method in RULES.items():
            ranks, found = [], []
            for query, prediction in enumerate(predictions):
                members = bank if bank.ndim == 2 else bank[query]
                row = distances(prediction, members, distance)
                ranks.append(float(rankdata(row, method=method)[targets[query]]))
                found.append(int(np.argmin(row)))
            result["scores"].append({
                "distance": distance,
                "ties": rule,
                "ranks": ranks,
                "nearest": found,
                "MRR": mean([1.0 / rank for rank in ranks]),
                **{f"H@{k}": mean([float(rank <= k) for rank in ranks]) for k in (1, 5, 10)},
            })
    return result


def mean(values):
    total = 0.0
    for value in values:
        total += value
    return total / len(values)


def rotations():
    """Unit quaternions from uniform numbers; PRE of the nearest neighbours of a planted case."""
    raw = uniform(31, 4 * 20).reshape(20, 4) - 0.5
    unit = raw / np.sqrt((raw[:, :1] ** 2 + raw[:, 1:2] ** 2) + (raw[:, 2:3] ** 2 + raw[:, 3:] ** 2))
    bank = clusters(32, 20, 8, 0.5, -0.4)
    predictions = planted(bank, 33, 1.6)
    found = [int(np.argmin(distances(row, bank, "cosine"))) for row in predictions]
    errors = []
    for target, nearest in enumerate(found):
        product = 0.0
        for a, b in zip(unit[target].tolist(), unit[nearest].tolist(), strict=True):
            product += a * b
        errors.append(1.0 - product * product)
    return {"quaternions": unit.tolist(), "nearest": found, "PRE": mean(errors)}


def chance():
    return [
        {"bank": bank, "MRR": float(np.sum(1.0 / np.arange(1, bank + 1)) / bank), "H@5": min(5, bank) / bank}
        for bank in (1, 2, 50, 256, 1590)
    ]


if __name__ == "__main__":
    json.dump(
        {
            "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "scipy": scipy.__version__},
            "cases": [record(*case) for case in cases()],
            "rotations": rotations(),
            "chance": chance(),
        },
        sys.stdout,
        indent=1,
    )
    print()
