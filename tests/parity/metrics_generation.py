"""Inception Score, KID, CMMD, precision/recall and MIND from torch-fidelity, PyTorch, SciPy and NumPy.

Prints one JSON document; the recorded one stands beside this file. Usage:

    python metrics_generation.py > metrics_generation.json
"""

import json
import sys

import numpy as np
import scipy
import torch
import torch_fidelity
from portable_arrays import clusters, logits
from scipy.special import log_softmax
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric


def block_scores(values, size):
    """The rule of ADM's evaluator, in float64."""
    log_p = log_softmax(values.astype(np.float64), axis=1)
    scores = []
    for start in range(0, len(values), size):
        part = log_p[start : start + size]
        p = np.exp(part)
        scores.append(float(np.exp((p * (part - np.log(p.mean(axis=0)))).sum(axis=1).mean())))
    return scores


def inception_scores():
    values = logits(11, 1237, 37, 6.0)
    split = lambda splits, shuffle: isc_features_to_metric(torch.from_numpy(values), splits, shuffle, 2020)
    return {
        "torch_fidelity_10_shuffled": split(10, True),
        "torch_fidelity_7_file_order": split(7, False),
        "torch_fidelity_1": split(1, False),
        "blocks_of_500": block_scores(values, 500),
    }


def kid_peer(reference, samples, subsets, size, degree=3, gamma=None, coef0=1.0):
    return kid_features_to_metric(
        torch.from_numpy(samples),
        torch.from_numpy(reference),
        kid_subsets=subsets,
        kid_subset_size=size,
        kid_kernel="poly",
        kid_kernel_poly_degree=degree,
        kid_kernel_poly_gamma=gamma,
        kid_kernel_poly_coef0=coef0,
        rng_seed=2020,
        verbose=False,
    )


def mmd(first, second, kernel, unbiased):
    """In float64, with the matrices at hand."""
    n, m = len(first), len(second)
    within = lambda k: (k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) if unbiased else k.mean()
    return float(within(kernel(first, first)) + within(kernel(second, second)) - 2 * kernel(first, second).sum() / (n * m))


def jackknife(first, second, kernel, unbiased):
    """Standard error, every estimate computed anew without one row."""
    total = 0.0
    for rows, estimate in (
        (first, lambda rows: mmd(rows, second, kernel, unbiased)),
        (second, lambda rows: mmd(first, rows, kernel, unbiased)),
    ):
        without = np.array([estimate(np.delete(rows, i, axis=0)) for i in range(len(rows))])
        total += (len(rows) - 1) / len(rows) * ((without - without.mean()) ** 2).sum()
    return float(np.sqrt(total))


def gaussian(x, y):
    distances = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None, :] - 2 * x @ y.T
    return np.exp(-np.maximum(distances, 0) / (2 * 10.0**2))


def sliced(reference, samples, directions, seed):
    """MIND from its definition, with PyTorch's draws: permutation of the larger set first, then the directions."""
    generator = torch.Generator(device="cpu").manual_seed(seed)
    first, second = torch.from_numpy(samples), torch.from_numpy(reference)
    kept = min(len(first), len(second))
    cut = lambda rows: rows if len(rows) == kept else rows[torch.randperm(len(rows), generator=generator)[:kept]]
    first, second = cut(first), cut(second)
    u = torch.randn(directions, first.shape[1], generator=generator)
    u = (u / u.norm(dim=1, keepdim=True)).double()
    gaps = torch.sort(first.double() @ u.T, dim=0).values - torch.sort(second.double() @ u.T, dim=0).values
    return float(3 * first.shape[1] * (gaps**2).mean())


def main():
    reference, samples = clusters(1, 700, 48, 0.5, 0.0), clusters(2, 600, 48, 0.5, 0.0625)
    polynomial = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
    few = [rows[:40].astype(np.float64) for rows in (samples, reference)]
    doubles = [rows.astype(np.float64) for rows in (samples, reference)]
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in doubles]
    prc = lambda k: prc_features_to_metric(
        torch.from_numpy(samples), torch.from_numpy(reference), prc_neighborhood=k, prc_batch_size=10000, save_cpu_ram=False,
        verbose=False,
    )
    document = {
        "versions": {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "torch": torch.__version__,
            "torch_fidelity": torch_fidelity.__version__,
        },
        "inception_score": inception_scores(),
        "kid": {
            "30 subsets of 200": kid_peer(reference, samples, 30, 200),
            "3 subsets of 150": kid_peer(reference, samples, 3, 150),
            "10 subsets of 600, degree 2": kid_peer(reference, samples, 10, 600, 2, 0.125, 0.5),
            "all rows": mmd(*doubles, polynomial, True),
            "first 40 rows": mmd(*few, polynomial, True),
            "first 40 rows, standard error": jackknife(*few, polynomial, True),
        },
        "cmmd": {
            "unit rows": 1000 * mmd(*units, gaussian, False),
            "rows as they are": 1000 * mmd(*doubles, gaussian, False),
            "first 40 rows": 1000 * mmd(*few, gaussian, False),
            "first 40 rows, standard error": 1000 * jackknife(*few, gaussian, False),
        },
        "precision_recall": {str(k): prc(k) for k in (3, 5)},
        "mind": {
            "700 against 600, 1000 directions": sliced(reference, samples, 1000, 2020),
            "600 against 600, 50 directions": sliced(reference[:600], samples, 50, 7),
        },
    }
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
