"""Reference values for the Fréchet distances of `retally-metrics`, from mpmath (50 digits), SciPy and pytorch-fid.

The features are made from SplitMix64, so that the Rust tests make the same ones; they are not stored. mpmath takes the
exact values of the f32 features, so its results are exact for every digit that f64 has, whatever the rank. Prints one
JSON document; the recorded one stands beside this file. Usage:

    OPENBLAS_NUM_THREADS=1 python metrics_frechet.py > metrics_frechet.json
"""

import json
import sys

import mpmath
import numpy as np
import pytorch_fid
import scipy
from mpmath import mp, mpf
from pytorch_fid.fid_score import calculate_frechet_distance

mp.dps = 50
MASK = (1 << 64) - 1

# name, rows and seed of either set, dimensions, scale of dimension j is 10^(-decay j), offset, dead columns.
CASES = [
    dict(name="full-rank", rows=[60, 45], dimensions=6, decay=0.0, offset=0.0, dead=0),
    dict(name="one-dimension", rows=[2, 3], dimensions=1, decay=0.0, offset=0.0, dead=0),
    dict(name="scales", rows=[40, 50], dimensions=6, decay=2.0, offset=0.0, dead=0),
    dict(name="offset", rows=[40, 30], dimensions=5, decay=0.0, offset=4096.0, dead=0),
    dict(name="few-rows", rows=[9, 12], dimensions=20, decay=0.1, offset=1.0, dead=0),
    dict(name="few-rows-of-one-set", rows=[7, 60], dimensions=10, decay=0.1, offset=0.0, dead=0),
    dict(name="dead-columns", rows=[50, 40], dimensions=7, decay=0.2, offset=0.0, dead=2),
]


def splitmix64(counter):
    z = (counter * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def features(seed, rows, case):
    """uniform(row, column) + uniform(row, column - 1) / 2 + seed / 4, scaled, then rounded to f32."""
    width = case["dimensions"]
    result = np.zeros((rows, width), dtype=np.float32)
    for row in range(rows):
        uniform = [(splitmix64((seed << 32) + row * width + column + 1) >> 40) / 2.0**24 for column in range(width)]
        for column in range(width):
            value = uniform[column] + 0.5 * uniform[column - 1] + 0.25 * seed
            scale = 10.0 ** (-case["decay"] * column)
            dead = column >= width - case["dead"]
            result[row, column] = 1.5 if dead else value * scale + case["offset"]
    return result


def exact(sets):
    """Terms of the distance with 50 digits."""
    means, factors = [], []
    for rows in sets:
        count, width = rows.shape
        table = [[mpf(float(value)) for value in row] for row in rows]
        mean = [sum(row[column] for row in table) / count for column in range(width)]
        root = mp.sqrt(count - 1)
        means.append(mean)
        factors.append(mpmath.matrix([[(row[c] - mean[c]) / root for c in range(width)] for row in table]))
    traces = [sum(value * value for value in factor) for factor in factors]
    # Singular values of F1 F2^T, through QR of the tall ones: R has as many rows as there are dimensions at most.
    small = [mpmath.qr(factor, mode="skinny")[1] if factor.rows > factor.cols else factor for factor in factors]
    product = small[0] * small[1].T
    product = product.T if product.rows < product.cols else product
    trace_root = sum(mpmath.svd_r(product, compute_uv=False))
    mean_term = sum((a - b) ** 2 for a, b in zip(*means))
    return {
        "mean_term": float(mean_term),
        "trace_reference": float(traces[0]),
        "trace_samples": float(traces[1]),
        "trace_root": float(trace_root),
        "distance": float(mean_term + traces[0] + traces[1] - 2 * trace_root),
    }


def scipy_root(sets):
    covariances = [np.atleast_2d(np.cov(rows.astype(np.float64), rowvar=False)) for rows in sets]
    return float(np.trace(scipy.linalg.sqrtm(covariances[0] @ covariances[1])).real)


def main():
    document = {
        "versions": {
            "python": sys.version.split()[0],
            "mpmath": mpmath.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "pytorch-fid": pytorch_fid.__version__,
        },
        "cases": [],
    }
    for case in CASES:
        sets = [features(1, case["rows"][0], case), features(2, case["rows"][1], case)]
        entry = dict(case, exact=exact(sets), checksum=[float(rows.astype(np.float64).sum()) for rows in sets])
        if case["name"] == "full-rank":
            entry["scipy_trace_root"] = scipy_root(sets)
            statistics = [(rows.astype(np.float64).mean(0), np.cov(rows.astype(np.float64), rowvar=False)) for rows in sets]
            entry["pytorch_fid"] = float(calculate_frechet_distance(*statistics[0], *statistics[1]))
        document["cases"].append(entry)
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
