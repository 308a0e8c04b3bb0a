"""The starter's emoji as training pictures: the tar shard decoded, on white, made smaller, scaled to [-1, 1].

Imported by train_noto_flow.py and train_noto_world_models.py; needs numpy and Pillow.
"""

from __future__ import annotations

import hashlib
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


@dataclass(frozen=True)
class Canvases:
    """The images as the data set `noto-emoji` has them: on white, with a margin.

    `test` are the places of its test set, ascending.
    """

    images: list[Image.Image]
    labels: np.ndarray
    test: np.ndarray
    sha256: str


def read_label(members: dict[str, bytes], key: str) -> int:
    """The place of the category of an image in CATEGORIES."""
    if f"{key}.cls" not in members:
        raise ShardError(f"{key}.png has no {key}.cls beside it")
    category = members[f"{key}.cls"].decode("utf-8", errors="replace")
    if category not in CATEGORIES:
        raise ShardError(f"{key}.cls is {category!r}, expected one of {', '.join(CATEGORIES)}")
    return CATEGORIES.index(category)


def read_opaque(members: dict[str, bytes], key: str, margin: int = 0) -> Image.Image:
    """One image on white."""
    try:
        image = Image.open(io.BytesIO(members[f"{key}.png"]), formats=["PNG"])
    except UnidentifiedImageError as error:
        raise ShardError(f"{key}.png is no PNG file") from error
    if image.size != (SOURCE_SIZE, SOURCE_SIZE):
        raise ShardError(f"{key}.png is {image.size[0]}x{image.size[1]}, expected {SOURCE_SIZE}x{SOURCE_SIZE}")
    side = SOURCE_SIZE + 2 * margin
    canvas = Image.new("RGBA", (side, side), (255, 255, 255, 255))
    canvas.alpha_composite(image.convert("RGBA"), (margin, margin))
    return canvas.convert("RGB")


def read_picture(members: dict[str, bytes], key: str, size: int) -> np.ndarray:
    """One picture, float32 [3, size, size]."""
    resized = read_opaque(members, key).resize((size, size), Image.Resampling.BOX)
    return (np.asarray(resized, dtype=np.float32) / np.float32(127.5) - 1).transpose(2, 0, 1)


def read_members(shard: Path) -> tuple[dict[str, bytes], list[str]]:
    """The files of the shard, and the keys of its images in their order; nothing is written to disk."""
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
    return members, keys


def read_pictures(shard: Path, size: int) -> Pictures:
    """Every image of the shard in its order."""
    members, keys = read_members(shard)
    labels = np.array([read_label(members, key) for key in keys], dtype=np.int64)
    return Pictures(np.stack([read_picture(members, key, size) for key in keys]), labels, sha256_of(shard))


def hashed_test_set(keys: list[str], labels: np.ndarray, seed: int, percent: int) -> np.ndarray:
    """The test set of a split `hashed-per-class`, as retally draws it: places, ascending.

    The samples of a class are ordered by SHA-256 of the seed (8 bytes, little-endian) and the key; the first `percent`
    per cent of them, rounded half up, are the test set.
    """
    test: list[int] = []
    for label in np.unique(labels):
        places = np.flatnonzero(labels == label).tolist()
        places.sort(key=lambda place: hashlib.sha256(seed.to_bytes(8, "little") + keys[place].encode()).digest())
        test += places[: min(max((len(places) * percent + 50) // 100, 1), len(places) - 1)]
    return np.array(sorted(test))


def read_canvases(shard: Path, margin: int = 8, seed: int = 0, test_percent: int = 30) -> Canvases:
    """The data set `noto-emoji` of `manifests/artifacts/noto-emoji.toml`, whose margin and split are the defaults."""
    members, keys = read_members(shard)
    labels = np.array([read_label(members, key) for key in keys], dtype=np.int64)
    images = [read_opaque(members, key, margin) for key in keys]
    return Canvases(images, labels, hashed_test_set(keys, labels, seed, test_percent), sha256_of(shard))
