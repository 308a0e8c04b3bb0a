#!/usr/bin/env python3
"""The job files that `retally plan` prints, run on this machine by the rules of their engines, and torchrun.

tests/engines/run.py [--binary target/release/retally] [--only TEXT] [--torchrun PATH]
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import sys
from pathlib import Path

sys.path.extend([str(Path(__file__).resolve().parents[1] / name) for name in ("process", "faults")])

from case import Failed, expect_code
from cases import CASES, LIMIT, Bench, Case, run_one
from guarded import guarded
from program import ProcessError, find_binary, own_store
from small_run import SmallRun

# Modules of cases, in the order in which they run.
SUBJECTS = ("kubernetes_cases", "skypilot_cases", "github_cases", "torchrun_cases")


def main() -> int:
    """The exit code: 0 if nothing failed, and something was tried."""
    arguments = parse()
    for subject in SUBJECTS:
        importlib.import_module(subject)  # Which registers its cases.
    chosen = [one for one in CASES if arguments.only in one.name]
    if arguments.list:
        print("\n".join(one.name for one in chosen))
        return 0
    failures = (Failed, ProcessError, OSError)
    return guarded("engines", lambda folder: run_all(chosen, prepare(arguments, folder)), failures)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, help="the program to test; by default target/release/retally")
    parser.add_argument("--only", default="", help="only the cases with this text in their name")
    parser.add_argument("--torchrun", type=Path, help="the real torchrun; by default that of the PATH, if there is one")
    parser.add_argument("--list", action="store_true", help="print the names of the cases, and do nothing")
    return parser.parse_args()


def prepare(arguments: argparse.Namespace, folder: Path) -> Bench:
    """A store of its own with all that the small run needs, and the run without shards, which fills it."""
    binary = find_binary(arguments.binary)
    if binary.name != "retally":
        raise ProcessError(f"`{binary}` must be called `retally`: its processes are found by that name")
    run = SmallRun(own_store(binary, folder / "store"), limit=LIMIT)
    reference = folder / "reference"
    expect_code(run.run(reference), 0)
    found = arguments.torchrun or shutil.which("torchrun")
    return Bench(folder, run, reference, Path(found) if found else None)


def run_all(chosen: list[Case], bench: Bench) -> int:
    """One line a case, and a summary."""
    ends = [run_one(one, bench) for one in chosen]
    counts = {end: ends.count(end) for end in ("ok", "FAILED", "skipped")}
    print(f"{counts['ok']} ok, {counts['FAILED']} failed, {counts['skipped']} skipped")
    return 0 if counts["FAILED"] == 0 and counts["ok"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
