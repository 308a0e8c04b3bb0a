"""Layers that MobileNetV2 and EfficientNet-Lite share: convolution, batch norm and ReLU6, and the
inverted residual block made of them (arXiv:1801.04381, section 3).

Names of inner tensors, for the network's stem, for its head and for each block NN:

    block_NN/expand      after the 1x1 expansion and ReLU6 (absent where the expansion is 1)
    block_NN/depthwise   after the depthwise convolution and ReLU6
    block_NN/project     after the 1x1 projection, only in blocks with a residual connection
    block_NN/output      the block's result: the sum, or the projection where nothing is added
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx_builder import GraphBuilder, Weights


@dataclass(frozen=True)
class Layer:
    """Names of a convolution and of the batch norm behind it in the checkpoint."""

    convolution: str
    norm: str


@dataclass(frozen=True)
class Kernel:
    """Side, stride and grouping of a convolution."""

    side: int = 1
    stride: int = 1
    depthwise: bool = False


@dataclass(frozen=True)
class Block:
    """One inverted residual block."""

    name: str
    expand: Layer | None
    depthwise: Layer
    project: Layer
    kernel: int
    stride: int
    expansion: int
    channels_in: int
    channels_out: int


class ConvolutionalGraph(GraphBuilder):
    """A graph whose convolutions carry no bias and are followed by a batch norm.

    same_padding: True pads as TensorFlow's SAME does (the extra row and column at the bottom and
    right), False pads kernel // 2 on every side as PyTorch networks do. They differ at stride 2.
    """

    def __init__(self, name: str, weights: Weights, epsilon: float, same_padding: bool):
        super().__init__(name)
        self._weights = weights
        self._epsilon = epsilon
        self._same_padding = same_padding

    def convolution(
        self, x: str, layer: Layer, channels: tuple[int, int], kernel: Kernel, output: str
    ) -> str:
        """Convolution and batch norm, channels[0] -> channels[1], without activation."""
        channels_in, channels_out = channels
        groups = channels_in if kernel.depthwise else 1
        name = f"{layer.convolution}.weight"
        shape = (channels_out, channels_in // groups, kernel.side, kernel.side)
        padding = {"auto_pad": "SAME_UPPER"} if self._same_padding else {"pads": [kernel.side // 2] * 4}
        y = self.node(
            "Conv",
            [x, self.constant(name, self._weights.take(name, shape))],
            f"{output}/convolution",
            kernel_shape=[kernel.side] * 2,
            strides=[kernel.stride] * 2,
            group=groups,
            **padding,
        )
        parts = [f"{layer.norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        arrays = [self.constant(part, self._weights.take(part, (channels_out,))) for part in parts]
        return self.node("BatchNormalization", [y, *arrays], output, epsilon=self._epsilon)

    def activated(
        self, x: str, layer: Layer, channels: tuple[int, int], kernel: Kernel, output: str
    ) -> str:
        """Convolution, batch norm and ReLU6."""
        y = self.convolution(x, layer, channels, kernel, f"{output}/norm")
        low = self.constant("relu6/low", np.array(0, np.float32))
        high = self.constant("relu6/high", np.array(6, np.float32))
        return self.node("Clip", [y, low, high], output)

    def block(self, x: str, block: Block) -> str:
        """An inverted residual block; the input is added where stride and channels allow it."""
        hidden = block.channels_in * block.expansion
        y = x
        if block.expand is not None:
            channels = (block.channels_in, hidden)
            y = self.activated(y, block.expand, channels, Kernel(), f"{block.name}/expand")
        kernel = Kernel(block.kernel, block.stride, depthwise=True)
        y = self.activated(y, block.depthwise, (hidden, hidden), kernel, f"{block.name}/depthwise")
        residual = block.stride == 1 and block.channels_in == block.channels_out
        output = f"{block.name}/project" if residual else f"{block.name}/output"
        y = self.convolution(y, block.project, (hidden, block.channels_out), Kernel(), output)
        return self.node("Add", [y, x], f"{block.name}/output") if residual else y

    def global_average(self, x: str, output: str) -> str:
        """Mean over height and width: [N,C,H,W] -> [N,C]."""
        return self.node("Flatten", [self.node("GlobalAveragePool", [x], f"{output}/mean")], output, axis=1)

    def linear(self, x: str, name: str, shape: tuple[int, int], output: str) -> str:
        """A fully connected layer with bias; shape = (outputs, inputs)."""
        weight, bias = f"{name}.weight", f"{name}.bias"
        arrays = [
            self.constant(weight, self._weights.take(weight, shape)),
            self.constant(bias, self._weights.take(bias, shape[:1])),
        ]
        return self.node("Gemm", [x, *arrays], output, transB=1)
