"""Classes of all 16.7 million colours under the two palettes of Uni-MMMU's parsers, in NumPy's float32.

Written from the rules (values divided by 255 in float32, Euclidean distances, content nearer by 0.01 than background; the sliding
parser measures white in float64). Two sums modulo 2^64 stand for each value of red:
sum of class * (index + 1) and of class * (index + 1)^2, where index = 256 green + blue and class = label + 128 * content.

    python tests/parity/uni_mmmu_colours.py > tests/parity/uni_mmmu_colours.json
"""

import json
import platform

import numpy as np

HEX = dict(floor="f4efe6", wall="1f2937", start="2563eb", goal="22c55e", white="ffffff", path="ef4444")
SET1 = ["e41a1c", "377eb8", "4daf4a", "984ea3", "ff7f00", "ffff33", "a65628", "f781bf", "999999"]


def colour(text):
    return np.array([int(text[i : i + 2], 16) for i in (0, 2, 4)], dtype=np.float32) / 255.0


def distances(pixels, palette):
    return np.stack([np.linalg.norm(pixels - entry, axis=-1) for entry in palette], axis=-1)


def maze(pixels):
    of = {name: colour(text) for name, text in HEX.items()}
    labels = distances(pixels, [of[name] for name in ("floor", "wall", "start", "goal")]).argmin(-1)
    content = distances(pixels, [of[name] for name in ("wall", "start", "goal", "path")]).min(-1)
    background = distances(pixels, [of[name] for name in ("white", "floor")]).min(-1)
    return labels, (content + 0.01) < background


def sliding(pixels):
    palette = [colour(text) for text in SET1]
    near = distances(pixels, palette)
    white = np.linalg.norm(pixels - np.array([1.0, 1.0, 1.0]), axis=-1)
    return near.argmin(-1), (near.min(-1) + 0.01) < white


def sums(classify):
    index = np.arange(1, 65537, dtype=np.uint64)
    rows = []
    for red in range(256):
        green, blue = np.meshgrid(np.arange(256), np.arange(256), indexing="ij")
        values = np.stack([np.full_like(green, red), green, blue], axis=-1).astype(np.uint8)
        labels, content = classify(values.astype(np.float32) / 255.0)
        classes = (labels + 128 * content).astype(np.uint64).ravel()
        with np.errstate(over="ignore"):
            rows.append([int((classes * index).sum()), int((classes * index * index).sum())])
    return rows


print(
    json.dumps(
        dict(
            versions=dict(python=platform.python_version(), numpy=np.__version__),
            maze=sums(maze),
            sliding=sums(sliding),
        )
    )
)
