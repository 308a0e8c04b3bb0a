#!/usr/bin/env python3
"""Convert the generator of a DCGAN from a PyTorch checkpoint to ONNX: two networks that packages ship.

| --network               | checkpoint                          | image side | conditional |
|-------------------------|-------------------------------------|------------|-------------|
| `gan-face-generate`     | weights.tar of gan-face-generate    | 64         | no          |
| `omniart-eye-generator` | generator_model_state.pth of        | 128        | 8 classes   |
|                         | omniart-eye-generator               |            |             |

PyTorch is not needed.

Inputs   z              [N,100]          float32, standard normal
         label_onehot   [N,8]            float32, 1 at the class and 0 elsewhere; only if the network is conditional
Output   image          [N,3,side,side]  float32 in [-1, 1], RGB
Inner    block_N/output [N,C,s,s]        after transposed convolution, batch norm and ReLU; s = 4, 8, 16, …

The label is appended to z. Every block but the first doubles the side; the last convolution has no batch norm and ends
in tanh. Batch norms use their running statistics, as PyTorch does in evaluation (epsilon 1e-5, PyTorch's default), and
the dropout behind the first block of `omniart-eye-generator` is the identity there.

Architecture: arXiv:1511.06434, section 3, with the label appended to z as in arXiv:1411.1784, section 3.2.

    python3 convert_dcgan.py --network gan-face-generate weights.tar gan-face-generate.onnx
    python3 convert_dcgan.py --network omniart-eye-generator generator_model_state.pth omniart-eye-generator.onnx
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from command_line import checkpoint_parser, convert_checkpoint
from onnx_builder import GraphBuilder, Weights

EPSILON = 1e-5
LATENT_CHANNELS, IMAGE_CHANNELS = 100, 3
KERNEL, FIRST_SIDE = 4, 4


@dataclass(frozen=True)
class Network:
    """What tells one generator from another."""

    # entry of the checkpoint that holds the weights; None if the checkpoint is the state dict itself
    key: str | None
    # classes of the label; 0 if there is none
    classes: int
    # channels after each block
    channels: tuple[int, ...]
    # number of each convolution in the checkpoint's `main`; its batch norm has the next one
    convolutions: tuple[int, ...]
    licence: str

    @property
    def side(self) -> int:
        """Side of the image in pixels."""
        return FIRST_SIDE * 2 ** len(self.channels)


NETWORKS = {
    "gan-face-generate": Network(
        key="netG_state_dict",
        classes=0,
        channels=(512, 256, 128, 64),
        convolutions=(0, 3, 6, 9, 12),
        licence="MIT (package text)",
    ),
    "omniart-eye-generator": Network(
        key=None,
        classes=8,
        channels=(1024, 512, 256, 128, 64),
        convolutions=(0, 4, 7, 10, 13, 16),  # the dropout is number 3
        licence="MIT (one word in the package metadata)",
    ),
}


@dataclass(frozen=True)
class Step:
    """A transposed convolution: its number in the checkpoint, its channels and whether it doubles the side."""

    number: int
    channels_in: int
    channels_out: int
    doubles: bool


def steps(network: Network) -> Iterator[Step]:
    """The transposed convolutions, in order."""
    channels_in = LATENT_CHANNELS + network.classes
    for number, channels_out in zip(network.convolutions, (*network.channels, IMAGE_CHANNELS), strict=True):
        yield Step(number, channels_in, channels_out, doubles=number > 0)
        channels_in = channels_out


class Generator(GraphBuilder):
    """The layers of a generator."""

    def __init__(self, name: str, weights: Weights):
        super().__init__(name)
        self._weights = weights

    def latent(self, classes: int) -> str:
        """z, with the label behind it if there is one, as a map of one pixel: [N,C,1,1]."""
        vector = self.node("Concat", ["z", "label_onehot"], "latent/vector", axis=1) if classes else "z"
        axes = self.constant("latent/axes", np.array([2, 3], np.int64))
        return self.node("Unsqueeze", [vector, axes], "latent")

    def convolution(self, x: str, step: Step, output: str) -> str:
        """Transposed convolution without bias: one pixel becomes 4x4, or the side doubles."""
        name = f"main.{step.number}.weight"
        shape = (step.channels_in, step.channels_out, KERNEL, KERNEL)
        return self.node(
            "ConvTranspose",
            [x, self.constant(name, self._weights.take(name, shape))],
            output,
            kernel_shape=[KERNEL] * 2,
            strides=[2 if step.doubles else 1] * 2,
            pads=[1 if step.doubles else 0] * 4,
        )

    def block(self, x: str, step: Step, name: str) -> str:
        """Transposed convolution, batch norm and ReLU."""
        y = self.convolution(x, step, f"{name}/convolution")
        norm = f"main.{step.number + 1}"
        parts = [f"{norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
        arrays = [self.constant(part, self._weights.take(part, (step.channels_out,))) for part in parts]
        y = self.node("BatchNormalization", [y, *arrays], f"{name}/norm", epsilon=EPSILON)
        return self.node("Relu", [y], f"{name}/output")


def convert(name: str, weights: Weights, destination: Path, metadata: dict[str, str]) -> str:
    """Writes the ONNX file of the network of this name and returns its SHA-256."""
    network = NETWORKS[name]
    graph = Generator(name, weights)
    x = graph.latent(network.classes)
    *blocks, last = steps(network)
    for index, step in enumerate(blocks):
        x = graph.block(x, step, f"block_{index}")
    graph.node("Tanh", [graph.convolution(x, last, "image/convolution")], "image")
    weights.require_all_used()

    label = {"label_onehot": ["N", network.classes]} if network.classes else {}
    return graph.save(
        destination,
        inputs={"z": ["N", LATENT_CHANNELS], **label},
        outputs={"image": ["N", IMAGE_CHANNELS, network.side, network.side]},
        metadata=metadata | {"range": "RGB, NCHW, [-1, 1]", "licence": network.licence},
    )


def main() -> int:
    parser = checkpoint_parser("Convert the generator of a DCGAN to ONNX.")
    parser.add_argument("--network", choices=NETWORKS, required=True, help="which generator the checkpoint holds")
    arguments = parser.parse_args()

    def convert_network(weights: Weights, destination: Path, metadata: dict[str, str]) -> str:
        return convert(arguments.network, weights, destination, metadata)

    return convert_checkpoint(arguments, convert_network, NETWORKS[arguments.network].key)


if __name__ == "__main__":
    sys.exit(main())
