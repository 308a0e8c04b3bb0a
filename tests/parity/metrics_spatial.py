"""LDS, CDS, SRSS and RMSC in float64 NumPy from the full Gram matrix, with explicit loops over token pairs.

Written from the definitions (arXiv:2512.10794v1 and its released code), not from the Rust. Prints one JSON document; the
recorded one stands beside this file. The tokens are made from SplitMix64, so that the Rust test can make the same ones.

    python metrics_spatial.py > metrics_spatial.json
"""

import json
import sys

import numpy as np


def noise(seed, count):
    """SplitMix64 mapped to multiples of 2^-24 in [-0.5, 0.5), exact in float32."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**24 - 0.5).astype(np.float32)


def tokens_of(kind, rows, columns, width, seed):
    count = rows * columns
    random = noise(seed, count * width).reshape(count, width)
    if kind == "random":
        return random
    if kind == "smooth":
        # Row and column enter two channels each, so near tokens are alike; all numbers are exact in float32.
        for token in range(count):
            random[token, 0] += np.float32(token // columns) / 8
            random[token, 1] += np.float32(token % columns) / 8
            random[token, 2] += 1
        return random
    if kind == "constant":
        return np.repeat(random[:1], count, axis=0)
    if kind == "one-hot":
        return np.eye(width, dtype=np.float32)[np.arange(count) % width]
    if kind == "zeros":
        random[::3] = 0
        return random
    raise ValueError(kind)


def mask_of(kind, rows, columns):
    row, column = np.divmod(np.arange(rows * columns), columns)
    if kind == "block":
        return (row >= rows // 4) & (row < 3 * rows // 4) & (column >= 1) & (column < 1 + columns // 2)
    if kind == "stripes":
        return column % 3 == 0
    raise ValueError(kind)


def scores(tokens, mask, rows, columns, definition):
    count = rows * columns
    x = tokens.astype(np.float64)
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-8)
    gram = unit @ unit.T
    radius = rows // 2
    near, far, positive, negative = (1, 6, 1, 6) if definition == "code" else (radius - 1, radius, radius, radius)
    distance = np.array(
        [[abs(a // columns - b // columns) + abs(a % columns - b % columns) for b in range(count)] for a in range(count)]
    )
    lds = gram[(distance >= 1) & (distance <= near)].mean() - gram[distance >= far].mean()
    means = [gram[distance == step].mean() for step in range(1, 9)]
    cds = -np.polyfit(np.arange(1, 9), means, 1)[0]
    differences = []
    for anchor in np.flatnonzero(mask):
        positives = mask & (distance[anchor] >= 1) & (distance[anchor] <= positive)
        negatives = ~mask & (distance[anchor] >= negative)
        if positives.any() and negatives.any():
            differences.append(gram[anchor, positives].mean() - gram[anchor, negatives].mean())
    rmsc = np.sqrt(((unit - unit.mean(axis=0)) ** 2).sum(axis=1).mean())
    return {"LDS": float(lds), "CDS": float(cds), "SRSS": float(np.mean(differences)), "RMSC": float(rmsc)}


def main():
    cases = []
    for seed, (kind, rows, columns, width, mask) in enumerate(
        [
            ("random", 16, 16, 48, "block"),
            ("random", 16, 16, 7, "stripes"),
            ("smooth", 16, 16, 33, "block"),
            ("smooth", 9, 13, 16, "stripes"),
            ("random", 7, 9, 17, "block"),
            ("one-hot", 16, 16, 256, "block"),
            ("one-hot", 16, 16, 10, "stripes"),
            ("zeros", 16, 16, 20, "block"),
            ("constant", 16, 16, 40, "block"),
        ]
    ):
        tokens, object_mask = tokens_of(kind, rows, columns, width, seed), mask_of(mask, rows, columns)
        for definition in ("code", "paper"):
            case = {"kind": kind, "rows": rows, "columns": columns, "width": width, "seed": seed, "mask": mask}
            cases.append(case | {"definition": definition} | scores(tokens, object_mask, rows, columns, definition))
    versions = {"python": sys.version.split()[0], "numpy": np.__version__}
    json.dump({"versions": versions, "cases": cases}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
