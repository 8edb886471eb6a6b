"""A control store that is an SQLite file: its engines, transactions and place. The default, on one machine.

Each transaction takes the write lock at its start: reading first and writing later would let two processes decide
on the same state.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from exact_assets import disk
from exact_assets.control.file_locks import FileLocks
from exact_assets.control.marks import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    check_store,
    is_open_here,
    note_open,
    opening,
)
from exact_assets.control.room import reserved
from exact_assets.control.tables import METADATA
from exact_assets.errors import ControlError, SettingsError

BUSY_TIMEOUT_SECONDS = 30
_engines: dict[tuple[Path, bool], sa.Engine] = {}
"""Of this process, by file and durability; those of a file that is gone are closed."""


class SQLiteDatabase:
    """Implements `database.Database`."""

    def __init__(self, url: str) -> None:
        """Read `sqlite:///path`; of a symbolic link, the file counts that it leads to: that has locks and log.

        Raises:
            SettingsError: it is none.
        """
        parsed = make_url(url)
        if not parsed.database or parsed.database == ":memory:":
            raise SettingsError("EXACT_CONTROL_URL: expected sqlite:///path, with the path of a file")
        path = Path(parsed.database).expanduser().absolute()
        self.path = path if disk.dangling_link(path) else path.resolve()

    def __str__(self) -> str:
        """Return the file."""
        return str(self.path)

    @property
    def locks(self) -> FileLocks:
        """Files beside it."""
        return FileLocks(self.path)

    @property
    def key_folder(self) -> Path:
        """Where it is."""
        return self.path.parent

    @property
    def is_there(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def engine(self, *, is_durable: bool) -> sa.Engine:
        """Open it, creating what is missing."""
        with opening:
            if not is_open_here(self.path):
                # Another file stands in the place of the one that we had open, or none.
                for key in [key for key in _engines if key[0] == self.path]:
                    _engines.pop(key).dispose()
            if (self.path, is_durable) not in _engines:
                _engines[self.path, is_durable] = _open(self.path, is_durable)
                note_open(self.path)
            return _engines[self.path, is_durable]

    def obstacle(self) -> str | None:
        """Look at the file, its folder and its disk."""
        return disk.obstacle(self.path)

    def reserved(self) -> AbstractContextManager[None]:
        """Hold room on its disk."""
        return reserved(self.path)


@contextmanager
def begun(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Hold the write lock for a block, and commit at its end.

    Raises:
        ControlError: the database cannot be read or written, or is not at its place any more.
    """
    if not is_open_here(Path(engine.url.database or "")):
        raise ControlError(
            f"The control store {engine.url.database} was moved, removed or replaced while it was in use. What is "
            "there now is used by what starts from now on: put the old one back, or connect again."
        )
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.DBAPIError as error:
        raise ControlError(
            f"The control database {engine.url.database} cannot be used: {error.orig}. "
            "Check the disk, its permissions and EXACT_CONTROL_URL."
        ) from error


def _mark(connection: sa.Connection) -> None:
    """Write into the file's header that it is ours; files of the first versions have no mark."""
    for name, value in (("application_id", APPLICATION_ID), ("user_version", SCHEMA_VERSION)):
        if connection.exec_driver_sql(f"PRAGMA {name}").scalar() != value:
            connection.exec_driver_sql(f"PRAGMA {name} = {value}")


def _open(path: Path, is_durable: bool) -> sa.Engine:
    check_store(path)
    path = path.resolve()
    try:
        disk.make_folder(path.parent)
    except OSError as error:
        raise ControlError(
            f"The folder of the control store {path} cannot be made: {error.strerror}. Check EXACT_CONTROL_URL."
        ) from error
    engine = sa.create_engine(
        f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if is_durable else 'NORMAL'}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with FileLocks(path).hold("schema", wait=True):
            path.touch(mode=0o600)
            note_open(path)
            with begun(engine) as connection:
                METADATA.create_all(connection)
                _mark(connection)
    except OSError as error:
        raise ControlError(
            f"The control store {path} cannot be opened: {error.strerror}. Check its permissions and those of its "
            "folder, and EXACT_CONTROL_URL."
        ) from error
    return engine
