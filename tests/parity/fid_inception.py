#!/usr/bin/env python3
"""Check the exported FID Inception network against PyTorch, and record golden outputs of its tiny random sister.

One seeded full-width checkpoint goes through torch-fidelity's `FeatureExtractorInceptionV3`, pytorch-fid's
`InceptionV3` and this script's own PyTorch forward pass, in float32 and in float64, and through ONNX Runtime as
`zoo/export_fid_inception.py` writes it. All see the same seeded images of 299x299 pixels, so that no resize takes
part.

    python3 tests/parity/fid_inception.py > tests/parity/fid_inception.json
    python3 tests/parity/fid_inception.py --golden tests/golden/random-inception-tiny > tests/parity/fid_inception.json

--golden  also write the tiny network, `fields.npy` (two images as 13x13 colours: each becomes 23x23 pixels, scaled by
          (x - 128) / 128) and what PyTorch computes from them in float64, one .npy file for each output
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import platform
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytorch_fid.inception
import torch
import torch.nn.functional as F
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

ZOO = Path(__file__).resolve().parents[2] / "zoo"
sys.path.insert(0, str(ZOO))

import fid_inception  # noqa: E402
from onnx_builder import Weights  # noqa: E402
from random_inception import random_state_dict  # noqa: E402
from torch_checkpoint_writer import save_state_dict  # noqa: E402

SEED, TINY_DIVISOR = 0, 16
IMAGES = 4
PACKAGES = ["numpy", "onnx", "onnxruntime", "pytorch-fid", "torch", "torch-fidelity", "torchvision"]
OUTPUTS = ["pool3", "logits_unbiased", "logits", "spatial"]


def fields() -> np.ndarray:
    """uint8 [IMAGES,3,13,13]: random colours."""
    return np.random.default_rng(SEED).integers(0, 256, (IMAGES, 3, 13, 13), dtype=np.uint8)


def enlarged(coarse: np.ndarray) -> np.ndarray:
    """[N,3,299,299]: each value of the 13x13 fields becomes 23x23 pixels."""
    return coarse.repeat(23, axis=2).repeat(23, axis=3)


def images() -> np.ndarray:
    """uint8 [IMAGES,3,299,299]: enlarged fields with a little noise."""
    blocks = enlarged(fields()).astype(np.float64)
    noise = np.random.default_rng([SEED, 1]).normal(0, 12, blocks.shape)
    return np.clip(blocks + noise, 0, 255).astype(np.uint8)


class Forward(fid_inception.Inception):
    """The network by torch.nn.functional, in the textbook order: average before the 1x1 convolution, batch norm
    apart."""

    def __init__(self, arrays: dict[str, np.ndarray], dtype: torch.dtype):
        self.weights = {name: torch.from_numpy(array).to(dtype) for name, array in arrays.items()}
        self.seen: dict[str, torch.Tensor] = {}

    def linear(self, x, layer, channels, kernel):
        part = {name: self.weights[f"{layer}.bn.{name}"] for name in ("running_mean", "running_var", "weight", "bias")}
        x = F.conv2d(x, self.weights[f"{layer}.conv.weight"], stride=kernel.stride, padding=kernel.padding)
        return F.batch_norm(x, **part, eps=1e-3)

    def rectified(self, x, name):
        self.seen[name] = F.relu(x)
        return self.seen[name]

    def maximum(self, x, name, kernel=fid_inception.SHRINK):
        return F.max_pool2d(x, (kernel.height, kernel.width), kernel.stride, kernel.padding)

    def average(self, x, name):
        return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)

    def averaged(self, x, layer, channels):
        return self.convolution(self.average(x, layer), layer, channels)

    def joined(self, name, parts):
        return torch.cat(parts, 1)

    def outputs(self, x: torch.Tensor) -> dict[str, np.ndarray]:
        with torch.no_grad():
            pool3 = self.trunk(x).mean((2, 3))
            unbiased = pool3 @ self.weights["fc.weight"].T
            logits = unbiased + self.weights["fc.bias"]
            spatial = self.seen["Mixed_6d.branch1x1"][:, :7].permute(0, 2, 3, 1).reshape(len(x), -1)
        return dict(zip(OUTPUTS, (part.numpy() for part in (pool3, unbiased, logits, spatial))))


def torch_fidelity_outputs(checkpoint: Path, pixels: np.ndarray) -> dict[str, np.ndarray]:
    names = {"2048": "pool3", "logits_unbiased": "logits_unbiased", "logits": "logits"}
    extractor = FeatureExtractorInceptionV3("inception", list(names), feature_extractor_weights_path=str(checkpoint))
    layer: list[torch.Tensor] = []
    extractor.Mixed_6d.branch1x1.register_forward_hook(lambda _module, _inputs, output: layer.append(output))
    with torch.no_grad():
        found = extractor(torch.from_numpy(pixels))
    # channel fastest: the order of TensorFlow's NHWC tensor, in which ADM flattens it
    spatial = layer[0][:, :7].permute(0, 2, 3, 1).reshape(len(pixels), -1)
    return dict(zip(names.values(), (part.numpy() for part in found))) | {"spatial": spatial.numpy()}


def pytorch_fid_outputs(checkpoint: Path, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """pool3 only; its input is scaled as the others' is, not by its own 2x / 255 - 1."""
    pytorch_fid.inception.load_state_dict_from_url = lambda *_unused, **_options: torch.load(checkpoint)
    network = pytorch_fid.inception.InceptionV3(resize_input=False, normalize_input=False).eval()
    with torch.no_grad():
        return {"pool3": network(torch.from_numpy(scaled(pixels)))[0].squeeze(3).squeeze(2).numpy()}


