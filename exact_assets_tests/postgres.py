"""A real PostgreSQL server for a test: that at EXACT_TEST_PG_URL, or one made of the binaries on the PATH."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError

NOBODY = 65534
START_SECONDS = 60.0


@contextmanager
def postgres() -> Iterator[Engine]:
    """Return an engine for as long as the block lasts; without a server, the test is skipped."""
    url = os.environ.get("EXACT_TEST_PG_URL")
    if url is not None:
        yield create_engine(url)
        return
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("no PostgreSQL: neither EXACT_TEST_PG_URL nor initdb and postgres on the PATH")
    # Not below pytest's folder: a socket's path may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="exact-pg-"))
    try:
        with _server(folder) as engine:
            yield engine
    finally:
        shutil.rmtree(folder)


@contextmanager
def _server(folder: Path) -> Iterator[Engine]:
    # PostgreSQL refuses to run as root.
    user = NOBODY if os.geteuid() == 0 else os.geteuid()
    os.chown(folder, user, -1)
    data = str(folder / "data")
    making = ["initdb", "-D", data, "-U", "exact", "-A", "trust", "--locale=C", "--encoding=UTF8", "--no-sync"]
    subprocess.run(making, check=True, capture_output=True, user=user, cwd=folder)
    serving = ["postgres", "-D", data, "-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(serving, stdout=log, stderr=log, user=user, cwd=folder)
    try:
        engine = create_engine(f"postgresql+psycopg2://exact@/postgres?host={folder}")
        _wait(engine, process, folder / "log")
        yield engine
        engine.dispose()
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def _wait(engine: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            engine.connect().close()
        except OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(log.read_text()) from None
            time.sleep(0.1)
        else:
            return
