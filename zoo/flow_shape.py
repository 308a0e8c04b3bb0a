"""The sizes and fixed tables of the flow network, which flow_transformer.py and flow_transformer_onnx.py share.

Sources: the positions are those of Vaswani et al. 2017 for each axis, as in DiT (Peebles and Xie 2023); time enters its
sinusoids as 1000 t, the range that DiT gives them (SiT, Ma et al. 2024, feeds them t itself).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CHANNELS = 3
FREQUENCIES = 128
LONGEST_PERIOD = 10_000.0
TIME_SCALE = 1000.0
EPSILON = 1e-6


@dataclass(frozen=True)
class FlowShape:
    """The sizes of the network. `size` is the side of a picture and `patch` that of a token, in pixels."""

    size: int
    patch: int
    width: int
    depth: int
    heads: int
    classes: int
    mlp_ratio: int = 4

    def __post_init__(self):
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1")
        if self.size % self.patch != 0:
            raise ValueError(f"patch is {self.patch}, expected a divisor of the size {self.size}")
        if self.width % self.heads != 0:
            raise ValueError(f"heads is {self.heads}, expected a divisor of the width {self.width}")
        if self.width % 4 != 0:
            raise ValueError(f"width is {self.width}, expected a multiple of 4 (sine and cosine of row and column)")

    @property
    def grid(self) -> int:
        """Tokens in a row."""
        return self.size // self.patch

    @property
    def patch_values(self) -> int:
        """Numbers in a token."""
        return CHANNELS * self.patch**2


def position_table(grid: int, width: int) -> np.ndarray:
    """The fixed position of each token, float32 [grid², width]: sine and cosine of its row, then of its column.

    A quarter of the width holds the frequencies 10000^(-i / quarter).
    """
    quarter = width // 4
    frequencies = LONGEST_PERIOD ** (-np.arange(quarter) / quarter)
    angles = np.arange(grid)[:, None] * frequencies
    axis = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    rows, columns = np.repeat(axis, grid, axis=0), np.tile(axis, (grid, 1))
    return np.concatenate([rows, columns], axis=1).astype(np.float32)


def time_frequencies() -> np.ndarray:
    """The angular frequencies of 1000 t, float32 [FREQUENCIES]: 10000^(-i / FREQUENCIES)."""
    return (LONGEST_PERIOD ** (-np.arange(FREQUENCIES) / FREQUENCIES)).astype(np.float32)