def scaled(pixels: np.ndarray) -> np.ndarray:
    return ((pixels.astype(np.float32) - 128) / 128).astype(np.float32)


def onnx_outputs(model: Path, x: np.ndarray) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return dict(zip(OUTPUTS, session.run(OUTPUTS, {"image": x})))


def differences(found: dict[str, np.ndarray], reference: dict[str, np.ndarray]) -> dict[str, float]:
    """Largest difference over the reference's largest value, output by output."""
    result = {}
    for name in OUTPUTS:
        if name in found and name in reference:
            assert found[name].shape == reference[name].shape, (name, found[name].shape, reference[name].shape)
            distance = np.abs(found[name].astype(np.float64) - reference[name]).max()
            result[name] = float(f"{distance / np.abs(reference[name]).max():.3g}")
    return result


def spread(outputs: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """How much outputs differ between images: a network that gives all images the same would prove little."""
    return {
        name: {
            "largest": float(f"{np.abs(values).max():.4g}"),
            "mean_deviation_between_images": float(f"{values.std(axis=0).mean():.4g}"),
        }
        for name, values in outputs.items()
    }


def compare(folder: Path) -> dict:
    arrays = random_state_dict(SEED)
    checkpoint, model = folder / "full.pth", folder / "full.onnx"
    save_state_dict(checkpoint, arrays)
    digest = fid_inception.convert(Weights(arrays), model, {})
    pixels = images()
    x = scaled(pixels)
    exact = Forward(arrays, torch.float64).outputs(torch.from_numpy(x).double())
    ours = onnx_outputs(model, x)
    fidelity = torch_fidelity_outputs(checkpoint, pixels)
    peer = pytorch_fid_outputs(checkpoint, pixels)
    return {
        "seed": SEED,
        "onnx_sha256": digest,
        "float64_outputs": spread(exact),
        "largest_relative_differences": {
            "onnxruntime and torch-fidelity": differences(ours, fidelity),
            "onnxruntime and pytorch-fid": differences(ours, peer),
            "onnxruntime and float64": differences(ours, exact),
            "torch-fidelity and float64": differences(fidelity, exact),
            "pytorch-fid and float64": differences(peer, exact),
        },
    }


def write_golden(folder: Path) -> dict:
    """The tiny network, the fields of two images and what float64 arithmetic gives for them, kept as float32."""
    arrays = random_state_dict(SEED, TINY_DIVISOR)
    model = folder / "random-inception-tiny.onnx"
    metadata = {"weights": f"random, not trained, seed {SEED}"}
    digest = fid_inception.convert(Weights(arrays), model, metadata, TINY_DIVISOR)
    coarse = fields()[:2]
    pixels = enlarged(coarse)
    expected = Forward(arrays, torch.float64).outputs(torch.from_numpy(scaled(pixels)).double())
    np.save(folder / "fields.npy", coarse)
    for name, values in expected.items():
        np.save(folder / f"{name}.npy", values.astype(np.float32))
    return {
        "seed": SEED,
        "divisor": TINY_DIVISOR,
        "onnx_sha256": digest,
        "onnxruntime and float64": differences(onnx_outputs(model, scaled(pixels)), expected),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--golden", type=Path, help="folder for the tiny network and its recorded outputs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        record = {"full": compare(Path(folder))}
    if arguments.golden is not None:
        arguments.golden.mkdir(parents=True, exist_ok=True)
        record["tiny"] = write_golden(arguments.golden)
    record["versions"] = {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in PACKAGES
    }
    json.dump(record, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
