"""A command of the release binary, watched from outside: its memory and its open files, as the kernel counts them."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# How often the kernel is asked. What a process gains in its last pause before its end is not seen.
PAUSE_S = 0.01
# A peak that has stood for so long is taken for the peak of a command that is not waited for. Processor time: on a machine that does
# something else, a process may stand still for minutes.
STILL_S = 10.0
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class CommandFailed(Exception):
    """A command that ended otherwise than it must."""


@dataclass(frozen=True)
class Watched:
    """What was seen of a process."""

    peak: int
    """Most resident bytes (VmHWM: the kernel's own high-water mark)."""
    anonymous: int
    """Most resident bytes that are in no file (RssAnon, sampled)."""
    files: int
    """Most entries of /proc/PID/fd."""
    wall_s: float
    processor_s: float
    ended: bool
    """Whether it came to its end; otherwise it was stopped when its memory had stood still."""


@dataclass
class Marks:
    """High-water marks so far."""

    peak: int = 0
    anonymous: int = 0
    files: int = 0
    processor_s: float = 0.0
    grown: int = 0
    grown_s: float = 0.0
    """Its peak and its processor time when it was last larger by a hundredth than the time before."""

    def look(self, pid: int) -> None:
        """Looks once."""
        # It may end between two looks, or within one.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, KeyError):
            self.files = max(self.files, len(os.listdir(f"/proc/{pid}/fd")))
            status = status_of(pid)
            self.peak = max(self.peak, status["VmHWM"])
            self.anonymous = max(self.anonymous, status["RssAnon"])
            self.processor_s = processor_seconds(pid)
        if self.peak > self.grown * 1.01:
            self.grown, self.grown_s = self.peak, self.processor_s


def status_of(pid: int) -> dict[str, int]:
    """The sizes in /proc/PID/status, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    fields = (line.split() for line in lines)
    return {field[0].rstrip(":"): int(field[1]) * 1024 for field in fields if field[-1] == "kB"}


def processor_seconds(pid: int) -> float:
    """User and system time of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def watch(command: list[str], environment: Mapping[str, str], codes: tuple[int, ...], patience_s: float) -> Watched:
    """Runs a command to its end, or, once it has had so much processor time, until its memory has stood still.

    `codes` are the exit codes that it may have.
    """
    with tempfile.TemporaryFile() as errors:
        begin, before = time.monotonic(), children_seconds()
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
        prefer_for_killing(process.pid)
        marks = Marks()
        try:
            while process.poll() is None:
                marks.look(process.pid)
                if marks.processor_s > max(patience_s, marks.grown_s + STILL_S):
                    break
                time.sleep(PAUSE_S)
        finally:
            ended = process.poll() is not None
            process.kill()
            process.wait()
        if ended and process.returncode not in codes:
            errors.seek(0)
            said = errors.read().decode("utf-8", errors="replace").strip()[-2000:]
            raise CommandFailed(f"exit code {process.returncode}, expected {codes}: {' '.join(command)}: {said}")
        taken = children_seconds() - before
        return Watched(marks.peak, marks.anonymous, marks.files, time.monotonic() - begin, taken, ended)


def children_seconds() -> float:
    """Processor time of all processes that have been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def prefer_for_killing(pid: int) -> None:
    """If memory runs out, the kernel takes this process and none of another user of the machine."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000", encoding="utf-8")


def available() -> int:
    """Bytes of memory that the kernel would give."""
    lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    fields = {line.split(":")[0]: line.split(":")[1] for line in lines}
    return int(fields["MemAvailable"].split()[0]) * 1024
