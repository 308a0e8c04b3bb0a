"""The commands that read many samples, and what may stay in memory of each sample."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from drawn_features import WIDTH, FeatureFile

REPOSITORY = Path(__file__).resolve().parents[2]
TINY = REPOSITORY / "tests/golden/random-inception-tiny/random-inception-tiny.onnx"
# One number of every dimension, as features are stored.
ROW = 4 * WIDTH
# Rows of as many numbers as probes hold once more, as they use them (`MOST_HELD` in metrics/src/probe/scaled_rows.rs).
HELD = (1 << 26) // WIDTH


@dataclass(frozen=True)
class Growth:
    """What each further sample may cost."""

    bytes: int
    """At most, of resident memory."""
    what: str
    """What of a sample stays, for people."""
    by_nature: bool = True
    """Whether the metric needs it, or the program merely holds it."""
    most_ratio: float | None = None
    """Of the peaks at the largest and the smallest number; for what must be flat."""
    held: int = 0
    """Bytes that a set which is not large may take further, to be read or converted once; a larger set does without."""
    counted_from: int = 0
    """The smallest number of a set that is large in this sense."""


@dataclass(frozen=True)
class Sides:
    """The feature files of one number of samples."""

    samples: FeatureFile
    reference: FeatureFile
    """Few rows, but more than twice as many as there are dimensions."""
    queries: FeatureFile
    """Very few rows."""


Data = TypeVar("Data")


@dataclass(frozen=True)
class Case(Generic[Data]):
    """A command."""

    name: str
    words: Callable[[Data], list[str]]
    """The words after the program's name, of the data."""
    growth: Growth
    codes: tuple[int, ...] = (0,)
    patience_s: float | None = None
    """How much processor time it gets before it is stopped at its peak: not at all where its time grows with the square of n, without
    end where the peak comes late, else as long as the user says."""


def probe(sides: Sides, *further: str) -> list[str]:
    """Trained on many, tested on very few."""
    train, test = sides.samples, sides.queries
    words = ["score", "probe", "--train", train.npy(), "--train-labels", str(train.labels)]
    return [*words, "--test", test.npy(), "--test-labels", str(test.labels), *further]


def pair(sides: Sides, command: str, *further: str) -> list[str]:
    """Few rows of a reference, many samples."""
    return ["score", command, "--reference", sides.reference.npy(), "--samples", sides.samples.npy(), *further]


# Features up to 512 MiB are read once and kept, those of a larger file are read where they are.
KEPT = Growth(24, "a level of the tree of moments for each doubling", most_ratio=1.5, held=512 << 20, counted_from=(1 << 17) + 1)
NAMES = "keys, classes, digests, names of chunks"

IMAGE_CASES: tuple[Case[Path], ...] = (
    Case(
        "run: a tar, 1 encoder",
        lambda folder: (
            ["run", "starter", "--model", "small-a", "--data", "drawn-images"]
            + ["--manifest", f"{folder}/manifest.toml", "--out", f"{folder}/store/run"]
        ),
        Growth(2600, f"{NAMES}; of 1 tap 64 features, in all forms, 4 scores", by_nature=False),
        patience_s=math.inf,
    ),
    Case(
        "features: a tar",
        lambda folder: (
            ["features", "drawn-images", "--manifest", f"{folder}/manifest.toml", "--model", "small-a"]
            + ["--out", f"{folder}/store/features.npy"]
        ),
        Growth(1300, NAMES, most_ratio=1.5),
        patience_s=math.inf,
    ),
    Case(
        "stats: a folder",
        lambda folder: (
            ["stats", f"{folder}/samples", "--protocol", "adm", "--model", str(TINY)]
            + ["--out", f"{folder}/store/stats.npz"]
        ),
        Growth(1300, NAMES, most_ratio=1.5),
        patience_s=math.inf,
    ),
    Case(
        "score generation: a folder, all of adm",
        lambda folder: (
            ["score", "generation", f"{folder}/reference", f"{folder}/samples"]
            + ["--protocol", "adm", "--model", str(TINY)]
        ),
        # Below so many the covariance of 2,023 dimensions is not of full rank, and there is no bias to be estimated. Moments are
        # merged in a tree, whose partial ones of 33 MB are as many as it has levels: more for 50,000 rows than for 5,000.
        Growth(12_000, f"{NAMES}; 2,023 spatial features", by_nature=False, held=512 << 20, counted_from=4048),
        patience_s=math.inf,
    ),
)

