#!/usr/bin/env python3
"""The suites aia, iwm and ldae against the reference data that they were made from.

Usage, in the repository root:
    python3 tests/parity/suites_reference.py FOLDER > tests/parity/suites_reference.json

FOLDER holds aia/, iwm/, ldae/ and unimmmu/ with the reference cells.csv and correlations.csv; it is not part of the
repository. Recorded are digests and counts of its files, and derived numbers computed here from its cells: exact decimal
arithmetic for differences, exact fractions for chance levels and shares of counts, SciPy and NumPy for coefficients and
curves. The tests suites/tests/aia.rs, iwm.rs and ldae.rs compare the suites with the recorded output.
"""

import collections
import csv
import decimal
import fractions
import hashlib
import json
import pathlib
import sys

import numpy
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


def with_further(description, name, further):
    """One suite that shows the files of two papers; tables of the second are named with its folder."""
    description["sha256"] |= {f"{name}/{file}": digest for file, digest in further["sha256"].items()}
    for key in ("cells", "correlations"):
        description[key] += further[key]
    provenance = collections.Counter(description["provenance"]) + collections.Counter(further["provenance"])
    description["provenance"] = dict(sorted(provenance.items()))
    tables = {f"{name}-{table}": count for table, count in further["tables"].items()}
    description["tables"] = dict(sorted((description["tables"] | tables).items()))
    return description


def huber(value, target, delta):
    distance = abs(value - target)
    return distance**2 / 2 if distance <= delta else delta * (distance - delta / 2)


# (last layer, target, width); None is the last layer of the model.
GENERATION = lambda last: [(9, 0.4, 0.2), (19, 0.4, 0.1), (24, 0.4, 0.1), (last, 0.2, 0.05), (None, 0.2, 0.05)]
UNDERSTANDING = lambda last: [(9, 0.1, 0.05), (19, 0.15, 0.05), (24, 0.3, 0.05), (last, 0.3, 0.05), (None, 0.2, 0.05)]
CODE = [(9, 0.1, 0.05), (20, 0.15, 0.05), (29, 0.3, 0.05)]


def staged(curve, stages):
    losses = []
    for layer, value in enumerate(curve):
        _, target, delta = next(stage for stage in stages if stage[0] is None or layer <= stage[0])
        losses.append(huber(value, target, delta))
    return float(numpy.mean(losses))


def share_is(value, items):
    """`rounding`, `truncation` or `unreachable`, by trying every count with exact fractions."""
    printed = fractions.Fraction(value)
    unit = fractions.Fraction(1, 10 ** len(value.partition(".")[2]))
    shares = [fractions.Fraction(100 * count, items) for count in range(items + 1)]
    if any(abs(share - printed) <= unit / 2 for share in shares):
        return "rounding"
    return "truncation" if any(0 <= share - printed < unit for share in shares) else "unreachable"


def reachability(cells, wanted, items):
    found = collections.defaultdict(list)
    for cell in cells:
        if (cell["table"], cell["column"]) in wanted and cell["unit"] == "percent":
            found[share_is(cell["value"], items)].append(cell["value"])
    return {kind: sorted(values, key=float) for kind, values in sorted(found.items())}


