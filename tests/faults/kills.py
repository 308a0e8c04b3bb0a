"""`kill -9` at random moments of every phase: no finished chunk is lost, and the end is the same to the byte."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from functools import partial
from pathlib import Path

from case import DONE, Bench, Failed, case, expect, expect_code
from kill_count import share
from kill_results import Survivors, expect_nothing_lost, expect_only_missing_were_computed
from phases import PHASE, PHASES, Tally, kill_in
from small_run import partial_files

# Rounds in a row in which the process was always faster.
MOST_MISSES = 20
MOST_KILLS_OF_A_ROUND = 5


@case("kill -9 in every phase of a run")
def kill_runs(bench: Bench) -> str:
    """Rounds of kills on a folder each, until there are enough."""
    draw, tally, misses, wanted = random.Random(bench.seed), Tally(), 0, share(bench.kills, "run")
    for number in itertools.count():
        if tally.total >= wanted:
            break
        out, before = bench.folder / f"run-{number}", tally.total
        kill_one_run(bench, out, draw, tally, wanted - tally.total)
        misses = 0 if tally.total > before else misses + 1
        expect(misses < MOST_MISSES, f"the process was faster {misses} times; {tally}")
    return str(tally)


def kill_one_run(bench: Bench, out: Path, draw: random.Random, tally: Tally, most: int) -> None:
    """Kills one run a few times, ends it, and looks at what came out."""
    count = min(draw.randint(1, MOST_KILLS_OF_A_ROUND), most)
    phases = sorted((draw.choice(PHASES) for _ in range(count)), key=PHASES.index)
    survivors, start = Survivors(out), partial(bench.run.start, out)
    try:
        for phase in phases:
            hit = kill_in(phase, start, out, draw)
            survivors.look()
            if not hit:
                break
            tally.count(phase.name)
        ended = bench.run.run(out)
        expect_code(ended, DONE)
        expect_nothing_lost(survivors, ended)
        expect_only_missing_were_computed(survivors, bench.run, bench.reference, ended)
        bench.expect_same_results(out)
    except Failed as error:
        story = ", ".join(phase.name for phase in phases)
        raise Failed(f"seed {bench.seed}, after {tally} (this run: {story}): {error}") from error


@case(
    "kill -9 while files are written: the next run leaves no half-written file behind",
)
def half_written_files(bench: Bench) -> str:
    """Chunks and parts of the report, at the moment in which their temporary files are made, until a kill has left some."""
    draw = random.Random(bench.seed)
    for number in range(MOST_MISSES):
        if left := kill_writers(bench, bench.folder / f"run-{number}", draw):
            return f"{left} half-written files in round {number + 1}"
    raise Failed("no kill has left a half-written file: the case has shown nothing")


def kill_writers(bench: Bench, out: Path, draw: random.Random) -> int:
    """How many half-written files kills have left in a folder, of which the next run leaves none."""
    written = [replace(phase, within_s=0.0) for phase in (PHASE["write"], PHASE["report"])]
    for phase in written * 6:
        kill_in(phase, partial(bench.run.start, out), out, draw)
    left = len(partial_files(out))
    expect_code(bench.run.run(out), DONE)
    bench.expect_same_results(out)
    names = [path.name for path in partial_files(out)]
    expect(
        not names, f"{len(names)} of {left} half-written files are there after the run has ended: {', '.join(names)}"
    )
    return left
