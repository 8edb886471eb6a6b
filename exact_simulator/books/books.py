"""The books as the rest of the simulator sees them: create, open, connect, and change on demand."""

import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from exact_simulator.books import balance, divisions, ledger, store, sql
from exact_simulator.books.generate import PLACES, TIMESTAMPS_PER_ROW, Batch, Division, Generator
from exact_simulator.books.mutate import Mutator
from exact_simulator.books.plan import Plan, build_plan
from exact_simulator.books.rules import Years
from exact_simulator.books.sizes import Sizes
from exact_simulator.books.view import views
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

    def __init__(self, path: Path, connection: sqlite3.Connection, plan: Plan, mutator: Mutator) -> None:
        self.path = path
        self.divisions = tuple(item.number for item in mutator.divisions)
        self.version = 0
        self._connection = connection
        self._plan = plan
        self._mutator = mutator
        self._lock = threading.Lock()
        self._directory: tempfile.TemporaryDirectory[str] | None = None

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

        Raises:
            ValueError: the arguments cannot make books, or the file is there already.
        """
        directory = None
        if path is None:
            directory = tempfile.TemporaryDirectory(prefix="exact-simulator-")
            path = Path(directory.name) / "books.sqlite"
        path = Path(path)
        if path.exists():
            raise ValueError(f"{path} is there already: open it, or remove it to make new books")
        if not divisions or len(set(divisions)) != len(divisions):
            raise ValueError("divisions: give at least one, each once")
        settings: dict[str, object] = {
            "divisions": list(divisions),
            "first_year": first_year,
            "last_year": last_year,
            "rows": rows,
            "seed": seed,
            "until_ms": _until(first_year, last_year, now_ms()),
        }
        connection = store.connect(path)
        store.prepare(connection)
        plan, mutator = _assemble(settings, connection, now_ms)
        _fill(connection, plan, mutator, int(str(settings["until_ms"])))
        store.save_settings(connection, settings)
        books = cls(path, connection, plan, mutator)
        books._directory = directory
        return books

    @classmethod
    def open(cls, path: Path | str, *, now_ms: Clock = local_ms) -> "Books":
        """Open books made earlier.

        Raises:
            ValueError: the file holds no complete books.
        """
        path = Path(path)
        if not path.is_file():
            raise ValueError(f"{path} is not there: create the books first")
        connection = store.connect(path)
        settings = store.settings(connection)
        if settings is None:
            connection.close()
            raise ValueError(f"{path} holds no complete books: remove it and create them again")
        plan, mutator = _assemble(settings, connection, now_ms)
        return cls(path, connection, plan, mutator)

    def close(self) -> None:
        """Close the books and remove a temporary file."""
        self._connection.close()
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
        if endpoint.relation in divisions.RELATIONS or endpoint.relation in self._plan.by_relation:
            return endpoint.relation
        raise KeyError(f"{endpoint.path} holds no rows: it has no GET")

    def insert(
        self,
        entity: Endpoint | str,
        division: int,
        count: int = 1,
        *,
        values: dict[str, object] | None = None,
    ) -> list[object]:
        """Add records; see `Mutator.insert`."""
        with self._change():
            return self._mutator.insert(entity, division, count, values=values)

    def update(
        self,
        entity: Endpoint | str,
        division: int,
        count: int = 1,
        *,
        keys: Iterable[object] | None = None,
        values: dict[str, object] | None = None,
    ) -> list[object]:
        """Change records; see `Mutator.update`."""
        with self._change():
            return self._mutator.update(entity, division, count, keys=keys, values=values)

    def delete(
        self, entity: Endpoint | str, division: int, count: int = 1, *, keys: Iterable[object] | None = None
    ) -> list[object]:
        """Delete records; see `Mutator.delete`."""
        with self._change():
            return self._mutator.delete(entity, division, count, keys=keys)

    def move_division(self, division: int) -> None:
        """Give every record of a division a new Timestamp, and set DivisionMoveDate."""
        with self._change():
            self._mutator.move_division(division)

    def hr_link(self, division: int) -> None:
        """Give every HR record of a division a new Timestamp and ID, and set DivisionHRLinkUnlinkDate."""
        with self._change():
            self._mutator.hr_link(division)

    def surface_late(self, entity: Endpoint | str, division: int, count: int = 1) -> int:
        """Take Timestamps for records that `release_late` makes visible; see `Mutator.surface_late`."""
        with self._change():
            return self._mutator.surface_late(entity, division, count)

    def release_late(self, ticket: int | None = None) -> list[object]:
        """Make late records visible. None: all. Returns their keys."""
        with self._change():
            return self._mutator.release_late(ticket)

    def prune_deleted(self, before_ms: int) -> int:
        """Forget deletions logged before a wall clock time. Returns how many."""
        with self._change():
            return self._mutator.prune_deleted(before_ms)

    def _change(self) -> "_Change":
        return _Change(self)


class _Change:
    """One transaction at a time; the version goes up when it has ended."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def __enter__(self) -> None:
        self._books._lock.acquire()  # noqa: SLF001 - a part of Books
        self._books._connection.execute("BEGIN IMMEDIATE")  # noqa: SLF001 - likewise

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            self._books._connection.execute("ROLLBACK" if error else "COMMIT")  # noqa: SLF001 - likewise
            self._books.version += 1
        finally:
            self._books._lock.release()  # noqa: SLF001 - likewise


