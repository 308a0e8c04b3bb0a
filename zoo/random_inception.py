"""Random weights for the FID Inception network, drawn from a seed: for tests and benchmarks, not for published numbers.

Weights drawn blindly would make a network whose features are nearly the same for every image. So the batch norms get
the mean and variance that their convolutions really have on a few seeded pictures, as they would after training, and
the logits are centred on what those pictures give and scaled to spread. FID and IS of such a network behave like
numbers, not like zeros.

The same seed gives the same bits on every machine: random numbers are raw output of PCG64, and the pictures go
through the network in numbers so coarse that float64 sums of them are exact, whatever order a BLAS adds them in.
"""

from __future__ import annotations

import numpy as np
from fid_inception import CLASSES, EPSILON, IMAGE_SIDE, SHRINK, SQUARE, Inception, Kernel
from random_draws import Draws

PICTURES = 6

# Bits in the largest sums: 12 of an activation, 10 of a weight and 12 for the 4,032 inputs of a convolution make 34;
# 17 more for its 133,206 outputs over all pictures, whose mean is taken, make 51, and float64 holds 53. Squares add
# up to 41.
ACTIVATION_STEP = 2.0**-9
ACTIVATION_LIMIT = 8.0
WEIGHT_BITS = 10

LOGIT_DEVIATION = 2.0


class InceptionDraws(Draws):
    """The numbers that this network needs."""

    def signed(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """Odd integers between -2^WEIGHT_BITS and 2^WEIGHT_BITS, as float64: their mean is zero."""
        integers = (self.raw(name, shape) >> np.uint64(64 - WEIGHT_BITS)).astype(np.float64)
        return 2.0 * integers + 1.0 - 2.0**WEIGHT_BITS


def coarse(values: np.ndarray) -> np.ndarray:
    """The nearest numbers of the grid on which sums are exact."""
    return np.clip(np.rint(values / ACTIVATION_STEP) * ACTIVATION_STEP, -ACTIVATION_LIMIT, ACTIVATION_LIMIT)


def pictures(draws: Draws) -> np.ndarray:
    """Seeded pictures [PICTURES,3,299,299] in [-1, 1]: fields of random colour in blocks of several sizes, added up."""
    total = np.zeros((PICTURES, 3, IMAGE_SIDE, IMAGE_SIDE))
    for block in (75, 25, 9, 3, 1):
        side = -(-IMAGE_SIDE // block)
        field = draws.uniform(f"pictures/{block}", (PICTURES, 3, side, side), -1.0, 1.0).astype(np.float64)
        # pictures differ in how much of each size they have
        share = draws.uniform(f"pictures/{block}/share", (PICTURES, 1, 1, 1), 0.0, 1.0).astype(np.float64)
        total += (share * field).repeat(block, axis=2).repeat(block, axis=3)[:, :, :IMAGE_SIDE, :IMAGE_SIDE]
    return coarse(np.clip(total, -1.0, 1.0))


def windows(x: np.ndarray, kernel: Kernel, padding: float) -> list[np.ndarray]:
    """For each position inside the window, the map [N,C,H,W] of what stands there."""
    rows, columns = kernel.padding
    x = np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)), constant_values=padding)
    height = (x.shape[2] - kernel.height) // kernel.stride + 1
    width = (x.shape[3] - kernel.width) // kernel.stride + 1
    return [
        x[:, :, i : i + kernel.stride * height : kernel.stride, j : j + kernel.stride * width : kernel.stride]
        for i in range(kernel.height)
        for j in range(kernel.width)
    ]


