"""Receives the browser on the loopback address of the redirect URI. Knows neither codes nor tokens."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from typing import Self, TextIO
from urllib.parse import urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PAGE = b"<!doctype html><title>exact-assets</title><p>Received. You can close this window.</p>"


def is_loopback(redirect_uri: str) -> bool:
    """Whether a browser on this machine comes back to this machine, without encryption."""
    parts = urlsplit(redirect_uri)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


class Receiver:
    """Waits for the address that the user is sent back to: as a call to the redirect URI, or pasted.

    A context manager; on leaving it the port is free again.
    """

    def __init__(self, redirect_uri: str) -> None:
        """Prepare; the port is opened on entering."""
        self._redirect_uri = redirect_uri
        self._found: Queue[str | None] = Queue()
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

    def read_from(self, lines: TextIO) -> None:
        """Take a pasted address too."""
        threading.Thread(target=self._read, args=(lines,), daemon=True).start()

    def wait(self, timeout_seconds: float) -> str | None:
        """Return the address; None where none came in time, or none can come."""
        try:
            return self._found.get(timeout=timeout_seconds)
        except Empty:
            return None

    def _read(self, lines: TextIO) -> None:
        for line in lines:
            if line.strip():
                self._found.put(line.strip())
                return
        if not self.is_listening:
            self._found.put(None)

    def _handler(self, path: str) -> type[BaseHTTPRequestHandler]:
        found, origin = self._found, self._redirect_uri.partition("?")[0]

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Take the one address that is waited for; browsers ask for icons too."""
                parts = urlsplit(self.path)
                is_answer = (parts.path or "/") == path and bool(parts.query)
                self.send_response(200 if is_answer else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                if is_answer:
                    self.wfile.write(PAGE)
                    found.put(f"{origin}?{parts.query}")

            def log_message(self, *_: object) -> None:
                """Log nothing: the address holds the code."""

        return Handler
