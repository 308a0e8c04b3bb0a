#!/usr/bin/env python3
"""Build the starter's image set: 1,045 labelled Noto emoji with transparency, as one tar shard.

Source: the npm package `emoji-datasource-google` 16.0.0, as the registry sends it (.tgz). Its images are
Noto Emoji v2.048, Apache-2.0. Only the standard library is needed.

Layout (WebDataset): for each image `NNNN-<unified>.png`, the package's file byte for byte (64x64, with
alpha), and `NNNN-<unified>.cls`, the category's name. NNNN counts from 0000.

Which images: base images only (a skin-tone variant is nearly its base image, and would leak from train to
test), without the category Component, without files whose bytes are those of an earlier one (flags that
several territories share), at most 120 of a category. Order and choice are by the SHA-256 of
"0:<unified>" (0 is the seed), so classes are mixed: every stretch of the file holds all of them.

    python3 make_noto_emoji.py emoji-datasource-google-16.0.0.tgz noto-emoji.tar
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

SEED = 0
PER_CATEGORY = 120
LEFT_OUT = "Component"
INDEX = "package/emoji.json"
IMAGES = "package/img/google/64/"
MAX_MEMBER_BYTES = 4 * 1024 * 1024


class PackageError(ValueError):
    """The package is not the one that this recipe is for."""


@dataclass(frozen=True)
class Emoji:
    """One image of the set."""

    unified: str
    category: str
    image: bytes


def read_members(package: Path) -> dict[str, bytes]:
    """The index and the 64-pixel images of the package, by path. Nothing is written to disk."""
    members: dict[str, bytes] = {}
    with tarfile.open(package, "r|gz") as archive:
        for member in archive:
            wanted = member.name == INDEX or (member.name.startswith(IMAGES) and member.name.endswith(".png"))
            if not wanted or not member.isfile():
                continue
            if member.size > MAX_MEMBER_BYTES:
                raise PackageError(f"{member.name} has {member.size} bytes, more than {MAX_MEMBER_BYTES}")
            stream = archive.extractfile(member)
            if stream is not None:
                members[member.name] = stream.read()
    return members


def choose(members: dict[str, bytes]) -> list[Emoji]:
    """The images of the set, in order."""
    if INDEX not in members:
        raise PackageError(f"the package has no {INDEX}")
    entries = [entry for entry in json.loads(members[INDEX]) if entry["category"] != LEFT_OUT]
    entries.sort(key=lambda entry: hashlib.sha256(f"{SEED}:{entry['unified']}".encode()).digest())
    chosen: list[Emoji] = []
    seen: set[bytes] = set()
    count: dict[str, int] = {}
    for entry in entries:
        path, category = IMAGES + entry["image"], entry["category"]
        if path not in members:
            raise PackageError(f"the package has no {path}")
        digest = hashlib.sha256(members[path]).digest()
        if digest in seen or count.get(category, 0) == PER_CATEGORY:
            continue
        seen.add(digest)
        count[category] = count.get(category, 0) + 1
        chosen.append(Emoji(entry["unified"].lower(), category, members[path]))
    return chosen


def write_shard(emoji: list[Emoji], destination: Path) -> None:
    """Writes the tar shard. Its bytes depend on `emoji` alone: no time, owner or path is in it."""

    def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = len(content), 0o644, 0
        archive.addfile(member, io.BytesIO(content))

    with tarfile.open(destination, "w", format=tarfile.USTAR_FORMAT) as archive:
        for index, item in enumerate(emoji):
            key = f"{index:04}-{item.unified}"
            add(archive, f"{key}.png", item.image)
            add(archive, f"{key}.cls", item.category.encode())


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the starter's image set from the npm package.")
    parser.add_argument("package", type=Path, help="emoji-datasource-google-16.0.0.tgz")
    parser.add_argument("output", type=Path, help="the tar shard to write")
    arguments = parser.parse_args()
    try:
        emoji = choose(read_members(arguments.package))
        write_shard(emoji, arguments.output)
        digest = hashlib.sha256(arguments.output.read_bytes()).hexdigest()
    except (PackageError, tarfile.TarError, zlib.error, EOFError, json.JSONDecodeError, KeyError, OSError) as error:
        print(f"error: {arguments.package}: {error}", file=sys.stderr)
        return 2
    print(f"{digest}  {arguments.output} ({len(emoji)} images)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
