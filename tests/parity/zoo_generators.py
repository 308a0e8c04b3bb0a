#!/usr/bin/env python3
"""Check the converted DCGAN generators against PyTorch, with the network code of their own packages.

The same checkpoints and the same z (and labels, one class after the other) go through PyTorch in float32 and float64
and through ONNX Runtime.

    python3 zoo_generators.py --faces FOLDER --eyes FOLDER --onnx FOLDER [--samples FOLDER] > zoo_generators.json

--faces    the unpacked wheel of gan-face-generate 1.1.1
--eyes     the unpacked wheel of omniart-eye-generator 0.1
--onnx     gan-face-generate.onnx and omniart-eye-generator.onnx, as zoo/convert_dcgan.py writes them
--samples  also write a grid of samples of each, to be looked at
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import PIL
import torch
from PIL import Image

ZOO = Path(__file__).resolve().parents[2] / "zoo"
sys.path.insert(0, str(ZOO))

from onnx_builder import sha256_of  # noqa: E402

SEED, SAMPLES, CLASSES = 0, 64, 8


def network_class(source: Path) -> type[torch.nn.Module]:
    """The class `Generator` of a package's file, without the package around it."""
    specification = importlib.util.spec_from_file_location(source.stem, source)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module.Generator


def faces(folder: Path) -> torch.nn.Module:
    package = folder / "gan_face_generate"
    network = network_class(package / "models.py")(ngpu=0, nc=3, nz=100, ngf=64)
    network.load_state_dict(torch.load(package / "weights.tar", "cpu", weights_only=True)["netG_state_dict"])
    return network.eval()


def eyes(folder: Path) -> torch.nn.Module:
    package = folder / "omniart_eye_generator"
    network = network_class(package / "generator.py")()
    network.load_state_dict(torch.load(package / "generator_model_state.pth", "cpu", weights_only=True))
    return network.eval()


def inputs(conditional: bool) -> dict[str, np.ndarray]:
    """z, and the labels 0, 1, … 7, 0, … as one-hot rows."""
    z = np.random.default_rng(SEED).standard_normal((SAMPLES, 100)).astype(np.float32)
    labels = np.eye(CLASSES, dtype=np.float32)[np.arange(SAMPLES) % CLASSES]
    return {"z": z} | ({"label_onehot": labels} if conditional else {})


def pytorch_image(network: torch.nn.Module, feeds: dict[str, np.ndarray], dtype: torch.dtype) -> np.ndarray:
    z, *labels = (torch.from_numpy(array).to(dtype) for array in feeds.values())
    with torch.no_grad():
        return network.to(dtype)(z[:, :, None, None], *labels).numpy()


def onnx_image(model: Path, feeds: dict[str, np.ndarray]) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return session.run(["image"], feeds)[0]


def distance(found: np.ndarray, reference: np.ndarray) -> float:
    """Largest absolute difference."""
    assert found.shape == reference.shape, (found.shape, reference.shape)
    return float(f"{np.abs(found.astype(np.float64) - reference).max():.3g}")


def write_grid(image: np.ndarray, path: Path) -> None:
    """8 samples a row; the classes of a conditional network are the columns."""
    pixels = np.clip((image + 1) * 127.5, 0, 255).round().astype(np.uint8)
    side = image.shape[2]
    grid = pixels.reshape(-1, CLASSES, 3, side, side).transpose(0, 3, 1, 4, 2)
    Image.fromarray(grid.reshape(-1, CLASSES * side, 3)).save(path)


def compare(network: torch.nn.Module, model: Path, conditional: bool, grid: Path | None) -> dict:
    feeds = inputs(conditional)
    ours = onnx_image(model, feeds)
    float32 = pytorch_image(network, feeds, torch.float32)
    exact = pytorch_image(network, feeds, torch.float64)
    if grid is not None:
        write_grid(ours, grid)
    return {
        "onnx_sha256": sha256_of(model),
        "shape": list(ours.shape),
        "smallest_and_largest": [float(f"{value:.4g}") for value in (exact.min(), exact.max())],
        "mean_deviation_between_samples": float(f"{exact.std(axis=0).mean():.4g}"),
        "largest_absolute_differences": {
            "onnxruntime and torch": distance(ours, float32),
            "onnxruntime and float64": distance(ours, exact),
            "torch and float64": distance(float32, exact),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--faces", "--eyes", "--onnx"):
        parser.add_argument(option, type=Path, required=True)
    parser.add_argument("--samples", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    record: dict = {
        "input": f"{SAMPLES} of z standard normal, numpy default_rng({SEED}); labels 0 to {CLASSES - 1} in turn",
        "networks": {},
    }
    networks = {"gan-face-generate": faces(arguments.faces), "omniart-eye-generator": eyes(arguments.eyes)}
    for name, network in networks.items():
        grid = arguments.samples / f"{name}.png" if arguments.samples else None
        conditional = name == "omniart-eye-generator"
        record["networks"][name] = compare(network, arguments.onnx / f"{name}.onnx", conditional, grid)
    record["versions"] = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
        "pillow": PIL.__version__,
        "torch": torch.__version__,
    }
    json.dump(record, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