def _until(first_year: int, last_year: int, now_ms: int) -> int:
    today = now_ms - now_ms % sql.DAY_MS
    until = min(sql.ms_of_year(last_year + 1) - 1, today)
    if last_year < first_year:
        raise ValueError(f"last_year {last_year} is before first_year {first_year}")
    if until <= sql.ms_of_year(first_year):
        raise ValueError(f"first_year {first_year} has not begun by the server's clock")
    return until


def _assemble(settings: dict[str, object], connection: sqlite3.Connection, now_ms: Clock) -> tuple[Plan, Mutator]:
    numbers = settings["divisions"]
    assert isinstance(numbers, list)  # noqa: S101 - narrows what JSON gives
    first, last, rows, seed, until = (
        int(str(settings[name])) for name in ("first_year", "last_year", "rows", "seed", "until_ms")
    )
    years = Years(first=first, last=last)
    plan = build_plan(Sizes(rows=rows), years)
    mutator = Mutator(
        connection=connection,
        plan=plan,
        generator=Generator(seed=seed, years=years, until_ms=until),
        divisions=tuple(Division(place=place, number=int(number)) for place, number in enumerate(numbers)),
        now_ms=now_ms,
    )
    return plan, mutator


def _fill(connection: sqlite3.Connection, plan: Plan, mutator: Mutator, until_ms: int) -> None:
    generator = mutator.generator
    connection.execute("BEGIN")
    connection.execute(divisions.CREATE)
    connection.executemany(
        f"INSERT INTO {divisions.TABLE} VALUES (?, ?, ?, ?, ?, ?, NULL, NULL)",
        (
            (
                item.place,
                item.number,
                f"Voorbeeld {item.number}",
                *item.guid_parts(generator.seed),
                until_ms - until_ms % sql.DAY_MS,
            )
            for item in mutator.divisions
        ),
    )
    connection.executemany("INSERT INTO _places VALUES (?, ?)", PLACES)
    for name, shape in plan.shapes.items():
        generator.create(connection, shape)
        count = plan.counts[name] if shape.model.header is None else plan.counts[mutator.root(shape).name]
        for division in mutator.divisions:
            room = 0 if shape.model.source == "lines" else 2 * count * TIMESTAMPS_PER_ROW
            timestamp = store.reserve_timestamps(connection, room) if room else 0
            generator.fill(connection, shape, division, Batch(first=1, last=count, timestamp=timestamp))
        if count > _SMALL:
            generator.index(connection, shape)
    entries = plan.counts[ledger.ENTRIES]
    for division in mutator.divisions:
        balance.add(connection, first=(division.place << 32) + 1, last=(division.place << 32) + entries)
    for statement in [*views(plan), *divisions.views()]:
        connection.execute(statement)
    connection.execute("COMMIT")


_SMALL = 300
"""Tables with fewer rows per division are sorted quicker than their indexes are made."""
