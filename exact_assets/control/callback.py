"""Receives the browser on the loopback address of the redirect URI. Knows neither codes nor tokens.

Any page in any browser on the machine can call that address. What counts is what carries the state that only the
person who was sent to Exact has.
"""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from typing import Self, TextIO
from urllib.parse import parse_qs, urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PAGE = b"<!doctype html><title>exact-assets</title><p>Received. You can close this window.</p>"
NOT_IT = (
    b"<!doctype html><title>exact-assets</title><p>This is not the answer that <code>exact-assets connect</code> "
    b"waits for. If Exact sent you here just now, paste the address of this page into the terminal.</p>"
)
PASTED_NOT_IT = "That is not the address of the connection that was begun just now; still waiting."
MOST_FIELDS = 50
REQUEST_SECONDS = 10.0
"""Whoever connects and asks for nothing holds a thread no longer."""


@dataclass(frozen=True, slots=True)
class ReturnAddress:
    """The address that the user was sent back to."""

    url: str
    is_typed: bool
    """Whether a person gave it."""


def is_loopback(redirect_uri: str) -> bool:
    """Whether a browser on this machine comes back to this machine, without encryption."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


class Receiver:
    """Waits for the address that the user is sent back to: as a call to the redirect URI, or pasted.

    A context manager; on leaving it the port is free again.
    """

    def __init__(self, redirect_uri: str, *, complain: Callable[[str], object] = print) -> None:
        """Prepare; the port is opened on entering.

        Args:
            redirect_uri: as registered.
            complain: takes a sentence about an address that was pasted and is not the one.
        """
        self._redirect_uri = redirect_uri
        self._complain = complain
        self._state: str | None = None
        self._found: Queue[ReturnAddress | None] = Queue()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        """Open the port, where the redirect URI names one of this machine and it is free."""
        if is_loopback(self._redirect_uri):
            parts = urlsplit(self._redirect_uri)
            host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or "127.0.0.1"
            try:
                self._server = ThreadingHTTPServer((host, parts.port or 80), self._handler(parts.path or "/"))
            except OSError:
                return self
            threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the port."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    @property
    def is_listening(self) -> bool:
        """Whether the browser can come back here; else the address must be pasted."""
        return self._server is not None

    @property
    def address(self) -> str:
        """Where it listens on this machine: scheme, host and port."""
        if self._server is None:
            return ""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def expect(self, state: str) -> None:
        """Take from now on what carries this state."""
        self._state = state

    def read_from(self, lines: TextIO) -> None:
        """Take a pasted address too."""
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def wait(self, timeout_seconds: float) -> ReturnAddress | None:
        """Return the address; None where none came in time, or none can come."""
        try:
            return self._found.get(timeout=timeout_seconds)
        except Empty:
            return None

    def _read(self, lines: TextIO) -> None:
        for line in map(str.strip, lines):
            if line and self._may_be_pasted(line):
                self._found.put(ReturnAddress(line, is_typed=True))
                return
            if line:
                self._complain(PASTED_NOT_IT)
        if not self.is_listening:
            self._found.put(None)

    def _is_ours(self, query: str) -> bool:
        """Return whether a query carries the state."""
        state = self._state_in(query)
        return self._state is not None and state is not None and secrets.compare_digest(state, self._state)

    def _may_be_pasted(self, line: str) -> bool:
        """Return whether an address may be it: some sites drop the state, another's is another's."""
        query = line.partition("?")[2].partition("#")[0]
        return self._is_ours(query) or (self._state_in(query) is None and "code=" in query)

    @staticmethod
    def _state_in(query: str) -> str | None:
        # As ASCII: else they cannot be compared in constant time.
        found = parse_qs(query, max_num_fields=MOST_FIELDS).get("state", [None])[0]
        return None if found is None else ascii(found)[1:-1]

    def _handler(self, path: str) -> type[BaseHTTPRequestHandler]:
        found, origin, is_ours = self._found, self._redirect_uri.partition("?")[0], self._is_ours

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_SECONDS

            def do_GET(self) -> None:
                """Take the one address that is waited for; whatever else is asked is answered, and not counted."""
                asked, _, query = self.path.partition("?")
                is_here = (asked or "/") == path
                try:
                    is_answer = is_here and is_ours(query)
                except ValueError:  # more fields than anybody sends
                    is_answer = False
                self.send_response(200 if is_answer else 400 if is_here else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                if is_here:
                    self.wfile.write(PAGE if is_answer else NOT_IT)
                if is_answer:
                    found.put(ReturnAddress(f"{origin}?{query}", is_typed=False))

            def log_message(self, *_: object) -> None:
                """Log nothing: the address holds the code."""

        return Handler
