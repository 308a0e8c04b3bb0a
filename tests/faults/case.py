"""What a case is, what it may use, and how it says that something does not hold."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from program import Outcome, Program
from small_run import SmallRun, results

# Exit codes of the design.
DONE, OUTSIDE, INVALID, TEMPORARY, INCOMPLETE = 0, 1, 2, 3, 4


class Failed(Exception):
    """Something that must hold does not."""


class Skipped(Exception):
    """The case cannot be had here, and why."""


@dataclass(frozen=True)
class Bench:
    """What a case works with."""

    folder: Path
    """Empty, of this case alone, removed afterwards."""
    run: SmallRun
    """A run whose artifacts are all in a store that no case may damage."""
    reference: Path
    """A run that nothing has disturbed."""
    seed: int
    kills: int

    @property
    def program(self) -> Program:
        """The binary."""
        return self.run.program

    def with_own_store(self, home: Path) -> SmallRun:
        """The same run with a copy of the store that the case may damage or fill."""
        store = Path(self.program.environment["RETALLY_HOME"])
        shutil.copytree(store / "objects", home / "objects")
        return replace(self.run, program=self.program.with_environment(RETALLY_HOME=str(home)))

    def expect_same_results(self, out: Path) -> None:
        """A finished run has the files of the undisturbed one, to the byte, and no other."""
        wanted, found = results(self.reference), results(out)
        expect(found.get("measurements.json") == wanted["measurements.json"], "`measurements.json` has other bytes")
        different = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        expect(not different, f"these files are not what the undisturbed run wrote: {', '.join(different)}")


@dataclass(frozen=True)
class Case:
    """One fault."""

    name: str
    check: Callable[[Bench], str | None]
    needs_root: bool
    known: str


CASES: list[Case] = []


def case(
    name: str, *, needs_root: bool = False, known: str = ""
) -> Callable[[Callable[[Bench], str | None]], Callable[[Bench], str | None]]:
    """Registers a case. What it returns is said beside `ok`. `known` names a defect of the program that it shows."""

    def register(check: Callable[[Bench], str | None]) -> Callable[[Bench], str | None]:
        CASES.append(Case(name, check, needs_root, known))
        return check

    return register


def is_root() -> bool:
    """Whether mounts can be made."""
    return os.geteuid() == 0


def expect(holds: bool, otherwise: str) -> None:
    """Fails with a message."""
    if not holds:
        raise Failed(otherwise)


def expect_code(outcome: Outcome, *codes: int) -> None:
    """It ended with one of these codes, and a word on standard error if that is not 0."""
    wanted = " or ".join(map(str, codes))
    expect(outcome.code in codes, f"exit code {outcome.code}, expected {wanted}: {outcome.stderr.strip() or 'no word'}")


def expect_said(outcome: Outcome, *pieces: str) -> None:
    """Standard error says all of this, wherever its lines are broken."""
    text = flat(outcome.stderr)
    missing = [piece for piece in pieces if flat(piece) not in text]
    expect(not missing, f"it does not say {', '.join(map(repr, missing))}: {outcome.stderr.strip()}")
    expect("panicked" not in outcome.stderr, f"it panicked: {outcome.stderr.strip()}")


def expect_failure(outcome: Outcome, code: int, *pieces: str) -> None:
    """It failed with this code and said all of this."""
    expect_code(outcome, code)
    expect_said(outcome, *pieces)


def flat(text: str) -> str:
    """A text without its line breaks and frames: long messages are wrapped for a terminal."""
    return re.sub(r"[\s│×╰─▶]+", "", text)
