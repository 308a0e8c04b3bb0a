#!/usr/bin/env python3
"""Check the exporters of diffusion transformers and of the SD-VAE decoder against the official code.

For each family the official class is built at reduced width with random weights, its state dict is saved as the
official code saves it, `zoo/export_transformer.py` or `zoo/export_sd_vae.py` makes ONNX of the file, and both see the
same inputs: three samples (the exporter traced two), among them no class. Differences are the largest of any value,
over the largest value of the reference:

  onnxruntime and official   what the ONNX file gives, beside the official network in float32
  our torch and official     our own PyTorch network in float32, beside the same
  onnxruntime and float64    beside our PyTorch network in float64, with the float32 weights
  official and float64       how far the official network itself is from that

`official_shapes_equal` counts the official models of full size whose names and shapes of weights are exactly ours.

    python3 tests/parity/export_transformer.py --dit FOLDER --sit FOLDER --repa FOLDER --irepa FOLDER --jit FOLDER \
        > tests/parity/export_transformer.json

Checkouts: facebookresearch/DiT, willisma/SiT, sihyun-yu/REPA, End2End-Diffusion/iREPA, LTH14/JiT; diffusers, timm,
einops and dictdot from pip. JiT's code asks for CUDA and for torch.compile: both are switched off here, on the CPU.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import importlib.metadata
import importlib.util
import json
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from unittest import mock

import numpy as np
import onnxruntime
import torch
from diffusers import AutoencoderKL
from torch import nn

ZOO = Path(__file__).resolve().parents[2] / "zoo"
sys.path.insert(0, str(ZOO))

import diffusion_transformer  # noqa: E402
import export_sd_vae  # noqa: E402
import export_transformer  # noqa: E402
import sd_vae  # noqa: E402
from torch_export import Checkpoint, drawn_weights, expected_shapes, load_strictly, read_checkpoint  # noqa: E402

SEED, SAMPLES, CLASSES = 0, 3, 10
PACKAGES = ["diffusers", "numpy", "onnx", "onnx-ir", "onnxruntime", "onnxscript", "safetensors", "timm", "torch"]
WIDTH, DEPTH, HEADS = 96, 3, 3
REDUCED = {"hidden_size": WIDTH, "depth": DEPTH, "num_heads": HEADS, "num_classes": CLASSES}
# packages of checkouts that must not be mistaken for one another
OFFICIAL_PACKAGES = ("util", "projectors")


@contextlib.contextmanager
def on_the_cpu() -> Iterator[None]:
    """`.cuda()` stays where it is and `torch.compile` compiles nothing."""
    with (
        mock.patch.object(torch.Tensor, "cuda", lambda self: self),
        mock.patch.object(torch, "compile", lambda function: function),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


def official_module(file: Path) -> ModuleType:
    """A file of a checkout as a module, with its own folder first among the places to import from."""
    for name in [name for name in sys.modules if name.partition(".")[0] in OFFICIAL_PACKAGES]:
        del sys.modules[name]
    specification = importlib.util.spec_from_file_location(f"official_{file.stem}", file)
    module = importlib.util.module_from_spec(specification)
    with on_the_cpu(), mock.patch.object(sys, "path", [str(file.parent), *sys.path]):
        specification.loader.exec_module(module)
    return module


def randomised(network: nn.Module) -> nn.Module:
    """The same network with random weights everywhere, also where it begins with zeros."""
    network.load_state_dict({
        name: torch.from_numpy(array) for name, array in drawn_weights(network, SEED, ("pos_embed",)).items()
    })
    return network.eval()


def distance(found: np.ndarray, reference: np.ndarray) -> float:
    assert found.shape == reference.shape, (found.shape, reference.shape)
    difference = np.abs(found.astype(np.float64) - reference).max() / np.abs(reference).max()
    return float(f"{difference:.3g}")


@dataclass(frozen=True)
class Outputs:
    """What the four ways of computing gave for the same inputs."""

    onnx: np.ndarray
    official: np.ndarray
    ours: np.ndarray
    exact: np.ndarray

    def record(self) -> dict:
        return {
            "shape": list(self.official.shape),
            "largest": float(f"{np.abs(self.exact).max():.4g}"),
            "mean_deviation_between_samples": float(f"{self.exact.std(axis=0).mean():.4g}"),
            "largest_relative_differences": {
                "onnxruntime and official": distance(self.onnx, self.official),
                "our torch and official": distance(self.ours, self.official),
                "onnxruntime and float64": distance(self.onnx, self.exact),
                "official and float64": distance(self.official, self.exact),
            },
        }


def exported(exporter: ModuleType, words: list[object], model: Path) -> None:
    """Runs an exporter as its command line does."""
    arguments = [exporter.__name__, *map(str, words), str(model)]
    with mock.patch.object(sys, "argv", arguments), contextlib.redirect_stdout(sys.stderr):
        status = exporter.main()
    assert status == 0, f"{arguments} ended with {status}"


def onnx_output(model: Path, inputs: dict[str, torch.Tensor]) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})[0]


def our_outputs(network: nn.Module, inputs: dict[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Our own network in float32 and in float64."""
    with torch.no_grad():
        single = network(**inputs).numpy()
        doubled = {name: tensor.double() if tensor.is_floating_point() else tensor for name, tensor in inputs.items()}
        return single, network.double()(**doubled).numpy()


