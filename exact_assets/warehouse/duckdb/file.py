"""The one DuckDB file: opened late, closed soon, by one thread of one process at a time. No tables are known here.

DuckDB lets no second process in while one holds the file for writing, and no writer while others read. So that our
own processes wait in line instead of failing, each takes an operating system's lock beside the file first, which
ends with its holder, however that ends. Processes that are not ours are asked for again, as long as the patience
of whoever opens it lasts.
"""

import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import duckdb
from duckdb import DuckDBPyConnection
from filelock import FileLock, Timeout

from exact_assets.disk import is_private, make_file, make_folder, mode_beside, mode_of_new
from exact_assets.errors import EngineLostError, ShortOfMemoryError
from exact_assets.warehouse.duckdb.checkpoint import beside, put_aside, repair
from exact_assets.warehouse.duckdb.errors import is_held, translated
from exact_assets.warehouse.duckdb.path import (
    has_content,
    is_empty,
    log_of,
    put_orphan_aside,
    real_path,
    require_duckdb,
    require_target,
    tell_of_remainder,
)
from exact_assets.warehouse.patience import Patience

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
MEMORY_LIMITS = ("256MB", "50%", "80%")
"""What DuckDB may keep in memory of the file; the next one is taken where one is too small. The first is enough to
delete 2,000,000 rows of 76 columns in one transaction and to play back the log of it, and costs a load of 400,000
rows 25 MB more than 40 MB did, with which a purge left a log that could not be played back. The others are parts
of the machine's memory, or of what a container may have of it; that the second is the smaller one where there is
less than 512 MB costs one more attempt."""
STORAGE_VERSION = "v1.5.0"
"""Of new files: tools that are built on DuckDB 1.5 open them. DuckDB 2.0's own default is refused by all of 1.x."""
MOST_LOST = 20
"""Times in a row that the engine may be closed under a piece of work by what fails in other threads."""
OUR_THREAD = "another thread of this process is at work on it"
OUR_PROCESS = "another process of Exact assets is at work on it"

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
_turns: dict[Path, threading.Lock] = {}


