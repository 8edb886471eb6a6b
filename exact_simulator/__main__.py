"""`python -m exact_simulator`: makes the books, or opens those of a file, and serves them until SIGTERM."""

import argparse
import ctypes
import gc
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from exact_simulator.app import make_app
from exact_simulator.books import Books
from exact_simulator.clock import Clock
from exact_simulator.oauth import App
from exact_simulator.process import CLIENT_ID, CLIENT_SECRET, REDIRECT_URI
from exact_simulator.settings import STRICT, Settings
from exact_simulator.world import World

_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until told to end."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        _run(options)
    except ValueError as error:
        parser.error(str(error))


def _run(options: argparse.Namespace) -> None:
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    if options.die_with_parent:
        _die_with_parent(options.die_with_parent)
    clock = Clock(zone=options.zone)
    with tempfile.TemporaryDirectory(prefix="exact_simulator_") as folder:
        path = Path(options.data) if options.data else Path(folder) / "books.sqlite"
        tokens, limits = path.with_suffix(".tokens.json"), path.with_suffix(".limits.json")
        if options.forget:
            tokens.unlink(missing_ok=True)
            limits.unlink(missing_ok=True)
        world = World(
            settings=_settings(options),
            clock=clock,
            books=_books(options, path, clock),
            app=App(options.client_id, options.client_secret, options.redirect_uri),
            files=path.with_suffix(".files"),
            tokens_path=tokens,
        )
        if limits.exists():
            world.limits.restore(limits)
        _serve(world, host=options.host, port=options.port)
        world.books.close()
        world.limits.save(limits)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m exact_simulator", description="A server that plays Exact Online."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=0, help="0: a free one")
    add("--divisions", default="3", help="how many, or a list such as 100001,100002")
    add("--years", default="2022-2026", help="first and last financial year")
    add("--rows", type=int, default=1000, help="about how many transaction lines per division")
    add("--seed", type=int, default=1)
    add("--data", help="file that keeps the books; one that is there is used as it is")
    add("--forget", action="store_true", help="with --data: forget tokens given out and calls counted before")
    add("--zone", default="Europe/Amsterdam", help="the site's time zone")
    add("--minute-limit", type=int)
    add("--day-limit", type=int)
    add("--minute-seconds", type=float)
    add("--token-seconds", type=float)
    add("--strict", action="store_true", help="play the harder way of each point that nobody is sure of")
    add("--hostile", action="store_true", help="odd texts, and numbers at the edge, among the rows")
    add("--client-id", default=CLIENT_ID)
    add("--client-secret", default=CLIENT_SECRET)
    add("--redirect-uri", default=REDIRECT_URI)
    add("--die-with-parent", type=int, metavar="PID", help=argparse.SUPPRESS)
    return parser


def _settings(options: argparse.Namespace) -> Settings:
    names = ("minute_limit", "day_limit", "minute_seconds", "token_seconds")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    return Settings(**((STRICT if options.strict else {}) | given))


def _books(options: argparse.Namespace, path: Path, clock: Clock) -> Books:
    """Open the books of a file, or make them: under another name first, so that a file there is always whole."""
    if not path.exists():
        draft = path.with_suffix(".draft")
        for part in path.parent.glob(f"{draft.name}*"):
            part.unlink()
        first, _, last = options.years.partition("-")
        Books.create(
            path=draft,
            divisions=_divisions(options.divisions),
            first_year=int(first),
            last_year=int(last or first),
            rows=options.rows,
            seed=options.seed,
            now_ms=clock.local_ms,
            is_hostile=options.hostile,
        ).close()
        draft.replace(path)
    return Books.open(path=path, now_ms=clock.local_ms)


def _divisions(text: str) -> list[int]:
    """Read a number of divisions, or their codes. A single number of six digits is a code."""
    numbers = [int(piece) for piece in text.split(",")]
    if len(numbers) == 1 and numbers[0] < 100_000:
        return list(range(100_001, 100_001 + numbers[0]))
    return numbers


def _serve(world: World, *, host: str, port: int) -> None:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    config = uvicorn.Config(
        make_app(world),
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    # The facts and the routes stay: no need to look at them again and again.
    gc.collect()
    gc.freeze()
    server = uvicorn.Server(config)
    listener.listen(128)
    sys.stdout.write(f"exact_simulator listening on http://{host}:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server ends by itself on these, and then sends them once more.
        signal.signal(number, lambda _number, _frame: None)
    server.run(sockets=[listener])
    world.pool.shutdown(cancel_futures=True)


def _die_with_parent(parent: int) -> None:
    """Ask Linux to end this process when the one that started it ends, however that happens."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            sys.exit(0)


if __name__ == "__main__":
    main()