def transformer_inputs(network: nn.Module, family: str) -> dict[str, torch.Tensor]:
    shape, draw = network.shape, torch.Generator().manual_seed(1)
    times = [0.0, 431.0, 999.0] if family == "dit" else [0.04, 0.5, 1.0]
    return {
        "x": torch.randn((SAMPLES, shape.channels, shape.side, shape.side), generator=draw),
        "t": torch.tensor(times),
        "y": torch.tensor([3, 7, CLASSES]),
    }


@dataclass(frozen=True)
class Case:
    """An official network at reduced width and the file that its checkpoint would be."""

    family: str
    network: nn.Module
    # state dict -> what the official code saves
    file: Callable[[dict], object]
    options: tuple[object, ...] = ("--heads", HEADS)


def compare_transformer(case: Case, folder: Path) -> dict:
    network = randomised(case.network)
    checkpoint, model = folder / "checkpoint.pt", folder / "network.onnx"
    torch.save(case.file(network.state_dict()), checkpoint)
    exported(export_transformer, ["--family", case.family, "--weights", checkpoint, *case.options], model)
    words = ["export_transformer.py", "--family", case.family, "--weights", str(checkpoint), *map(str, case.options)]
    with mock.patch.object(sys, "argv", [*words, str(model)]):
        ours, _ = export_transformer.given(export_transformer.parse_arguments())
    inputs = transformer_inputs(ours, case.family)
    with torch.no_grad(), on_the_cpu():
        official = network(*inputs.values())
    # REPA's networks return what their projectors give as well
    official = (official[0] if isinstance(official, tuple) else official).numpy()
    single, exact = our_outputs(ours, inputs)
    return Outputs(onnx_output(model, inputs), official, single, exact).record()


def jit_file(weights: dict) -> dict:
    prefixed = {f"net.{name}": tensor for name, tensor in weights.items()}
    untrained = {name: torch.zeros_like(tensor) for name, tensor in prefixed.items()}
    settings = argparse.Namespace(model="reduced", img_size=64)
    return {"model": untrained, "model_ema1": prefixed, "model_ema2": untrained, "epoch": 1, "args": settings}


def ema_file(weights: dict) -> dict:
    untrained = {name: torch.zeros_like(tensor) for name, tensor in weights.items()}
    return {"model": untrained, "ema": weights, "opt": {}, "args": argparse.Namespace(qk_norm=False), "steps": 7}


def legacy_file(weights: dict) -> dict:
    """As REPA's first checkpoints named the blocks behind the aligned one, here the second."""
    renamed = {}
    for name, tensor in weights.items():
        first, *rest = name.split(".", 2)
        if first == "blocks" and int(rest[0]) >= 2:
            name = f"decoder_blocks.{int(rest[0]) - 2}.{rest[1]}"
        renamed[name] = tensor
    return ema_file(renamed)


