#!/usr/bin/env python3
"""How much memory and how many open files a command takes as its samples become more.

    tests/scale/bounds.py [--binary BINARY] [--images 1000,5000,50000] [--features 10000,100000,200000,1281167]
                          [--patience SECONDS] [--only TEXT] [--folder FOLDER] [--out TABLE.json] [--list]

Draws images and features, runs every command that reads many of them on growing numbers, and asks the kernel for the peak
memory (VmHWM), the part of it that is in no file (RssAnon) and the most open files. Prints a line a run and writes all as JSON.

Fails (1) if a command takes more for each further sample than is written down for it in `bounded.py`, or more files. What is
written down is told beside each: next to nothing where nothing of a sample needs to stay, and where all must stay, how much.

The full sizes need an hour of two cores, 16 GiB of memory and 6 GB of disk. Needs NumPy.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "process"))

from bounded import FEATURE_CASES, IMAGE_CASES, Case, Sides
from drawn_features import WIDTH, FeatureFile
from drawn_images import write_folder, write_manifest, write_tar
from guarded import raise_interrupt
from program import DEFAULT_BINARY, ProcessError, Program, find_binary, own_store
from watched import CommandFailed, available, watch

MEBIBYTE = 1 << 20
# What two runs of one command may differ by: buffers, threads' own heaps, what the allocator gives back or not.
SLACK = 48 * MEBIBYTE
# A large file has a handle, and one more for each thread that reads it; a metric has two files.
FILES_SLACK = 2 * (1 + len(os.sched_getaffinity(0)))
MOST_FILES = 64
REFERENCE_ROWS = 4096
QUERY_ROWS = 64
FEW_IMAGES = 500


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    case: str
    n: int
    peak_bytes: int
    anonymous_bytes: int
    most_files: int
    wall_seconds: float
    processor_seconds: float
    ended: bool


def main() -> int:
    """The exit code: 0 if every bound holds."""
    arguments = parse()
    cases: list[Case[Any]] = [*IMAGE_CASES, *FEATURE_CASES]
    if arguments.list:
        print("\n".join(case.name for case in cases if arguments.only in case.name))
        return 0
    signal.signal(signal.SIGTERM, raise_interrupt)
    rows: list[Row] = []
    complete, word = True, ""
    try:
        binary = find_binary(arguments.binary)
        with tempfile.TemporaryDirectory(prefix="retally-bounds-", dir=arguments.folder) as folder:
            for row in measured(binary, Path(folder), arguments):
                complete &= row is not None
                rows += [row] if row else []
                # Each time: an hour's numbers are not lost with its last minute.
                write_table(arguments.out, cases, rows)
    except KeyboardInterrupt:
        word = "interrupted"
    except (ProcessError, OSError) as error:
        word = str(error)
    compared = write_table(arguments.out, cases, rows)
    print("\n".join(map(verdict_line, compared)))
    if word or not compared:
        print(f"FAILED: {word or 'nothing was compared: it takes two sizes of a case'}", file=sys.stderr)
        return 1
    return 0 if complete and not any(verdict["broken"] for verdict in compared) else 1


def parse() -> argparse.Namespace:
    """The command line."""

    def sizes(text: str) -> list[int]:
        return [int(part.replace("_", "")) for part in text.split(",") if part]

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, help=f"the program ({DEFAULT_BINARY})")
    parser.add_argument("--images", type=sizes, default=[1000, 5000, 50_000], help="how many images; empty for none")
    parser.add_argument(
        "--patience",
        type=float,
        default=900.0,
        help="processor seconds until a command is stopped once its memory stands still (900)",
    )
    rows = [10_000, 100_000, 200_000, 1_281_167]
    parser.add_argument("--features", type=sizes, default=rows, help="how many rows of features; empty for none")
    parser.add_argument("--only", default="", help="only the cases with this text in their name")
    parser.add_argument("--folder", type=Path, help="where the data are made, and removed afterwards")
    parser.add_argument("--out", type=Path, default=Path("bounds.json"), help="the table (bounds.json)")
    parser.add_argument("--list", action="store_true", help="print the names of the cases, and do nothing")
    return parser.parse_args()


def measured(binary: Path, folder: Path, arguments: argparse.Namespace) -> Iterator[Row | None]:
    """Every case at every size; `None` of one that failed. The data of one size are there at a time."""
    of_images = [case for case in IMAGE_CASES if arguments.only in case.name]
    for n in arguments.images if of_images else []:
        made = folder / "images"
        make_images(made, n)
        for image_case in of_images:
            # A store of its own: nothing is there that another case has computed.
            store = made / "store"
            yield watched_case(image_case, n, own_store(binary, store), image_case.words(made), arguments.patience)
            shutil.rmtree(store)
        shutil.rmtree(made)
    of_features = [case for case in FEATURE_CASES if arguments.only in case.name]
    for n in arguments.features if of_features else []:
        made = folder / "features"
        made.mkdir()
        sides = Sides(*(FeatureFile(made, rows, seed) for seed, rows in enumerate((n, REFERENCE_ROWS, QUERY_ROWS))))
        for case in of_features:
            if (reason := why_not(case, n)) is None:
                yield watched_case(case, n, Program(binary), case.words(sides), arguments.patience)
            else:
                print(f"{case.name}: not at {n:,}: {reason}", flush=True)
        shutil.rmtree(made)


def why_not(case: Case[Sides], n: int) -> str | None:
    """Why a case cannot be had at this number, if it cannot."""
    needed, there = n * case.growth.bytes + case.growth.held + 512 * MEBIBYTE, available()
    if needed > there:
        return f"it takes {needed / MEBIBYTE:,.0f} MiB of memory, and {there / MEBIBYTE:,.0f} are there"
    return None


def make_images(folder: Path, n: int) -> None:
    """A tar with its manifest, a folder of as many, and a folder of few."""
    folder.mkdir()
    write_tar(folder / "images.tar", n)
    small = (Path(__file__).resolve().parents[1] / "process" / "small.toml").read_text(encoding="utf-8")
    model = small.split("[[model]]")[1]
    write_manifest(folder / "manifest.toml", folder / "images.tar", f"[[model]]{model}")
    write_folder(folder / "samples", n)
    write_folder(folder / "reference", FEW_IMAGES, first=10_000_000)


def watched_case(case: Case[Any], n: int, program: Program, words: list[str], patience_s: float) -> Row | None:
    """Runs a case and prints its line; `None` if it failed, which hides no other case."""
    command = [str(program.binary), *words, "--json", "--offline"]
    try:
        patience_s = patience_s if case.patience_s is None else case.patience_s
        seen = watch(command, program.environment, case.codes, patience_s)
    except CommandFailed as error:
        print(f"FAILED: {case.name}, n {n:,}: {error}", file=sys.stderr, flush=True)
        return None
    seconds = (round(seen.wall_s, 1), round(seen.processor_s, 1))
    row = Row(case.name, n, seen.peak, seen.anonymous, seen.files, *seconds, seen.ended)
    end = "" if seen.ended else "  stopped at its peak"
    print(
        f"{case.name:48} n {n:>9,}  {seen.peak / MEBIBYTE:8.1f} MiB  anonymous {seen.anonymous / MEBIBYTE:8.1f} MiB"
        f"  {seen.files:3} files  {seen.wall_s:7.1f} s wall  {seen.processor_s:7.1f} s processor{end}",
        flush=True,
    )
    return row


def judged(case: Case[Any], rows: list[Row]) -> dict[str, Any] | None:
    """What is written down held against what was seen; `None` unless there are two sizes."""
    if len(rows) < 2:
        return None
    rows = sorted(rows, key=lambda row: row.n)
    growth = case.growth
    large = [row for row in rows if row.n >= growth.counted_from]
    # Of one large set alone the growth is not known; what it may take in all is.
    first, last = (large if len(large) > 1 else rows)[0], rows[-1]
    held = 0 if first in large else growth.held
    grown = last.peak_bytes - first.peak_bytes
    ratio = last.peak_bytes / first.peak_bytes

    def may_take(row: Row) -> int:
        return rows[0].peak_bytes + (row.n - rows[0].n) * growth.bytes + growth.held + SLACK

    holds = {
        "bytes a sample": grown <= (last.n - first.n) * growth.bytes + held + SLACK,
        "ratio of peaks": growth.most_ratio is None or held > 0 or ratio <= growth.most_ratio,
        "peak of every size": all(row.peak_bytes <= may_take(row) for row in rows),
        "open files": all(row.most_files <= min(MOST_FILES, rows[0].most_files + FILES_SLACK) for row in rows),
    }
    return {
        "case": case.name,
        "from": first.n,
        "to": last.n,
        "ratio_of_peaks": round(ratio, 2),
        "most_ratio_of_peaks": growth.most_ratio,
        "bytes_a_sample": round(grown / (last.n - first.n), 1),
        "most_bytes_a_sample": growth.bytes,
        "held_bytes": growth.held,
        "most_files": [first.most_files, last.most_files],
        "what_stays": growth.what,
        "by_nature": growth.by_nature,
        "broken": [name for name, holds_true in holds.items() if not holds_true],
    }


def verdict_line(verdict: dict[str, Any]) -> str:
    """A verdict in words."""
    word = f"FAILED ({', '.join(verdict['broken'])})" if verdict["broken"] else "ok"
    ratio = f"peak x {verdict['ratio_of_peaks']}"
    if verdict["most_ratio_of_peaks"] is not None:
        ratio += f" (at most {verdict['most_ratio_of_peaks']})"
    return (
        f"{word}: {verdict['case']}: {verdict['from']:,} to {verdict['to']:,}: {ratio}, {verdict['bytes_a_sample']:,} bytes a"
        f" sample (at most {verdict['most_bytes_a_sample']:,}: {verdict['what_stays']}), files {verdict['most_files']}"
    )


def write_table(path: Path, cases: list[Case[Any]], rows: list[Row]) -> list[dict[str, Any]]:
    """Writes everything so far, with the machine; the verdicts."""
    verdicts = [judged(case, [row for row in rows if row.case == case.name]) for case in cases]
    compared = [verdict for verdict in verdicts if verdict]
    table = {
        "made": datetime.now(UTC).date().isoformat(),
        "machine": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "system": platform.platform(),
        },
        "width_of_features": WIDTH,
        "slack_bytes": SLACK,
        "rows": [asdict(row) for row in rows],
        "verdicts": compared,
    }
    path.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    return compared


def processor() -> str:
    """What the kernel calls it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
