"""Cohen's kappa with its interval by statsmodels (Fleiss, Cohen and Everitt 1969), and kappa alone by scikit-learn.

Writes metrics_agreement.json beside it. Needs numpy, scikit-learn, statsmodels.
"""

import json
import pathlib

import numpy
import sklearn
import statsmodels
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa


def raters(seed, n, categories, agreement):
    generator = numpy.random.default_rng(seed)
    first = generator.integers(0, categories, n)
    other = generator.integers(0, categories, n)
    second = numpy.where(generator.random(n) < agreement, first, other)
    return first, second


def main():
    cases = {
        "two_categories": raters(0, 150, 2, 0.7),
        "six_categories": raters(1, 200, 6, 0.5),
        "no_agreement": raters(2, 60, 3, 0.0),
        "skewed": (numpy.array([1] * 90 + [0] * 10), numpy.array([1] * 85 + [0] * 10 + [1] * 5)),
        "below_chance": (numpy.array([0, 1] * 8 + [0]), numpy.array([1, 0] * 8 + [0])),
        "one_rater_constant": (numpy.array([1, 1, 1, 1]), numpy.array([1, 0, 1, 1])),
    }
    recorded = {"versions": {m.__name__: m.__version__ for m in (numpy, sklearn, statsmodels)}, "cases": {}}
    for name, (first, second) in cases.items():
        size = int(max(first.max(), second.max())) + 1
        table = numpy.zeros((size, size))
        numpy.add.at(table, (first, second), 1)
        result = cohens_kappa(table)
        assert abs(result.kappa - cohen_kappa_score(first, second)) < 1e-12
        recorded["cases"][name] = {
            "first": first.tolist(),
            "second": second.tolist(),
            "kappa": float(result.kappa),
            "standard_error": float(result.std_kappa),
            "interval": [float(result.kappa_low), float(result.kappa_upp)],
        }
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(recorded) + "\n")


if __name__ == "__main__":
    main()
