#!/usr/bin/env python3
"""Write the denoiser of a latent or pixel diffusion model to ONNX: official DiT, SiT, REPA, iREPA and JiT checkpoints.

    python3 export_transformer.py --family dit --weights DiT-XL-2-256x256.pt dit-xl-2.onnx
    python3 export_transformer.py --family sit --weights SiT-XL-2-256x256.pt sit-xl-2.onnx
    python3 export_transformer.py --family repa --weights 0400000.pt repa-sit-xl-2.onnx
    python3 export_transformer.py --family jit --weights checkpoint-last.pth jit-b-16.onnx
    python3 export_transformer.py --family sit --size S/2 --random-seed 0 random-sit-s-2.onnx

| --family | checkpoints                                     | entry                   | output                      |
|----------|-------------------------------------------------|-------------------------|-----------------------------|
| dit      | DiT                                             | ema, or the file        | epsilon_variance [N,2C,H,W] |
| sit      | SiT; untrained half of the output left out      | ema, or the file        | velocity [N,C,H,W]          |
| repa     | SiT of REPA and of iREPA; projectors left out   | ema, or the file        | velocity [N,C,H,W]          |
| jit      | JiT, also that of iREPA; projectors left out    | model_ema1, or the file | x0 [N,C,H,W]                |

Inputs are x [N,C,H,W] float32, t [N] float32 and y [N] int64; only N may change. What t and y mean is in
diffusion_transformer.py and just_image_transformer.py, and in the metadata of the file.

The whole shape of a network is read from its checkpoint, except the number of heads (and, in JiT, the block at which
class tokens join): those follow from width and depth where these are an official size; else give --heads (and
--context-start). A checkpoint must have exactly the weights of its family. Weights are neither shipped nor fetched:
give the file and, better, its SHA-256.

Random weights are for tests and benchmarks; the file says so in its metadata. All layers get some, also the modulations
and the last layer, which an untrained network has at zero. --width, --depth and --heads make it smaller.

A network of more than 2 GiB (XL/2) is two files: OUTPUT, and OUTPUT.data beside it.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import diffusion_transformer
import just_image_transformer
import torch
from diffusion_transformer import DiffusionTransformer, Size, TransformerShape
from just_image_transformer import CONTEXT_TOKENS, JitShape, JustImageTransformer
from onnx_builder import ConversionError, sha256_of
from torch import nn
from torch_checkpoint_writer import save_state_dict
from torch_export import (
    Graph,
    StateDict,
    drawn_weights,
    layers_of,
    load_strictly,
    read_checkpoint,
    require_equal,
    shape_of,
    write_onnx,
)

FIXED_WEIGHTS = ("pos_embed",)


@dataclass(frozen=True)
class Family:
    """What tells one kind of checkpoint from another."""

    name: str
    sizes: dict[str, Size]
    # entries of a file that hold the weights one samples with, the first that is there
    usual_keys: tuple[str, ...]
    # prefix that every name may have
    prefix: str
    # output channels for each channel of x, and how many of these are returned
    outputs: int
    kept: int
    output: str
    prediction: str
    time: str
    # side and channels of x in the papers' main setting
    side: int
    channels: int
    # times of the example that the exporter traces
    example_times: tuple[float, float]


LATENT = {"sizes": diffusion_transformer.SIZES, "usual_keys": ("ema",), "prefix": "", "side": 32, "channels": 4}
DATA_AT_ONE = "0 is noise, 1 is data: x = t data + (1 - t) noise"
NOISE_AT_ONE = "1 is noise, 0 is data: x = (1 - t) data + t noise"
FAMILIES = {
    "dit": Family(
        name="DiT",
        outputs=2,
        kept=2,
        output="epsilon_variance",
        prediction="first half noise; second half the interpolation of the log variance, -1 to 1",
        time="0 to 999 of 1000 steps, linear betas; 0 is next to data",
        example_times=(37.0, 905.0),
        **LATENT,
    ),
    "sit": Family(
        name="SiT",
        outputs=2,
        kept=1,
        output="velocity",
        prediction="data - noise",
        time=DATA_AT_ONE,
        example_times=(0.2, 0.9),
        **LATENT,
    ),
    "repa": Family(
        name="SiT, trained with REPA",
        outputs=1,
        kept=1,
        output="velocity",
        prediction="noise - data",
        time=NOISE_AT_ONE,
        example_times=(0.2, 0.9),
        **LATENT,
    ),
    "jit": Family(
        name="JiT",
        sizes=just_image_transformer.SIZES,
        usual_keys=("model_ema1",),
        prefix="net.",
        outputs=1,
        kept=1,
        output="x0",
        prediction="clean image",
        time=DATA_AT_ONE,
        side=256,
        channels=3,
        example_times=(0.2, 0.9),
    ),
}


def size_of(family: Family, text: str) -> tuple[Size, int]:
    """XL/2 -> what XL stands for, and patches of 2."""
    found = re.fullmatch(r"([A-Z]+)/([1-9]\d{0,2})", text)
    if found is None or found[1] not in family.sizes:
        names = ", ".join(family.sizes)
        raise ConversionError(f"--size {text}: expected a letter and a patch side, as B/2; {family.name} has {names}")
    return family.sizes[found[1]], int(found[2])


def unshown(arguments: argparse.Namespace, family: Family, width: int, depth: int) -> dict[str, int]:
    """What no shape shows: heads, and for JiT the block at which class tokens join.

    The caller's word counts first; without it, an official width and depth say it.
    """
    official = (size for size in family.sizes.values() if (size.width, size.depth) == (width, depth))
    size = next(official, None)
    found = {}
    for name in ("heads", "context_start") if arguments.family == "jit" else ("heads",):
        value = getattr(arguments, name)
        if value is None and size is None:
            raise ConversionError(
                f"width {width} and depth {depth} are no official size of {family.name}: "
                f"give --{name.replace('_', '-')}, which the checkpoint does not show"
            )
        found[name] = getattr(size, name) if value is None else value
    return found


def square_side(tokens: int, patch: int) -> int:
    """Side of x for so many tokens."""
    grid = round(tokens**0.5)
    if grid * grid != tokens:
        raise ConversionError(f"weight 'pos_embed' has {tokens} positions, which is no square")
    return grid * patch


def shape_from_checkpoint(weights: StateDict, arguments: argparse.Namespace) -> TransformerShape | JitShape:
    """The shape of the network whose weights these are."""
    family = FAMILIES[arguments.family]
    _, tokens, width = shape_of(weights, "pos_embed", 3)
    depth = layers_of(weights, "blocks")
    classes = shape_of(weights, "y_embedder.embedding_table.weight", 2)[0] - 1
    values = shape_of(weights, "final_layer.linear.weight", 2)[0]
    common = {"width": width, "depth": depth, "classes": classes} | unshown(arguments, family, width, depth)
    if arguments.family == "jit":
        bottleneck, channels, patch, _ = shape_of(weights, "x_embedder.proj1.weight", 4)
        return JitShape(
            **common,
            patch=patch,
            side=square_side(tokens, patch),
            channels=channels,
            bottleneck=bottleneck,
            context_tokens=shape_of(weights, "in_context_posemb", 3)[1],
        )
    _, channels, patch, _ = shape_of(weights, "x_embedder.proj.weight", 4)
    outputs = values // patch**2
    if outputs != family.outputs * channels:
        raise ConversionError(
            f"the last layer has {outputs} output channels for {channels} of x; --family {arguments.family} expects "
            f"{family.outputs * channels} (sit and dit: twice as many, repa: as many)"
        )
    return TransformerShape(
        **common,
        patch=patch,
        side=square_side(tokens, patch),
        channels=channels,
        outputs=outputs,
        normalised_queries="blocks.0.attn.q_norm.weight" in weights,
    )


def shape_from_arguments(arguments: argparse.Namespace) -> TransformerShape | JitShape:
    """The shape of a network of random weights."""
    family = FAMILIES[arguments.family]
    size, patch = size_of(family, arguments.size)
    chosen = {name: value for name in ("width", "depth", "heads") if (value := getattr(arguments, name)) is not None}
    channels = arguments.channels or family.channels
    common = {
        "width": size.width,
        "depth": size.depth,
        "heads": size.heads,
        "patch": patch,
        "side": arguments.side or family.side,
        "channels": channels,
        "classes": arguments.classes or 1000,
    } | chosen
    if arguments.family == "jit":
        start = size.context_start if arguments.context_start is None else arguments.context_start
        context = {"bottleneck": size.bottleneck, "context_tokens": CONTEXT_TOKENS, "context_start": start}
        return JitShape(**common, **context)
    return TransformerShape(**common, outputs=family.outputs * channels)


def network_of(shape: TransformerShape | JitShape, family: Family) -> nn.Module:
    """The network without memory for its weights, which `load_strictly` brings."""
    with torch.device("meta"):
        if isinstance(shape, JitShape):
            return JustImageTransformer(shape)
        return DiffusionTransformer(shape, family.kept * shape.channels)


def renamed(weights: StateDict, family: Family) -> StateDict:
    """The weights of the denoiser, as today's official code names them.

    Projectors are left out: only the training of REPA needs them. Old checkpoints of REPA call the blocks behind the
    aligned one decoder_blocks and count them from 0 again.
    """
    if all(name.startswith(family.prefix) for name in weights):
        weights = {name[len(family.prefix) :]: tensor for name, tensor in weights.items()}
    first = layers_of(weights, "blocks")
    result = {}
    for name, tensor in weights.items():
        if found := re.fullmatch(r"decoder_blocks\.(\d+)\.(.+)", name):
            name = f"blocks.{first + int(found[1])}.{found[2]}"
        if not name.startswith("projectors."):
            result[name] = tensor
    return result


def given(arguments: argparse.Namespace) -> tuple[nn.Module, dict[str, str]]:
    """The network of a checkpoint and what the ONNX file says about its weights."""
    family = FAMILIES[arguments.family]
    checkpoint = read_checkpoint(arguments.weights, arguments.sha256, arguments.key, family.usual_keys)
    weights = renamed(checkpoint.weights, family)
    shape = shape_from_checkpoint(weights, arguments)
    if arguments.size is not None:
        size, patch = size_of(family, arguments.size)
        if (size.width, size.depth, patch) != (shape.width, shape.depth, shape.patch):
            raise ConversionError(
                f"{arguments.weights}: width {shape.width}, depth {shape.depth} and patches of {shape.patch} "
                f"are not those of --size {arguments.size}"
            )
    network = network_of(shape, family)
    load_strictly(network, weights)
    source = {"weights": "of the given checkpoint", "source_sha256": checkpoint.sha256}
    return network, source | ({"source_key": checkpoint.key} if checkpoint.key else {})


def drawn(arguments: argparse.Namespace) -> tuple[nn.Module, dict[str, str]]:
    """A network of random weights and what the ONNX file says about them."""
    network = network_of(shape_from_arguments(arguments), FAMILIES[arguments.family])
    arrays = drawn_weights(network, arguments.random_seed, FIXED_WEIGHTS)
    if arguments.write_checkpoint is not None:
        save_state_dict(arguments.write_checkpoint, arrays)
    load_strictly(network, {name: torch.from_numpy(array) for name, array in arrays.items()})
    return network, {"weights": f"random, not trained, seed {arguments.random_seed}"}


def graph_of(network: nn.Module, family: Family) -> Graph:
    """Inputs and outputs, with a seeded example of two samples: the first class, and no class."""
    shape = network.shape
    size = (2, shape.channels, shape.side, shape.side)
    inputs = {
        "x": torch.randn(size, generator=torch.Generator().manual_seed(0)),
        "t": torch.tensor(family.example_times),
        "y": torch.tensor([0, shape.classes]),
    }
    return Graph(inputs, {name: {0: "N"} for name in inputs}, family.output)


def notes(network: nn.Module, family: Family) -> dict[str, str]:
    """What the ONNX file says about the network."""
    shape = dataclasses.asdict(network.shape)
    return {
        "family": family.name,
        "prediction": family.prediction,
        "time": family.time,
        "no_class": str(shape["classes"]),
        "shape": ", ".join(f"{name} {value}" for name, value in shape.items()),
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write a DiT, SiT, REPA or JiT denoiser to ONNX.")
    parser.add_argument("output", type=Path, help="the ONNX file to write")
    parser.add_argument("--family", choices=FAMILIES, required=True, help="whose checkpoint it is")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", type=Path, help="the checkpoint")
    source.add_argument("--random-seed", type=int, help="draw weights from this seed instead")
    parser.add_argument("--sha256", help="refuse a checkpoint with another SHA-256")
    parser.add_argument("--key", help="entry of the checkpoint that holds the weights")
    parser.add_argument("--size", help="S/2, B/2, L/2, XL/2, B/16 …; with --weights it is checked")
    for option, text in (
        ("--width", "width instead of the size's"),
        ("--depth", "number of blocks instead of the size's"),
        ("--heads", "heads instead of the size's"),
        ("--context-start", "JiT: block at which class tokens join, instead of the size's"),
        ("--side", "side of x: 32 latents (256 pixels) unless said otherwise, JiT 256 pixels"),
        ("--channels", "channels of x: 4 unless said otherwise, JiT 3"),
        ("--classes", "classes: 1000 unless said otherwise"),
    ):
        parser.add_argument(option, type=int, help=text)
    parser.add_argument("--write-checkpoint", type=Path, help="also write random weights as a PyTorch state dict")
    parser.add_argument("--check", action="store_true", help="run the file in onnxruntime beside PyTorch")
    arguments = parser.parse_args()
    require_consistent(arguments, parser.error)
    return arguments


def require_consistent(arguments: argparse.Namespace, refuse: Callable[[str], None]) -> None:
    """Calls `refuse` with the first pair of options that do not go together."""
    of_random = ("width", "depth", "side", "channels", "classes", "write_checkpoint")
    if arguments.weights is not None:
        for name in of_random:
            if getattr(arguments, name) is not None:
                refuse(f"--{name.replace('_', '-')} goes with --random-seed")
    else:
        if arguments.random_seed < 0:
            refuse("--random-seed must not be negative")
        if arguments.size is None:
            refuse("--random-seed needs --size")
        for name in ("sha256", "key"):
            if getattr(arguments, name) is not None:
                refuse(f"--{name} goes with --weights")
    if arguments.context_start is not None and arguments.family != "jit":
        refuse("--context-start goes with --family jit")
    for name in ("width", "depth", "heads", "side", "channels", "classes"):
        if (value := getattr(arguments, name)) is not None and value < 1:
            refuse(f"--{name} must be at least 1")


def main() -> int:
    arguments = parse_arguments()
    family = FAMILIES[arguments.family]
    try:
        network, source = (given if arguments.weights is not None else drawn)(arguments)
        graph = graph_of(network, family)
        files = write_onnx(network, graph, arguments.output, notes(network, family) | source)
        if arguments.check:
            difference = require_equal(network, graph, arguments.output)
            print(f"largest difference to PyTorch: {difference:.3g} of the largest value")
    except (ConversionError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for file in files:
        print(f"{sha256_of(file)}  {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