def repa_network(module: ModuleType, qk_norm: bool, **options: object) -> nn.Module:
    settings = {"encoder_depth": 2, "z_dims": [24], "projector_dim": 40, "decoder_hidden_size": WIDTH} | options
    attention = module.Attention
    # timm's attention of REPA's days normalised with layer norm where none was named
    with mock.patch.object(module, "Attention", functools.partial(attention, norm_layer=nn.LayerNorm)):
        return module.SiT(input_size=16, patch_size=2, qk_norm=qk_norm, use_cfg=True, **REDUCED, **settings)


def jit_network(module: ModuleType, **options: object) -> nn.Module:
    with on_the_cpu():
        settings = {"input_size": 64, "patch_size": 16, "bottleneck_dim": 16, "in_context_start": 1}
        return module.JiT(**settings, **REDUCED, **options)


def transformer_cases(modules: dict[str, ModuleType]) -> dict[str, Case]:
    latent = {"input_size": 16, "patch_size": 2, **REDUCED}
    context = ("--heads", HEADS, "--context-start", 1)
    conv = {"projection_layer_type": "conv", "proj_kwargs_kernel_size": 3}
    return {
        "DiT": Case("dit", modules["dit"].DiT(**latent), lambda weights: weights),
        "SiT": Case("sit", modules["sit"].SiT(**latent), ema_file),
        "REPA": Case("repa", repa_network(modules["repa"], False), ema_file),
        "REPA, old names": Case("repa", repa_network(modules["repa"], False), legacy_file),
        "REPA, normalised queries": Case("repa", repa_network(modules["repa"], True), ema_file),
        "iREPA": Case("repa", repa_network(modules["irepa"], False, **conv), ema_file),
        "JiT": Case("jit", jit_network(modules["jit"]), jit_file, context),
        "JiT of iREPA": Case(
            "jit", jit_network(modules["irepa-jit"], encoder_depth=2, z_dims=[24], **conv), jit_file, context
        ),
    }


def compare_decoder(network: nn.Module, names: Callable[[str], str], folder: Path, suffix: str) -> dict:
    """An autoencoder whose checkpoint has these names; the ONNX file divides by the scale."""
    randomised(network)
    checkpoint, model = folder / f"autoencoder{suffix}", folder / "decoder.onnx"
    weights = {names(name): tensor for name, tensor in network.state_dict().items()}
    if suffix == ".safetensors":
        import safetensors.torch

        safetensors.torch.save_file(weights, checkpoint)
    else:
        torch.save(weights, checkpoint)
    exported(export_sd_vae, ["--weights", checkpoint, "--scale", sd_vae.SCALE], model)
    read: Checkpoint = read_checkpoint(checkpoint, None, None, ())
    named = sd_vae.diffusers_names(read.weights)
    ours = export_sd_vae.network_of(export_sd_vae.shape_from_checkpoint(named), sd_vae.SCALE)
    load_strictly(ours, named)
    inputs = {"latent": torch.randn((SAMPLES, 4, 8, 10), generator=torch.Generator().manual_seed(1))}
    with torch.no_grad():
        official = network.decode(inputs["latent"] / sd_vae.SCALE).sample.numpy()
    single, exact = our_outputs(ours, inputs)
    return Outputs(onnx_output(model, inputs), official, single, exact).record()


def older_diffusers_name(name: str) -> str:
    layers = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    for new, old in layers.items():
        name = name.replace(f".attentions.0.{new}.", f".attentions.0.{old}.")
    return name


def reduced_autoencoder() -> nn.Module:
    blocks = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
    return AutoencoderKL(block_out_channels=(32, 64, 96, 128), layers_per_block=2, **blocks)


def original_autoencoder(module: ModuleType) -> nn.Module:
    """The original repository's autoencoder, as iREPA has it; only the factors of its levels can be chosen."""
    return module.AutoencoderKL(embed_dim=4, ch_mult=[1, 1, 2, 2])


