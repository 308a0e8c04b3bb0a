"""`kill -9` at random moments of every phase: no finished chunk is lost, and the end is the same to the byte."""

from __future__ import annotations

import itertools
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from case import DONE, Bench, Failed, case, expect, expect_code
from inotify import FileEvent, Kind, Watch
from kill_count import share
from kill_results import Survivors, expect_nothing_lost, expect_only_missing_were_computed
from program import PATIENCE_S, Running
from small_run import SmallRun, partial_files

# Rounds in a row in which the process was always faster.
MOST_MISSES = 20
MOST_KILLS_OF_A_ROUND = 5


@dataclass(frozen=True)
class Phase:
    """A phase by the file event that begins it, and the longest time after that at which the kill comes."""

    name: str
    begins: Callable[[Path, FileEvent], bool]
    within_s: float
    most_events: int = 1
    """The kill follows one of this many events, chosen at random."""


def is_chunk(out: Path, event: FileEvent) -> bool:
    """A chunk is stored, so that the next one is being decoded and computed."""
    return event.folder == out / "chunks" and event.kind == Kind.RENAMED


def is_written_chunk(out: Path, event: FileEvent) -> bool:
    """A chunk is being written."""
    return event.folder == out / "chunks" and event.kind == Kind.CREATED


def is_lock(out: Path, event: FileEvent) -> bool:
    """The run has begun: artifacts are verified, images are listed and decoded."""
    return event.folder == out and event.name == ".lock" and event.kind == Kind.OPENED


def is_measurement(out: Path, event: FileEvent) -> bool:
    """A tap's measurements are being written."""
    return event.folder == out / "measured" and event.kind == Kind.CREATED


def is_result(out: Path, event: FileEvent) -> bool:
    """A table of samples, the measurements, the record or a part of the report is being written."""
    return event.folder in {out, out / "tables"} and event.name != ".lock" and event.kind != Kind.OPENED


# In the order of a run. The delays are about as long as what follows takes on an idle machine.
PHASES = (
    Phase("decode", is_lock, 0.25),
    Phase("inference", is_chunk, 0.05, most_events=4),
    Phase("write", is_written_chunk, 0.002, most_events=4),
    Phase("measure", is_measurement, 0.02, most_events=2),
    Phase("report", is_result, 0.005, most_events=12),
)


@dataclass
class Tally:
    """How often each phase was hit."""

    hits: dict[str, int] = field(default_factory=dict)

    def count(self, phase: str) -> None:
        """One more."""
        self.hits[phase] = self.hits.get(phase, 0) + 1

    @property
    def total(self) -> int:
        """All kills."""
        return sum(self.hits.values())

    def __str__(self) -> str:
        """How many there were, and of which phase."""
        return f"{self.total} kills: " + ", ".join(f"{count} {name}" for name, count in self.hits.items())


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
    survivors = Survivors(out)
    try:
        for phase in phases:
            hit = kill_in(phase, bench.run, out, draw)
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


def kill_in(phase: Phase, run: SmallRun, out: Path, draw: random.Random) -> bool:
    """Starts the run and kills it in a phase; false if it ended before."""
    folders = [out, out / "chunks", out / "measured", out / "tables"]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    with Watch(folders) as watch:
        running = run.program.start(*run.arguments(out))
        events = draw.randint(1, phase.most_events)
        reached = wait_for_events(watch, running, events, lambda event: phase.begins(out, event))
        if reached:
            time.sleep(draw.uniform(0, phase.within_s))
        running.send(signal.SIGKILL)
        ended = running.wait()
    expect(ended.code in {DONE, -signal.SIGKILL}, f"it ended with {ended.code} by itself: {ended.stderr}")
    return ended.code == -signal.SIGKILL and reached


def wait_for_events(watch: Watch, running: Running, count: int, wanted: Callable[[FileEvent], bool]) -> bool:
    """Waits for some of the wanted events; false if the process ended before."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        ended = running.has_ended()
        count -= sum(map(wanted, watch.events(0.05)))
        if count <= 0:
            return True
        if ended:
            return False
    return False


@case(
    "kill -9 while files are written: the next run leaves no half-written file behind",
    known="finding 7: they stay for ever, one for each kill",
)
def half_written_files(bench: Bench) -> None:
    """Chunks and parts of the report, at the moment in which their temporary files are made."""
    draw, out = random.Random(bench.seed), bench.folder / "run"
    written = [replace(phase, within_s=0.0) for phase in PHASES if phase.name in {"write", "report"}]
    for phase in written * 6:
        kill_in(phase, bench.run, out, draw)
    left = len(partial_files(out))
    expect_code(bench.run.run(out), DONE)
    bench.expect_same_results(out)
    names = [path.name for path in partial_files(out)]
    expect(
        not names, f"{len(names)} of {left} half-written files are there after the run has ended: {', '.join(names)}"
    )
    expect(left > 0, "no kill has left a half-written file: the case has shown nothing")
