#!/usr/bin/env python3
"""Statistics of the 27 digitised points of iREPA's Figure 4, by NumPy and SciPy.

Usage, in the repository root:  python3 tests/parity/suites_figure_4.py > tests/parity/suites_figure_4.json

Per metric against gFID: Pearson, Spearman (average ranks), Pearson without points 01 and 02, the least-squares line,
and how far Pearson can move if every coordinate is off by up to its digitising tolerance (100,000 random corners).
The test suites/tests/irepa.rs compares retally with the recorded output.
"""

import csv
import json
import sys

import numpy
import scipy
from scipy import stats

CELLS = "suites/irepa/cells.csv"
METRICS = ("accuracy", "LDS", "CDS", "SRSS", "RMSC")
CORNERS = 100_000


def read_points():
    """For each column, values and tolerances in the order of the points."""
    values, tolerances = {}, {}
    with open(CELLS, newline="", encoding="utf-8") as handle:
        for cell in csv.DictReader(handle):
            if cell["table"] == "figure-4":
                tolerance = cell["note"].split("; ")[0].removeprefix("tol=")
                values.setdefault(cell["column"], []).append(float(cell["value"]))
                tolerances.setdefault(cell["column"], []).append(float(tolerance))
    return values, tolerances


def correlations(x, y):
    """Pearson r of each row of x with the same row of y."""
    x = x - x.mean(axis=1, keepdims=True)
    y = y - y.mean(axis=1, keepdims=True)
    return (x * y).sum(axis=1) / numpy.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))


def largest_movement(x, x_tolerance, y, y_tolerance):
    generator = numpy.random.default_rng(0)
    signs = generator.choice([-1.0, 1.0], size=(2, CORNERS, len(x)))
    moved = correlations(x + signs[0] * x_tolerance, y + signs[1] * y_tolerance)
    return float(numpy.abs(moved - numpy.corrcoef(x, y)[0, 1]).max())


def main():
    values, tolerances = read_points()
    y, y_tolerance = numpy.array(values["gFID"]), numpy.array(tolerances["gFID"])
    result = {"numpy": numpy.__version__, "scipy": scipy.__version__, "metrics": {}}
    for metric in METRICS:
        x, x_tolerance = numpy.array(values[metric]), numpy.array(tolerances[metric])
        slope, intercept = numpy.polyfit(x, y, 1)
        result["metrics"][metric] = {
            "pearson": float(numpy.corrcoef(x, y)[0, 1]),
            "spearman": float(stats.spearmanr(x, y)[0]),
            "without_outliers": float(numpy.corrcoef(x[2:], y[2:])[0, 1]),
            "intercept": float(intercept),
            "slope": float(slope),
            "movement_of_random_corners": largest_movement(x, x_tolerance, y, y_tolerance),
        }
    json.dump(result, sys.stdout, indent=2)
    print()


main()