FEATURE_CASES: tuple[Case[Sides], ...] = (
    Case(
        "score spatial",
        lambda sides: ["score", "spatial", "--features", sides.samples.npy(64, WIDTH // 64), "--grid", "8x8"],
        Growth(130, "4 scores (40 bytes), up to three times"),
    ),
    Case(
        "score mrr",
        lambda sides: ["score", "mrr", "--predictions", sides.queries.npy(), "--bank", sides.samples.npy()],
        Growth(0, "nothing", most_ratio=1.5, held=128 << 20, counted_from=(1 << 14) + 1),
    ),
    Case(
        "score probe --protocol mae-lars",
        lambda sides: probe(sides, "--protocol", "mae-lars", "--epochs", "1", "--warm-up", "0", "--batch", "4096"),
        Growth(64, "label, place in the order", most_ratio=1.5, held=512 << 20, counted_from=(1 << 17) + 1),
    ),
    Case(
        "score frechet --quick",
        lambda sides: pair(sides, "frechet", "--quick"),
        KEPT,
    ),
    Case(
        "score fid --quick, of features",
        lambda sides: (
            ["score", "fid", sides.reference.npy(), sides.samples.npy()] + ["--protocol", "pytorch-fid", "--quick"]
        ),
        KEPT,
    ),
    Case(
        "score inception, of a .safetensors",
        lambda sides: ["score", "inception", "--logits", sides.samples.safetensors()],
        Growth(40, "its place in the order, its divergence", held=512 << 20, counted_from=(1 << 17) + 1),
    ),
    Case(
        "score kid --quick",
        lambda sides: pair(sides, "kid", "--quick"),
        # A draw shuffles the indices of all rows.
        Growth(32, "its place in a draw", most_ratio=1.5, held=512 << 20, counted_from=(1 << 17) + 1),
    ),
    Case(
        "score mind",
        lambda sides: (
            ["score", "mind", "--reference", sides.samples.npy(), "--samples", sides.samples.npy()]
            + ["--directions", "32"]
        ),
        # Both sets have n rows; two threads sort 16 projections each.
        Growth(300, "16 projections of both sides a thread", held=1024 << 20, counted_from=(1 << 17) + 1),
    ),
    Case(
        "score probe --kind knn",
        lambda sides: probe(sides, "--kind", "knn"),
        Growth(ROW + 700, "the features, 64 similarities", held=512 << 20, counted_from=HELD + 1),
    ),
    Case(
        "score probe, C given",
        lambda sides: probe(sides, "--c", "1e-4", "--tolerance", "1e-3"),
        Growth(ROW + 100, "the features", held=768 << 20, counted_from=HELD + 1),
    ),
    Case(
        "score cmmd",
        lambda sides: pair(sides, "cmmd"),
        Growth(48, "its length, its sums, its share of the list of tiles", most_ratio=1.5, held=512 << 20, counted_from=(1 << 17) + 1),
        patience_s=0,
    ),
    Case(
        "score precision-recall",
        lambda sides: pair(sides, "precision-recall"),
        Growth(5 * ROW // 2 + 600, "the features two and a half times"),
        patience_s=0,
    ),
    Case(
        "score frechet",
        lambda sides: pair(sides, "frechet"),
        Growth(64, "places in two halves", most_ratio=1.5, held=512 << 20, counted_from=(1 << 17) + 1),
        patience_s=math.inf,
    ),
)
