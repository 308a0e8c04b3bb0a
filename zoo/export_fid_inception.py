#!/usr/bin/env python3
"""Write the FID Inception network to ONNX: from its published weights, or with random ones for tests.

    python3 export_fid_inception.py --weights pt_inception-2015-12-05-6726825d.pth fid-inception.onnx
    python3 export_fid_inception.py --random-seed 0 --write-checkpoint random-inception.pth random-inception.onnx

The weights are the state dict that pytorch-fid and torch-fidelity publish, the same bytes under two names; another
file is refused unless --accept-any-weights is given. Random weights can also be written as such a state dict, so that
Python tools can be run on the very same network. PyTorch is not needed. What the network takes and gives is in
fid_inception.py.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fid_inception import CHANNEL_DIVISORS, convert
from onnx_builder import ConversionError, Weights, sha256_of
from random_inception import random_state_dict
from torch_checkpoint import CheckpointError, load_state_dict
from torch_checkpoint_writer import save_state_dict

OFFICIAL_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
OFFICIAL_BYTES = 95_628_359
PREPROCESSING = "RGB, NCHW, resized to 299x299 and scaled to about [-1, 1] as the protocol says"


def published(arguments: argparse.Namespace) -> tuple[Weights, dict[str, str]]:
    """The weights of a file and what the ONNX file says about them."""
    path: Path = arguments.weights
    digest = sha256_of(path)
    official = digest == OFFICIAL_SHA256
    if not (official or arguments.accept_any_weights):
        raise ConversionError(
            f"{path}: SHA-256 is {digest} ({path.stat().st_size:,} bytes), expected {OFFICIAL_SHA256} "
            f"({OFFICIAL_BYTES:,} bytes), the published weights of the FID Inception network. "
            "Download them again, or convert other weights with --accept-any-weights"
        )
    source = "inception-2015-12-05, as pytorch-fid and torch-fidelity publish it"
    metadata = {"weights": source if official else "not the published ones", "source_sha256": digest}
    if official:
        metadata["licence"] = "Apache-2.0"
    return Weights(load_state_dict(path)), metadata


def drawn(arguments: argparse.Namespace) -> tuple[Weights, dict[str, str]]:
    """Random weights and what the ONNX file says about them."""
    arrays = random_state_dict(arguments.random_seed, arguments.divide_channels)
    if arguments.write_checkpoint is not None:
        save_state_dict(arguments.write_checkpoint, arrays)
    return Weights(arrays), {"weights": f"random, not trained, seed {arguments.random_seed}"}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write the FID Inception network to ONNX.")
    parser.add_argument("output", type=Path, help="the ONNX file to write")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--weights", type=Path, help="the published state dict; it is read, never unpickled")
    source.add_argument("--random-seed", type=int, help="draw weights from this seed instead")
    parser.add_argument("--accept-any-weights", action="store_true", help="convert weights with another digest too")
    parser.add_argument(
        "--divide-channels", type=int, default=1, choices=CHANNEL_DIVISORS, help="a network that much narrower"
    )
    parser.add_argument("--write-checkpoint", type=Path, help="also write random weights as a PyTorch state dict")
    arguments = parser.parse_args()
    if arguments.weights is None and arguments.accept_any_weights:
        parser.error("--accept-any-weights goes with --weights")
    if arguments.weights is not None and arguments.write_checkpoint is not None:
        parser.error("--write-checkpoint goes with --random-seed")
    if arguments.random_seed is not None and arguments.random_seed < 0:
        parser.error("--random-seed must not be negative")
    return arguments


def main() -> int:
    arguments = parse_arguments()
    try:
        weights, metadata = (published if arguments.weights is not None else drawn)(arguments)
        metadata["preprocessing"] = PREPROCESSING
        written = convert(weights, arguments.output, metadata, arguments.divide_channels)
    except (CheckpointError, ConversionError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{written}  {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