def convolved(x: np.ndarray, weight: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Convolution of [N,C,H,W] with weight [O,C,h,w], without bias."""
    taps = weight.reshape(*weight.shape[:2], -1)
    total = 0.0
    for tap, part in enumerate(windows(x, kernel, 0.0)):
        flat = np.ascontiguousarray(part).reshape(*part.shape[:2], -1)
        total = total + taps[:, :, tap] @ flat
    return total.reshape(x.shape[0], weight.shape[0], *part.shape[2:])


class RandomInception(Inception):
    """Draws the weights of each layer when the pictures reach it. Maps are arrays [N,C,H,W] on the coarse grid."""

    def __init__(self, draws: InceptionDraws, divisor: int):
        self.arrays: dict[str, np.ndarray] = {}
        self._draws = draws
        self._divisor = divisor

    @staticmethod
    def _shift(layer: str) -> tuple[float, float]:
        """Range of a batch norm's bias.

        Where most values pass the ReLU, rounding errors grow little from layer to layer. Only the last block is as
        sparse as a trained one, so that norms of features are not large beside their distances.
        """
        return (-0.4, 0.2) if layer.startswith("Mixed_7c") else (0.6, 1.4)

    def linear(self, x: np.ndarray, layer: str, channels: int, kernel: Kernel) -> np.ndarray:
        channels //= self._divisor
        shape = (channels, x.shape[1], kernel.height, kernel.width)
        # the power of two below He's sqrt(6 / inputs) for uniform weights; the batch norm makes up for the rest
        largest = 2.0 ** (np.frexp(np.sqrt(6.0 / np.prod(shape[1:])))[1] - 1)
        weight = self._draws.signed(f"{layer}.conv.weight", shape) * (largest * 2.0**-WEIGHT_BITS)
        y = convolved(x, weight, kernel)
        per_channel = (0, 2, 3)
        count = y.size // channels
        mean = coarse(y.sum(axis=per_channel) / count).astype(np.float32)
        centred = coarse(y - mean[:, None, None])
        variance = ((centred * centred).sum(axis=per_channel) / count).astype(np.float32)
        gamma = self._draws.uniform(f"{layer}.bn.weight", (channels,), 0.8, 1.2)
        beta = self._draws.uniform(f"{layer}.bn.bias", (channels,), *self._shift(layer))
        for part, values in (
            ("conv.weight", weight.astype(np.float32)),
            ("bn.weight", gamma),
            ("bn.bias", beta),
            ("bn.running_mean", mean),
            ("bn.running_var", variance),
        ):
            self.arrays[f"{layer}.{part}"] = values
        scale = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + EPSILON)
        return coarse(centred * scale[:, None, None] + beta.astype(np.float64)[:, None, None])

    def rectified(self, x: np.ndarray, name: str) -> np.ndarray:
        return np.maximum(x, 0.0)

    def maximum(self, x: np.ndarray, name: str, kernel: Kernel = SHRINK) -> np.ndarray:
        return np.maximum.reduce(windows(x, kernel, -np.inf))

    def average(self, x: np.ndarray, name: str) -> np.ndarray:
        inside = np.ones((1, 1, *x.shape[2:]))
        return coarse(sum(windows(x, SQUARE, 0.0)) / sum(windows(inside, SQUARE, 0.0)))

    def joined(self, name: str, parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(parts, axis=1)

    def classifier(self, x: np.ndarray) -> None:
        """Weights of the last layer: what is common to all pictures is taken out, the rest is scaled."""
        features = coarse(x.sum(axis=(2, 3)) / (x.shape[2] * x.shape[3]))
        classes = CLASSES // self._divisor
        weight = self._draws.signed("fc.weight", (classes, features.shape[1]))
        common = coarse(features.sum(axis=0) / PICTURES)
        weight -= (weight @ common / (common @ common))[:, None] * common
        # independent weights of this size make logits that deviate by LOGIT_DEVIATION
        deviations = features - common
        power = (deviations * deviations).sum() / PICTURES
        weight *= LOGIT_DEVIATION / np.sqrt(power * 4.0**WEIGHT_BITS / 3.0)
        self.arrays["fc.weight"] = weight.astype(np.float32)
        self.arrays["fc.bias"] = self._draws.uniform("fc.bias", (classes,), -0.5, 0.5)


def random_state_dict(seed: int, divisor: int = 1) -> dict[str, np.ndarray]:
    """Every weight of the network by its name in the checkpoint, float32."""
    draws = InceptionDraws(seed)
    network = RandomInception(draws, divisor)
    network.classifier(network.trunk(pictures(draws)))
    return network.arrays