class DuckDBFile:
    """A file, and this process's DuckDB that it is attached to while it is used."""

    def __init__(self, path: Path, *, patience: Patience) -> None:
        self._link = path.expanduser().absolute()
        self.path = real_path(path)
        self._patience = patience
        self._turn = _turns.setdefault(self.path, threading.Lock())
        self._making = threading.Lock()
        self._engine: DuckDBPyConnection | None = None
        self._memory_limits = list(MEMORY_LIMITS)

    @property
    def exists(self) -> bool:
        """Whether there is anything to read; a process killed while it made the file leaves an empty one.

        Raises:
            WarehouseError: what is there is not DuckDB's.
        """
        require_target(self._link)
        return has_content(self.path)

    def persist(self, work: Callable[[], _T]) -> _T:
        """Do work that opens the file again where memory was too short for it, with more of it.

        Raises:
            WarehouseError: as the work raises it, or what memory there is was too little.
        """
        lost = 0
        while True:
            limit = self._memory_limits[0]
            try:
                return work()
            except EngineLostError as error:
                lost += 1
                if lost == MOST_LOST:
                    raise EngineLostError(
                        f"{self.path}: DuckDB was closed {lost} times in a row for what failed in other threads of "
                        "this process. See their errors, and load again."
                    ) from error
            except ShortOfMemoryError:
                if not self._allow_more_than(limit):
                    raise

    @contextmanager
    def connection(self) -> Iterator[DuckDBPyConnection]:
        """Open a connection with temporary tables of its own. The file is not touched before `attached`."""
        with self._making:
            self._engine = self._engine or self._new_engine()
            connection = self._engine.cursor()
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def converting(self) -> Iterator[None]:
        """Keep this process's DuckDB open for work outside `attached`, which no other thread waits for then.

        Raises:
            WarehouseError: DuckDB said no.
        """
        with self._making, self._errors():
            yield

    @contextmanager
    def attached(self, connection: DuckDBPyConnection, *, read_only: bool) -> Iterator[None]:
        """Hold the file, as the connection's default database.

        Raises:
            WarehouseBusyError: another process holds it and did not let go in time.
            WarehouseError: DuckDB said no; a transaction that was open is rolled back.
        """
        with self._errors():
            if not self.exists and not read_only:
                make_folder(self.path.parent)
            with self._held(connection, read_only=read_only):
                try:
                    connection.execute(f"USE {CATALOGUE}")
                    yield
                    self._let_go(connection, read_only=read_only)
                except BaseException:
                    # An interrupt too: whatever happens, nothing of ours goes on holding the file.
                    self._abandon(connection)
                    raise

    def _new_engine(self) -> DuckDBPyConnection:
        spill = self.path.with_name(f"{self.path.name}.tmp")
        is_open = self.path.parent.is_dir() and not is_private(self.path.parent)
        if is_open:
            # DuckDB would make it for all to read.
            with suppress(OSError):
                make_folder(spill)
        settings = SETTINGS | {"memory_limit": self._memory_limits[0], "temp_directory": str(spill)}
        engine = duckdb.connect(":memory:", config=settings)
        # Nor when a process ends while it holds the file; this is no setting that can be given above.
        engine.execute("PRAGMA disable_checkpoint_on_shutdown")
        if is_open:
            # DuckDB removes only what it has made.
            weakref.finalize(self, _close, engine, spill)
        return engine

    def _allow_more_than(self, limit: str) -> bool:
        """Raise the limit, unless another thread has; return whether there was more to allow."""
        with self._making:
            if self._memory_limits[0] == limit:
                if len(self._memory_limits) == 1:
                    return False
                del self._memory_limits[0]
                if self._engine is not None:
                    try:
                        self._engine.execute(f"SET memory_limit = '{self._memory_limits[0]}'")
                    except duckdb.Error as error:
                        # It fell over for lack of memory; the next one begins with this limit.
                        _log.debug("%s: this process's DuckDB is closed: %s", self.path, error)
                        self._engine.close()
                        self._engine = None
            return True

    @contextmanager
    def _held(self, connection: DuckDBPyConnection, *, read_only: bool) -> Iterator[None]:
        """Attach the file in our turn. While a stranger holds it, the turn passes on, so that all can name him."""
        reason: str | None = None
        while True:
            self._patience.begin(is_read_only=read_only)
            with self._our_turn(reason, read_only=read_only):
                reason = self._attach(connection, read_only=read_only)
                if reason is None:
                    self._patience.renew(is_read_only=read_only)
                    try:
                        yield
                    finally:
                        self._patience.renew(is_read_only=read_only)
                    return
            self._patience.pause(str(self.path), reason, is_read_only=read_only)

    @contextmanager
    def _our_turn(self, reason: str | None, *, read_only: bool) -> Iterator[None]:
        patience, subject = self._patience, str(self.path)
        while not self._turn.acquire(timeout=patience.slice_seconds(is_read_only=read_only)):
            patience.pause(subject, reason or OUR_THREAD, is_read_only=read_only)
        try:
            lock = FileLock(f"{self.path}.lock", mode=mode_beside(self.path), thread_local=False)
            while True:
                try:
                    lock.acquire(timeout=patience.slice_seconds(is_read_only=read_only))
                    break
                except Timeout:
                    patience.pause(subject, reason or OUR_PROCESS, is_read_only=read_only)
            try:
                yield
            finally:
                lock.release()
        finally:
            self._turn.release()

    def _attach(self, connection: DuckDBPyConnection, *, read_only: bool) -> str | None:
        """Attach the file, made if need be; return DuckDB's own words where another holds it."""
        try:
            if self.exists:
                require_duckdb(self.path)
            elif not read_only:
                self._create(connection)
            repair(self.path)
            # A process that was killed left what it committed in the log, which is played back here.
            connection.execute(_attachment(self.path, read_only=read_only))
            if not read_only:
                # Not before: whoever holds the file may be writing to it.
                tell_of_remainder(self.path)
            if not read_only and not is_private(self.path.parent):
                # Else DuckDB would make it for all to read.
                make_file(log_of(self.path), mode_beside(self.path))
        except duckdb.Error as error:
            if is_held(error):
                return str(error)
            if not isinstance(translated(error, str(self.path)), EngineLostError):
                self._abandon(connection)
            raise
        return None

    def _create(self, connection: DuckDBPyConnection) -> None:
        """Make a file that is whole from its first moment: a process killed meanwhile leaves none."""
        if is_empty(log_of(self.path)):
            log_of(self.path).unlink()
        if log_of(self.path).exists():
            put_orphan_aside(log_of(self.path))
        beside(self.path).unlink(missing_ok=True)
        new = self.path.with_name(f"{self.path.name}.new")
        if has_content(new):
            require_duckdb(new)
        new.unlink(missing_ok=True)
        options = f"STORAGE_VERSION '{STORAGE_VERSION}'"
        connection.execute(f"ATTACH {_text(new)} AS {CATALOGUE} ({options}); DETACH {CATALOGUE}")
        new.chmod(mode_of_new(self.path))
        new.replace(self.path)

    def _let_go(self, connection: DuckDBPyConnection, *, read_only: bool) -> None:
        """Detach the file. What was committed is safe already, so failing to tidy up is no failure of the work."""
        try:
            with self.path.open("rb") as file:
                if not read_only and is_empty(log_of(self.path)):
                    log_of(self.path).unlink()
                elif not read_only and log_of(self.path).exists():
                    put_aside(connection, CATALOGUE, file=file, path=self.path)
                    connection.execute(f"CHECKPOINT {CATALOGUE}")
                    beside(self.path).unlink()
                connection.execute(f"USE memory; DETACH {CATALOGUE}")
        except (duckdb.Error, OSError) as error:
            limit = self._memory_limits[0]
            self._abandon(connection)
            is_short = isinstance(translated(error, str(self.path)), ShortOfMemoryError)
            if is_short and not read_only and self._allow_more_than(limit):
                # Else it would be as short the next time, and the log would only grow.
                self._tidy_anew()
            else:
                _log.warning("%s: could not be tidied up, which the next opening does: %s", self.path, error)

    def _tidy_anew(self) -> None:
        """Make the checkpoint in a DuckDB that may use more memory; it is our turn still."""
        with self.connection() as connection:
            try:
                repair(self.path)
                connection.execute(_attachment(self.path, read_only=False))
            except (duckdb.Error, OSError) as error:
                _log.warning("%s: could not be tidied up, which the next opening does: %s", self.path, error)
                self._abandon(connection)
                return
            self._let_go(connection, read_only=False)

    def _abandon(self, connection: DuckDBPyConnection) -> None:
        """Let go without ceremony, and start with a new DuckDB: this one may remember that a disk is full."""
        with suppress(duckdb.Error):  # there is no transaction, as a rule
            connection.execute("ROLLBACK")
        try:
            connection.execute(f"USE memory; DETACH DATABASE IF EXISTS {CATALOGUE}")
        except duckdb.Error as error:
            _log.debug("%s: could not be let go of, so this process's DuckDB is closed: %s", self.path, error)
        connection.close()
        with self._making:
            engine, self._engine = self._engine, None
            if engine is not None:
                engine.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, OSError) as error:
            raise translated(error, str(self.path)) from error


def _close(engine: DuckDBPyConnection, spill: Path) -> None:
    """Close an engine and remove its folder, unless there is something in it: another process may be at work."""
    engine.close()
    with suppress(OSError):
        spill.rmdir()


def _attachment(path: Path, *, read_only: bool) -> str:
    options = "READ_ONLY" if read_only else f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
    return f"ATTACH {_text(path)} AS {CATALOGUE} ({options})"


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
