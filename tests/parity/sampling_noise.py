"""Noise, labels and bytes of `harness/src/sampling`, written again, and bytes as sampling scripts make them.

Prints one JSON document; the recorded one stands beside this file. Usage:

    python sampling_noise.py > sampling_noise.json

Noise: the random streams of `metrics_random.py`, then Box and Muller with Python's own logarithm, sine and cosine, rounded to
float32. Bytes: the expressions of the scripts on the values of `values()`, which Rust makes alike, as a polynomial in them.
"""

import json
import math
import sys

import numpy as np
import torch
from metrics_generators import digest
from metrics_random import below, stream
from portable_arrays import uniform


def normal(bits, count):
    numbers = []
    while len(numbers) < count:
        u, w = ((next(bits) >> 11) * 2.0**-53 for _ in range(2))
        radius = math.sqrt(-2 * math.log(1 - u))
        numbers += [radius * math.cos(2 * math.pi * w), radius * math.sin(2 * math.pi * w)]
    return [float(np.float32(number)) for number in numbers[:count]]


def noise(seed, sample, step=None, count=301):
    purpose, index = (b"sampling start", sample) if step is None else (b"sampling step", sample << 32 | step)
    return {"seed": seed, "sample": sample, "step": step, "numbers": normal(stream(seed, purpose, index), count)}


def labels(seed, classes, count=40):
    return {
        "seed": seed,
        "classes": classes,
        "labels": [below(stream(seed, b"sampling label", sample), classes) for sample in range(count)],
    }


def values():
    """Float32 from -1.2 to 1.2, and for each level the value that stands for it and its neighbours."""
    spread = np.float32(2.4) * uniform(500, 20_000).astype(np.float32) - np.float32(1.2)
    levels = np.arange(511, dtype=np.float32) / np.float32(255) - np.float32(1)
    around = [np.nextafter(levels, np.float32(side), dtype=np.float32) for side in (-9, 9)]
    return np.concatenate([spread, levels, *around])


def pixels():
    x = torch.from_numpy(values())
    as_byte = lambda tensor: tensor.to(torch.uint8).numpy()
    unit = (x.numpy() + np.float32(1)) / np.float32(2)
    rules = {
        # REPA, generate.py at 67f7145.
        "truncate255": as_byte(torch.clamp(255.0 * ((x + 1) / 2.0), 0, 255)),
        # DiT, sample_ddp.py at ed81ce2; SiT, sample_ddp.py at 947f95b.
        "half-up255": as_byte(torch.clamp(127.5 * x + 128.0, 0, 255)),
        # JiT, engine_jit.py.
        "half-even255": np.round(np.clip(unit * 255, 0, 255)).astype(np.uint8),
        # omniart-eye-generator 0.1.
        "truncate256": np.clip(unit * np.float32(256), 0, 255).astype(np.uint8),
    }
    # Consistency models, image_sample.py at e32b69e, and MeanFlow, eval_loop.py at 1f6d72d, write REPA's rule in other words.
    assert (as_byte(((x + 1) * 127.5).clamp(0, 255)) == rules["truncate255"]).all()
    assert (as_byte(torch.floor(torch.clamp(x * 0.5 + 0.5, min=0.0, max=1.0) * 255)) == rules["truncate255"]).all()
    return {name: {"digest": str(digest(levels)), "first": levels[:16].tolist()} for name, levels in rules.items()}


if __name__ == "__main__":
    document = {
        "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "torch": torch.__version__},
        "noise": [noise(0, 0), noise(0, 1, 0, 64), noise(2**64 - 1, 49_999, 249, 65), noise(7, 2**32 - 1, 9_999, 3)],
        "labels": [labels(0, 1000), labels(5, 3)],
        "pixels": pixels(),
    }
    json.dump(document, sys.stdout, indent=1)
    print()
