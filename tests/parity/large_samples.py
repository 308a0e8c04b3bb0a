#!/usr/bin/env python3
"""Does retally score an ADM sample file of 50,000 images of 256 pixels (9.8 GB) within 2 GiB of memory?

Writes such a file as `numpy.savez` does (zip64, stored), image by image, and scores it against statistics of its first part
through the tests' tiny network. Prints seconds and the peak memory of retally's process. Needs 10 GB of disk.

    python3 tests/parity/large_samples.py RETALLY FOLDER [--count 50000] [--network MODEL.onnx]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests/golden/random-inception-tiny/random-inception-tiny.onnx"
SIDE = 256


def write_samples(path: Path, count: int, seed: int) -> None:
    """uint8 [count,SIDE,SIDE,3] in `arr_0`: blocks of colour, every image another."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        with archive.open("arr_0.npy", "w", force_zip64=True) as member:
            header = {"descr": "|u1", "fortran_order": False, "shape": (count, SIDE, SIDE, 3)}
            np.lib.format.write_array_header_1_0(member, header)
            for index in range(count):
                colours = np.random.default_rng([seed, index]).integers(0, 256, (8, 8, 3), dtype=np.uint8)
                member.write(colours.repeat(SIDE // 8, axis=0).repeat(SIDE // 8, axis=1).tobytes())


def run(command: list) -> dict:
    return json.loads(subprocess.run([*map(str, command), "--json"], check=True, stdout=subprocess.PIPE).stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("retally", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--network", type=Path, default=TINY)
    arguments = parser.parse_args()
    folder, options = arguments.folder, ["--protocol", "adm", "--model", arguments.network]
    samples, part, reference = folder / "samples.npz", folder / "part.npz", folder / "reference.npz"
    write_samples(samples, arguments.count, 0)
    write_samples(part, min(arguments.count, 2000), 1)
    run([arguments.retally, "stats", part, *options, "--out", reference, "--keep-images", 500])
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, time.perf_counter()
    result = run([arguments.retally, "score", "generation", reference, samples, *options])
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    values = {entry["metric"]: entry["value"] for entry in result["measurements"]}
    record = {
        "images": arguments.count,
        "file_gigabytes": round(samples.stat().st_size / 1e9, 2),
        "seconds": round(seconds, 1),
        "peak_mebibytes": round(max(peak, before) / 1024),
        "values": values,
    }
    json.dump(record, sys.stdout, indent=2)
    print()
    return 0 if record["peak_mebibytes"] < 2048 else 1


if __name__ == "__main__":
    sys.exit(main())
