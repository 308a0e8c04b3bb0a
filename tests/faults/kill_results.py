"""What must be left of a run that was killed, and what may be computed once more."""

from __future__ import annotations

import re
from pathlib import Path

from case import expect
from program import Outcome
from small_run import FileMark, SmallRun, chunk_files, chunk_marks, chunks_of_models

COMPUTED = re.compile(r"^(.+): (\d+)/\2 images in ", re.MULTILINE)


class Survivors:
    """The whole chunk files that were there after each kill."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.marks: dict[str, FileMark] = {}

    def look(self) -> None:
        """After a kill: what was there before is there as it was."""
        self.check()
        self.marks = chunk_marks(self.out)

    def check(self) -> None:
        """No chunk has gone, and none was written again."""
        now = chunk_marks(self.out)
        lost = sorted(name for name, mark in self.marks.items() if now.get(name) != mark)
        expect(not lost, f"{len(lost)} finished chunks are gone or were computed again: {', '.join(lost)}")


def expect_nothing_lost(survivors: Survivors, ended: Outcome) -> None:
    """Every chunk that was whole at a kill is used as it was."""
    survivors.check()
    expect("damaged" not in ended.stderr, f"a kill has left a damaged file: {ended.stderr.strip()}")


def expect_only_missing_were_computed(survivors: Survivors, run: SmallRun, reference: Path, ended: Outcome) -> None:
    """The last process computed as many images as the chunks have that were not there."""
    missing = 0
    for names in chunks_of_models(reference).values():
        sizes = zip(names, run.chunk_sizes(), strict=True)
        missing += sum(size for name, size in sizes if f"{name}.safetensors" not in survivors.marks)
    computed = sum(int(count) for _, count in COMPUTED.findall(ended.stderr))
    expect(computed == missing, f"{computed} images were computed, {missing} were missing: {ended.stderr.strip()}")
    expect(len(chunk_files(survivors.out)) == run.chunk_count(), "there are more or fewer chunks than the run has")
