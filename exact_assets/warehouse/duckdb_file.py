"""The one DuckDB file: opened late, closed soon, by one thread of one process at a time. No tables are known here.

DuckDB lets no second process in while one holds the file for writing, and no writer while others read. So that our
own processes wait in line instead of failing, each takes an operating system's lock beside the file first, which
ends with its holder, however that ends. Processes that are not ours are asked for again until a limit.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import duckdb
from duckdb import DuckDBPyConnection
from filelock import FileLock, Timeout

from exact_assets.errors import WarehouseBusyError, WarehouseError
from exact_assets.warehouse.duckdb_checkpoint import beside, mend, put_aside

CATALOGUE = "warehouse"
"""The file's name inside DuckDB."""
ROW_GROUP_ROWS = 8_192
"""DuckDB rewrites the last, unfilled group of rows whenever it is closed. With groups as large as a chunk of a
load, a first load of 1,000,000 rows of 45 columns takes half the CPU that it takes with DuckDB's 122,880."""
SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    # A second thread makes a chunk of rows no quicker, but costs memory and 30% more CPU.
    "threads": 1,
    # Functions are built in; nothing is ever fetched from outside.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    # Only where blocks were put aside before, and never as a part of a commit or when the file is let go.
    "checkpoint_threshold": "1TB",
    "auto_checkpoint_skip_wal_threshold": 2**62,
    "checkpoint_on_detach": "DISABLED",
}
MEMORY_LIMITS = ("40MB", "64MB", "96MB", "128MB", "192MB", "256MB", "384MB", "512MB", "1GB", "2GB", "80%")
"""Bounds what DuckDB keeps in memory of the file; the next one is taken where one is too small. With 32 or 36 MB
a load of 1,000,000 rows of 76 columns asked for 40. Of a primary key's index, 55 MB then, parts stay on disk."""
RETRY_SECONDS = 0.05

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_turns: dict[str, threading.Lock] = {}


