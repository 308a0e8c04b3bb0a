#!/usr/bin/env python3
"""The suites iwm and ldae against the reference data that they were made from.

Usage, in the repository root:
    python3 tests/parity/suites_reference.py FOLDER > tests/parity/suites_reference.json

FOLDER holds iwm/ and ldae/ with the reference cells.csv and correlations.csv; it is not part of the repository. Recorded
are digests and counts of its files, and derived numbers computed here from its cells: exact decimal arithmetic for
differences, exact fractions for chance levels, SciPy for coefficients. The tests suites/tests/iwm.rs and ldae.rs compare
the suites with the recorded output.
"""

import collections
import csv
import decimal
import fractions
import hashlib
import json
import pathlib
import sys

import scipy
from scipy import stats

PROBE = "accuracy|linear-probe"


def read(folder, name):
    with open(folder / name, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def description(folder):
    """Digests and counts of one paper's files."""
    cells, correlations = read(folder, "cells.csv"), read(folder, "correlations.csv")
    names = ("cells.csv", "correlations.csv")
    return {
        "sha256": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names},
        "cells": len(cells),
        "correlations": len(correlations),
        "provenance": dict(sorted(collections.Counter(cell["provenance"] for cell in cells).items())),
        "tables": dict(sorted(collections.Counter(cell["table"] for cell in cells).items())),
    }


def lookup(cells):
    """The first value at each place, as an exact decimal."""
    values = {}
    for cell in cells:
        place = (cell["table"], cell["row"], cell["column"])
        values.setdefault(place, decimal.Decimal(cell["value"]))
    return values


def ldae_derived(cells):
    values = lookup(cells)
    order = [cell for cell in cells if cell["table"] == "table-1"]
    rows = list(dict.fromkeys(cell["row"] for cell in order))
    accuracy = [float(values["table-1", row, PROBE]) for row in rows]
    fid = [float(values["table-1", row, "gFID|50K"]) for row in rows]
    steps = list(dict.fromkeys(cell["row"] for cell in cells if cell["table"] == "table-3"))
    step = [values["table-3", row, PROBE] for row in steps]
    peaks = {}
    for row in dict.fromkeys(cell["row"] for cell in cells if cell["table"] == "table-2"):
        own = {
            int(place[2].rpartition("=")[2]): value
            for place, value in values.items()
            if place[:2] == ("table-2", row)
        }
        best = max(own, key=own.get)
        peaks[row] = {"peak": str(own[best]), "d": best, "drop": str(own[best] - own[64])}
    ranges = {}
    for row in ("clean-input", "noisy-input"):
        own = [value for place, value in values.items() if place[:2] == ("appendix-a-probe-t", row)]
        ranges[row] = {"min": str(min(own)), "max": str(max(own)), "range": str(max(own) - min(own))}
    return {
        "pearson_5": stats.pearsonr(accuracy, fid).statistic,
        "spearman_5": stats.spearmanr(accuracy, fid).statistic,
        "pearson_3": stats.pearsonr(accuracy[2:], fid[2:]).statistic,
        "steps": {row: str(after - before) for row, before, after in zip(steps[1:], step, step[1:])},
        "net": str(step[-1] - step[0]),
        "peaks": peaks,
        "probe_t": ranges,
    }


def harmonic(count):
    return sum((fractions.Fraction(1, rank) for rank in range(1, count + 1)), fractions.Fraction(0))


def iwm_derived(cells):
    values = lookup(cells)
    table = "imagenet-finetune"
    names = {
        "pretrained-predictor-minus-encoder-finetuned": ("frozen-encoder+pretrained-predictor", "encoder-finetuned"),
        "end-to-end-minus-encoder-finetuned": ("end-to-end", "encoder-finetuned"),
        "gain-over-random-predictor": ("frozen-encoder+pretrained-predictor", "frozen-encoder+random-predictor"),
    }
    differences = {
        row: {
            name: str(values[table, row, f"accuracy|{minuend}"] - values[table, row, f"accuracy|{subtrahend}"])
            for name, (minuend, subtrahend) in names.items()
        }
        for row in ("I-JEPA", "IWM-Inv-12x384", "IWM-Equi-18x384")
    }
    smallest, total = 0, fractions.Fraction(0)
    while smallest == 0 or total / smallest >= fractions.Fraction(1, 200):
        smallest += 1
        total += fractions.Fraction(1, smallest)
    return {
        "differences": differences,
        "chance_mrr_256": float(harmonic(256) / 256),
        "chance_mrr_50": float(harmonic(50) / 50),
        "smallest_bank_below_0.005": smallest,
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    papers = {name: description(folder / name) for name in ("iwm", "ldae")}
    papers["iwm"]["derived"] = iwm_derived(read(folder / "iwm", "cells.csv"))
    papers["ldae"]["derived"] = ldae_derived(read(folder / "ldae", "cells.csv"))
    versions = {"python": sys.version.split()[0], "scipy": scipy.__version__}
    json.dump({"versions": versions, "papers": papers}, sys.stdout, indent=1)
    print()


main()
