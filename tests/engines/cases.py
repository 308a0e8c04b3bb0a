"""What a case is and what it works with; one line for each, as in `tests/faults`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path.extend([str(TESTS / "process"), str(TESTS / "faults")])

from case import Failed, Skipped, expect, flat
from container import Image
from program import ProcessError, Program
from small_run import SmallRun, chunk_files, results

SUITE = "starter"
# More than run at once, and two models between them, so that a shard may have chunks of both.
SHARDS = 5
# A laptop's two cores: whatever a file allows, no more processes than this run at once.
AT_ONCE = 2
# 64 chunks: with five shards each has twelve or thirteen. Three at most are in flight when one is stopped, and a runner that has to
# wait for a processor stops it a few chunks later.
LIMIT = 1024


@dataclass(frozen=True)
class JobFile:
    """What `retally plan` has printed."""

    text: str
    commands: tuple[str, ...]

    def with_text(self, old: str, new: str) -> JobFile:
        """The same with a mistake in it. The place must be there, or the case that expects the mistake to be seen proves nothing."""
        expect(self.text.count(old) >= 1, f"the printed file has no `{old}`, which the case wants to spoil")
        return replace(self, text=self.text.replace(old, new))


@dataclass(frozen=True)
class Bench:
    """What a case works with."""

    folder: Path
    """Empty, of this case alone, removed afterwards."""
    run: SmallRun
    """A run whose artifacts are all in a filled store that no case may change."""
    reference: Path
    """The same without shards."""
    torchrun: Path | None
    """The real one."""

    @property
    def program(self) -> Program:
        """The binary."""
        return self.run.program

    @property
    def store(self) -> Path:
        """The filled store."""
        return Path(self.program.environment["RETALLY_HOME"])

    def image(self) -> Image:
        """A container image that has the binary."""
        return Image.build(self.folder / "image", self.program.binary)

    def plan(self, form: str, *words: str, run: SmallRun | None = None, at: Path | None = None) -> JobFile:
        """The job file that the program prints, with the commands that it says to give; `at` is where it is asked for."""
        own = (run or self.run).arguments(Path("unused"))
        out = own.index("--out")
        chosen = [*own[own.index(SUITE) + 1 : out], *own[out + 2 :]]
        given = ["plan", SUITE, "--format", form, "--shards", str(SHARDS), "--threads", "1", *words, *chosen, "--json"]
        ended = self.program.run(*given, cwd=at)
        expect(ended.code == 0, f"`retally plan --format {form}` ended with {ended.code}: {ended.stderr}")
        document = json.loads(ended.stdout)
        return JobFile(document["file"]["text"], tuple(document["commands"]))

    def expect_same_results(self, out: Path, besides: frozenset[str] = frozenset()) -> str:
        """A merged run has the files of the run without shards, to the byte, and no others but these; how many they are."""
        found = {name: content for name, content in results(out).items() if name not in besides}
        expect_same(results(self.reference), found)
        expect(len(chunk_files(out)) == self.run.chunk_count(), "there are more or fewer chunks than the run has")
        return f"{len(found)} files are the same bytes"


def expect_same(wanted: dict[str, bytes], found: dict[str, bytes]) -> None:
    """The same names, and the same bytes under each."""
    expect("measurements.json" in wanted, "the run without shards has no `measurements.json`: nothing would be compared")
    different = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    expect(not different, f"these files are not what the run without shards wrote: {', '.join(different)}")


def expect_codes(what: str, found: list[int], wanted: list[int]) -> None:
    """The exit codes of one shard's processes, in order."""
    expect(found == wanted, f"{what} ended with {found}, expected {wanted}")


@dataclass(frozen=True)
class Case:
    """One thing that must hold."""

    name: str
    check: Callable[[Bench], str]


CASES: list[Case] = []


def case(name: str) -> Callable[[Callable[[Bench], str]], Callable[[Bench], str]]:
    """Registers a case. What it returns is said beside `ok`."""

    def register(check: Callable[[Bench], str]) -> Callable[[Bench], str]:
        CASES.append(Case(name, check))
        return check

    return register


def expect_noticed(check: Callable[[], object], *pieces: str) -> str:
    """Something that is wrong on purpose is found, and for the right reason; the reason."""
    try:
        check()
    except Failed as error:
        said = str(error)
        # Long messages of the program are wrapped for a terminal.
        missing = [piece for piece in pieces if flat(piece) not in flat(said)]
        expect(not missing, f"it was noticed for another reason than {missing}: {said}")
        return " ".join(said.split())[:160]
    raise Failed("the mistake was not noticed: this test could not fail")


def run_one(chosen: Case, bench: Bench) -> str:
    """Runs a case in a folder of its own and prints its line; how it ended."""
    end, word = attempt(chosen, bench)
    print(f"{end}: {chosen.name}{': ' + ' '.join(word.split()) if word else ''}", flush=True)
    return end


def attempt(chosen: Case, bench: Bench) -> tuple[str, str]:
    """How a case ended, and what it has to say."""
    try:
        with tempfile.TemporaryDirectory(prefix="case-", dir=bench.folder) as folder:
            return "ok", chosen.check(replace(bench, folder=Path(folder)))
    except Skipped as reason:
        return "skipped", str(reason)
    except (Failed, ProcessError, OSError) as error:
        return "FAILED", str(error)
    except Exception as error:  # A mistake in a case must not hide the cases that follow.
        return "FAILED", f"the case itself is wrong: {error!r}"
