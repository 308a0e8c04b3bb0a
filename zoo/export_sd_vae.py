#!/usr/bin/env python3
"""Write the decoder of Stable Diffusion's autoencoder to ONNX: sd-vae-ft-mse, sd-vae-ft-ema and others of its shape.

    python3 export_sd_vae.py --weights diffusion_pytorch_model.safetensors sd-vae-decoder.onnx
    python3 export_sd_vae.py --random-seed 0 --divide-channels 4 random-sd-vae-decoder.onnx

Input    latent  [N,4,h,w]    float32; a latent diffusion model's latents divided by 0.18215, unless --scale 0.18215
                              puts that division into the graph
Output   image   [N,3,8h,8w]  float32, RGB, about [-1, 1], not clamped

N, h and w may change. The checkpoint is an `AutoencoderKL` of diffusers (safetensors or bin, names of any age) or a
state dict with the names of the original repository; its encoder is left out and every other weight must be used. The
network is in sd_vae.py. Weights are neither shipped nor fetched: give the file and, better, its SHA-256.

Random weights are for tests and benchmarks; the file says so in its metadata.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from pathlib import Path

import torch
from onnx_builder import ConversionError, sha256_of
from sd_vae import GROUPS, STABLE_DIFFUSION, DecoderShape, LatentDecoder, diffusers_names
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

# every number of channels stays a multiple of the norms' groups
CHANNEL_DIVISORS = tuple(
    divisor for divisor in (1, 2, 4) if all(count % (GROUPS * divisor) == 0 for count in STABLE_DIFFUSION.channels)
)
EXAMPLE_SIDES = (6, 4)


def shape_from_checkpoint(weights: StateDict) -> DecoderShape:
    """The shape of the decoder whose weights these are."""
    levels = layers_of(weights, "decoder.up_blocks")
    names = [f"decoder.up_blocks.{level}.resnets.0.conv1.weight" for level in range(levels)]
    return DecoderShape(
        latent_channels=shape_of(weights, "decoder.conv_in.weight", 4)[1],
        image_channels=shape_of(weights, "decoder.conv_out.weight", 4)[0],
        channels=tuple(shape_of(weights, name, 4)[0] for name in names),
        repeats=layers_of(weights, "decoder.up_blocks.0.resnets"),
    )


def network_of(shape: DecoderShape, scale: float) -> LatentDecoder:
    """The network without memory for its weights, which `load_strictly` brings."""
    with torch.device("meta"):
        return LatentDecoder(shape, scale)


def given(arguments: argparse.Namespace) -> tuple[LatentDecoder, DecoderShape, dict[str, str]]:
    """The network of a checkpoint, its shape, and what the ONNX file says about its weights."""
    checkpoint = read_checkpoint(arguments.weights, arguments.sha256, arguments.key, ("state_dict",))
    weights = diffusers_names(checkpoint.weights)
    shape = shape_from_checkpoint(weights)
    network = network_of(shape, arguments.scale)
    load_strictly(network, weights)
    source = {"weights": "of the given checkpoint", "source_sha256": checkpoint.sha256}
    return network, shape, source | ({"source_key": checkpoint.key} if checkpoint.key else {})


def drawn(arguments: argparse.Namespace) -> tuple[LatentDecoder, DecoderShape, dict[str, str]]:
    """A network of random weights, its shape, and what the ONNX file says about its weights."""
    channels = tuple(count // arguments.divide_channels for count in STABLE_DIFFUSION.channels)
    shape = dataclasses.replace(STABLE_DIFFUSION, channels=channels)
    network = network_of(shape, arguments.scale)
    arrays = drawn_weights(network, arguments.random_seed)
    if arguments.write_checkpoint is not None:
        save_state_dict(arguments.write_checkpoint, arrays)
    load_strictly(network, {name: torch.from_numpy(array) for name, array in arrays.items()})
    return network, shape, {"weights": f"random, not trained, seed {arguments.random_seed}"}


def graph_of(shape: DecoderShape) -> Graph:
    """Input and output, with a seeded example of two latents."""
    latent = torch.randn((2, shape.latent_channels, *EXAMPLE_SIDES), generator=torch.Generator().manual_seed(0))
    return Graph({"latent": latent}, {"latent": {0: "N", 2: "h", 3: "w"}}, "image")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write the decoder of Stable Diffusion's autoencoder to ONNX.")
    parser.add_argument("output", type=Path, help="the ONNX file to write")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", type=Path, help="the checkpoint")
    source.add_argument("--random-seed", type=int, help="draw weights from this seed instead")
    parser.add_argument("--sha256", help="refuse a checkpoint with another SHA-256")
    parser.add_argument("--key", help="entry of the checkpoint that holds the weights")
    parser.add_argument("--scale", type=float, default=1.0, help="divide latents by this in the graph")
    parser.add_argument(
        "--divide-channels", type=int, default=1, choices=CHANNEL_DIVISORS, help="a random network that much narrower"
    )
    parser.add_argument("--write-checkpoint", type=Path, help="also write random weights as a PyTorch state dict")
    parser.add_argument("--check", action="store_true", help="run the file in onnxruntime beside PyTorch")
    arguments = parser.parse_args()
    if not (math.isfinite(arguments.scale) and arguments.scale > 0):
        parser.error("--scale must be a positive number")
    if arguments.weights is not None:
        if arguments.divide_channels != 1 or arguments.write_checkpoint is not None:
            parser.error("--divide-channels and --write-checkpoint go with --random-seed")
    elif arguments.random_seed < 0:
        parser.error("--random-seed must not be negative")
    elif arguments.sha256 is not None or arguments.key is not None:
        parser.error("--sha256 and --key go with --weights")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    try:
        network, shape, source = (given if arguments.weights is not None else drawn)(arguments)
        graph = graph_of(shape)
        scale = "divided by the graph" if arguments.scale != 1.0 else "not in the graph"
        notes = {
            "family": "SD-VAE decoder",
            "enlargement": str(shape.enlargement),
            "range": "RGB, NCHW, about [-1, 1], not clamped",
            "scale": f"{scale}, {arguments.scale:g}" if arguments.scale != 1.0 else scale,
        }
        files = write_onnx(network, graph, arguments.output, notes | source)
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
