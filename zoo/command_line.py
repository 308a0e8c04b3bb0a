"""The command line that the converters share: read a checkpoint, write an ONNX file, say what was written."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from onnx_builder import ConversionError, Weights, sha256_of
from torch_checkpoint import CheckpointError, load_state_dict


def checkpoint_parser(description: str) -> argparse.ArgumentParser:
    """A parser with the arguments of every converter; a converter may add its own."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("checkpoint", type=Path, help="the PyTorch checkpoint; it is read, never unpickled")
    parser.add_argument("output", type=Path, help="the ONNX file to write")
    parser.add_argument("--sha256", help="refuse a checkpoint with another SHA-256")
    return parser


def convert_checkpoint(
    arguments: argparse.Namespace, convert: Callable[[Weights, Path, dict[str, str]], str], key: str | None = None
) -> int:
    """Runs `convert(weights, output, metadata)` and returns the exit status: 2 means bad input.

    `key` picks the entry of the checkpoint that holds the weights, if it holds more than them.
    """
    try:
        digest = sha256_of(arguments.checkpoint)
        if arguments.sha256 is not None and digest != arguments.sha256.lower():
            message = f"{arguments.checkpoint}: SHA-256 is {digest}, expected {arguments.sha256}"
            raise ConversionError(message)
        weights = Weights(load_state_dict(arguments.checkpoint, key))
        written = convert(weights, arguments.output, {"source_sha256": digest})
    except (CheckpointError, ConversionError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{written}  {arguments.output}")
    return 0
