"""Random numbers by name: the same bits on every machine, and none depends on which others were drawn before it."""

from __future__ import annotations

import zlib

import numpy as np


class Draws:
    """Seeded numbers out of raw PCG64, a stream for each name."""

    def __init__(self, seed: int):
        self._seed = seed

    def raw(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """uint64, every bit random."""
        sequence = np.random.SeedSequence([self._seed, zlib.crc32(name.encode())])
        return np.random.PCG64(sequence).random_raw(int(np.prod(shape))).reshape(shape)

    def uniform(self, name: str, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
        """float32 values in [low, high)."""
        unit = (self.raw(name, shape) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return (low + (high - low) * unit).astype(np.float32)
