"""The FID Inception network as an ONNX graph: the Inception v3 of 2015 behind FID, IS and KID.

Its weights come from TensorFlow's graph `classify_image_graph_def.pb` (inception-2015-12-05); layer names are those
of the PyTorch state dicts ported from it. It is not torchvision's Inception v3: average pools leave padding out of the
mean, the last block pools by maximum, the batch-norm epsilon is 1e-3 and there are 1008 classes. Architecture:
arXiv:1512.00567.

Input    image            [N,3,299,299]  float32 in about [-1, 1]: resized and scaled by the caller, because the
                                         tools that use it disagree there ((x - 128) / 128 or 2x / 255 - 1)
Outputs  pool3            [N,2048]       mean over the 8x8 positions of the last block, never negative
         logits_unbiased  [N,1008]       pool3 @ W: the logits of the Inception Score as it is published
         logits           [N,1008]       the same plus the bias
         spatial          [N,2023]       sFID features: the first 7 channels of Mixed_6d.branch1x1 over 17x17 positions,
                                         channel fastest: index (row * 17 + column) * 7 + channel

Each block's result is a tensor of the block's name (`Mixed_5b` to `Mixed_7c`).

What is rewritten for speed, equal but for rounding (about 1e-7 of a value):

- Batch norm is folded into its convolution, in float64.
- The 1x1 convolution behind an average pool stands before it: both are linear, and an average over the pixels that
  exist leaves a bias as it is. The pool then has a quarter to a tenth of the channels to go through.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx_builder import ConversionError, GraphBuilder, Weights

EPSILON = 1e-3
IMAGE_SIDE = 299
FEATURES, CLASSES = 2048, 1008
SPATIAL_CHANNELS, SPATIAL_SIDE = 7, 17

# every number of channels is a multiple of 16, so the network can be made narrower by these
CHANNEL_DIVISORS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Kernel:
    """A window's height and width, its stride, and whether padding keeps the size of the map at stride 1."""

    height: int = 1
    width: int = 1
    stride: int = 1
    padded: bool = False

    @property
    def padding(self) -> tuple[int, int]:
        """Rows added at the top and at the bottom, columns added on the left and on the right."""
        return (self.height // 2, self.width // 2) if self.padded else (0, 0)


POINT = Kernel()
SQUARE, SQUARE_5 = Kernel(3, 3, padded=True), Kernel(5, 5, padded=True)
SHRINK, VALID = Kernel(3, 3, stride=2), Kernel(3, 3)
ROW_7, COLUMN_7 = Kernel(1, 7, padded=True), Kernel(7, 1, padded=True)
ROW_3, COLUMN_3 = Kernel(1, 3, padded=True), Kernel(3, 1, padded=True)


class Inception(ABC):
    """The network's layers in order, whatever is done with them: a subclass says what an operator does.

    `x` stands for whatever the subclass passes from layer to layer. Layers are named as in the checkpoint; channels
    are given at full width.
    """

    @abstractmethod
    def linear(self, x, layer: str, channels: int, kernel: Kernel):
        """Convolution without bias, then batch norm."""

    @abstractmethod
    def rectified(self, x, name: str):
        """ReLU."""

    @abstractmethod
    def maximum(self, x, name: str, kernel: Kernel = SHRINK):
        """Maximum of each window."""

    @abstractmethod
    def average(self, x, name: str):
        """Mean of each 3x3 window over the positions that exist."""

    @abstractmethod
    def joined(self, name: str, parts: list):
        """Channels of all parts, one part after the other."""

    def convolution(self, x, layer: str, channels: int, kernel: Kernel = POINT):
        """Convolution, batch norm and ReLU."""
        return self.rectified(self.linear(x, layer, channels, kernel), layer)

    def chain(self, x, prefix: str, steps: list[tuple[int, Kernel]]):
        """Convolutions one after the other, named prefix_1, prefix_2, …"""
        for number, (channels, kernel) in enumerate(steps, start=1):
            x = self.convolution(x, f"{prefix}_{number}", channels, kernel)
        return x

    def averaged(self, x, layer: str, channels: int):
        """The pool branch: average of 3x3, then 1x1 convolution, in the cheaper order."""
        x = self.linear(x, layer, channels, POINT)
        return self.rectified(self.average(x, f"{layer}.average"), layer)

    def stem(self, image):
        """299x299 pixels to 35x35 positions."""
        x = self.convolution(image, "Conv2d_1a_3x3", 32, SHRINK)
        x = self.convolution(x, "Conv2d_2a_3x3", 32, VALID)
        x = self.convolution(x, "Conv2d_2b_3x3", 64, SQUARE)
        x = self.maximum(x, "MaxPool_1")
        x = self.convolution(x, "Conv2d_3b_1x1", 80)
        x = self.convolution(x, "Conv2d_4a_3x3", 192, VALID)
        return self.maximum(x, "MaxPool_2")

    def block_a(self, x, name: str, pool_channels: int):
        parts = [
            self.convolution(x, f"{name}.branch1x1", 64),
            self.chain(x, f"{name}.branch5x5", [(48, POINT), (64, SQUARE_5)]),
            self.chain(x, f"{name}.branch3x3dbl", [(64, POINT), (96, SQUARE), (96, SQUARE)]),
            self.averaged(x, f"{name}.branch_pool", pool_channels),
        ]
        return self.joined(name, parts)

    def block_b(self, x, name: str):
        """35x35 to 17x17 positions."""
        parts = [
            self.convolution(x, f"{name}.branch3x3", 384, SHRINK),
            self.chain(x, f"{name}.branch3x3dbl", [(64, POINT), (96, SQUARE), (96, SHRINK)]),
            self.maximum(x, f"{name}.branch_pool"),
        ]
        return self.joined(name, parts)

    def block_c(self, x, name: str, inner: int):
        """`inner`: channels between the 7x1 and 1x7 convolutions."""
        double = [(inner, POINT), (inner, COLUMN_7), (inner, ROW_7), (inner, COLUMN_7), (192, ROW_7)]
        parts = [
            self.convolution(x, f"{name}.branch1x1", 192),
            self.chain(x, f"{name}.branch7x7", [(inner, POINT), (inner, ROW_7), (192, COLUMN_7)]),
            self.chain(x, f"{name}.branch7x7dbl", double),
            self.averaged(x, f"{name}.branch_pool", 192),
        ]
        return self.joined(name, parts)

    def block_d(self, x, name: str):
        """17x17 to 8x8 positions."""
        long = [(192, POINT), (192, ROW_7), (192, COLUMN_7), (192, SHRINK)]
        parts = [
            self.chain(x, f"{name}.branch3x3", [(192, POINT), (320, SHRINK)]),
            self.chain(x, f"{name}.branch7x7x3", long),
            self.maximum(x, f"{name}.branch_pool"),
        ]
        return self.joined(name, parts)

    def fork(self, x, prefix: str) -> list:
        """A 1x3 and a 3x1 convolution side by side."""
        return [
            self.convolution(x, f"{prefix}a", 384, ROW_3),
            self.convolution(x, f"{prefix}b", 384, COLUMN_3),
        ]

    def block_e(self, x, name: str, pool_by_maximum: bool):
        once = self.convolution(x, f"{name}.branch3x3_1", 384)
        twice = self.chain(x, f"{name}.branch3x3dbl", [(448, POINT), (384, SQUARE)])
        pool = f"{name}.branch_pool"
        if pool_by_maximum:
            pooled = self.convolution(self.maximum(x, f"{pool}.maximum", SQUARE), pool, 192)
        else:
            pooled = self.averaged(x, pool, 192)
        parts = [
            self.convolution(x, f"{name}.branch1x1", 320),
            *self.fork(once, f"{name}.branch3x3_2"),
            *self.fork(twice, f"{name}.branch3x3dbl_3"),
            pooled,
        ]
        return self.joined(name, parts)

    def trunk(self, image):
        """Pixels to the last block's 8x8 positions."""
        x = self.stem(image)
        for name, pool_channels in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = self.block_a(x, name, pool_channels)
        x = self.block_b(x, "Mixed_6a")
        for name, inner in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x = self.block_c(x, name, inner)
        x = self.block_d(x, "Mixed_7a")
        x = self.block_e(x, "Mixed_7b", pool_by_maximum=False)
        return self.block_e(x, "Mixed_7c", pool_by_maximum=True)


@dataclass(frozen=True)
class Map:
    """A tensor [N, channels, height, width] of the graph."""

    tensor: str
    channels: int


def window(kernel: Kernel) -> dict:
    """The ONNX attributes of a convolution or pool."""
    rows, columns = kernel.padding
    return {
        "kernel_shape": [kernel.height, kernel.width],
        "strides": [kernel.stride, kernel.stride],
        "pads": [rows, columns, rows, columns],
    }


class InceptionGraph(GraphBuilder, Inception):
    """The network as an ONNX graph. With a `divisor` every layer is that much narrower."""

    def __init__(self, weights: Weights, divisor: int = 1):
        super().__init__("fid-inception")
        self._weights = weights
        self._divisor = divisor

    def linear(self, x: Map, layer: str, channels: int, kernel: Kernel) -> Map:
        """Convolution and batch norm in one operator."""
        channels //= self._divisor
        shape = (channels, x.channels, kernel.height, kernel.width)
        weight = self._weights.take(f"{layer}.conv.weight", shape).astype(np.float64)
        gamma, beta, mean, variance = (
            self._weights.take(f"{layer}.bn.{part}", (channels,)).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        if not np.all(variance >= 0):
            raise ConversionError(f"weight '{layer}.bn.running_var' has values that are no variance")
        scale = gamma / np.sqrt(variance + EPSILON)
        inputs = [
            x.tensor,
            self.constant(f"{layer}.weight", (weight * scale[:, None, None, None]).astype(np.float32)),
            self.constant(f"{layer}.bias", (beta - mean * scale).astype(np.float32)),
        ]
        return Map(self.node("Conv", inputs, f"{layer}.linear", **window(kernel)), channels)

    def rectified(self, x: Map, name: str) -> Map:
        return Map(self.node("Relu", [x.tensor], name), x.channels)

    def maximum(self, x: Map, name: str, kernel: Kernel = SHRINK) -> Map:
        return Map(self.node("MaxPool", [x.tensor], name, **window(kernel)), x.channels)

    def average(self, x: Map, name: str) -> Map:
        pooled = self.node("AveragePool", [x.tensor], name, count_include_pad=0, **window(SQUARE))
        return Map(pooled, x.channels)

    def joined(self, name: str, parts: list[Map]) -> Map:
        tensors = [part.tensor for part in parts]
        return Map(self.node("Concat", tensors, name, axis=1), sum(part.channels for part in parts))

    def spatial(self) -> None:
        """The sFID features, out of a layer that `trunk` has made."""
        bounds = [
            self.constant(f"spatial/{name}", np.array([value], dtype=np.int64))
            for name, value in (("start", 0), ("end", SPATIAL_CHANNELS), ("axis", 1))
        ]
        channels = self.node("Slice", ["Mixed_6d.branch1x1", *bounds], "spatial/channels")
        channels_last = self.node("Transpose", [channels], "spatial/channels_last", perm=[0, 2, 3, 1])
        self.node("Flatten", [channels_last], "spatial", axis=1)

    def head(self, x: Map) -> None:
        """Features and logits."""
        average = self.node("GlobalAveragePool", [x.tensor], "pool3/average")
        features = self.node("Flatten", [average], "pool3", axis=1)
        classes = CLASSES // self._divisor
        weight = self._weights.take("fc.weight", (classes, x.channels))
        bias = self._weights.take("fc.bias", (classes,))
        unbiased = self.node("MatMul", [features, self.constant("fc.weight", weight.T)], "logits_unbiased")
        self.node("Add", [unbiased, self.constant("fc.bias", bias)], "logits")


def convert(weights: Weights, destination: Path, metadata: dict[str, str], divisor: int = 1) -> str:
    """Writes the ONNX file and returns its SHA-256. `divisor` makes every layer that much narrower."""
    if divisor not in CHANNEL_DIVISORS:
        raise ConversionError(f"channels cannot be divided by {divisor}, only by one of {CHANNEL_DIVISORS}")
    graph = InceptionGraph(weights, divisor)
    graph.head(graph.trunk(Map("image", 3)))
    graph.spatial()
    weights.require_all_used()
    return graph.save(
        destination,
        inputs={"image": ["N", 3, IMAGE_SIDE, IMAGE_SIDE]},
        outputs={
            "pool3": ["N", FEATURES // divisor],
            "logits_unbiased": ["N", CLASSES // divisor],
            "logits": ["N", CLASSES // divisor],
            "spatial": ["N", SPATIAL_SIDE * SPATIAL_SIDE * SPATIAL_CHANNELS],
        },
        metadata=metadata,
    )
