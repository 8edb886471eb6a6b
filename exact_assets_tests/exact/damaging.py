"""A simulator behind a server that damages what it answers: headers and bodies as no simulator would make them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

HOP = frozenset({"connection", "content-length", "content-encoding", "transfer-encoding", "server"})


@dataclass(frozen=True, kw_only=True)
class Passed:
    """An answer on its way."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def with_header(self, name: str, value: str) -> "Passed":
        """Return it with another header in the place of those of a name."""
        others = tuple(one for one in self.headers if one[0].lower() != name.lower())
        return replace(self, headers=(*others, (name, value)))

    def with_body(self, body: bytes) -> "Passed":
        """Return it with another body."""
        return replace(self, body=body)

    @property
    def held(self) -> Any:
        """What `d` holds."""
        return json.loads(self.body)["d"]

    def holding(self, held: Any) -> "Passed":
        """Return it with something else in `d`."""
        return self.with_body(json.dumps({"d": held}).encode())


Damage = Callable[[Passed], Passed]


@dataclass
class Damaging:
    """The server, and what it does to which answers."""

    base_url: str
    damages: dict[str, Damage] = field(default_factory=dict)
    """By a part of the address."""
    asked: list[str] = field(default_factory=list)


@contextmanager
def damaging(site_url: str) -> Iterator[Damaging]:
    """Run a server in front of a site."""
    made = Damaging("")
    client = httpx.Client(base_url=site_url, timeout=60, follow_redirects=False)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._pass(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def do_GET(self) -> None:
            self._pass(b"")

        def _pass(self, content: bytes) -> None:
            made.asked.append(self.path)
            headers = {name: value for name, value in self.headers.items() if name.lower() not in {"host", *HOP}}
            came = client.request(self.command, self.path, headers=headers, content=content)
            own = made.base_url.encode()
            answer = Passed(
                status=came.status_code,
                headers=tuple((name, value) for name, value in came.headers.items() if name not in HOP),
                body=came.content.replace(site_url.encode(), own),
            )
            for part, damage in made.damages.items():
                if part in self.path:
                    answer = damage(answer)
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever asked has had enough of what was damaged."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.base_url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        client.close()
