"""Sets of small images, as many as are wanted, every one another."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np

SIDE = 32
CLASSES = 4
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(pixels: np.ndarray) -> bytes:
    """A PNG of uint8 [height, width, 3 or 4]. Noise does not deflate: nothing is won by trying."""
    height, width, channels = pixels.shape
    rows = np.zeros((height, 1 + width * channels), np.uint8)  # Each row begins with its filter: none.
    rows[:, 1:] = pixels.reshape(height, width * channels)
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 0)), (b"IEND", b""))
    return SIGNATURE + b"".join(part(kind, data) for kind, data in parts)


def part(kind: bytes, data: bytes) -> bytes:
    """A part of a PNG with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(number: int, channels: int) -> bytes:
    """Noise; with four channels on a disc of its class's size, transparent around it. Some 3 or 4 KB.

    An image that stays in memory, as a file or decoded, is by this much more than what must stay of it.
    """
    pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, channels), np.uint8)
    if channels == 4:
        radius = SIDE / 2 * (1 - 0.15 * (number % CLASSES)) - 1
        across, down = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
        middle = (SIDE - 1) / 2
        pixels[..., 3] = 255 * ((across - middle) ** 2 + (down - middle) ** 2 < radius**2)
    return png(pixels)


def write_tar(path: Path, count: int) -> None:
    """A WebDataset tar of pictures with classes."""
    with tarfile.open(path, "w") as archive:
        for number in range(count):
            for extension, data in (("png", picture(number, 4)), ("cls", str(number % CLASSES).encode())):
                member = tarfile.TarInfo(f"{number:07}.{extension}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))


def write_folder(folder: Path, count: int, first: int = 0) -> None:
    """A folder of pictures."""
    folder.mkdir()
    for number in range(first, first + count):
        (folder / f"{number:07}.png").write_bytes(picture(number, 3))


def write_manifest(path: Path, archive: Path, model: str) -> None:
    """A manifest of the tar as a data set, and the model `small-a` of tests/process/small.toml, whose text is given."""
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    path.write_text(
        f"""
[[artifact]]
id = "{archive.name}"
kind = "dataset"
sha256 = "{digest}"
bytes = {archive.stat().st_size}
licence = "CC0-1.0"
provenance = "drawn by tests/scale/drawn_images.py"
sources = ["file:{archive.name}"]

[[dataset]]
id = "drawn-images"
name = "Drawn images"
artifacts = ["{archive.name}"]
format = "tar"
canvas = {{ background = [255, 255, 255], margin = 2 }}
mask = {{ kind = "alpha", threshold = 128 }}
split = {{ kind = "hashed-per-class", seed = 0, test_percent = 30 }}
chunk = 256

{model}
""",
        encoding="utf-8",
    )
