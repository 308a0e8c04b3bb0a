#!/usr/bin/env python3
"""How long the forward passes of an ONNX model take alone: the floor under any measurement that runs it.

Each of SESSIONS threads has a session of its own and runs COUNT / SESSIONS images through it, batch by batch; seeded
noise stands for images and is made before the clock starts. A program that decodes, resizes and measures as well
should take little more wall time than this. Run both in the same minute on the same cores.

    python3 tests/parity/onnx_forward_speed.py random-inception.onnx --count 4000 --batch 8

The JSON on standard output has seconds for all images and milliseconds an image, wall and CPU, best and middle of the
passes.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime

DISTINCT_BATCHES = 4  # so that no batch stays in the caches from one run to the next


def open_session(model: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # a thread that waits should not count as work
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def noise(shape: list, batch: int, side: int | None) -> list[np.ndarray]:
    """Batches of the input's shape; `side` stands where the model leaves height and width open."""
    sizes = [batch] + [size if isinstance(size, int) else side for size in shape[1:]]
    if None in sizes:
        sys.exit(f"the model's input is {shape}: say with --side how large images are")
    generator = np.random.default_rng(0)
    return [generator.standard_normal(sizes, dtype=np.float32) for _ in range(DISTINCT_BATCHES)]


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(sessions: list, name: str, batches: list[np.ndarray], outputs: list[str], runs: int) -> tuple[float, float]:
    """Wall and CPU seconds of `runs` runs of every session."""

    def work(session: onnxruntime.InferenceSession) -> None:
        for run in range(runs):
            session.run(outputs, {name: batches[run % len(batches)]})

    wall, cpu = time.perf_counter(), cpu_seconds()
    with ThreadPoolExecutor(len(sessions)) as pool:
        list(pool.map(work, sessions))
    return time.perf_counter() - wall, cpu_seconds() - cpu


def summary(seconds: list[float], images: int) -> dict[str, float]:
    return {
        "best_seconds": round(min(seconds), 3),
        "median_seconds": round(statistics.median(seconds), 3),
        "best_milliseconds_an_image": round(1e3 * min(seconds) / images, 3),
        "median_milliseconds_an_image": round(1e3 * statistics.median(seconds) / images, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--outputs", help="separated by commas; all of the graph's unless given")
    parser.add_argument("--count", type=int, default=4000, help="images, rounded up to whole batches of every session")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--side", type=int, help="height and width of images, where the model leaves them open")
    parser.add_argument("--sessions", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1, help="of each session")
    parser.add_argument("--passes", type=int, default=1)
    arguments = parser.parse_args()

    sessions = [open_session(arguments.model, arguments.threads) for _ in range(arguments.sessions)]
    (image,) = sessions[0].get_inputs()
    outputs = [output.name for output in sessions[0].get_outputs()]
    if arguments.outputs is not None:
        outputs = arguments.outputs.split(",")
    batches = noise(image.shape, arguments.batch, arguments.side)
    runs = -(-arguments.count // (arguments.batch * arguments.sessions))
    images = runs * arguments.batch * arguments.sessions
    measure(sessions, image.name, batches, outputs, 1)  # allocates
    passes = [measure(sessions, image.name, batches, outputs, runs) for _ in range(arguments.passes)]
    record = {
        "images": images,
        "batch": arguments.batch,
        "sessions": arguments.sessions,
        "threads": arguments.threads,
        "outputs": outputs,
        "wall": summary([wall for wall, _ in passes], images),
        "cpu": summary([cpu for _, cpu in passes], images),
        "versions": {"python": platform.python_version(), "onnxruntime": onnxruntime.__version__},
    }
    json.dump(record, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
