"""Write float32 arrays as a PyTorch state dict (zip format of PyTorch 1.6 and later), without PyTorch.

`torch.load` reads the file with `weights_only=True` as well. The same arrays give the same bytes.
"""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np

# no time enters the archive: this is the earliest that a zip file can state
EPOCH = (1980, 1, 1, 0, 0, 0)


def _text(value: str) -> bytes:
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _integer(value: int) -> bytes:
    """A non-negative integer below 2^31."""
    return b"J" + struct.pack("<i", value)


def _tuple(items: list[bytes]) -> bytes:
    return b"(" + b"".join(items) + b"t"


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _empty_mapping() -> bytes:
    return _global("collections", "OrderedDict") + b")R"


def _tensor(key: str, array: np.ndarray) -> bytes:
    """The pickle opcodes that rebuild a contiguous tensor from the storage `key`."""
    storage = [_text("storage"), _global("torch", "FloatStorage"), _text(key), _text("cpu"), _integer(array.size)]
    strides = [stride // array.itemsize for stride in np.ascontiguousarray(array).strides]
    arguments = [
        _tuple(storage) + b"Q",
        _integer(0),
        _tuple([_integer(size) for size in array.shape]),
        _tuple([_integer(stride) for stride in strides]),
        b"\x89",  # requires_grad=False
        _empty_mapping(),  # backward hooks
    ]
    return _global("torch._utils", "_rebuild_tensor_v2") + _tuple(arguments) + b"R"


def save_state_dict(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes the arrays, in their order, under their names. Only float32 is supported."""
    for name, array in arrays.items():
        if array.dtype != np.float32:
            raise ValueError(f"{name!r} is {array.dtype}, only float32 can be written")
    items = [_text(name) + _tensor(str(index), array) for index, (name, array) in enumerate(arrays.items())]
    pickled = b"\x80\x02" + _empty_mapping() + b"(" + b"".join(items) + b"u."
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:

        def write(name: str, content: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(f"archive/{name}", EPOCH), content)

        write("data.pkl", pickled)
        write("byteorder", b"little")
        for index, array in enumerate(arrays.values()):
            write(f"data/{index}", array.astype("<f4").tobytes())
        write("version", b"3\n")