def aia_derived(cells, unimmmu):
    curves = collections.defaultdict(list)
    for cell in cells:
        if cell["table"] == "figure-1":
            curves[cell["row"]].append(float(cell["value"]))
    pairs = [(f"{model}|T2I", f"{model}|I2T") for model in ("Emu3", "Janus-Pro", "BAGEL")]
    single = ("HunyuanImage-3.0|T2I", "Qwen3-VL-8B|I2T")
    correlations = {
        f"{x} {y}": [stats.pearsonr(curves[x], curves[y]).statistic, stats.spearmanr(curves[x], curves[y]).statistic]
        for x, y in [*pairs, single]
    }
    resampled = {
        row: numpy.interp(numpy.linspace(0, len(own) - 1, 36), numpy.arange(len(own)), own) for row, own in curves.items()
    }
    distances = {
        row: [
            float(numpy.abs(resampled[row] - resampled[other]).mean()),
            stats.pearsonr(resampled[row], resampled[other]).statistic,
        ]
        for pair in pairs
        for row, other in zip(pair, single)
    }
    losses = {
        "Emu3|generation": staged(curves["Emu3|T2I"], GENERATION(30)),
        "Emu3|understanding": staged(curves["Emu3|I2T"], UNDERSTANDING(30)),
        "Janus-Pro|generation": staged(curves["Janus-Pro|T2I"], GENERATION(29)),
        "Janus-Pro|understanding": staged(curves["Janus-Pro|I2T"], UNDERSTANDING(29)),
        "Janus-Pro|understanding|code": staged(curves["Janus-Pro|I2T"], CODE),
    }
    uniform = {
        f"{t} {q}": float(sum((fractions.Fraction(t, t + query) for query in range(1, q + 1)), fractions.Fraction(0)) / q)
        for t, q in ((16, 576), (64, 576), (256, 576), (577, 64), (577, 16))
    }
    values = lookup(unimmmu)
    columns = list(dict.fromkeys(cell["column"] for cell in unimmmu if cell["table"] == "table-2" and cell["row"] == "Bagel"))
    columns.remove("Avg")
    rows = ["Bagel", "OmniGen2", "Ovis-U1", "Qwen-Image-Edit", "nano-banana", "GPT-4.1 + GPT-image"]
    matrix = numpy.array([[float(values["table-2", row, column]) for column in columns] for row in rows])
    average = numpy.array([float(values["table-2", row, "Avg"]) for row in rows])
    choices = (numpy.arange(1, 1 << len(columns))[:, None] >> numpy.arange(len(columns))) & 1
    means = choices @ matrix.T / choices.sum(axis=1, keepdims=True)
    fourteen = {
        row: {
            kind: str(
                sum(values["table-2", row, column] for column in columns if "|" not in column or column.endswith(kind)) / 14
            )
            for kind in ("step", "sample")
        }
        for row in rows
    }
    ablations = [
        "table-2-system", "ablation-parts", "ablation-distillation", "ablation-target-pattern", "ablation-lambda",
        "ablation-data-ratio", "table-6-scale",
    ]
    both = ("table-2", "table-4-ablation")
    checks = {
        "mmvp-pairs": reachability(cells, {(table, "MMVP") for table in ablations}, 150),
        "mmmu-items": reachability(cells, {(table, "MMMU") for table in ablations}, 900),
        "jigsaw-items": reachability(unimmmu, {(table, "Jigsaw-T") for table in both}, 150),
        "maze-items": reachability(unimmmu, {(t, f"Maze-{c}|sample") for t in both for c in "IT"}, 149),
        "sliding-items": reachability(unimmmu, {(t, f"Sliding-{c}|sample") for t in both for c in "IT"}, 84),
        "geometry-items": reachability(unimmmu, {(t, f"Geometry-{c}") for t in both for c in "IT"}, 140),
        "science-items": reachability(unimmmu, {(t, f"Science-{c}") for t in both for c in "RTI"}, 157),
        "code-items": reachability(unimmmu, {("table-2", "Code-T")}, 200),
    }
    return {
        "correlations": correlations,
        "distances": distances,
        "means": {row: float(numpy.mean(own)) for row, own in curves.items()},
        "losses": losses,
        "uniform": uniform,
        "means_of_14": fourteen,
        "best_mean": float(numpy.abs(means - average).max(axis=1).min()),
        "reachability": checks,
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    papers = {name: description(folder / name) for name in ("aia", "iwm", "ldae")}
    papers["aia"] = with_further(papers["aia"], "unimmmu", description(folder / "unimmmu"))
    papers["aia"]["derived"] = aia_derived(read(folder / "aia", "cells.csv"), read(folder / "unimmmu", "cells.csv"))
    papers["iwm"]["derived"] = iwm_derived(read(folder / "iwm", "cells.csv"))
    papers["ldae"]["derived"] = ldae_derived(read(folder / "ldae", "cells.csv"))
    versions = {"python": sys.version.split()[0], "numpy": numpy.__version__, "scipy": scipy.__version__}
    json.dump({"versions": versions, "papers": papers}, sys.stdout, indent=1)
    print()


main()
