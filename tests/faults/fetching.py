"""Fetching from servers that are slow, break off, lie, or send something else."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from case import DONE, INVALID, TEMPORARY, Bench, Skipped, case, expect, expect_code, expect_failure, expect_said
from certificates import make_certificate
from program import Outcome, Program
from server import Answer, Behaviour, Request, Server, address_in_the_network, proper, serve

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


def fetch(bench: Bench, behaviour: Behaviour, *further_sources: str, certificate: Path | None = None) -> Fetched:
    """`retally fetch` of a file from a server that behaves so, into an empty store."""
    with serve(behaviour, certificate) as server:
        sources = (server.address, *further_sources)
        program, store = client(bench)
        return Fetched(program.run(*fetch_words(bench, *sources)), server, store)


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
        return proper(CONTENT, request.offset)

    return behave


def always(answer: Answer) -> Behaviour:
    """A server that never gives another answer."""
    return lambda _request: answer


@case("fetch: a proper server")
def proper_server(bench: Bench) -> None:
    """The undisturbed fetch that the others are compared with."""
    fetched = fetch(bench, lambda request: proper(CONTENT, request.offset))
    fetched.expect_stored()
    expect(fetched.server.sent == len(CONTENT), "it was sent more than once")


@case("fetch: a slow server: waited for, exit 0")
def slow_server(bench: Bench) -> None:
    """Slices with pauses."""
    fetched = fetch(bench, always(Answer(200, CONTENT, pause_s=0.02)))
    fetched.expect_stored()
    expect(len(fetched.server.requests) == 1, "it was asked again")


@case("fetch: a connection that is reset: tried again from where it was, exit 0")
def reset_once(bench: Bench) -> None:
    """RST after half."""
    fetched = fetch(bench, at_first(Answer(200, CONTENT[:HALF], {"ETag": '"one"'}, len(CONTENT), 0.001, reset=True)))
    fetched.expect_stored()
    expect_said(fetched.outcome, "trying again")


@case("fetch: connections that are always reset: exit 3, the number of tries is said")
def reset_always(bench: Bench) -> None:
    """RST before the first byte."""
    fetched = fetch(bench, always(Answer(200, b"", length=len(CONTENT), reset=True)))
    fetched.expect_refused(TEMPORARY, "tried 5 times")


@case("fetch: a transfer that dies at 99 %: continued, not begun again, exit 0")
def dies_late(bench: Bench) -> None:
    """The last percent comes with the second request."""
    fetched = fetch(bench, at_first(Answer(200, CONTENT[:MOST], {"ETag": '"one"'}, len(CONTENT))))
    fetched.expect_stored()
    expect(fetched.server.requests[1].offset == MOST, f"it began again at {fetched.server.requests[1].offset}")


def never_the_last_percent(request: Request) -> Answer:
    """A server that announces everything and breaks off at 99 %, wherever it is asked to begin."""
    answer = proper(CONTENT, request.offset)
    return Answer(answer.status, CONTENT[request.offset : MOST], answer.headers, len(answer.body))


@case("fetch: a transfer that always dies at 99 %: exit 3, what came is kept, the next command continues")
def dies_late_always(bench: Bench) -> None:
    """The server lets nobody have the last percent, until it is another server."""
    fetch(bench, never_the_last_percent).expect_refused(TEMPORARY, "tried 5 times")
    fetched = fetch(bench, lambda request: proper(CONTENT, request.offset))
    fetched.expect_stored()
    expect(fetched.server.requests[0].offset == MOST, "the next command began again")


@case(
    "fetch: a transfer that always dies at 99 %: it is said how much came and that it is kept",
    known="finding 6: neither is said",
)
def dies_late_message(bench: Bench) -> None:
    """Otherwise nobody knows that another try is cheap."""
    fetched = fetch(bench, never_the_last_percent)
    fetched.expect_refused(TEMPORARY, f"{MOST} of {len(CONTENT)} bytes", "the same command continues")


@case("fetch: a server that announces too many or too few bytes: exit 2, both numbers are said, nothing is taken")
def wrong_length(bench: Bench) -> None:
    """Before the first byte of the body."""
    for content in (CONTENT + b"x", CONTENT[:-1]):
        fetched = fetch(bench, always(Answer(200, content)))
        fetched.expect_refused(INVALID, f"offers {len(content)} bytes, the manifest says {len(CONTENT)}")
        fetched.expect_no_parts()


@case("fetch: a body that is longer than the manifest says: cut off, exit 2, nothing is kept")
def endless(bench: Bench) -> None:
    """Without a length, so that only the bytes tell."""
    fetched = fetch(bench, always(Answer(200, CONTENT + CONTENT, unannounced=True)))
    fetched.expect_refused(INVALID, f"more than the {len(CONTENT)} bytes")
    fetched.expect_no_parts()


@case("fetch: a body that is shorter than announced, once: continued, exit 0")
def short_once(bench: Bench) -> None:
    """The announced length is right, the body ends early."""
    fetched = fetch(bench, at_first(Answer(200, CONTENT[:HALF], {"ETag": '"one"'}, len(CONTENT))))
    fetched.expect_stored()
    expect(fetched.server.requests[1].offset == HALF, "it began again")


@case("fetch: another file of the same length: exit 2, both digests are said, nothing is kept")
def another_file(bench: Bench) -> None:
    """What a mirror with an old version serves."""
    fetched = fetch(bench, lambda request: proper(OTHER, request.offset))
    digests = [hashlib.sha256(content).hexdigest() for content in (OTHER, CONTENT)]
    fetched.expect_refused(INVALID, "SHA-256", *digests, "the manifest says")
    fetched.expect_no_parts()


@case("fetch: a file that is exchanged while it is fetched: begun again, exit 0")
def exchanged(bench: Bench) -> None:
    """Half of the old file came before; the continued one has another digest, so it starts from its beginning."""

    def behave(request: Request) -> Answer:
        if request.number == 0:
            return Answer(200, OTHER[:HALF], length=len(OTHER))
        return proper(CONTENT, request.offset)

    fetched = fetch(bench, behave)
    fetched.expect_stored()
    expect_said(fetched.outcome, "starting from its beginning")


@case("fetch: another file first, the right one at the next source: exit 0, the first is named")
def next_source(bench: Bench) -> None:
    """Sources are tried in their order."""
    with serve(lambda request: proper(CONTENT, request.offset)) as good:
        fetched = fetch(bench, lambda request: proper(OTHER, request.offset), good.address)
        fetched.expect_stored()
        expect_said(fetched.outcome, fetched.server.address, "SHA-256")


@case("fetch: 404: exit 2, not tried again")
def not_found(bench: Bench) -> None:
    """No other answer is to be expected."""
    fetched = fetch(bench, always(Answer(404)))
    fetched.expect_refused(INVALID, "the server answered 404")
    expect(len(fetched.server.requests) == 1, "it was asked again")


@case("fetch: 500 twice, then right: exit 0")
def server_error(bench: Bench) -> None:
    """A server that comes back."""
    fetched = fetch(bench, lambda request: Answer(500) if request.number < 2 else proper(CONTENT, request.offset))
    fetched.expect_stored()
    expect(len(fetched.server.requests) == 3, f"{len(fetched.server.requests)} requests")


@case("fetch: always 500: exit 3, the number of tries is said")
def server_error_always(bench: Bench) -> None:
    """A server that does not come back."""
    fetch(bench, always(Answer(500))).expect_refused(TEMPORARY, "the server answered 500", "tried 5 times")


@case("fetch: 429 with a time to wait: waited for, exit 0")
def too_many(bench: Bench) -> None:
    """A second instead of the own pause."""
    fetch(bench, at_first(Answer(429, headers={"Retry-After": "1"}))).expect_stored()


@case("fetch: a redirect to http on another machine: exit 2, the address is said, nobody there is asked")
def redirect_to_http(bench: Bench) -> None:
    """The address is reserved for documentation: nobody answers there."""
    fetched = fetch(bench, always(Answer(302, headers={"Location": "http://198.51.100.1/file"})))
    fetched.expect_refused(INVALID, "redirects to `http://198.51.100.1/file`, which is not https")
    expect(len(fetched.server.requests) == 1, "it was asked again")


@case("fetch: a server without a connection: exit 3")
def unreachable(bench: Bench) -> None:
    """Nobody listens any more."""
    with serve(always(Answer(500))) as server:
        address = server.address
    program, store = client(bench)
    outcome = program.run(*fetch_words(bench, address))
    Fetched(outcome, server, store).expect_refused(TEMPORARY, "tried 5 times")


@case("fetch: --offline asks nobody: exit 2, and says how to get the file")
def offline(bench: Bench) -> None:
    """The server would be proper."""
    with serve(lambda request: proper(CONTENT, request.offset)) as server:
        program, _ = client(bench)
        outcome = program.run(*fetch_words(bench, server.address), "--offline")
    expect_failure(outcome, INVALID, "the network is forbidden", "run `retally fetch file` where there is a network")
    expect(not server.requests, "it was asked")


@case("fetch over https: a proper server whose authority is known: exit 0")
def https_server(bench: Bench) -> None:
    """The authority is named by SSL_CERT_FILE."""
    authority, certificate = make_certificate(bench.folder)
    with serve(lambda request: proper(CONTENT, request.offset), certificate) as server:
        program, store = client(bench, SSL_CERT_FILE=str(authority))
        Fetched(program.run(*fetch_words(bench, server.address)), server, store).expect_stored()


@case("fetch over https: a redirect to http: exit 2, the address is said, nobody there is asked")
def https_to_http(bench: Bench) -> None:
    """From another machine's address to this machine, where http would be allowed for a source of its own."""
    host = address_in_the_network()
    if host is None:
        raise Skipped("this machine has no address but the loopback one")
    authority, certificate = make_certificate(bench.folder, host)
    with serve(lambda request: proper(CONTENT, request.offset)) as plain:
        redirect = always(Answer(302, headers={"Location": plain.address}))
        with serve(redirect, certificate, host) as server:
            program, store = client(bench, SSL_CERT_FILE=str(authority))
            fetched = Fetched(program.run(*fetch_words(bench, server.address)), server, store)
            fetched.expect_refused(INVALID, f"redirects to `{plain.address}`, which is not https")
        expect(not plain.requests, "the plain server was asked")


@case("fetch over https: a certificate of an unknown authority: exit 3, the reason is said, nothing is taken")
def unknown_authority(bench: Bench) -> None:
    """Nobody told the client of it."""
    _, certificate = make_certificate(bench.folder)
    with serve(lambda request: proper(CONTENT, request.offset), certificate) as server:
        program, store = client(bench)
        fetched = Fetched(program.run(*fetch_words(bench, server.address)), server, store)
    fetched.expect_refused(TEMPORARY, "invalid peer certificate: UnknownIssuer")
    expect(not server.requests, "it has asked for the file")
