"""Fetching over https, with a certificate authority of the case's own."""

from __future__ import annotations

from case import INVALID, TEMPORARY, Bench, Skipped, case, expect
from certificates import make_certificate
from fetch_command import Fetched, always, client, fetch_words, properly
from server import Answer, address_in_the_network, serve


@case("fetch over https: a proper server whose authority is known: exit 0")
def https_server(bench: Bench) -> None:
    """The authority is named by SSL_CERT_FILE."""
    authority, certificate = make_certificate(bench.folder)
    with serve(properly, certificate) as server:
        program, store = client(bench, SSL_CERT_FILE=str(authority))
        Fetched(program.run(*fetch_words(bench, server.address)), server, store).expect_stored()


@case("fetch over https: a redirect to http: exit 2, the address is said, nobody there is asked")
def https_to_http(bench: Bench) -> None:
    """From another machine's address to this machine, where http would be allowed for a source of its own."""
    host = address_in_the_network()
    if host is None:
        raise Skipped("this machine has no address but the loopback one")
    authority, certificate = make_certificate(bench.folder, host)
    with serve(properly) as plain:
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
    with serve(properly, certificate) as server:
        program, store = client(bench)
        fetched = Fetched(program.run(*fetch_words(bench, server.address)), server, store)
    fetched.expect_refused(TEMPORARY, "invalid peer certificate: UnknownIssuer")
    expect(not server.requests, "it has asked for the file")
