"""Reference values for the statistics of `retally-metrics`, from NumPy and SciPy.

Prints one JSON document; the recorded one stands beside this file. Usage:

    python metrics_statistics.py ../../metrics/tests/data/irepa_figure_4.csv > metrics_statistics.json
"""

import csv
import json
import sys

import numpy as np
import scipy
from scipy import stats


def fisher_interval(r, n, level=0.95):
    half_width = stats.norm.ppf(0.5 + level / 2) / np.sqrt(n - 3)
    return [float(np.tanh(np.arctanh(r) + sign * half_width)) for sign in (-1, 1)]


def figure_4(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    gfid = np.array([float(row["gFID"]) for row in rows])
    result = {}
    for metric in ("accuracy", "LDS", "CDS", "SRSS", "RMSC"):
        x = np.array([float(row[metric]) for row in rows])
        left_out = [float(np.corrcoef(np.delete(x, i), np.delete(gfid, i))[0, 1]) for i in range(len(x))]
        slope, intercept = np.polyfit(x, gfid, 1)
        pearson = float(np.corrcoef(x, gfid)[0, 1])
        result[metric] = {
            "pearson": pearson,
            "spearman": float(stats.spearmanr(x, gfid).statistic),
            "fisher_interval": fisher_interval(pearson, len(x)),
            "left_out": left_out,
            "slope": float(slope),
            "intercept": float(intercept),
        }
    return result


def paired_difference():
    """Student's t interval of the mean of second - first: sines and cosines of whole numbers, which need no file."""
    index = np.arange(1, 41)
    first, second = np.sin(index), np.sin(index) + 0.01 * np.cos(7 * index) + 0.003
    found = stats.ttest_rel(second, first)
    interval = found.confidence_interval(0.95)
    return {"mean": float(np.mean(second - first)), "low": float(interval.low), "high": float(interval.high)}


def main():
    values = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    wilson = stats.binomtest(80, 100).proportion_ci(method="wilson")
    document = {
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "scipy": scipy.__version__},
        "figure_4": figure_4(sys.argv[1]),
        "fisher_interval_r_-0.852_n_27": fisher_interval(-0.852, 27),
        "fisher_p_r_0.5_against_0_n_28": float(2 * stats.norm.sf(np.arctanh(0.5) * 5)),
        "student_interval_1_2_4_8_16": [float(v) for v in stats.t.interval(0.95, 4, values.mean(), stats.sem(values))],
        "paired_difference": paired_difference(),
        "mcnemar_exact": [
            [first, second, float(stats.binomtest(min(first, second), first + second, 0.5).pvalue)]
            for first, second in ((0, 1), (3, 9), (10, 25), (40, 41), (120, 180))
        ],
        "wilson_80_of_100": [float(wilson.low), float(wilson.high)],
    }
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
