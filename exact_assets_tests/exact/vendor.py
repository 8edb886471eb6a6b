"""A small HTTP server that gives the answers a test wrote, in order, and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int = 200
    body: bytes | Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    """Close the connection after so many bytes of the body."""
    pause_seconds: float | None = None
    """Between the bytes of the body, of which no length is told."""
    is_slow_to_begin: bool = False
    """The pauses are between the bytes of a header."""
    is_endless: bool = False
    """The body is sent again and again, without a length."""
    is_reset: bool = False
    """Close the connection without any answer."""


@dataclass(frozen=True)
class Asked:
    target: str
    headers: dict[str, str]
    method: str = "GET"
    body: bytes = b""


@dataclass
class Vendor:
    base_url: str
    replies: list[Reply | Callable[[], Reply]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    now: Callable[[], datetime] | None = None

    @property
    def targets(self) -> list[str]:
        return [asked.target for asked in self.asked]


def page(*rows: dict[str, Any], following: str | None = None, **headers: str) -> Reply:
    listing: dict[str, Any] = {"results": list(rows)}
    if following is not None:
        listing["__next"] = following
    return Reply(body={"d": listing}, headers=headers)


def error(status: int, text: str = "", **headers: str) -> Reply:
    body = {"error": {"code": "", "message": {"lang": "", "value": text}}}
    return Reply(status=status, body=body, headers=headers)


@contextmanager
def run_vendor() -> Iterator[Vendor]:
    vendor = Vendor("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(body)

        do_PUT = do_DELETE = do_POST  # noqa: N815 - the server looks for these names

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, body: bytes) -> None:
            vendor.asked.append(Asked(self.path, dict(self.headers), self.command, body))
            reply = vendor.replies.pop(0)
            answer(self, reply if isinstance(reply, Reply) else reply())

        def do_CONNECT(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

        def date_time_string(self, timestamp: float | None = None) -> str:
            if vendor.now is None:
                return super().date_time_string(timestamp)
            return format_datetime(vendor.now(), usegmt=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    vendor.base_url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield vendor
    finally:
        server.shutdown()
        server.server_close()


def answer_at_length(handler: BaseHTTPRequestHandler, reply: Reply, body: bytes) -> None:
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.flush_headers()
    if reply.is_slow_to_begin:
        handler.wfile.write(b"X-Slow: ")
        body = b"x" * 1_000
    else:
        handler.wfile.write(b"Connection: close\r\n\r\n")
    while True:
        for at in range(0, len(body), 1 if reply.pause_seconds else 2**16):
            handler.wfile.write(body[at : at + (1 if reply.pause_seconds else 2**16)])
            handler.wfile.flush()
            time.sleep(reply.pause_seconds or 0)
        if not reply.is_endless:
            return


def answer(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    if reply.is_reset:
        handler.close_connection = True
        handler.connection.close()
        return
    if reply.pause_seconds is not None or reply.is_endless:
        handler.close_connection = True
        with suppress(OSError):  # whoever asked has had enough
            answer_at_length(handler, reply, body)
        return
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body if reply.cut_at is None else body[: reply.cut_at])
    handler.wfile.flush()
    handler.close_connection = handler.close_connection or reply.cut_at is not None
