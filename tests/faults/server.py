"""A web server on loopback whose every answer a case decides, byte by byte."""

from __future__ import annotations

import contextlib
import http.server
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SLICE = 16 * 1024


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    number: int
    """0 for the first one of the server."""
    offset: int
    """First byte that is asked for; 0 without a range."""


@dataclass(frozen=True)
class Answer:
    """What a server says. A broken one sends less than it promises, and may reset the connection."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    """What is promised, if it is not the body's length."""
    pause_s: float = 0.0
    """Between slices."""
    reset: bool = False
    """The connection ends with RST instead of FIN."""
    unannounced: bool = False
    """Without a length: the end of the connection is the end of the body."""


Behaviour = Callable[[Request], Answer]


def address_in_the_network() -> str | None:
    """An address of this machine that is not a loopback one, if it has any. Nothing is sent."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        address = str(probe.getsockname()[0])
        return None if address.startswith("127.") else address
    return None


def proper(content: bytes, offset: int, tag: str = '"one"') -> Answer:
    """The whole file, or its rest with 206."""
    headers = {"ETag": tag}
    if offset == 0:
        return Answer(200, content, headers)
    headers["Content-Range"] = f"bytes {offset}-{len(content) - 1}/{len(content)}"
    return Answer(206, content[offset:], headers)


@dataclass
class Server:
    """A running server: its address and what it was asked."""

    address: str
    requests: list[Request] = field(default_factory=list)
    sent: int = 0
    """Bytes of bodies."""


@contextlib.contextmanager
def serve(behaviour: Behaviour, certificate: Path | None = None, host: str = "127.0.0.1") -> Iterator[Server]:
    """Answers until the case ends; with TLS if there is a certificate (with its key in the same file)."""
    handler = type("Handler", (AnsweringHandler,), {"behaviour": staticmethod(behaviour)})
    with QuietServer((host, 0), handler) as listener:
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            listener.socket = context.wrap_socket(listener.socket, server_side=True)
            scheme = "https"
        listener.log = Server(f"{scheme}://{host}:{listener.server_address[1]}/file")
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield listener.log
        finally:
            listener.shutdown()
            thread.join()


class QuietServer(http.server.ThreadingHTTPServer):
    """A client that goes away, or that is killed, is no news."""

    daemon_threads = True
    block_on_close = False
    log: Server

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing."""


class AnsweringHandler(http.server.BaseHTTPRequestHandler):
    """Gives the answer of a behaviour."""

    behaviour: Behaviour
    server: QuietServer

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        """Answers one request, and closes the connection."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        log = self.server.log
        request = Request(len(log.requests), int(asked[1]) if asked else 0)
        log.requests.append(request)
        answer = self.behaviour(request)
        self._send_head(answer)
        self._send_body(answer, log)
        if answer.reset:
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _send_head(self, answer: Answer) -> None:
        self.close_connection = True
        self.send_response(answer.status)
        self.send_header("Connection", "close")
        if not answer.unannounced:
            length = len(answer.body) if answer.length is None else answer.length
            self.send_header("Content-Length", str(length))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_body(self, answer: Answer, log: Server) -> None:
        pause = threading.Event()
        for start in range(0, len(answer.body), SLICE):
            piece = answer.body[start : start + SLICE]
            self.wfile.write(piece)
            log.sent += len(piece)
            if answer.pause_s:
                pause.wait(answer.pause_s)
