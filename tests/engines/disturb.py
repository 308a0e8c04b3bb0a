"""What happens to a shard between two chunks; no time is a criterion."""

from __future__ import annotations

from pathlib import Path

from case import expect
from program import run_in_slices
from small_run import chunk_files

# Ends each call as its file says, once a line: `wishes/SHARD` or `wishes/merge`; 0 when there is no line left.
STAND_IN = """#!/bin/bash
shard=merge
if [ -n "${JOB_COMPLETION_INDEX:-}" ]; then shard=$JOB_COMPLETION_INDEX; fi
if [ -n "${SKYPILOT_JOB_RANK:-}" ] && [ "${RETALLY_STEP:-}" = shard ]; then shard=$SKYPILOT_JOB_RANK; fi
wishes=${HOME:?}/wishes/$shard
code=$(head -n 1 "$wishes" 2> /dev/null)
sed -i 1d "$wishes" 2> /dev/null
echo "$shard: ${code:-0}"
exit "${code:-0}"
"""


def hold_in_the_middle(pid: int, out: Path, what: str) -> None:
    """Lets a process, the only one that runs, store one more chunk, and leaves it stopped with the next one begun."""
    before = len(chunk_files(out))
    held = run_in_slices(pid, lambda: len(chunk_files(out)) > before)
    expect(held, f"{what} ended before it had stored a chunk")


def wish(home: Path, shard: int | str, *codes: int) -> None:
    """How the processes of a shard end one after the other, with `STAND_IN` for retally."""
    folder = home / "wishes"
    folder.mkdir(exist_ok=True)
    (folder / str(shard)).write_text("".join(f"{code}\n" for code in codes), encoding="utf-8")
