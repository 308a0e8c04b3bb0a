"""`retally fetch` of a file from a server that a case has made, and what it leaves in the store."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from case import DONE, Bench, expect, expect_code, expect_failure
from program import Outcome, Program
from server import Answer, Behaviour, Request, Server, proper, serve

CONTENT = random.Random(0).randbytes(3_000_000)
OTHER = random.Random(1).randbytes(len(CONTENT))
HALF, MOST = len(CONTENT) // 2, len(CONTENT) * 99 // 100

MANIFEST = """
[[artifact]]
id = "file"
kind = "model"
sha256 = "{digest}"
bytes = {length}
licence = "none"
provenance = "Random bytes of a test."
sources = [{sources}]
"""


@dataclass(frozen=True)
class Fetched:
    """How a fetch ended, and what it left."""

    outcome: Outcome
    server: Server
    store: Path

    def expect_stored(self) -> None:
        """The right bytes are in the store, and nothing else."""
        expect_code(self.outcome, DONE)
        path = object_path(self.store)
        expect(path.is_file() and path.read_bytes() == CONTENT, "the stored file has other bytes")
        self.expect_no_parts()

    def expect_nothing_stored(self) -> None:
        """No wrong byte can be seen."""
        objects = [path for path in (self.store / "objects").rglob("*") if path.is_file()]
        expect(not objects, "something is in the store")

    def expect_no_parts(self) -> None:
        """Nothing half is left."""
        expect(not parts(self.store), f"parts are left: {parts(self.store)}")

    def expect_refused(self, code: int, *pieces: str) -> None:
        """It failed, said why and where from, and nothing is stored."""
        expect_failure(self.outcome, code, "cannot fetch artifact `file`", self.server.address, *pieces)
        self.expect_nothing_stored()


def object_path(store: Path) -> Path:
    """Where the right bytes belong."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    return store / "objects" / "sha256" / digest[:2] / digest[2:]


def parts(store: Path) -> list[str]:
    """Names of half files, without the tags beside them."""
    return [path.name for path in (store / "partial").glob("*") if path.suffix != ".tag"]


def fetch(bench: Bench, behaviour: Behaviour, *further_sources: str) -> Fetched:
    """`retally fetch` of a file from a server that behaves so, into the case's store, which is empty at first."""
    with serve(behaviour) as server:
        program, store = client(bench)
        outcome = program.run(*fetch_words(bench, server.address, *further_sources))
    return Fetched(outcome, server, store)


def client(bench: Bench, **variables: str) -> tuple[Program, Path]:
    """The program with the case's store."""
    store = bench.folder / "store"
    return bench.program.with_environment(RETALLY_HOME=str(store), **variables), store


def fetch_words(bench: Bench, *sources: str) -> tuple[str, ...]:
    """The words of the command, with a manifest that names the sources."""
    manifest = bench.folder / "manifest.toml"
    digest = hashlib.sha256(CONTENT).hexdigest()
    listed = ", ".join(f'"{source}"' for source in sources)
    manifest.write_text(MANIFEST.format(digest=digest, length=len(CONTENT), sources=listed), encoding="utf-8")
    return ("fetch", "file", "--manifest", str(manifest))


def at_first(broken: Answer | Callable[[Request], Answer]) -> Behaviour:
    """A server that is broken at the first request and proper afterwards."""

    def behave(request: Request) -> Answer:
        if request.number == 0:
            return broken(request) if callable(broken) else broken
        return properly(request)

    return behave


def properly(request: Request) -> Answer:
    """A server that does everything right."""
    return proper(CONTENT, request.offset)


def always(answer: Answer) -> Behaviour:
    """A server that never gives another answer."""
    return lambda _request: answer
