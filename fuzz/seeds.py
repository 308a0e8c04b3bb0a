#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets, `fuzz/seeds/TARGET/NAME`, from files of the repository and a small run.

    cargo build --release
    fuzz/seeds.py --binary target/release/retally

A seed is valid; where a reader knows several forms, there is one of each. Python's standard library alone; the same binary gives the same bytes,
but for the times in a run's record and for a new key.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import struct
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"
SEPARATOR = b"\x1e"


def npy(descr: str, shape: tuple[int, ...], data: bytes, version: int = 1) -> bytes:
    """An array as NumPy stores it."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    head = b"\x93NUMPY" + bytes([version, 0])
    size = 2 if version == 1 else 4
    header += b" " * (-(len(head) + size + len(header) + 1) % 64) + b"\n"
    return head + len(header).to_bytes(size, "little") + header + data


def floats(count: int, form: str = "f") -> bytes:
    """Small numbers."""
    return struct.pack(f"<{count}{form}", *(index / 4 for index in range(count)))


def safetensors(tensors: dict[str, tuple[str, list[int], bytes]], metadata: dict[str, str] | None = None) -> bytes:
    """A SafeTensors file."""
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def archive(files: dict[str, bytes]) -> bytes:
    """A zip file in the form of bundles: stored, without times."""
    body, directory = b"", b""
    for name, content in files.items():
        common = struct.pack(
            "<HHHHHIIIHH", 10, 0, 0, 0, 33, zlib.crc32(content), len(content), len(content), len(name), 0
        )
        offset = len(body)
        body += b"PK\x03\x04" + common + name.encode() + content
        directory += b"PK\x01\x02" + struct.pack("<H", 3 << 8 | 10) + common
        directory += struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, offset) + name.encode()
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, len(files), len(files), len(directory), len(body), 0)
    return body + directory + end


def arrays() -> dict[str, dict[str, bytes]]:
    """NPY, NPZ, SafeTensors and chunks."""
    of_types = {
        f"{descr[1:]}-{'x'.join(map(str, shape))}": npy(descr, shape, data)
        for descr, shape, data in [
            ("<f4", (3, 2), floats(6)),
            ("<f8", (2, 2), floats(4, "d")),
            ("<f2", (2, 2), floats(4, "e")),
            (">f4", (1, 2), struct.pack(">2f", 1, 2)),
            ("<i8", (3,), struct.pack("<3q", 0, 1, 2)),
            ("|u1", (1, 2, 2, 3), bytes(range(12))),
            ("|b1", (4,), bytes([0, 1, 1, 0])),
            ("<f4", (), floats(1)),
        ]
    }
    of_types["version-2"] = npy("<f4", (2, 2), floats(4), 2)
    stored = {path.stem: path.read_bytes() for path in sorted((GOLDEN / "npz").glob("*.npz"))}
    for method, name in [(zipfile.ZIP_STORED, "labelled"), (zipfile.ZIP_DEFLATED, "labelled-deflated")]:
        output = io.BytesIO()
        with zipfile.ZipFile(output, "w", method) as file:
            for member, content in [
                ("features.npy", npy("<f4", (2, 2), floats(4))),
                ("labels.npy", npy("<i8", (2,), struct.pack("<2q", 0, 1))),
            ]:
                file.writestr(zipfile.ZipInfo(member), content, method)
        stored[name] = output.getvalue()
    kinds = [("F32", "f", 4), ("F64", "d", 8), ("F16", "e", 2)]
    tensors = {
        kind.lower(): safetensors({"features": (kind, [3, 2], floats(6, form))}) for kind, form, _ in kinds
    }
    tensors["bf16"] = safetensors({"features": ("BF16", [2, 2], bytes(8))}, {"made": "by hand"})
    tensors["two"] = safetensors(
        {"features": ("F32", [2, 2], floats(4)), "labels": ("I64", [2], struct.pack("<2q", 0, 1))}
    )
    chunks = {
        f"{samples}-samples": safetensors(
            {
                "tap/features": ("F32", [samples, 2], floats(2 * samples)),
                "tap/score-states": ("U8", [samples, 4], bytes([0, 0, state, 0]) * samples),
                "tap/scores": ("F64", [samples, 4], floats(4 * samples, "d")),
            }
        )
        for samples, state in [(1, 0), (2, 1), (3, 5)]
    }
    return {"npy": of_types, "npz": stored, "safetensors": tensors, "chunk": chunks}


def images() -> dict[str, dict[str, bytes]]:
    """Pictures, and files of them."""
    sources = sorted((GOLDEN / "images" / "sources").iterdir(), key=lambda path: path.name)
    small = {path.name: path.read_bytes() for path in sources if path.stat().st_size <= 1024}
    tars = {}
    for form, name in [(tarfile.USTAR_FORMAT, "ustar"), (tarfile.PAX_FORMAT, "pax"), (tarfile.GNU_FORMAT, "gnu")]:
        # A class and a mask; or a name beyond 100 bytes, which each extension of the format writes in its own way.
        further = {"a.cls": b"1", "a.mask.png": small["rgb-1x1.png"]}
        members = further if form == tarfile.USTAR_FORMAT else {"é" * 60 + ".png": small["rgb-2x2.png"]}
        output = io.BytesIO()
        with tarfile.open(fileobj=output, mode="w", format=form) as file:
            for member, content in {"a.png": small["rgb-1x1.png"], **members}.items():
                info = tarfile.TarInfo(member)
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
        tars[name] = output.getvalue().rstrip(b"\0") + bytes(1024)
    grey = struct.pack(">IIII", 0x803, 2, 2, 3) + bytes(range(12))
    labels = struct.pack(">II", 0x801, 2) + bytes([3, 7])
    return {"image": small, "tar": tars, "idx": {"images": grey, "labelled": grey + SEPARATOR + labels}}


def texts() -> dict[str, dict[str, bytes]]:
    """Manifests, suites, tables, replies."""
    manifests = {
        path.stem: path.read_bytes()
        for path in [
            ROOT / "tests/process/small.toml",
            GOLDEN / "tiny-generators/generators.toml",
            GOLDEN / "tiny-world-models/world-models.toml",
        ]
    }
    manifests["artifacts"] = (
        b'[[artifact]]\nid = "a.bin"\nbytes = 3\nsha256 = "' + b"0" * 64 + b'"\nkind = "model"\nlicence = "MIT"\n'
        b'source = { kind = "url", url = "https://example.org/a.bin" }\n'
    )
    lines = (ROOT / "suites/iwm/cells.csv").read_bytes().splitlines(keepends=True)
    cells = {
        "cells": b"".join(lines[:6]),
        "correlations": (ROOT / "suites/iwm/correlations.csv").read_bytes(),
        **{f"number-{index}": text for index, text in enumerate([b"81.7", b"-0.85", b"1e-3", b"+0.93", b"1,000"])},
    }
    suite = (
        b'schema = 1\nid = "small"\nname = "Small"\nversion = 1\nsummary = "Two numbers."\ntraps = []\n\n[qualifiers]\n'
    )
    header = b"table,row,column,value,unit,provenance,source,note\n"
    own = suite + b'\n[[table]]\nid = "table-1"\ntitle = "One"\n'
    replies = {
        "drawing": b'{"shape_color_accuracy": 1, "position_accuracy": 0.5, "verdict": "pass"}',
        "solution": b'```json\n{"reasoning_rigorous": 1, "conclusion_correct": 1, "calc_numeric_match": null, "text_ok": 1}\n```',
        "overlay": b'<think>{"overlay_ok": 0}</think> {"overlay_ok": 1}',
        "explanation": b'{"explanation_ok": 1, "state_ok": 0, "image_ok": "1"}',
        "moves": b"FINAL_ANSWER: [\"up\", 'left']\n<ANSWER_JSON>[\"up\"]</ANSWER_JSON>",
        "choice": b'FINAL_ANSWER_JSON: {"choice": 1, "rationale": "\\u00e9"}',
        "python": b"[NaN, -Infinity, 1e400, {\"a\": [true, null, \"\\ud83d\\ude00\"]}]",
        "completion": json.dumps(
            {
                "model": "m",
                "choices": [
                    {
                        "finish_reason": "stop",
                        "message": {
                            "content": [
                                {"type": "text", "text": "a"},
                                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
                            ]
                        },
                    }
                ],
            }
        ).encode(),
        "error": b'{"error": {"code": 429, "message": "slow down"}}',
    }
    attention = npy("<f4", (1, 2, 2), struct.pack("<4f", 1, 0, 0.5, 0.5))
    layers = npy("<f8", (2, 1, 3, 3), struct.pack("<9d", 1, 0, 0, 0.5, 0.5, 0, 0.25, 0.25, 0.5) * 2)
    descriptions = {
        "ranges": b'[[sample]]\ntask = "T2I"\nattention = "attention.npy"\nqueries = [1, 2]\nkeys = [0, 1]\n'
        + SEPARATOR
        + attention,
        "tokens": b'[[sample]]\ntask = "I2T"\nattention = ["attention.npy"]\nslices = "trainer"\n'
        b"tokens = { prompt = [0, 1], image = [0, 1], answer = [[2, 3]] }\n" + SEPARATOR + layers,
        "batch": b'[[sample]]\ntask = "T2I"\nattention = "attention.npy"\nbatch = 1\ncausal = false\nqueries = [0, 1]\nkeys = [0, 1]\n'
        + SEPARATOR
        + layers,
        "masses": b'{"id": "a", "task": "T2I", "layers": [0.5, [0.25, 0.75]], "n_text": 3, "n_query": 2, "n_other": 0}\n',
    }
    return {
        "manifest": manifests,
        "cells": cells,
        "suite": {
            "starter": (ROOT / "suites/starter/suite.toml").read_bytes()[:4000],
            "small": suite,
            "with-cells": own + SEPARATOR + header + b"table-1,a,b,1.5,percent,reported,arXiv:2403.00504v1 Table 1,\n",
        },
        "judge-reply": replies,
        "attention": descriptions,
        "benchmark": {
            "mmvp": b'{"question_id": 1, "prompt": "?", "answer": "(a)", "gt_answers": "(a)"}\n' * 2,
            "mme": b"a.png\tIs it?\tYes\tyes\na.png\tIs it not?\tNo\tno\n",
            "pope": b'{"question_id": 1, "text": "yes", "category": "random"}\n' + SEPARATOR + b'{"label": "yes"}\n',
            "mmmu": b'{"validation_Art_1": "A"}'
            + SEPARATOR
            + b'{"validation_Art_1": {"question_type": "multiple-choice", "ground_truth": "A"}}',
            "dpg": b'{"item_id": "a", "questions": [{"question_id": 1, "dependency": [0], "answer": "yes"}]}\n',
        },
    }


def of_run(binary: Path, folder: Path) -> dict[str, dict[str, bytes]]:
    """What a run leaves, and a bundle of it."""
    out = folder / "run"
    command = f"run starter --offline --manifest {ROOT}/tests/process/small.toml --data emoji-in-small-chunks --model small-a"
    subprocess.run([binary, *command.split(), "--limit", "24", "--out", out], check=True, capture_output=True)
    key = folder / "key"
    subprocess.run([binary, "key", "new", "--out", key], check=True, capture_output=True)
    work = json.loads((out / "work.jsonl").read_bytes().splitlines()[1])
    for dataset in work["datasets"]:
        dataset["samples"]["samples"] = dataset["samples"]["samples"][:6]
    measurements = json.loads((out / "measurements.json").read_bytes())
    measurements["models"] = measurements.get("models", [])[:1]
    public = (folder / "key.pub").read_bytes()
    envelope = {"payload": "e30=", "payloadType": "application/vnd.in-toto+json"}
    envelope["signatures"] = [{"keyid": "0" * 64, "sig": "A" * 86 + "=="}]
    signed = json.dumps(envelope, separators=(",", ":")).encode()
    files = {"statement.dsse.json": signed, "public-key.pem": public, "run.json": b"{}\n", "measurements.json": b"{}\n"}
    return {
        "run": {
            "record": (out / "run.json").read_bytes(),
            "measurements": json.dumps(measurements, separators=(",", ":")).encode(),
            "samples": b'{"schema":1,"datasets":[]}\n',
        },
        "work-list": {"list": json.dumps(work, separators=(",", ":")).encode()},
        "signature": {"signed": signed + SEPARATOR + public, "private": key.read_bytes()},
        "bundle": {
            "one": archive({"statement.dsse.json": signed}),
            "four": archive(files),
            "chunk": archive({**files, f"chunks/{'0' * 64}.safetensors": b"12345678"}),
        },
    }


def main() -> None:
    """Writes all seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/retally")
    parser.add_argument("--out", type=Path, default=ROOT / "fuzz/seeds")
    options = parser.parse_args()
    models = [*(GOLDEN / "tiny-world-models").glob("*.onnx"), *(GOLDEN / "tiny-generators").glob("*.onnx")]
    networks = {path.stem: path.read_bytes() for path in sorted(models) if path.stat().st_size <= 2048}
    with tempfile.TemporaryDirectory() as folder:
        seeds = {**arrays(), **images(), **texts(), "onnx": networks}
        seeds |= of_run(options.binary.resolve(), Path(folder))
    shutil.rmtree(options.out, ignore_errors=True)
    for target, files in sorted(seeds.items()):
        (options.out / target).mkdir(parents=True)
        for name, content in files.items():
            (options.out / target / name).write_bytes(content)
        print(f"{target}: {len(files)} seeds, {max(map(len, files.values()))} bytes at most")


if __name__ == "__main__":
    main()
