"""A file of features [N, 1024] that is never in memory, and takes the form that a command wants."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

WIDTH = 1024
CLASSES = 10
ROWS_AT_ONCE = 8192
# NumPy pads its header to this, and a header of safetensors may be padded to it too: the numbers begin at one place in both
# forms, so that a file of gigabytes changes from one to the other by its first bytes.
HEAD = 128


class FeatureFile:
    """Normal numbers, moved a little along the axis of each row's class, and the classes in a file beside them."""

    def __init__(self, folder: Path, rows: int, seed: int) -> None:
        self.rows, self.labels = rows, folder / f"labels-{seed}.npy"
        self._path = folder / f"features-{seed}.npy"
        generator = np.random.default_rng(seed)
        classes = generator.integers(0, CLASSES, rows)
        np.save(self.labels, classes)
        block = generator.standard_normal((ROWS_AT_ONCE, WIDTH), np.float32)
        with self._path.open("wb") as file:
            file.write(npy_head((rows, WIDTH)))
            for number, start in enumerate(range(0, rows, ROWS_AT_ONCE)):
                of_piece = classes[start : start + ROWS_AT_ONCE]
                # Other vectors of the same distribution, in a fiftieth of the time of drawing them.
                piece = np.roll(block, number, axis=1)[: len(of_piece)]
                piece[np.arange(len(of_piece)), of_piece] += 2
                file.write(piece.data)

    def npy(self, *row: int) -> str:
        """The file as a `.npy` of rows of this shape."""
        return self._as(".npy", npy_head((self.rows, *(row or (WIDTH,)))))

    def safetensors(self) -> str:
        """The file as `.safetensors` with one tensor."""
        tensor = {"dtype": "F32", "shape": [self.rows, WIDTH], "data_offsets": [0, self.rows * WIDTH * 4]}
        text = json.dumps({"features": tensor}, separators=(",", ":")).encode()
        head = (HEAD - 8).to_bytes(8, "little") + text + b" " * (HEAD - 8 - len(text))
        return self._as(".safetensors", head)

    def _as(self, ending: str, head: bytes) -> str:
        if len(head) != HEAD:
            raise ValueError(f"the head has {len(head)} bytes, the numbers begin at {HEAD}")
        path = self._path.with_suffix(ending)
        self._path = self._path.rename(path)
        with path.open("r+b") as file:
            file.write(head)
        return str(path)


def npy_head(shape: tuple[int, ...]) -> bytes:
    """NumPy's header of version 1 for little-endian f32."""
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    return b"\x93NUMPY\x01\x00" + (HEAD - 10).to_bytes(2, "little") + text.ljust(HEAD - 11).encode() + b"\n"
