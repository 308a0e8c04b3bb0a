#!/usr/bin/env python3
"""Check the shipped flow model against PyTorch, draw a grid of it, and say how near its images are to its data.

    python3 noto_flow.py --checkpoint noto-flow.pt --grid noto_flow.png > noto_flow.json

--checkpoint  what zoo/train_noto_flow.py left beside the ONNX file; the averaged weights are read from it
--grid        where to draw: a row for each class, then the nearest training picture of each in the next row

The sampler here is Heun's method in NumPy, written for this script alone: x' = v(x, t), from t = 1 to t = 0 in equal
steps, guided velocity v_null + scale (v_class - v_null), state in float64. The distances are root mean squares over
pixels, in levels of 255. The Fréchet distance is that of pixels averaged to 4x4, no FID: it ranks settings of this
model among each other, next to as many pictures of the data, and says nothing beside other numbers.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import scipy
import torch
from PIL import Image
from scipy import linalg

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "zoo"))

from flow_shape import FlowShape  # noqa: E402
from flow_transformer import FlowTransformer  # noqa: E402
from noto_pictures import CATEGORIES, read_pictures  # noqa: E402
from onnx_builder import sha256_of  # noqa: E402

MODEL = ROOT / "suites/starter/noto-flow.onnx"
SHARD = ROOT / "suites/starter/noto-emoji.tar"
SEED = 0
NULL = len(CATEGORIES)
COLUMNS = 10


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def against_torch(model: onnxruntime.InferenceSession, checkpoint: Path) -> dict:
    """Largest difference of the velocity to the averaged weights in PyTorch, float32 and float64, and among batches."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    network = FlowTransformer(FlowShape(**state["shape"]))
    network.load_state_dict(state["average"])
    generator = np.random.default_rng(SEED)
    x = generator.standard_normal((20, 3, network.shape.size, network.shape.size)).astype(np.float32)
    t = np.linspace(0, 1, 20, dtype=np.float32)
    y = np.arange(20) % (NULL + 1)
    found = model.run(["velocity"], {"x": x, "t": t, "y": y})[0]
    alone = [model.run(["velocity"], {"x": x[k : k + 1], "t": t[k : k + 1], "y": y[k : k + 1]})[0] for k in range(20)]
    with torch.no_grad():
        single = network(torch.from_numpy(x), torch.from_numpy(t), torch.from_numpy(y)).numpy()
        network.double()
        exact = network(torch.from_numpy(x).double(), torch.from_numpy(t).double(), torch.from_numpy(y)).numpy()
    return {
        "largest_velocity": float(np.abs(single).max()),
        "to_torch_float32": float(np.abs(found - single).max()),
        "to_torch_float64": float(np.abs(found - exact).max()),
        "torch_float32_to_float64": float(np.abs(single - exact).max()),
        "batch_20_to_batch_1": float(np.abs(found - np.concatenate(alone)).max()),
    }


def guided(
    model: onnxruntime.InferenceSession, state: np.ndarray, time: float, labels: np.ndarray, scale: float
) -> np.ndarray:
    """The velocity under classifier-free guidance, both halves in one batch."""
    count = len(state)
    doubled = np.concatenate([state, state]).astype(np.float32)
    classes = np.concatenate([labels, np.full(count, NULL)])
    velocity = model.run(["velocity"], {"x": doubled, "t": np.full(2 * count, time, np.float32), "y": classes})[0]
    with_class, without = velocity[:count].astype(np.float64), velocity[count:].astype(np.float64)
    return without + scale * (with_class - without)