class DuckDBFile:
    """A file, and this process's DuckDB that it is attached to while it is used."""

    def __init__(self, path: Path, *, lock_timeout_seconds: float) -> None:
        self.path = path.expanduser().absolute()
        self._lock_timeout_seconds = lock_timeout_seconds
        self._turn = _turns.setdefault(str(self.path), threading.Lock())
        self._making = threading.Lock()
        self._engine: DuckDBPyConnection | None = None
        self._memory_limits = list(MEMORY_LIMITS)

    @property
    def exists(self) -> bool:
        """Whether there is anything to read; a process killed while it made the file leaves an empty one."""
        return self.path.exists() and self.path.stat().st_size > 0

    @property
    def _log_path(self) -> Path:
        """DuckDB's write-ahead log of the file."""
        return self.path.with_name(f"{self.path.name}.wal")

    @contextmanager
    def connection(self) -> Iterator[DuckDBPyConnection]:
        """Give a connection with temporary tables of its own. The file is not touched before `attached`."""
        connection = self._database().cursor()
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def attached(self, connection: DuckDBPyConnection, *, read_only: bool) -> Iterator[None]:
        """Hold the file, as the connection's default database.

        Raises:
            WarehouseBusyError: another process holds it and did not let go in time.
            WarehouseError: DuckDB said no; a transaction that was open is rolled back.
        """
        with self._errors():
            if not read_only:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._held(connection, read_only=read_only):
                try:
                    connection.execute(f"USE {CATALOGUE}")
                    yield
                    self._let_go(connection, read_only=read_only)
                except BaseException:
                    # An interrupt too: whatever happens, nothing of ours goes on holding the file.
                    self._abandon(connection)
                    raise

    def with_room(self, connection: DuckDBPyConnection, work: Callable[[], _T]) -> _T:
        """Do work that either happens or leaves no trace; when memory is short, allow more and do it again."""
        while True:
            try:
                return work()
            except duckdb.Error as error:
                if not _is_short_of_memory(error):
                    raise
                with self._making:
                    if len(self._memory_limits) == 1:
                        raise
                    del self._memory_limits[0]
                    connection.execute(f"SET memory_limit = '{self._memory_limits[0]}'")

    def _database(self) -> DuckDBPyConnection:
        with self._making:
            if self._engine is None:
                settings = SETTINGS | {
                    "memory_limit": self._memory_limits[0], "temp_directory": f"{self.path}.tmp"
                }  # fmt: skip
                self._engine = duckdb.connect(":memory:", config=settings)
                # Nor when a process ends while it holds the file; this is no setting that can be given above.
                self._engine.execute("PRAGMA disable_checkpoint_on_shutdown")
            return self._engine

    @contextmanager
    def _held(self, connection: DuckDBPyConnection, *, read_only: bool) -> Iterator[None]:
        """Attach the file in our turn. While a stranger holds it, the turn passes on, so that all can name him."""
        deadline = time.monotonic() + self._lock_timeout_seconds
        reason: str | None = None
        while True:
            with self._our_turn(deadline, reason):
                reason = self._attach(connection, read_only=read_only)
                if reason is None:
                    yield
                    return
            if time.monotonic() >= deadline:
                raise self._busy(reason)
            time.sleep(RETRY_SECONDS)

    @contextmanager
    def _our_turn(self, deadline: float, reason: str | None) -> Iterator[None]:
        if not self._turn.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise self._busy(reason or "another thread of this process is at work on it")
        try:
            lock = FileLock(f"{self.path}.lock", thread_local=False)
            try:
                lock.acquire(timeout=max(0.0, deadline - time.monotonic()))
            except Timeout:
                raise self._busy(reason or "another process of Exact assets is at work on it") from None
            try:
                yield
            finally:
                lock.release()
        finally:
            self._turn.release()

    def _attach(self, connection: DuckDBPyConnection, *, read_only: bool) -> str | None:
        """Attach the file, made if need be; give DuckDB's own words where another holds it."""
        options = "READ_ONLY" if read_only else f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
        statement = f"ATTACH {_text(self.path)} AS {CATALOGUE} ({options})"
        try:
            if not read_only and not self.exists:
                self._create(connection)
            mend(self.path)
            # A process that was killed left what it committed in the log, which is played back here.
            self.with_room(connection, lambda: connection.execute(statement))
        except duckdb.Error as error:
            if _is_held(error):
                return str(error)
            self._abandon(connection)
            raise
        return None

    def _create(self, connection: DuckDBPyConnection) -> None:
        """Make a file that is whole from its first moment: a process killed meanwhile leaves none."""
        log = self._log_path
        if log.exists():
            # The log of a file that somebody deleted; no other file can be opened beside it.
            _log.warning("%s has no file that it belongs to, and is put aside", log)
            log.replace(f"{log}.orphan")
        beside(self.path).unlink(missing_ok=True)
        new = self.path.with_name(f"{self.path.name}.new")
        new.unlink(missing_ok=True)
        connection.execute(f"ATTACH {_text(new)} AS {CATALOGUE}; DETACH {CATALOGUE}")
        new.replace(self.path)

    def _let_go(self, connection: DuckDBPyConnection, *, read_only: bool) -> None:
        """Detach the file. What was committed is safe already, so failing to tidy up is no failure of the work."""
        with self.path.open("rb") as file:
            try:
                if not read_only and self._log_path.exists():
                    put_aside(connection, CATALOGUE, file=file, path=self.path)
                    self.with_room(connection, lambda: connection.execute(f"CHECKPOINT {CATALOGUE}"))
                    beside(self.path).unlink()
                connection.execute(f"USE memory; DETACH {CATALOGUE}")
            except (duckdb.Error, OSError) as error:
                _log.warning("%s: could not be tidied up, which the next opening does: %s", self.path, error)
                self._abandon(connection)

    def _abandon(self, connection: DuckDBPyConnection) -> None:
        """Let go without ceremony, and start with a new DuckDB: this one may remember that a disk is full."""
        with suppress(duckdb.Error):  # there is no transaction, as a rule
            connection.execute("ROLLBACK")
        try:
            connection.execute(f"USE memory; DETACH DATABASE IF EXISTS {CATALOGUE}")
        except duckdb.Error as error:
            _log.warning("%s: could not be let go of, so this process's DuckDB is closed: %s", self.path, error)
        connection.close()
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OSError) as error:
            raise WarehouseError(f"{self.path}: {error}") from error

    def _busy(self, reason: str) -> WarehouseBusyError:
        return WarehouseBusyError(
            f"{self.path} is held elsewhere, and was not let go within {self._lock_timeout_seconds:g} s: {reason}. "
            "Close what holds it, or use PostgreSQL where others must read while it is written."
        )


def _is_held(error: duckdb.Error) -> bool:
    """By another process, or by this one through a connection that is not ours."""
    return "Could not set lock on file" in str(error) or "Unique file handle conflict" in str(error)


def _is_short_of_memory(error: duckdb.Error) -> bool:
    # While playing back a log, lack of memory comes as another error.
    return isinstance(error, duckdb.OutOfMemoryException) or "memory_limit" in str(error)


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