def shapes_equal(official: nn.Module, ours: nn.Module, dropped: tuple[str, ...] = ("projectors.",)) -> bool:
    left = {name: shape for name, shape in expected_shapes(official).items() if not name.startswith(dropped)}
    assert left == expected_shapes(ours), set(left.items()) ^ set(expected_shapes(ours).items())
    return True


def full_sizes(modules: dict[str, ModuleType]) -> dict[str, int]:
    """Official models of full size whose names and shapes are ours."""
    counts: dict[str, int] = {}
    families = {"dit": "dit", "sit": "sit", "repa": "repa", "irepa": "repa", "jit": "jit"}
    for source, family in families.items():
        table = {"dit": "DiT_models", "jit": "JiT_models"}.get(family, "SiT_models")
        for name, build in getattr(modules[source], table).items():
            if family == "repa" and name.startswith("SiT-S/"):
                # REPA's code gives these a last layer for a width of 768 where they have 384: they cannot run
                continue
            words = ["--family", family, "--size", name.partition("-")[2], "--random-seed", "0", "unused.onnx"]
            with mock.patch.object(sys, "argv", ["export_transformer.py", *words]):
                shape = export_transformer.shape_from_arguments(export_transformer.parse_arguments())
            options = {"qk_norm": False, "use_cfg": True} if family == "repa" else {}
            with on_the_cpu(), torch.device("meta"):
                official = build(**options)
            ours = export_transformer.network_of(shape, export_transformer.FAMILIES[family])
            counts[source] = counts.get(source, 0) + shapes_equal(official, ours)
    with torch.device("meta"):
        settings = {"down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
        official = AutoencoderKL(block_out_channels=(128, 256, 512, 512), layers_per_block=2, **settings)
    ours = export_sd_vae.network_of(sd_vae.STABLE_DIFFUSION, 1.0)
    counts["sd-vae"] = int(shapes_equal(official, ours, ("encoder.", "quant_conv.")))
    return counts


def position_difference(modules: dict[str, ModuleType]) -> float:
    """Largest difference of our fixed position embedding to the official one, over XL/2's."""
    official = modules["sit"].get_2d_sincos_pos_embed(1152, 16)
    ours = diffusion_transformer.sine_cosine_positions(1152, 16)[0]
    return float(f"{np.abs(official.astype(np.float32) - ours).max():.3g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for option in ("--dit", "--sit", "--repa", "--irepa", "--jit"):
        parser.add_argument(option, type=Path, required=True, help="a checkout")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    files = {
        "dit": arguments.dit / "models.py",
        "sit": arguments.sit / "models.py",
        "repa": arguments.repa / "models/sit.py",
        "irepa": arguments.irepa / "ldm/models/sit.py",
        "jit": arguments.jit / "model_jit.py",
        "irepa-jit": arguments.irepa / "jit/model_jit.py",
        "irepa-vae": arguments.irepa / "ldm/models/autoencoder.py",
    }
    modules = {name: official_module(file) for name, file in files.items()}
    record: dict = {
        "seed": SEED,
        "reduced": f"width {WIDTH}, depth {DEPTH}, heads {HEADS}, {CLASSES} classes, {SAMPLES} samples",
        "official_shapes_equal": full_sizes(modules),
        "position_embedding_difference": position_difference(modules),
        "families": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, case in transformer_cases(modules).items():
            record["families"][name] = compare_transformer(case, Path(folder))
        decoders = {
            "SD-VAE decoder, diffusers": (reduced_autoencoder(), str, ".safetensors"),
            "SD-VAE decoder, older diffusers": (reduced_autoencoder(), older_diffusers_name, ".bin"),
            "SD-VAE decoder, original names": (original_autoencoder(modules["irepa-vae"]), str, ".pt"),
        }
        for name, (network, names, suffix) in decoders.items():
            record["families"][name] = compare_decoder(network, names, Path(folder), suffix)
    record["source_sha256"] = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
    record["versions"] = {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in PACKAGES
    }
    json.dump(record, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
