"""Fetching from servers that are slow, break off, lie, or send something else."""

from __future__ import annotations

import hashlib

from case import INVALID, TEMPORARY, Bench, case, expect, expect_failure, expect_said
from fetch_command import CONTENT, HALF, MOST, OTHER, Fetched, always, at_first, client, fetch, fetch_words, properly
from server import Answer, Request, proper, serve


@case("fetch: a proper server")
def proper_server(bench: Bench) -> None:
    """The undisturbed fetch that the others are compared with."""
    fetched = fetch(bench, properly)
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
    fetched = fetch(bench, properly)
    fetched.expect_stored()
    expect(fetched.server.requests[0].offset == MOST, "the next command began again")


@case(
    "fetch: a transfer that always dies at 99 %: it is said how much came and that it is kept",
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
    with serve(properly) as good:
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
    with serve(properly) as server:
        program, _ = client(bench)
        outcome = program.run(*fetch_words(bench, server.address), "--offline")
    expect_failure(outcome, INVALID, "the network is forbidden", "run `retally fetch file` where there is a network")
    expect(not server.requests, "it was asked")
