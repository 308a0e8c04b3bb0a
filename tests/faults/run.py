#!/usr/bin/env python3
"""What happens to a long job on a shared machine, done to retally: what it says, how it ends, what is left."""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "process"))

from case import CASES, Bench, Case, Failed, Skipped, expect_code, is_root
from guarded import guarded
from program import ProcessError, find_binary, own_store
from small_run import SmallRun

# Modules of cases, in the order in which they run.
SUBJECTS = (
    "kills",
    "kill_fetches",
    "kill_shards",
    "signals",
    "damage",
    "disks",
    "processes",
    "shard_faults",
    "memory",
    "clocks",
    "fetching",
    "fetching_over_tls",
)


def main() -> int:
    """The exit code: 0 if every case holds."""
    arguments = parse()
    for subject in SUBJECTS:
        importlib.import_module(subject)  # Which registers its cases.
    chosen = [case for case in CASES if arguments.only in case.name]
    if arguments.list:
        print("\n".join(case.name for case in chosen))
        return 0
    failures = (Failed, ProcessError, OSError)
    return guarded("faults", lambda folder: run_all(chosen, prepare(arguments, folder)), failures)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", type=Path, help="the program to test; by default target/release/retally")
    parser.add_argument("--kills", type=int, default=25, help="how often `kill -9` hits (25)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills (0)")
    parser.add_argument("--only", default="", help="only the cases with this text in their name")
    parser.add_argument("--list", action="store_true", help="print the names of the cases, and do nothing")
    return parser.parse_args()


def prepare(arguments: argparse.Namespace, folder: Path) -> Bench:
    """A store of its own with all that the small run needs, and a run that nothing disturbs."""
    run = SmallRun(own_store(find_binary(arguments.binary), folder / "store"))
    reference = folder / "reference"
    expect_code(run.run(reference), 0)
    return Bench(folder, run, reference, arguments.seed, arguments.kills)


def run_all(cases: list[Case], bench: Bench) -> int:
    """One line a case, and a summary."""
    ends = [run_one(case, bench) for case in cases]
    counts = {end: ends.count(end) for end in ("ok", "FAILED", "skipped")}
    print(f"{counts['ok']} ok, {counts['FAILED']} failed, {counts['skipped']} skipped")
    return 0 if counts["FAILED"] == 0 and counts["ok"] > 0 else 1


def run_one(case: Case, bench: Bench) -> str:
    """Runs a case in a folder of its own and prints its line; how it ended."""
    end, word = attempt(case, bench)
    print(f"{end}: {case.name}{': ' + ' '.join(word.split()) if word else ''}", flush=True)
    return end


def attempt(case: Case, bench: Bench) -> tuple[str, str]:
    """How a case ended, and what it has to say."""
    if case.needs_root and not is_root():
        return "skipped", "only root can do this"
    try:
        with tempfile.TemporaryDirectory(prefix="case-", dir=bench.folder) as folder:
            return "ok", case.check(replace(bench, folder=Path(folder))) or ""
    except Skipped as reason:
        return "skipped", str(reason)
    except (Failed, ProcessError, OSError) as error:
        known = f" [known: {case.known}]" if case.known else ""
        return "FAILED", f"{error}{known}"
    except Exception as error:  # A mistake in a case must not hide the cases that follow.
        return "FAILED", f"the case itself is wrong: {error!r}"


if __name__ == "__main__":
    sys.exit(main())
