#!/usr/bin/env python3
"""Build the reference of the starter's generators: the 1,045 emoji of noto-emoji.tar as 32-pixel pictures.

They are what train_noto_flow.py trains on: composited on white, halved with Pillow's box filter. The file has ADM's layout:
`arr_0` uint8 [1045, 32, 32, 3] and `arr_1` int64, the categories in alphabetical order from 0. Needs numpy and Pillow.

    python3 make_noto_emoji_32.py noto-emoji.tar noto-emoji-32.npz
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from noto_pictures import ShardError, read_pictures

SIZE = 32


def build(shard: Path, output: Path) -> int:
    """Writes the file and gives the number of pictures."""
    pictures = read_pictures(shard, SIZE)
    # back from [-1, 1] to the bytes that the pictures were made of
    pixels = np.rint((pictures.pixels + 1) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    with output.open("wb") as file:
        np.savez(file, arr_0=np.ascontiguousarray(pixels), arr_1=pictures.labels)
    return len(pixels)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shard", type=Path)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    try:
        count = build(arguments.shard, arguments.output)
    except (OSError, ShardError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.output}: {count} pictures of {SIZE} x {SIZE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
