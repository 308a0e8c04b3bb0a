"""What NumPy's and PyTorch's generators draw, for `retally_metrics::random::{numpy, torch}`.

Prints one JSON document; the recorded one stands beside this file. Usage:

    python metrics_generators.py > metrics_generators.json
"""

import json
import sys

import numpy as np
import torch


def digest(numbers):
    """A polynomial in the numbers, modulo a prime: it changes with any of them and with their order."""
    value = 0
    for number in numbers:
        value = (value * 1_000_003 + int(number)) % (2**61 - 1)
    return value


def legacy(seed):
    state = np.random.RandomState(seed)
    short = state.permutation(10).tolist()
    long = digest(state.permutation(70_000))
    chosen = state.choice(10_000, 1000, replace=False)
    shuffled = np.array([2, 3, 5, 7, 11, 13, 17])
    state.shuffle(shuffled)
    return {
        "seed": seed,
        "permutation_10": short,
        "permutation_70000": str(long),
        "choice_1000_of_10000": str(digest(chosen)),
        "shuffled_primes": shuffled.tolist(),
        "permutation_1": state.permutation(1).tolist(),
        "choice_3_of_3": state.choice(3, 3, replace=False).tolist(),
    }


def pytorch(seed):
    generator = torch.Generator(device="cpu").manual_seed(seed)
    short = torch.randperm(10, generator=generator).tolist()
    long = digest(torch.randperm(70_000, generator=generator).tolist())
    cases = {}
    for shape in ((16,), (17,), (31,), (4, 8), (25, 37)):
        cases["x".join(map(str, shape))] = [float(v) for v in torch.randn(*shape, generator=generator).flatten()]
    big = torch.randn(1000, 2048, generator=generator).double()
    later = {}
    for dtype, name in ((torch.float32, "float32"), (torch.float64, "float64")):
        for count in (3, 1, 16, 15, 20, 64):
            numbers = torch.randn(count, generator=generator, dtype=dtype)
            later[f"{name}, {count}"] = [float(v) for v in numbers]
            later[f"{name}, {count}, then randint"] = torch.randint(0, 1000, (3,), generator=generator).tolist()
    return {
        "seed": seed,
        "randperm_10": short,
        "randperm_70000": str(long),
        "randn": cases,
        "after_that": later,
        "randn_1000x2048": {"sum": float(big.sum()), "sum_of_squares": float((big * big).sum()), "last": float(big[-1, -1])},
    }


if __name__ == "__main__":
    document = {
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "torch": torch.__version__},
        "numpy": [legacy(seed) for seed in (0, 2020, 2**32 - 1)],
        "torch": [pytorch(seed) for seed in (0, 2020)],
    }
    json.dump(document, sys.stdout, indent=1)
    print()
