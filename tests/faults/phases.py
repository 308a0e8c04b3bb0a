"""The phases of a run, told apart by the files that it makes, and `kill -9` in one of them."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from case import DONE, expect
from inotify import FileEvent, Kind, Watch
from program import PATIENCE_S, Running


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


PHASE = {phase.name: phase for phase in PHASES}


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


def kill_in(phase: Phase, start: Callable[[], Running], out: Path, draw: random.Random) -> bool:
    """Starts a process that works in a folder and kills it in a phase; false if it ended before."""
    with Watch(make_folders(out)) as watch:
        running = start()
        events = draw.randint(1, phase.most_events)
        reached = wait_for_events(watch, running, events, lambda event: phase.begins(out, event))
        if reached:
            time.sleep(draw.uniform(0, phase.within_s))
        running.send(signal.SIGKILL)
        ended = running.wait()
    expect(ended.code in {DONE, -signal.SIGKILL}, f"it ended with {ended.code} by itself: {ended.stderr}")
    return ended.code == -signal.SIGKILL and reached


def make_folders(out: Path) -> list[Path]:
    """The folders of a run, made so that they can be watched before it begins."""
    folders = [out, out / "chunks", out / "measured", out / "tables"]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    return folders


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
