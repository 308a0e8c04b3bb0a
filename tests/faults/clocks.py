"""Clocks that are wrong, that jump, and files from the future: no time decides what is computed or kept."""

from __future__ import annotations

import json
import os
import signal
from functools import partial
from pathlib import Path

from case import DONE, Bench, Skipped, case, expect, expect_code
from kill_results import Survivors, expect_nothing_lost
from program import Program, run_in_slices
from small_run import chunk_files, has_chunk

FAKE_CLOCK = "libfaketimeMT.so.1"
FOLDERS = ("/usr/lib", "/usr/local/lib", "/lib")


@case("files from the future and from 1970: used as they are")
def times_of_files(bench: Bench) -> None:
    """A folder that came over from a machine with another clock."""
    out = bench.folder / "run"
    expect_code(bench.run.run(out), DONE)
    for number, path in enumerate(chunk_files(out)):
        os.utime(path, (4e9, 4e9) if number % 2 else (0, 0))
    survivors = Survivors(out)
    survivors.look()
    ended = bench.run.run(out)
    expect_code(ended, DONE)
    expect_nothing_lost(survivors, ended)
    bench.expect_same_results(out)


@case("a clock in 1980 and one in 2100: the same bytes, and each continues what the other has begun")
def wrong_clocks(bench: Bench) -> None:
    """Begun under one clock, stopped, ended under the other."""
    for first, second in (
        ("1980-01-01 00:00:00", "2100-01-01 00:00:00"),
        ("2100-01-01 00:00:00", "1980-01-01 00:00:00"),
    ):
        out = bench.folder / first[:4]
        running = under_clock(bench.program, f"@{first}").start(*bench.run.arguments(out))
        expect(run_in_slices(running.pid, partial(has_chunk, out)), "it ended by itself")
        running.send(signal.SIGTERM)
        running.send(signal.SIGCONT)
        running.wait()
        survivors = Survivors(out)
        survivors.look()
        ended = under_clock(bench.program, f"@{second}").run(*bench.run.arguments(out))
        expect_code(ended, DONE)
        expect_nothing_lost(survivors, ended)
        bench.expect_same_results(out)


@case(
    "a clock that jumps back or on within a run: the same bytes, and no run ends before it began",
)
def jumping_clock(bench: Bench) -> None:
    """Ten years back, a hundred years on."""
    for jump in ("-3650d", "+36500d"):
        out, clock = bench.folder / jump, bench.folder / f"clock{jump}"
        clock.write_text("+0", encoding="utf-8")
        program = under_clock(bench.program, "", FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_NO_CACHE="1")
        running = program.start(*bench.run.arguments(out))
        expect(run_in_slices(running.pid, partial(has_chunk, out)), "it ended by itself")
        clock.write_text(jump, encoding="utf-8")
        running.send(signal.SIGCONT)
        expect_code(running.wait(), DONE)
        bench.expect_same_results(out)
        record = json.loads((out / "run.json").read_text(encoding="utf-8"))
        expect(
            record["ended"] >= record["started"], f"it ended {record['started'] - record['ended']} s before it began"
        )


def under_clock(program: Program, time: str, **variables: str) -> Program:
    """The program with another idea of the time of day; the clock that counts on stays as it is."""
    fake = {"LD_PRELOAD": str(fake_clock()), "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return program.with_environment(**fake, **({"FAKETIME": time} if time else {}), **variables)


def fake_clock() -> Path:
    """Debian's `faketime` package."""
    for folder in FOLDERS:
        for path in Path(folder).rglob(FAKE_CLOCK):
            return path
    raise Skipped("install faketime (libfaketime) for it")
