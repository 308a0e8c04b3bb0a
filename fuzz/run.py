#!/usr/bin/env python3
"""Runs the fuzz targets one after the other, each until it has executed a number of inputs in all, and keeps count.

    cargo install cargo-fuzz                          # once; a C++ compiler is needed for its engine
    cp Cargo.lock fuzz/                               # the same versions of everything
    (cd fuzz && cargo fuzz build --sanitizer none)    # the stable toolchain will do: retally's own code is safe
    fuzz/run.py --executions 10000000                 # fuzz/executions.json is what docs/testing.md tells
    fuzz/run.py --executions 10000 --only npy         # a short look at one target; --fresh forgets the count
    fuzz/run.py --table                               # the counts as they stand in docs/testing.md

A target goes on with the corpus that it has gathered (`fuzz/corpus/`, not in the repository), in rounds, so that whatever stops the script
costs one round's count at most. Several may run at once, on one target too. An input that a reader does not survive ends the script with
exit code 1, is in `fuzz/artifacts/`, and belongs in `fuzz/found/TARGET/` with the mend, where the tests read it for ever.
"""

from __future__ import annotations

import argparse
import datetime
import fcntl
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

FUZZ = Path(__file__).resolve().parent
TARGETS = FUZZ.parent / "harness/src/fuzzing/mod.rs"
COUNTS = FUZZ / "executions.json"
ROUND_SECONDS = 120
# An input that takes longer, or more memory, is a fault: a reader's work is bounded by its input.
SECONDS = 20
MEBIBYTES = 2048

Counts = dict[str, dict[str, Any]]


def targets() -> dict[str, int]:
    """The most bytes of each target's inputs, by its name."""
    found = re.findall(r'Target \{\s*name: "([a-z-]+)",\s*most_bytes: (\d+)', TARGETS.read_text())
    return {name: int(size) for name, size in found}


def round_of(target: str, most_bytes: int, executions: int) -> tuple[int, int, int]:
    """Executes inputs for a round; the exit code, how many they were, and the largest resident memory in mebibytes."""
    binary = FUZZ / "target/x86_64-unknown-linux-gnu/release" / target
    corpus = FUZZ / "corpus" / target
    artifacts = FUZZ / "artifacts" / target
    corpus.mkdir(parents=True, exist_ok=True)
    artifacts.mkdir(parents=True, exist_ok=True)
    words = [
        f"-max_len={most_bytes}",
        f"-runs={executions}",
        f"-max_total_time={ROUND_SECONDS}",
        f"-timeout={SECONDS}",
        f"-rss_limit_mb={MEBIBYTES}",
        f"-artifact_prefix={artifacts}/",
        "-print_final_stats=1",
    ]
    # Files of inputs are written thousands of times a second.
    environment = {**os.environ, "TMPDIR": "/dev/shm"}
    seeds = FUZZ / "seeds" / target
    finished = subprocess.run(
        [binary, *words, corpus, seeds], capture_output=True, text=True, errors="replace", env=environment
    )
    stats = {name: int(value) for name, value in re.findall(r"stat::(\w+):\s+(\d+)", finished.stderr)}
    if finished.returncode != 0:
        print(finished.stderr[-4000:], file=sys.stderr)
    return finished.returncode, stats.get("number_of_executed_units", 0), stats.get("peak_rss_mb", 0)


def read_counts() -> Counts:
    """What was counted before, by target."""
    counts: Counts = json.loads(COUNTS.read_text()) if COUNTS.exists() else {}
    return counts


def change_counts(change: Callable[[Counts], None]) -> Counts:
    """Changes them in one step: several processes may count at once."""
    with open(__file__, encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        counts = read_counts()
        change(counts)
        # Whoever only reads finds the one or the other, never half of it.
        written = COUNTS.with_suffix(".part")
        written.write_text(json.dumps(counts, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        written.replace(COUNTS)
    return counts


def forget(targets: Iterable[str], counts: Counts) -> None:
    """They are counted from 0 again."""
    for target in targets:
        counts.pop(target, None)


def add_round(target: str, executed: int, peak: int, counts: Counts) -> None:
    """Another process may have counted meanwhile, this target too: processes share its corpus."""
    files = [path.stat().st_size for path in (FUZZ / "corpus" / target).iterdir()]
    before = counts.get(target, {})
    counts[target] = {
        "executions": before.get("executions", 0) + executed,
        "corpus_files": len(files),
        "corpus_bytes": sum(files),
        "peak_mebibytes": max(peak, before.get("peak_mebibytes", 0)),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def print_table() -> None:
    """The counts as Markdown."""
    counts = read_counts()
    print("| target | executions | corpus: inputs | bytes | peak MiB | until |\n|---|--:|--:|--:|--:|---|")
    for target in targets():
        count = counts.get(target)
        if count is None:
            print(f"| {target} | 0 | | | | |")
            continue
        numbers = [count[name] for name in ("executions", "corpus_files", "corpus_bytes", "peak_mebibytes")]
        print(f"| {target} | " + " | ".join(f"{number:,}" for number in numbers) + f" | {count['date']} |")


def main() -> int:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=10_000_000)
    parser.add_argument("--only", action="append", choices=sorted(targets()))
    parser.add_argument("--fresh", action="store_true", help="count the targets that are run from 0 again")
    parser.add_argument("--table", action="store_true", help="print the counts, and run nothing")
    options = parser.parse_args()
    if options.table:
        print_table()
        return 0
    asked = {target: size for target, size in targets().items() if not options.only or target in options.only}
    counts = read_counts()
    if options.fresh:
        counts = change_counts(functools.partial(forget, asked))
    for target, most_bytes in asked.items():
        while (done := counts.get(target, {}).get("executions", 0)) < options.executions:
            code, executed, peak = round_of(target, most_bytes, options.executions - done)
            if code != 0:
                print(f"{target}: an input was not survived, see fuzz/artifacts/{target}", file=sys.stderr)
                return 1
            counts = change_counts(functools.partial(add_round, target, executed, peak))
            count = counts[target]
            print(f"{target}: {count['executions']:,} executions, {count['corpus_files']} inputs, {peak} MiB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