def sample(
    model: onnxruntime.InferenceSession, labels: np.ndarray, scale: float, steps: int, heun: bool = True
) -> np.ndarray:
    """Bytes [N, size, size, 3] of images with these labels, clipped and rounded."""
    size = model.get_inputs()[0].shape[2]
    state = np.random.default_rng(SEED).standard_normal((len(labels), 3, size, size))
    times = np.linspace(1, 0, steps + 1)
    for now, then in zip(times[:-1], times[1:]):
        slope = guided(model, state, now, labels, scale)
        ahead = state + (then - now) * slope
        if heun:
            slope = (slope + guided(model, ahead, then, labels, scale)) / 2
            ahead = state + (then - now) * slope
        state = ahead
    return np.rint((np.clip(state, -1, 1) + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)


def nearest(images: np.ndarray, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each image the place of the nearest picture of the data, and its root mean square distance in levels."""
    left = images.reshape(len(images), -1).astype(np.float64)
    right = data.reshape(len(data), -1).astype(np.float64)
    square = (left**2).sum(1)[:, None] + (right**2).sum(1)[None] - 2 * left @ right.T
    place = square.argmin(axis=1)
    return place, np.sqrt(np.maximum(square.min(axis=1), 0) / left.shape[1])


def frechet_of_small_pixels(images: np.ndarray, data: np.ndarray) -> float:
    """Fréchet distance of the means of 8x8 pixels, 48 numbers an image in [0, 1]."""
    moments = []
    for pixels in (images, data):
        small = pixels.reshape(len(pixels), 4, 8, 4, 8, 3).mean(axis=(2, 4)).reshape(len(pixels), -1) / 255
        moments.append((small.mean(axis=0), np.cov(small, rowvar=False)))
    (mean_a, covariance_a), (mean_b, covariance_b) = moments
    root = linalg.sqrtm(covariance_a @ covariance_b)
    return float(((mean_a - mean_b) ** 2).sum() + np.trace(covariance_a + covariance_b - 2 * np.real(root)))


def draw_grid(path: Path, images: np.ndarray, neighbours: np.ndarray) -> None:
    """A row of samples for each class, and a row of their nearest training pictures below it; three times enlarged."""
    rows = []
    for place in range(len(CATEGORIES)):
        chosen = slice(place * COLUMNS, (place + 1) * COLUMNS)
        rows += [np.concatenate(list(block[chosen]), axis=1) for block in (images, neighbours)]
    sheet = np.concatenate(rows).repeat(3, axis=0).repeat(3, axis=1)
    Image.fromarray(sheet).save(path)


def setting(model: onnxruntime.InferenceSession, data: np.ndarray, labels: np.ndarray, choice: dict) -> dict:
    images = sample(model, labels, choice["guidance"], choice["steps"], choice["sampler"] == "heun")
    _, distance = nearest(images, data)
    return {
        **choice,
        "images": len(images),
        "frechet_of_4x4_pixels": frechet_of_small_pixels(images, data),
        "nearest_training_picture_median": float(np.median(distance)),
    }


def data_beside_itself(data: np.ndarray, labels: np.ndarray, per_class: int) -> dict:
    """What a setting would show whose images were unseen pictures: some of each class against the others."""
    random = np.random.default_rng(SEED).permutation(len(data))
    held = np.concatenate([random[labels[random] == label][:per_class] for label in range(NULL)])
    others = np.setdiff1d(np.arange(len(data)), held)
    _, distance = nearest(data[held], data[others])
    return {
        "images": len(held),
        "frechet_of_4x4_pixels": frechet_of_small_pixels(data[held], data[others]),
        "nearest_training_picture_median": float(np.median(distance)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Check the shipped flow model.")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--grid", type=Path, required=True)
    parser.add_argument("--guidance", type=float, default=2.0, help="of the grid (2)")
    parser.add_argument("--steps", type=int, default=25, help="of the grid (25)")
    parser.add_argument("--per-class", type=int, default=16, help="images of each class; 0: the grid alone")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = session(arguments.model)
    pictures = read_pictures(SHARD, 32)
    data = np.rint((pictures.pixels + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)

    images = sample(model, np.arange(NULL).repeat(COLUMNS), arguments.guidance, arguments.steps)
    place, _ = nearest(images, data)
    draw_grid(arguments.grid, images, data[place])

    record = {
        "sha256": sha256_of(arguments.model),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "onnxruntime": onnxruntime.__version__,
            "torch": torch.__version__,
        },
        "velocity": against_torch(model, arguments.checkpoint),
    }
    if arguments.per_class:
        labels = np.arange(NULL).repeat(arguments.per_class)
        choices = [{"sampler": "heun", "steps": 15, "guidance": scale} for scale in (1.0, 1.5, 2.0, 3.0)]
        choices += [{"sampler": "heun", "steps": steps, "guidance": 2.0} for steps in (8, 25)]
        choices += [{"sampler": "euler", "steps": 30, "guidance": 2.0}]
        record["settings"] = [setting(model, data, labels, choice) for choice in choices]
        record["as_many_pictures_of_the_data"] = data_beside_itself(data, pictures.labels, arguments.per_class)
    json.dump(record, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
