"""The PostgreSQL of a whole test session: that at EXACT_TEST_PG_URL, or a server made of binaries that are at hand.

The first test that needs one starts it, in whichever worker of pytest-xdist it runs; all others use the same. A
guard, which is a process of its own, ends it by its process id once pytest has ended, however that came about.
"""

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from filelock import FileLock
from psycopg import sql

from exact_assets.demo.database import make_cluster, serving, url_of_server

SERVER_URL = "EXACT_TEST_PG_URL"
FOLDER = "EXACT_TEST_PG_FOLDER"
"""Where the session's server is or will be: set by pytest's first process, read by its workers."""
START_SECONDS = 60.0
POLL_SECONDS = 0.05
OR_ELSE = (
    f"Or set {SERVER_URL}=postgresql://user:password@host/database to a server on which databases may be made."
)
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "256MB",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "max_prepared_transactions": "10",
}
"""Nothing that outlives a crash of the machine."""
_KEPT: list[ExitStack] = []


@contextmanager
def session() -> Iterator[None]:
    """Choose the folder of the session's server, for pytest's first process; end afterwards what was started."""
    if FOLDER in os.environ:
        yield
        return
    # Not below pytest's folder: a socket's path may have 107 characters.
    folder = Path(os.environ.setdefault(FOLDER, tempfile.mkdtemp(prefix="exact-pg-")))
    (folder / "session.pid").write_text(str(os.getpid()))
    try:
        yield
    finally:
        os.environ.pop(FOLDER)
        if (folder / "guard.pid").exists():
            os.kill(int((folder / "guard.pid").read_text()), signal.SIGTERM)
            _wait(lambda: not folder.exists(), what="the server of the tests has not ended")
        shutil.rmtree(folder, ignore_errors=True)


def server_url() -> str:
    """Return the address of the session's server, which is started if need be."""
    if url := os.environ.get(SERVER_URL):
        return url
    folder = Path(os.environ[FOLDER])
    with FileLock(folder / "start.lock"):
        if not (folder / "ready").exists():
            _start(folder)
    return url_of_server(folder)


@contextmanager
def database() -> Iterator[str]:
    """Return the URL of an empty database, for as long as the block lasts."""
    name = f"exact_test_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(server_url(), autocommit=True) as server:
        server.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
        )
        try:
            yield url_of(server_url(), name)
        finally:
            # A server of the session's own may have ended before its workers.
            with suppress(psycopg.OperationalError):
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@cache
def lasting_database() -> str:
    """Return the URL of a database of this process's own, which stays as long as that."""
    kept = ExitStack()
    url = kept.enter_context(database())
    if SERVER_URL in os.environ:
        atexit.register(kept.close)
    _KEPT.append(kept)
    return url


def url_of(server: str, database_name: str) -> str:
    """Return the URL of another database on a server."""
    parts = urlsplit(server)
    return urlunsplit(parts._replace(path=f"/{database_name}"))


def _start(folder: Path) -> None:
    """Start the guard, and wait until its server answers."""
    with (folder / "guard.log").open("wb") as log:
        guard = subprocess.Popen(
            [sys.executable, "-m", __spec__.name, str(folder)],
            stdout=log,
            stderr=log,
            cwd=Path(__file__).parents[1],
            start_new_session=True,
        )

    def is_ready() -> bool:
        assert guard.poll() is None, (folder / "guard.log").read_text() + OR_ELSE
        return (folder / "ready").exists()

    _wait(is_ready, what="the server of the tests does not start")


def _wait(is_done: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_done():
        assert time.monotonic() < deadline, what
        time.sleep(POLL_SECONDS)


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


def guard(folder: Path) -> None:
    """Serve until the session ends or says so; then remove the folder."""
    session_id = int((folder / "session.pid").read_text())
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    (folder / "guard.pid").write_text(str(os.getpid()))
    try:
        make_cluster(folder)
        with serving(folder, **SETTINGS) as process:
            (folder / "ready").touch()
            while _is_alive(session_id) and process.poll() is None and not told.wait(0.2):
                pass
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    guard(Path(sys.argv[1]))
