"""What happens to a shard between two chunks, and a program that ends as it is told; no time is a criterion."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from case import Failed, expect
from container import Image
from program import ENDED, run_in_slices, state_of, wait_for
from small_run import chunk_files

# Ends each call with the next code of `WISHES/SHARD`, or of `WISHES/merge`; with 0 when there is none left.
STAND_IN = """#!/bin/bash
shard=merge
if [ -n "${JOB_COMPLETION_INDEX:-}" ]; then shard=$JOB_COMPLETION_INDEX; fi
if [ "${RETALLY_STEP:-}" = shard ]; then shard=$SKYPILOT_JOB_RANK; fi
code=$(head -n 1 WISHES/"$shard" 2> /dev/null)
sed -i 1d WISHES/"$shard" 2> /dev/null
echo "$shard ended with ${code:-0}"
exit "${code:-0}"
"""


def hold_in_the_middle(pid: int, out: Path, what: str, said: Callable[[], str]) -> None:
    """Lets a process, the only one that runs, store one more chunk, and leaves it stopped with the next one begun."""
    before = len(chunk_files(out))
    held = run_in_slices(pid, lambda: len(chunk_files(out)) > before)
    expect(held, f"{what} ended before it had stored a chunk: {said()}")


def retally_under(pid: int, has_ended: Callable[[], bool], what: str, said: Callable[[], str]) -> int:
    """The process of retally that a script has started."""
    found: list[int] = []

    def look() -> bool:
        found.extend(child for child in children_of(pid) if command_of(child) == "retally")
        return bool(found) or has_ended()

    wait_for(look, f"{what} to start retally")
    if not found:
        raise Failed(f"{what} ended without retally: {said()}")
    return found[0]


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def command_of(pid: int) -> str:
    """The name of a process' program; empty if it has ended."""
    try:
        return "" if state_of(pid) in ENDED else Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def stand_in_for_retally(image: Image) -> None:
    """From now on the image's `retally` ends as `wish` says."""
    wishes(image).mkdir()
    image.add("retally", STAND_IN.replace("WISHES", shlex.quote(str(wishes(image)))))
    # Nobody waits in tests.
    image.add("sleep", "#!/bin/sh\n")


def wish(image: Image, shard: int | str, *codes: int) -> None:
    """How the processes of a shard end one after the other."""
    (wishes(image) / str(shard)).write_text("".join(f"{code}\n" for code in codes), encoding="utf-8")


def wishes(image: Image) -> Path:
    """Where the wishes are."""
    return image.folder / "wishes"
