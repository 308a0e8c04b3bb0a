"""Times `retally score spatial` against NumPy's full-Gram versions: same file, same job, same threads.

Each clock starts before the file is opened and stops with the four means. Three NumPy versions, one matrix product an
image, no Python loop over token pairs:

- plain float32: means over boolean masks of the Gram matrix, as the definitions are written down;
- tuned float32: all sums as one product of the flattened Gram matrix with a weight matrix made beforehand;
- tuned float64: the same in the precision that retally works in.

All four metrics, one 96-token mask for every image; NumPy maps the file into memory. retally's time includes starting the
process. Rounds alternate, so that other load on the machine meets all; the best round counts.

    python metrics_spatial_speed.py path/to/retally [--images 1000] [--width 768] [--threads 2] [--rounds 3]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("retally")
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


ARGUMENTS = parse()
# Must be set before NumPy loads its BLAS.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(ARGUMENTS.threads)

import numpy as np  # noqa: E402

SIDE, COUNT, REACH = 16, 256, 8


ROW, COLUMN = np.divmod(np.arange(COUNT), SIDE)
DISTANCE = np.abs(ROW[:, None] - ROW) + np.abs(COLUMN[:, None] - COLUMN)
STEPS = np.arange(1, REACH + 1)


def unit_tokens(tokens, dtype):
    tokens = tokens.astype(dtype, copy=False)
    return tokens / np.maximum(np.sqrt(np.einsum("td,td->t", tokens, tokens)), 1e-8)[:, None]


def rms_contrast(unit):
    centred = unit - unit.mean(axis=0)
    return np.sqrt(np.vdot(centred, centred) / COUNT)


class Plain:
    """The released code's definition (near d = 1, far d >= 6, slope over d = 1 ... 8), masks used as written down."""

    def __init__(self, mask):
        self.rings = [DISTANCE == step for step in STEPS]
        self.far = DISTANCE >= 6
        self.positives = (DISTANCE == 1) & mask & mask[:, None]
        self.negatives = self.far & ~mask & mask[:, None]
        self.anchors = self.positives.any(axis=1) & self.negatives.any(axis=1)
        self.counts = self.positives.sum(axis=1)[self.anchors], self.negatives.sum(axis=1)[self.anchors]

    def __call__(self, tokens):
        unit = unit_tokens(tokens, np.float32)
        gram = unit @ unit.T
        means = [gram[ring].mean() for ring in self.rings]
        positive = (gram * self.positives).sum(axis=1)[self.anchors] / self.counts[0]
        negative = (gram * self.negatives).sum(axis=1)[self.anchors] / self.counts[1]
        decay = -np.polyfit(STEPS, means, 1)[0]
        return means[0] - gram[self.far].mean(), decay, (positive - negative).mean(), rms_contrast(unit)


class Tuned:
    """The same with every constant folded into weights of the Gram matrix."""

    def __init__(self, mask, dtype):
        self.dtype = dtype
        bins = [DISTANCE == step for step in STEPS] + [DISTANCE >= 6]
        self.bins = np.stack([chosen.ravel() / chosen.sum() for chosen in bins], axis=1).astype(dtype)
        self.decay = (-(STEPS - STEPS.mean()) / ((STEPS - STEPS.mean()) ** 2).sum()).astype(dtype)
        plain = Plain(mask)
        positives, negatives = plain.positives[plain.anchors], plain.negatives[plain.anchors]
        weights = positives / plain.counts[0][:, None] - negatives / plain.counts[1][:, None]
        self.anchors, self.contrast = plain.anchors, (weights / plain.anchors.sum()).astype(dtype)

    def __call__(self, tokens):
        unit = unit_tokens(tokens, self.dtype)
        gram = unit @ unit.T
        means = gram.reshape(-1) @ self.bins
        contrast = np.vdot(gram[self.anchors], self.contrast)
        return means[0] - means[-1], means[:-1] @ self.decay, contrast, rms_contrast(unit)


def numpy_means(image_scores, features):
    images = np.load(features, mmap_mode="r")
    return np.mean([image_scores(np.asarray(tokens)) for tokens in images], axis=0, dtype=np.float64)


def retally(features, masks):
    command = [ARGUMENTS.retally, "score", "spatial", "--features", features, "--grid", f"{SIDE}x{SIDE}"]
    command += ["--masks", masks, "--threads", str(ARGUMENTS.threads), "--json"]
    document = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    values = {measurement["metric"]: measurement["value"] for measurement in document["measurements"]}
    return [values[metric] for metric in ("LDS", "CDS", "SRSS", "RMSC")]


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def main():
    tokens = np.random.default_rng(0).standard_normal((ARGUMENTS.images, COUNT, ARGUMENTS.width), dtype=np.float32)
    mask = (np.arange(COUNT) >= 64) & (np.arange(COUNT) < 160)
    versions = {
        "plain float32": Plain(mask),
        "tuned float32": Tuned(mask, np.float32),
        "tuned float64": Tuned(mask, np.float64),
    }
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        features, masks = Path(folder, "features.npy"), Path(folder, "masks.npy")
        np.save(features, tokens)
        np.save(masks, np.repeat(mask[None], ARGUMENTS.images, axis=0))
        del tokens
        for _ in range(ARGUMENTS.rounds):
            measured = {"retally": timed(retally, features, masks)}
            for name, image_scores in versions.items():
                measured[name] = timed(numpy_means, image_scores, features)
            for name, (seconds, result) in measured.items():
                if name not in best or seconds < best[name][0]:
                    best[name] = seconds, result
    own = best["retally"][0]
    print(f"{ARGUMENTS.images} x {COUNT} x {ARGUMENTS.width}, {ARGUMENTS.threads} threads, NumPy {np.__version__}")
    for name, (seconds, result) in best.items():
        per_image = 1000 * seconds / ARGUMENTS.images
        print(f"{name:14} {seconds:8.3f} s  {per_image:7.3f} ms/image  {seconds / own:5.2f} x retally  {result}")
    difference = np.max(np.abs(np.array(best["retally"][1]) / np.array(best["tuned float64"][1]) - 1))
    print(f"largest relative difference from float64: {difference:.1e}")
    return 0 if difference < 1e-6 else 1


if __name__ == "__main__":
    sys.exit(main())
