"""Interaction intensity, uniform baselines, AIA losses and correlations in NumPy, SciPy and PyTorch.

Prints one JSON document; the recorded one stands beside this file. Usage:

    python interaction.py > interaction.json

Attention is [layer, head, query, key]: multiples of 2^-24 plus 1/16, zero where the query does not see the key, each row divided by its sum, in float64. Cases:

- causal: as many queries as keys; the first tokens are text, the rest image; two pieces of keys.
- cached: eight queries at the end of 40 keys, padded on the left.
- full: every query sees every key.
"""

import json
import os
import sys

import numpy as np
import scipy
import torch
from portable_arrays import uniform

CASES = {
    # name: (seed, layers, heads, queries, keys, causal, first query, padding, rows of queries, S)
    "causal": (31, 3, 4, 24, 24, True, 0, [], [(9, 24)], [(1, 4), (6, 9)]),
    "cached": (32, 2, 3, 8, 40, True, 32, [(0, 5)], [(0, 3), (4, 8)], [(5, 21)]),
    "full": (33, 2, 2, 6, 10, False, 0, [], [(0, 6)], [(7, 10)]),
}


def members(ranges):
    return np.concatenate([np.arange(start, end) for start, end in ranges]).astype(int) if ranges else np.array([], int)


def visible(causal, first, padding, queries, keys):
    seen = np.ones((queries, keys), bool)
    if causal:
        seen = np.arange(keys)[None, :] <= (first + np.arange(queries))[:, None]
    seen[:, members(padding)] = False
    return seen


def case(seed, layers, heads, queries, keys, causal, first, padding, rows, wanted):
    weights = uniform(seed, layers * heads * queries * keys).reshape(layers, heads, queries, keys) + 1 / 16
    seen = visible(causal, first, padding, queries, keys)
    weights = weights * seen
    attention = weights / weights.sum(-1, keepdims=True)
    chosen = attention[:, :, members(rows)][..., members(wanted)]
    even = (seen / seen.sum(-1, keepdims=True))[members(rows)][:, members(wanted)]
    return {
        "intensity": chosen.sum(-1).mean((1, 2)).tolist(),
        "uniform": float(even.sum(-1).mean()),
    }


def stages(task, layers, last, code):
    """(delta, target) of each layer, written out from the paper's table."""
    second = 21 if code else 20
    if task == "T2I":
        table = [(0.2, 0.4)] * 10 + [(0.1, 0.4)] * 15 + [(0.05, 0.2)] * (layers - 25)
    else:
        table = [(0.05, 0.1)] * 10 + [(0.05, 0.15)] * (second - 10) + [(0.05, 0.3)] * (last + 1 - second)
        table += [(0.05, 0.2)] * (layers - last - 1)
    assert len(table) == layers
    return table


def loss(curve, table):
    values = []
    for intensity, (delta, target) in zip(curve, table):
        huber = torch.nn.HuberLoss(delta=delta)
        values.append(huber(torch.tensor(intensity, dtype=torch.float64), torch.tensor(target, dtype=torch.float64)).item())
    return values


def figure_1():
    path = os.path.join(os.path.dirname(__file__), "../../metrics/tests/data/aia_figure_1.csv")
    curves = {}
    with open(path) as file:
        for line in file:
            name, *values = line.strip().split(",")
            curves[name] = [float(value) for value in values]
    return curves


def main():
    curves = figure_1()
    document = {
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "scipy": scipy.__version__, "torch": torch.__version__},
        "cases": {name: case(*parameters) for name, parameters in CASES.items()},
        "losses": {},
        "correlations": {},
    }
    for name, last in [("Emu3", 30), ("Janus-Pro", 29)]:
        for task in ["T2I", "I2T"]:
            curve = curves[f"{name}|{task}"]
            for kind in ["paper", "code"]:
                values = loss(curve, stages(task, len(curve), last, kind == "code"))
                document["losses"][f"{name}|{task}|{kind}"] = {"last": last, "layers": values, "mean": float(np.mean(values))}
    for x, y in [("Emu3|T2I", "Emu3|I2T"), ("Janus-Pro|T2I", "Janus-Pro|I2T"), ("BAGEL|T2I", "BAGEL|I2T"), ("HunyuanImage-3.0|T2I", "Qwen3-VL-8B|I2T")]:
        document["correlations"][x] = {
            "with": y,
            "pearson": float(scipy.stats.pearsonr(curves[x], curves[y]).statistic),
            "spearman": float(scipy.stats.spearmanr(curves[x], curves[y]).statistic),
        }
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
