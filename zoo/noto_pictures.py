"""The starter's emoji as training pictures: the tar shard decoded, on white, made smaller, scaled to [-1, 1].

Imported by train_noto_flow.py; needs numpy and Pillow.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from onnx_builder import sha256_of

# in the order of their numbers: the alphabet, as retally orders the classes of a data set
CATEGORIES = (
    "Activities",
    "Animals & Nature",
    "Flags",
    "Food & Drink",
    "Objects",
    "People & Body",
    "Smileys & Emotion",
    "Symbols",
    "Travel & Places",
)
SOURCE_SIZE = 64
MAX_MEMBER_BYTES = 1024 * 1024
PREPROCESSING = "composited on white, resized from 64x64 with Pillow's box filter, RGB, NCHW, x / 127.5 - 1"


class ShardError(ValueError):
    """The tar file is not the starter's set of images."""


@dataclass(frozen=True)
class Pictures:
    """`pixels` float32 [N, 3, size, size] in [-1, 1]; `labels` int64 [N], places in CATEGORIES."""

    pixels: np.ndarray
    labels: np.ndarray
    sha256: str


def read_pair(members: dict[str, bytes], key: str, size: int) -> tuple[np.ndarray, int]:
    """One picture [3, size, size] and its label."""
    if f"{key}.cls" not in members:
        raise ShardError(f"{key}.png has no {key}.cls beside it")
    category = members[f"{key}.cls"].decode("utf-8", errors="replace")
    if category not in CATEGORIES:
        raise ShardError(f"{key}.cls is {category!r}, expected one of {', '.join(CATEGORIES)}")
    try:
        image = Image.open(io.BytesIO(members[f"{key}.png"]), formats=["PNG"])
    except UnidentifiedImageError as error:
        raise ShardError(f"{key}.png is no PNG file") from error
    if image.size != (SOURCE_SIZE, SOURCE_SIZE):
        raise ShardError(f"{key}.png is {image.size[0]}x{image.size[1]}, expected {SOURCE_SIZE}x{SOURCE_SIZE}")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    opaque = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    resized = np.asarray(opaque.resize((size, size), Image.Resampling.BOX), dtype=np.float32)
    return (resized / np.float32(127.5) - 1).transpose(2, 0, 1), CATEGORIES.index(category)


def read_pictures(shard: Path, size: int) -> Pictures:
    """Every image of the shard in its order; nothing is written to disk."""
    members: dict[str, bytes] = {}
    with tarfile.open(shard, "r:") as archive:
        for member in archive:
            if member.size > MAX_MEMBER_BYTES:
                raise ShardError(f"{shard}: {member.name} has {member.size} bytes, more than {MAX_MEMBER_BYTES}")
            stream = archive.extractfile(member)
            if stream is not None:
                members[member.name] = stream.read()
    keys = [name.removesuffix(".png") for name in members if name.endswith(".png")]
    if not keys:
        raise ShardError(f"{shard} holds no PNG file")
    pairs = [read_pair(members, key, size) for key in keys]
    pixels = np.stack([picture for picture, _ in pairs])
    return Pictures(pixels, np.array([label for _, label in pairs], dtype=np.int64), sha256_of(shard))
