#!/usr/bin/env python3
"""How `retally status` and `retally merge` grow: a run of many tiny chunks by many shards, made up, with what its bytes must be.

    tests/scale/run.py BINARY [--chunks 1000000] [--shards 10000] [--folder FOLDER]

Makes the run directory (work list, chunk files under their seals, shard records), then runs `status`, `status --verify` and `merge`, and prints
wall time, processor time and peak memory of each, with the file system's part. Needs 5 GB of disk for a million chunks, and only Python's standard library.
"""

import argparse
import hashlib
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

MODELS_PER_THOUSAND_CHUNKS = 1
SAMPLES_IN_CHUNK = 2


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def chunk_bytes(key: str, number: int) -> bytes:
    """A chunk of two samples with two features at one tap, as `harness/src/pipeline/chunk.rs` and `sealed.rs` describe it."""
    features = struct.pack("<4f", number % 7, number % 11, number % 13, number % 17)
    scores = struct.pack("<8d", *(0.1 * (1 + (number + place) % 9) for place in range(8)))
    states = bytes([0, 0, 1, 0] * SAMPLES_IN_CHUNK)
    tensors = [
        ("t/features", "F32", [SAMPLES_IN_CHUNK, 2], features),
        ("t/score-states", "U8", [SAMPLES_IN_CHUNK, 4], states),
        ("t/scores", "F64", [SAMPLES_IN_CHUNK, 4], scores),
    ]
    sealed = hashlib.sha256()
    for name, _, _, data in tensors:
        for part in (name.encode(), data):
            sealed.update(struct.pack("<Q", len(part)) + part)
    header: dict[str, object] = {"__metadata__": {"retally-chunk": f"{key} {sealed.hexdigest()}"}}
    # The format wants tensors of wide elements first in the file.
    place, body = 0, b""
    for name, kind, shape, data in sorted(tensors, key=lambda tensor: {"F64": 0, "F32": 1, "U8": 2}[tensor[1]]):
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [place, place + len(data)]}
        place += len(data)
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def model(number: int) -> dict[str, object]:
    return {
        "id": f"model-{number:05}",
        "name": f"made-up model {number}",
        "family": "made up",
        "artifact": "made-up.onnx",
        "input": {
            "tensor": "image",
            "layout": "nchw",
            "batch": 1,
            "resize": {"mode": "stretch", "width": 8, "height": 8, "filter": "bicubic"},
            "normalise": {"mode": "mean-std", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
        },
        "tap": [
            {
                "id": "t",
                "label": "tokens",
                "tensor": "tokens",
                "layout": {"kind": "map"},
                "grid": [2, 2],
                "channels": 2,
            }
        ],
    }


def work_list(template: dict[str, object], models: int, chunks_each: int) -> dict[str, object]:
    """A work list of this program's version and suite: what is made up is the data set and the models."""
    samples = [
        {"key": f"{number:08}", "sha256": digest(b"sample %d" % number), "class": None}
        for number in range(chunks_each * SAMPLES_IN_CHUNK)
    ]
    dataset = {
        "id": "made-up",
        "name": "Made up",
        "artifacts": [],
        "format": "folder",
        "canvas": None,
        "mask": None,
        "split": {"kind": "none"},
        "chunk": SAMPLES_IN_CHUNK,
    }
    entries = [
        {
            "model": model(number),
            "preprocessing": "none",
            "chunks": [digest(b"chunk %d %d" % (number, chunk)) for chunk in range(chunks_each)],
        }
        for number in range(models)
    ]
    return {
        **template,
        "artifacts": [],
        "datasets": [
            {
                "dataset": dataset,
                "samples_in_dataset": len(samples),
                "samples": {"id": "made-up", "classes": [], "samples": samples},
                "models": entries,
            }
        ],
    }


def names(work: dict[str, object]) -> Iterator[str]:
    for dataset in work["datasets"]:  # type: ignore[attr-defined]
        for entry in dataset["models"]:
            yield from entry["chunks"]


def make_run(binary: Path, folder: Path, chunks: int, shards: int) -> None:
    models = max(1, chunks * MODELS_PER_THOUSAND_CHUNKS // 1000)
    template, record = real_run(binary, folder)
    run = folder / "run"
    for name in ("chunks", "measured", "shards"):
        (run / name).mkdir(parents=True)
    work = work_list(template, models, chunks // models)
    line = json.dumps(work, separators=(",", ":"), ensure_ascii=False)
    sha256 = digest(line.encode())
    (run / "work.jsonl").write_text(json.dumps({"sha256": sha256}, separators=(",", ":")) + "\n" + line + "\n")
    for number, key in enumerate(names(work)):
        (run / "chunks" / f"{key}.safetensors").write_bytes(chunk_bytes(key, number))
    for index in range(1, shards + 1):
        own = {**record, "work_sha256": sha256, "index": index, "count": shards, "pairings": []}
        (run / "shards" / f"{index}-of-{shards}.json").write_text(json.dumps(own))


def real_run(binary: Path, folder: Path) -> tuple[dict[str, object], dict[str, object]]:
    """The head of a work list and a shard's record, from a run of one model on one chunk."""
    out = folder / "real"
    words = ["run", "starter", "--offline", "--model", "mobilenetv2", "--limit", "300", "--data", "noto-emoji"]
    subprocess.run([binary, *words, "--out", out, "--shard", "1/2", "--json"], check=True, stdout=subprocess.DEVNULL)
    work = json.loads((out / "work.jsonl").read_text().splitlines()[1])
    record = json.loads((out / "shards" / "1-of-2.json").read_text())
    return {key: work[key] for key in ("schema", "retally", "suite", "execution")}, record


def measure(binary: Path, words: list[str], *expected: int) -> dict[str, object]:
    begin = time.monotonic()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen([binary, *words, "--json"], stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.monotonic() - begin
        output.seek(0)
        document = json.load(output)
    code = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss / 1024
    print(f"{words[0]:7} {' '.join(words[2:]):20} exit {code}  {wall:7.1f} s wall  {usage.ru_utime:6.1f} s user"
          f"  {usage.ru_stime:6.1f} s system  {peak:7.0f} MiB", flush=True)
    if code not in expected:
        sys.exit(f"expected exit code {expected}, found {code}: {json.dumps(document)[:400]}")
    return document


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=Path)
    parser.add_argument("--chunks", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, default=None)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="retally-scale-", dir=arguments.folder))
    try:
        binary = arguments.binary.resolve()
        begin = time.monotonic()
        make_run(binary, folder, arguments.chunks, arguments.shards)
        print(f"made {arguments.chunks} chunks and {arguments.shards} records in {time.monotonic() - begin:.0f} s", flush=True)
        run = folder / "run"
        whole = measure(binary, ["status", str(run)], 0)
        assert whole["chunks"]["missing"] == 0 and whole["shards"]["count"] == arguments.shards, whole["chunks"]  # type: ignore[index]
        lost = sorted((run / "chunks").iterdir())[:: max(1, arguments.chunks // 100)]
        kept = [(path, path.read_bytes()) for path in lost]
        for path in lost:
            path.unlink()
        partial = measure(binary, ["status", str(run)], 4)
        assert partial["chunks"]["missing"] == len(lost), partial["chunks"]  # type: ignore[index]
        measure(binary, ["merge", str(run)], 4)
        for path, data in kept:
            path.write_bytes(data)
        measure(binary, ["status", str(run), "--verify"], 0)
        # 1: numbers that are made up contradict each other, and the merge says so.
        measure(binary, ["merge", str(run)], 0, 1)
        measure(binary, ["merge", str(run), "--threads", "1"], 0, 1)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
