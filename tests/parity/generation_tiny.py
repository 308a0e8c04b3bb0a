#!/usr/bin/env python3
"""What the Python tools' own parts give on the starter's emoji through the tiny random network, for every protocol.

Each protocol is put together from the tool's own code where it can be called apart from the published weights: its resize, its
score. Decoding is Pillow's, the forward pass is ONNX Runtime's on the very file that the tests use, the Fréchet distance is
NumPy's covariance and SciPy's sqrtm in float64. The tiny network is random: no number here means anything but itself.

    python3 tests/parity/generation_tiny.py > tests/parity/generation_tiny.json

Images: the emoji of the starter in the order of the archive, without transparency (RGB as stored). The reference are those whose
class stands at an even place among the sorted class names, the samples those at an odd place.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import platform
import sys
import tarfile
from pathlib import Path

import numpy as np
import onnxruntime
import scipy.linalg
import scipy.special
import torch
import torch.nn.functional as F
from cleanfid.resize import make_resizer
from PIL import Image
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torch_fidelity.metric_isc import isc_features_to_metric

ROOT = Path(__file__).resolve().parents[2]
NETWORK = ROOT / "tests/golden/random-inception-tiny/random-inception-tiny.onnx"
BATCH = 8
PACKAGES = ["numpy", "scipy", "pillow", "torch", "torch-fidelity", "clean-fid", "onnxruntime"]


def emoji() -> tuple[np.ndarray, np.ndarray]:
    """uint8 [N,64,64,3] of the reference and of the samples."""
    images, classes = {}, {}
    with tarfile.open(ROOT / "suites/starter/noto-emoji.tar") as archive:
        for member in archive:
            key, ending = member.name.rsplit(".", 1)
            data = archive.extractfile(member).read()
            if ending == "png":
                images[key] = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
            elif ending == "cls":
                classes[key] = data.decode()
    names = sorted(set(classes.values()))
    place = {key: names.index(classes[key]) % 2 for key in images}
    return tuple(np.stack([images[key] for key in images if place[key] == side]) for side in (0, 1))


def outputs(prepared: np.ndarray) -> dict[str, np.ndarray]:
    """The network's outputs, in padded batches as retally runs them."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(NETWORK), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for start in range(0, len(prepared), BATCH):
        batch = prepared[start : start + BATCH]
        padded = np.zeros((BATCH, 3, 299, 299), np.float32)
        padded[: len(batch)] = batch
        for name, values in zip(names, session.run(names, {"image": padded})):
            parts[name].append(values[: len(batch)])
    return {name: np.concatenate(values) for name, values in parts.items()}


def tensor(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).float()


def like_tensorflow(images: np.ndarray) -> np.ndarray:
    resized = interpolate_bilinear_2d_like_tensorflow1x(tensor(images), size=(299, 299), align_corners=False)
    return ((resized - 128) / 128).numpy()


def like_pytorch_fid(images: np.ndarray) -> np.ndarray:
    resized = F.interpolate(tensor(images) / 255, size=(299, 299), mode="bilinear", align_corners=False)
    return (2 * resized - 1).numpy()


def like_torchmetrics(images: np.ndarray) -> np.ndarray:
    resized = F.interpolate(tensor(images), size=(299, 299), mode="bilinear", align_corners=False, antialias=True)
    return ((resized - 128) / 128).numpy()


def like_clean_fid(images: np.ndarray) -> np.ndarray:
    resize = make_resizer("PIL", False, "bicubic", (299, 299))
    resized = np.stack([resize(image) for image in images]).transpose(0, 3, 1, 2)
    return ((resized.clip(0, 255) - np.float32(128)) / np.float32(128)).astype(np.float32)


def frechet(reference: np.ndarray, samples: np.ndarray) -> float:
    reference, samples = reference.astype(np.float64), samples.astype(np.float64)
    difference = reference.mean(0) - samples.mean(0)
    covariances = np.cov(reference, rowvar=False), np.cov(samples, rowvar=False)
    if len(samples) > samples.shape[1]:
        root = np.trace(scipy.linalg.sqrtm(covariances[0] @ covariances[1])).real
    else:
        # sqrtm takes roots of rounding noise where the rank is not full; the nuclear norm of the centred rows does not.
        centred = [(rows - rows.mean(0)) / np.sqrt(len(rows) - 1) for rows in (reference, samples)]
        root = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    return float(difference @ difference + sum(map(np.trace, covariances)) - 2 * root)


def one_block_score(logits: np.ndarray) -> float:
    """Inception Score of all rows, float64."""
    logits = logits.astype(np.float64)
    logarithm = logits - scipy.special.logsumexp(logits, axis=1, keepdims=True)
    probability = np.exp(logarithm)
    marginal = np.log(probability.mean(0))
    return float(np.exp((probability * (logarithm - marginal)).sum(1).mean()))


def chunked_score(logits: np.ndarray, splits: int) -> tuple[float, float]:
    """torch.chunk of shuffled rows, mean and sample deviation, as torchmetrics with a seeded shuffle."""
    shuffled = logits[np.random.RandomState(0).permutation(len(logits))]
    scores = [one_block_score(chunk.numpy()) for chunk in torch.from_numpy(shuffled).chunk(splits)]
    return float(np.mean(scores)), float(np.std(scores, ddof=1))


def exact_precision_recall(reference: np.ndarray, samples: np.ndarray, neighbours: int) -> tuple[float, float]:
    reference, samples = reference.astype(np.float64), samples.astype(np.float64)

    def distances(rows, columns):
        return np.stack([((columns - row) ** 2).sum(1) for row in rows])

    def radii(rows):
        return np.sort(distances(rows, rows), axis=1)[:, neighbours]

    across = distances(samples, reference)
    precision = (across <= radii(reference)[None, :]).any(1).mean()
    recall = (across <= radii(samples)[:, None]).any(0).mean()
    return float(precision), float(recall)


def main() -> int:
    reference, samples = emoji()
    result: dict = {"images": {"reference": len(reference), "samples": len(samples)}, "protocols": {}}
    preparations = {
        "adm": like_tensorflow,
        "torch-fidelity": like_tensorflow,
        "pytorch-fid": like_pytorch_fid,
        "torchmetrics": like_torchmetrics,
        "clean-fid": like_clean_fid,
    }
    for protocol, prepare in preparations.items():
        left, right = outputs(prepare(reference)), outputs(prepare(samples))
        values = {"FID": frechet(left["pool3"], right["pool3"])}
        if protocol == "adm":
            values["sFID"] = frechet(left["spatial"], right["spatial"])
            values["IS"] = one_block_score(right["logits_unbiased"])
        if protocol == "torch-fidelity":
            logits = torch.from_numpy(right["logits_unbiased"])
            score = isc_features_to_metric(logits, 10, True, 2020)
            values["IS"] = float(score["inception_score_mean"])
            values["IS spread over splits"] = float(score["inception_score_std"])
            values["precision"], values["recall"] = exact_precision_recall(left["pool3"], right["pool3"], 3)
        if protocol == "torchmetrics":
            values["IS"], values["IS spread over splits"] = chunked_score(right["logits_unbiased"], 10)
        result["protocols"][protocol] = values
    result["versions"] = {"python": platform.python_version()} | {
        package: importlib.metadata.version(package) for package in PACKAGES
    }
    json.dump(result, sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
