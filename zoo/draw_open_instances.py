#!/usr/bin/env python3
"""Draws docs/instances.png: a few instances that `retally instances uni-mmmu` made, one task a row.

    retally instances uni-mmmu --seed 0 --count 12 --out data
    python3 zoo/draw_open_instances.py data docs/instances.png
"""

import json
import sys
from pathlib import Path

from PIL import Image, ImageDraw

TILE, GAP, COLUMNS = 132, 10, 6


def tiles(data: Path):
    """Rows of (picture, caption)."""
    listed = json.loads((data / "instances.json").read_text())
    for task, folder, frame, key in (
        ("maze", "maze/{}_steps", "maze_step", lambda entry: f"maze_6x6_{entry['id']}"),
        ("sliding", "sliding/{}_steps", "demo_step", lambda entry: entry["id"].removesuffix("_steps")),
    ):
        entry = next(entry for entry in listed[task] if len(entry["moves"]) in (4, 5))
        steps = data / folder.format(key(entry))
        captions = [f"{task} {entry['id'][:5] if task == 'maze' else ''}".strip(), *entry["moves"]]
        yield [(steps / f"{frame}_{step:04}.png", text) for step, text in enumerate(captions)]
    metadata = json.loads((data / "jigsaw_dataset_2x2ref/metadata.json").read_text())
    row = []
    for item in metadata["items"][:2]:
        paths = [item["ref_panel"]["ref_image_path"], *item["candidate_paths"]]
        captions = ["jigsaw"] + [
            "candidate " + str(index) + (" (right)" if index == item["label"] else "") for index in (0, 1)
        ]
        row += [(data / "jigsaw_dataset_2x2ref" / path, text) for path, text in zip(paths, captions)]
    yield row
    samples = json.loads((data / "svg/metadata.json").read_text())["samples"]
    yield [(data / "svg" / sample["png"], f"code, {sample['difficulty']}") for sample in samples[:COLUMNS]]


def main():
    rows = list(tiles(Path(sys.argv[1])))
    step = TILE + GAP
    sheet = Image.new("RGB", (COLUMNS * step + GAP, len(rows) * (step + 14) + GAP), "white")
    draw = ImageDraw.Draw(sheet)
    for top, row in enumerate(rows):
        for left, (path, caption) in enumerate(row[:COLUMNS]):
            picture = Image.open(path).convert("RGB")
            side = TILE if picture.width > 128 else TILE // 2
            place = (GAP + left * step, GAP + top * (step + 14))
            sheet.paste(picture.resize((side, side), Image.Resampling.LANCZOS), place)
            draw.rectangle((place[0] - 1, place[1] - 1, place[0] + side, place[1] + side), outline="#cccccc")
            draw.text((place[0], place[1] + TILE + 1), caption, fill="#333333")
    sheet.quantize(128).save(sys.argv[2], optimize=True)


if __name__ == "__main__":
    main()
