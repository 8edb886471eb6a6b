"""The books as the rest of the simulator sees them: create, open, connect, and change on demand."""

import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from exact_simulator.books import deletions, divisions, mutate, remove, renew, store
from exact_simulator.books.context import Context
from exact_simulator.books.create import Settings, fill, until_ms
from exact_simulator.facts import Endpoint

Clock = Callable[[], int]
"""Gives the server's local wall clock in ms, as if it were UTC."""


def local_ms() -> int:
    """The wall clock of this machine."""
    now = time.time()
    return int((now + time.localtime(now).tm_gmtoff) * 1000)


class Books:
    """All divisions' records in one SQLite file, for one process with several threads.

    Attributes:
        path: the file.
        divisions: numbers of the divisions.
        version: goes up with every change, so that what was read before can be told stale.
    """

    def __init__(
        self,
        *,
        path: Path,
        context: Context,
        directory: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        """Use `create` or `open`."""
        self.path = path
        self.divisions = tuple(item.number for item in context.divisions)
        self.version = 0
        self._context = context
        self._lock = threading.Lock()
        self._directory = directory

    @classmethod
    def create(
        cls,
        *,
        divisions: Sequence[int],
        first_year: int,
        last_year: int,
        rows: int,
        seed: int = 1,
        path: Path | str | None = None,
        now_ms: Clock = local_ms,
        is_hostile: bool = True,
    ) -> "Books":
        """Make books: the same arguments on the same day of the clock give the same rows.

        Args:
            divisions: their numbers.
            first_year: first business year; master data is older.
            last_year: last business year; nothing is later than the clock's today.
            rows: transaction lines per division, about.
            seed: another seed gives other books.
            path: a new file; None: one in a temporary directory that `close` removes.
            now_ms: the server's wall clock.
            is_hostile: whether odd texts, and numbers at the edge, are among the rows.

        Raises:
            ValueError: the arguments cannot make books, or the file is there already.
        """
        if not divisions or len(set(divisions)) != len(divisions):
            raise ValueError("divisions: give at least one, each once")
        settings = Settings(
            divisions=list(divisions),
            first_year=first_year,
            last_year=last_year,
            rows=rows,
            seed=seed,
            until_ms=until_ms(first_year, last_year, now_ms()),
            is_hostile=is_hostile,
        )
        directory = None
        if path is None:
            directory = tempfile.TemporaryDirectory(prefix="exact-simulator-")
            path = Path(directory.name) / "books.sqlite"
        if Path(path).exists():
            raise ValueError(f"{path} is there already: open it, or remove it to make new books")
        connection = store.connect(Path(path))
        context = settings.context(connection, now_ms)
        fill(connection, settings, context)
        return cls(path=Path(path), context=context, directory=directory)

    @classmethod
    def open(cls, path: Path | str, *, now_ms: Clock = local_ms) -> "Books":
        """Open books made earlier.

        Raises:
            ValueError: the file is not there or holds no complete books.
        """
        if not Path(path).is_file():
            raise ValueError(f"{path} is not there: create the books first")
        connection = store.connect(Path(path))
        saved = store.settings(connection)
        if saved is None:
            connection.close()
            raise ValueError(f"{path} holds no complete books: remove it and create them again")
        return cls(path=Path(path), context=Settings.read(saved).context(connection, now_ms))

    def close(self) -> None:
        """Close the books and remove a temporary file."""
        self._context.connection.close()
        if self._directory is not None:
            self._directory.cleanup()

    def connect(self) -> sqlite3.Connection:
        """Open another connection, for reading. Close it yourself."""
        connection = store.connect(self.path)
        connection.execute("PRAGMA query_only=ON")
        return connection

    def relation(self, endpoint: Endpoint) -> str:
        """Name of the view that has every property of an endpoint, `_division` and `_n`. Quote it.

        Raises:
            KeyError: the endpoint has no GET.
        """
        if endpoint.relation in divisions.RELATIONS or endpoint.relation in self._context.plan.by_relation:
            return endpoint.relation
        raise KeyError(f"{endpoint.path} holds no rows: it has no GET")

    def insert(
        self, entity: Endpoint | str, division: int, count: int = 1, *, values: dict[str, object] | None = None
    ) -> list[object]:
        """Add `count` records, or as many documents where the entity is part of one.

        Args:
            entity: an endpoint, a path below the division, or an entity's name.
            division: its number.
            count: how many.
            values: properties to set on them, as the relation shows them, where the entity stores them so.

        Returns:
            Identities of the new records of this entity: of all lines, where it is lines.

        Raises:
            ValueError: no such entity or division, nothing can be added there, or a value cannot be set.
        """
        with self._change() as context:
            return mutate.insert(context, context.target(entity, division), count, values)

    def update(
        self,
        entity: Endpoint | str,
        division: int,
        count: int = 1,
        *,
        keys: Iterable[object] | None = None,
        values: dict[str, object] | None = None,
    ) -> list[object]:
        """Change records and give them, and the document they are part of, new Timestamps and Modified.

        Args:
            entity: as for `insert`.
            division: its number.
            count: how many, where no keys are given: others at each call, fewer where there are not as many.
            keys: identities of the records to change.
            values: properties to set; None: some text or amount that no other record shows.

        Returns:
            Identities of the changed records.

        Raises:
            ValueError: no such entity, division or key, or a value cannot be set.
        """
        with self._change() as context:
            return mutate.update(context, context.target(entity, division), count, keys, values)

    def delete(
        self, entity: Endpoint | str, division: int, count: int = 1, *, keys: Iterable[object] | None = None
    ) -> list[object]:
        """Delete records and log them in sync/Deleted where Exact does.

        A header takes its lines with it, and an entry what follows from it. A line leaves its amount to another
        line of its document, which is renewed; the last line takes the document with it. Records that refer to a
        deleted one lose the reference and are renewed. What documents need, such as their account, item and GL
        account, cannot be deleted.

        Returns:
            Identities of the deleted records of this entity, which may be more than `count`.

        Raises:
            ValueError: no such entity, division or key, documents refer to it, or there are not as many to delete.
        """
        with self._change() as context:
            return remove.delete(context, context.target(entity, division), count, keys)

    def move_division(self, division: int) -> None:
        """Give every record of a division a new Timestamp, and set DivisionMoveDate."""
        with self._change() as context:
            renew.move_division(context, division)

    def hr_link(self, division: int) -> None:
        """Give every HR record of a division a new Timestamp and ID, and set DivisionHRLinkUnlinkDate."""
        with self._change() as context:
            renew.hr_link(context, division)

    def surface_late(self, entity: Endpoint | str, division: int, count: int = 1) -> int:
        """Prepare records whose Timestamp will be lower than one that is there already.

        Adds one ordinary record now, with a higher Timestamp. The prepared ones are nowhere to be seen until
        `release_late`, as in a server transaction that began early and ends late.

        Returns:
            A ticket for `release_late`.
        """
        with self._change() as context:
            return mutate.surface_late(context, context.target(entity, division), count)

    def release_late(self, ticket: int | None = None) -> list[object]:
        """Make prepared records visible. None: all of them. Returns their identities."""
        with self._change() as context:
            return mutate.release_late(context, ticket)

    def prune_deleted(self, before_ms: int) -> int:
        """Forget deletions logged before a wall clock time. Returns how many."""
        with self._change() as context:
            return deletions.prune(context.connection, before_ms)

    @contextmanager
    def _change(self) -> Iterator[Context]:
        """One transaction at a time; an error undoes it."""
        with self._lock:
            self._context.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._context
            except BaseException:
                self._context.connection.execute("ROLLBACK")
                raise
            self._context.connection.execute("COMMIT")
            self.version += 1
