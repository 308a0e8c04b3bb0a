"""Reference values for paired tests and Holm's method of `retally-metrics`, from SciPy and statsmodels.

Prints one JSON document; the recorded one stands beside this file. Usage:

    pip install scipy statsmodels
    python metrics_paired.py > metrics_paired.json
"""

import json
import sys

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.multitest import multipletests


def pair(generator, n, shift, noise):
    first = generator.normal(0.4, 0.1, n)
    second = first + shift + noise * generator.normal(size=n)
    first, second = np.round(first, 6), np.round(second, 6)
    test = stats.ttest_rel(first, second)
    return {
        "first": first.tolist(),
        "second": second.tolist(),
        "statistic": float(test.statistic),
        "p": float(test.pvalue),
    }


def holm(generator, level=0.05):
    common = generator.normal(size=40)
    shifts = [0.0, 0.02, 0.3, 0.32, 0.9, 1.0, 1.02]
    results = [np.round(common + shift + 0.5 * generator.normal(size=40), 6) for shift in shifts]
    pairs = [(i, j) for i in range(len(results)) for j in range(i)]
    p = [stats.ttest_rel(results[i], results[j]).pvalue for i, j in pairs]
    rejected = multipletests(p, alpha=level, method="holm")[0]
    return {
        "results": [result.tolist() for result in results],
        "level": level,
        "rejected": [list(pair) for pair, is_rejected in zip(pairs, rejected) if is_rejected],
    }


def main():
    generator = np.random.default_rng(0)
    levels = [(0.05, 1), (0.05, 9), (1e-3, 30), (0.05 / 499500, 1044), (0.05 / 499500, 4)]
    document = {
        "scipy": scipy.__version__,
        "statsmodels": statsmodels.__version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
        "pairs": [
            pair(generator, 5, 0.01, 0.02),
            pair(generator, 30, 0.001, 0.01),
            pair(generator, 100, 0.02, 0.01),
            pair(generator, 40, 0.0, 0.0003),
        ],
        "criticals": [[level, freedom, float(stats.t.isf(level / 2, freedom))] for level, freedom in levels],
        "holm": holm(generator),
    }
    json.dump(document, sys.stdout)
    print()


main()
