#!/usr/bin/env python3
"""Measure what the emoji world models do with an action: MRR over banks of jittered variants, on unseen images.

    python3 noto_world_models.py [--images 64] [--checkpoint conditioned=PT]... > noto_world_models.json

The models are those of suites/iwm/world-models. For each image of the test set of `noto-emoji`, 256 variants are
made with torchvision on Pillow images: colour jitter with IWM's strengths, in torchvision's random order, always applied.
The bank holds the teacher's tokens of the variants; the prediction for variant j is the predictor's, from the tokens of
the unchanged image and the action of j (its factors minus 1, 1, 1, 0; no flags), at all positions. The rank of j is 1 plus
the number of bank members nearer to its prediction than its own variant, by L2 distance of whole token maps. MRR is the
mean of 1 / rank over variants and images. A predictor that ignores the action has exactly H(256) / 256 = 0.0239, unless
distances tie.

Written for this script alone, in NumPy; the networks run in ONNX Runtime, and beside PyTorch where a checkpoint is given.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import PIL
import torchvision
from PIL import Image
from torchvision.transforms import functional

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "zoo"))

from noto_pictures import read_canvases  # noqa: E402
from onnx_builder import sha256_of  # noqa: E402

MODELS = ROOT / "suites/iwm/world-models"
SHARD = ROOT / "suites/starter/noto-emoji.tar"
SEED = 0
VARIANTS = 256
SIZE = 64
STRENGTHS = np.array([0.4, 0.4, 0.2, 0.1])
NEUTRAL = np.array([1.0, 1.0, 1.0, 0.0])
STEPS = (
    functional.adjust_brightness,
    functional.adjust_contrast,
    functional.adjust_saturation,
    functional.adjust_hue,
)
# in place of a prediction, the teacher's tokens of a variant with the same parameters and another order of steps
REORDERED = "no prediction: the same parameters in another order"
CHANCE = float((1 / np.arange(1, VARIANTS + 1)).sum() / VARIANTS)


def network_of(model: str, role: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    path = MODELS / f"{model}-{role}.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def scaled(images: list[Image.Image]) -> np.ndarray:
    pixels = np.stack([np.asarray(image) for image in images]).astype(np.float32)
    return (pixels / np.float32(127.5) - 1).transpose(0, 3, 1, 2)


@dataclass(frozen=True)
class Bank:
    """An image [3, 64, 64], its variants [256, 3, 64, 64] with their parameters [256, 4], and the same again with the four
    steps in another order."""

    clean: np.ndarray
    pixels: np.ndarray
    parameters: np.ndarray
    reordered: np.ndarray


def bank_of(image: Image.Image, generator: np.random.Generator, other: np.random.Generator) -> Bank:
    """Draws parameters and orders from `generator`, the other orders from `other`."""
    parameters = NEUTRAL + STRENGTHS * generator.uniform(-1, 1, (VARIANTS, 4))
    made = [jittered(image, parameters, order) for order in (generator, other)]
    return Bank(scaled([image])[0], scaled(made[0]), parameters, scaled(made[1]))


def jittered(image: Image.Image, parameters: np.ndarray, generator: np.random.Generator) -> list[Image.Image]:
    """An image for each row of parameters [K, 4], the steps in random order."""
    made = []
    for values in parameters:
        view = image
        for number in generator.permutation(4):
            view = STEPS[number](view, float(values[number]))
        made.append(view)
    return made


def normalised(tokens: np.ndarray) -> np.ndarray:
    """Mean 0 and variance 1 over the features of each token."""
    tokens = tokens.astype(np.float64)
    centred = tokens - tokens.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)


def ranks(predictions: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """Ranks [K] of predictions [K, D] in a bank [K, D]: 1 plus the number of members that are strictly nearer."""
    squares = (predictions**2).sum(1)[:, None] + (bank**2).sum(1)[None] - 2 * predictions @ bank.T
    return 1 + (squares < np.diag(squares)[:, None]).sum(1)


def summary(all_ranks: np.ndarray) -> dict:
    """MRR with the standard error over images, and H@k; ranks [images, variants]."""
    of_image = (1 / all_ranks).mean(1)
    return {
        "mrr": float(of_image.mean()),
        "standard_error": float(of_image.std(ddof=1) / np.sqrt(len(of_image))),
        "least_of_an_image": float(of_image.min()),
        "hits": {str(k): float((all_ranks <= k).mean()) for k in (1, 5, 10)},
    }


def measure(model: str, banks: list[Bank]) -> dict:
    """MRR with the student's and with the teacher's tokens of the unchanged image; what the tokens vary by."""
    encoder, teacher, predictor = (network_of(model, role) for role in ("encoder", "teacher", "predictor"))
    found: dict[str, list[np.ndarray]] = {}
    errors, constants, spread = [], [], []
    for one in banks:
        action = np.zeros((VARIANTS, 7), dtype=np.float32)
        action[:, :4] = one.parameters - NEUTRAL
        plain = teacher.run(["tokens"], {"image": one.pixels})[0]
        bank = normalised(plain)
        flat = bank.reshape(VARIANTS, -1)
        reordered = normalised(teacher.run(["tokens"], {"image": one.reordered})[0])
        found.setdefault(REORDERED, []).append(ranks(reordered.reshape(VARIANTS, -1), flat))
        positions = np.tile(np.arange(plain.shape[1]), (VARIANTS, 1))
        for name, network in (("student", encoder), ("teacher", teacher)):
            tokens = network.run(["tokens"], {"image": one.clean[None]})[0]
            inputs = {"tokens": np.repeat(tokens, VARIANTS, 0), "action": action, "positions": positions}
            predictions = predictor.run(["predictions"], inputs)[0].astype(np.float64)
            keys = {f"{name}": (predictions, flat)}
            if name == "student":
                keys["student, bank not normalised"] = (predictions, plain.astype(np.float64).reshape(VARIANTS, -1))
                keys["student, mean token"] = (predictions.mean(1), bank.mean(1))
                errors.append(((predictions - bank) ** 2).mean())
                constants.append(((bank.mean(0) - bank) ** 2).mean())
            for key, (query, members) in keys.items():
                found.setdefault(key, []).append(ranks(query.reshape(VARIANTS, -1), members))
        spread.append(normalised(teacher.run(["tokens"], {"image": one.clean[None]})[0])[0])
    maps = np.stack(spread)
    covariance = np.cov(maps.reshape(-1, maps.shape[2]).T)
    eigenvalues = np.linalg.eigvalsh(covariance)
    return {
        "mrr": {key: summary(np.stack(values)) for key, values in found.items()},
        "squared_error": float(np.mean(errors)),
        "squared_error_of_the_bank_mean": float(np.mean(constants)),
        "target_variance_among_images": float(maps.var(0).mean()),
        "target_variance_among_positions": float(maps.var(1).mean()),
        "effective_dimensions": float(eigenvalues.sum() ** 2 / (eigenvalues**2).sum()),
    }


def against_torch(model: str, checkpoint: Path) -> dict:
    """Largest differences between ONNX Runtime and PyTorch, over PyTorch's largest value."""
    import torch
    from world_model import Encoder, Predictor
    from world_model_shape import WorldModelShape

    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    shape = WorldModelShape(**state["shape"])
    generator = np.random.default_rng(SEED)
    image = generator.uniform(-1, 1, (5, 3, shape.size, shape.size)).astype(np.float32)
    action = generator.uniform(-0.5, 0.5, (5, 7)).astype(np.float32)
    positions = np.stack([generator.permutation(shape.tokens)[:20] for _ in range(5)])
    differences = {}

    def compare(name: str, found: np.ndarray, expected: torch.Tensor) -> None:
        difference = np.abs(found - expected.numpy()).max() / np.abs(expected.numpy()).max()
        differences[name] = float(difference)

    with torch.no_grad():
        for name in ("encoder", "teacher"):
            network = Encoder(shape)
            network.load_state_dict(state[name])
            tokens = network_of(model, name).run(["tokens"], {"image": image})[0]
            compare(name, tokens, network(torch.from_numpy(image)))
        network = Predictor(shape)
        network.load_state_dict(state["predictor"])
        inputs = {"tokens": tokens, "action": action, "positions": positions}
        found = network_of(model, "predictor").run(["predictions"], inputs)[0]
        compare("predictor", found, network(*(torch.from_numpy(value) for value in inputs.values())))
    return differences


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--checkpoint", action="append", default=[], metavar="MODEL=PT")
    arguments = parser.parse_args()
    canvases = read_canvases(SHARD)
    generator = np.random.default_rng(SEED)
    chosen = np.sort(generator.permutation(canvases.test)[: arguments.images])
    other = np.random.default_rng(SEED + 1)
    banks = []
    for place in chosen:
        image = canvases.images[place].resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        banks.append(bank_of(image, generator, other))
    checkpoints = dict(item.split("=", 1) for item in arguments.checkpoint)
    record = {
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnxruntime": onnxruntime.__version__,
            "pillow": PIL.__version__,
            "torchvision": torchvision.__version__,
        },
        "images": len(chosen),
        "variants": VARIANTS,
        "seed": SEED,
        "chance": CHANCE,
        "variants_equal_to_another_of_their_image": sum(
            VARIANTS - len({view.tobytes() for view in bank.pixels}) for bank in banks
        ),
        "models": {},
    }
    for model in ("conditioned", "unconditioned"):
        files = {path.name: sha256_of(path) for path in sorted(MODELS.glob(f"{model}-*.onnx"))}
        record["models"][model] = {"files": files} | measure(model, banks)
        if model in checkpoints:
            record["models"][model]["against_torch"] = against_torch(model, Path(checkpoints[model]))
    json.dump(record, sys.stdout, indent=2)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
