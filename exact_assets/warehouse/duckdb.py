"""The warehouse in one DuckDB file: the protocol's methods, put together. Each is one opening of the file."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
from duckdb import DuckDBPyConnection

from exact_assets.catalogue.table import Table
from exact_assets.disk import obstacle
from exact_assets.errors import (
    DivisionDisabledError,
    EngineLostError,
    LoadSupersededError,
    RemovalBoundError,
    SelectionError,
    ShortOfMemoryError,
    ValueRangeError,
    WarehouseBusyError,
    WarehouseError,
)
from exact_assets.stream import Step, Stored, StreamState, decode_state
from exact_assets.warehouse import divisions as selection
from exact_assets.warehouse import duckdb_prepare, duckdb_purge, duckdb_query, duckdb_selection
from exact_assets.warehouse.divisions import DivisionChoice, DivisionReport, KnownDivision, Selection
from exact_assets.warehouse.duckdb_arrive import Arrived, arrive, leave
from exact_assets.warehouse.duckdb_file import DuckDBFile
from exact_assets.warehouse.duckdb_store import store
from exact_assets.warehouse.naming import DELETED_AT, DIVISION, STREAMS, YEAR, qualified
from exact_assets.warehouse.query import Query, QueryRows

BATCH_ROWS = 8_000
"""Steps are converted before the file is opened, as many at once as make up one chunk of a load."""

_T = TypeVar("_T")
_log = logging.getLogger(__name__)
Answer = Stored | WarehouseError | ValueRangeError


def _utc_now() -> datetime:
    return datetime.now(UTC)


class DuckDBWarehouse:
    """Implements `protocol.Warehouse`."""

    def __init__(
        self,
        path: str,
        *,
        is_soft: bool = False,
        lock_timeout_seconds: float,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._is_soft = is_soft
        self._now = now
        self._file = DuckDBFile(Path(path), lock_timeout_seconds=lock_timeout_seconds)

    def prepare(self, tables: Iterable[Table]) -> None:
        """Create what is missing; the file is opened for writing only if something is."""
        wanted = list(tables)

        def missing(connection: DuckDBPyConnection) -> list[list[str]]:
            return duckdb_prepare.missing(connection, wanted, is_soft=self._is_soft)

        if not self._file.exists or self._file.read(missing):
            # Asked again: another process may have created it in between.
            self._file.write(lambda connection: duckdb_prepare.create(connection, missing(connection)))

    def states(self, table: Table, divisions: Sequence[int]) -> Mapping[int, StreamState]:
        """Read states in one query."""
        found = self.states_of(divisions, names=[table.name])
        return {division: found[division].get(table.name, StreamState()) for division in divisions}

    def states_of(
        self, divisions: Sequence[int], *, names: Collection[str] | None = None
    ) -> Mapping[int, Mapping[str, StreamState]]:
        """Read states in one query."""
        wanted = "" if names is None else " AND table_name IN $names"
        found = self._read(
            f"SELECT division, table_name, state FROM {qualified(STREAMS)} WHERE division IN $divisions{wanted}",
            divisions=list(divisions),
            **({} if names is None else {"names": list(names)}),
        )
        states: dict[int, dict[str, StreamState]] = {division: {} for division in divisions}
        for division, name, state in found or ():
            states[division][name] = decode_state(state)
        return states

    def store(self, table: Table, division: int, step: Step, *, expected_seq: int) -> Stored:
        """Store one step."""
        answer = self.store_many(table, [(division, step, expected_seq)])[0]
        if isinstance(answer, Stored):
            return answer
        raise answer

    def store_many(self, table: Table, steps: Sequence[tuple[int, Step, int]]) -> Sequence[Answer]:
        """Store steps one after the other, many small ones at one opening of the file."""
        answers: list[Answer] = []
        for batch in _batches(steps):
            found: list[Answer] = []
            try:
                self._file.persist(partial(self._store_rest, table, batch, found))
            except WarehouseError as error:
                # Steps before it may be stored: each gets an answer of its own.
                found += [error] * (len(batch) - len(found))
            answers += found
        return answers

    def _store_rest(self, table: Table, batch: Sequence[tuple[int, Step, int]], answers: list[Answer]) -> None:
        """Store the steps of a batch that have no answer yet, at one opening; each adds its answer."""
        steps = batch[len(answers) :]
        with self._file.connection() as connection:
            arrived = [self._arrived(connection, table, step, number) for number, step in enumerate(steps)]
            if not any(isinstance(one, Arrived) for one in arrived):
                answers += [one for one in arrived if not isinstance(one, Arrived)]
                return
            with self._file.attached(connection, read_only=False):
                for number, one in enumerate(arrived):
                    answers.append(self._stored(connection, one) if isinstance(one, Arrived) else one)
                    leave(connection, number)

    def _arrived(
        self, connection: DuckDBPyConnection, table: Table, step: tuple[int, Step, int], number: int
    ) -> Arrived | WarehouseError | ValueRangeError:
        division, value, expected_seq = step
        try:
            with self._file.converting():
                return arrive(connection, table, division, value, expected_seq=expected_seq, number=number)
        except (ShortOfMemoryError, EngineLostError):
            raise
        except (WarehouseError, ValueRangeError) as error:
            return error

    def _stored(self, connection: DuckDBPyConnection, arrived: Arrived) -> Answer:
        try:
            return store(connection, arrived, is_soft=self._is_soft, now=self._now())
        except (LoadSupersededError, DivisionDisabledError, RemovalBoundError) as error:
            return error
        except duckdb.Error as error:
            return self._file.error(error, f"{arrived.table.name} of division {arrived.division}")

    def row_counts(self, table: Table, divisions: Sequence[int]) -> Mapping[int, Mapping[int | None, int]]:
        """Count in one query."""
        counts: dict[int, dict[int | None, int]] = {division: {} for division in divisions}
        found = self._read(
            f"SELECT {DIVISION}, {YEAR}, count(*) FROM {qualified(table.name)} WHERE {DIVISION} IN $divisions "
            f"AND {DELETED_AT} IS NULL GROUP BY {DIVISION}, {YEAR}",
            divisions=list(divisions),
        )
        for division, year, count in found or ():
            counts[division][year] = count
        return counts

    def streams(self, tables: Iterable[Table]) -> Mapping[str, Mapping[int, tuple[StreamState, datetime]]]:
        """Read states in one query."""
        streams: dict[str, dict[int, tuple[StreamState, datetime]]] = {table.name: {} for table in tables}
        found = self._read(
            f"SELECT table_name, division, state, updated_at FROM {qualified(STREAMS)} WHERE table_name IN $tables",
            tables=list(streams),
        )
        for name, division, state, updated_at in found or ():
            streams[name][division] = decode_state(state), updated_at.astimezone(UTC)
        return streams

    def query(self, queries: Sequence[Query]) -> Sequence[QueryRows | None]:
        """Run one statement after the other."""
        if not self._file.exists:
            return [None] * len(queries)
        return self._file.read(lambda connection: [duckdb_query.run(connection, one) for one in queries])

    def refresh_divisions(self, known: Iterable[KnownDivision]) -> tuple[int, ...]:
        """Add what is new and renew what differs."""
        wanted = {one.division: one for one in known}
        self.prepare(())
        return self._change(lambda connection: duckdb_selection.refresh(connection, wanted))

    def obstacle(self) -> str | None:
        """Look at the file's rights and at its disk."""
        return obstacle(self._file.path)

    def selection(self) -> Selection | None:
        """Read the selection, with what is wrong with it."""
        return self._file.read(duckdb_selection.read) if self._file.exists else None

    def list_divisions(self) -> tuple[DivisionChoice, ...] | None:
        """Read the selection."""
        found = self.selection()
        return None if found is None else found.choices

    def restore_divisions(self, choices: Iterable[DivisionChoice]) -> str | None:
        """Write choices, in one transaction; where the table refuses, in a new one."""
        wanted, failures = tuple(choices), []
        self.prepare(())
        for restore in duckdb_selection.RESTORATIONS:
            try:
                return self._change(partial(restore, choices=wanted))
            except WarehouseBusyError:
                raise
            except WarehouseError as error:
                failures.append(error)
        raise SelectionError(
            f"{selection.TABLE} cannot be restored: {failures[-1]} Rename or drop it, and what depends on it, with "
            "DuckDB; then run `exact-assets divisions restore` again."
        ) from failures[-1]

    def set_enabled(self, divisions: Iterable[int], enabled: bool) -> None:
        """Choose whether divisions are copied."""
        self._choose(selection.SET_ENABLED, divisions, enabled)

    def set_start_year(self, divisions: Iterable[int], start_year: int | None) -> None:
        """Choose the first business year of divisions."""
        self._choose(selection.SET_START_YEAR, divisions, start_year)

    def set_sync_now(self, divisions: Iterable[int], sync_now: bool) -> None:
        """Ask for divisions out of turn."""
        self._choose(selection.SET_SYNC_NOW, divisions, sync_now)

    def report_divisions(self, reports: Iterable[DivisionReport]) -> tuple[int, ...]:
        """Write what changes, at one opening of the file."""
        changing = [report for report in reports if report.changes]
        if not changing:
            return ()
        self.prepare(())
        for is_shown in (True, False):
            try:
                return self._change(partial(duckdb_selection.report, reports=changing, is_shown=is_shown))
            except WarehouseBusyError:
                raise
            except WarehouseError as error:
                # A column that refuses what is shown must not keep what was chosen from being done.
                _log.warning("What is shown of divisions cannot be written: %s", error)
        return ()

    def names_holding(self, divisions: Collection[int], *, names: Collection[str]) -> tuple[str, ...]:
        """Look into each table at one opening."""
        if not self._file.exists:
            return ()
        return self._file.read(lambda connection: duckdb_purge.names_holding(connection, divisions, names=names))

    def purge(self, name: str, divisions: Collection[int]) -> int:
        """Delete in one transaction, after which the log is carried into the file."""
        return self._change(lambda connection: duckdb_purge.purge(connection, name, divisions))

    def note_purge(self, divisions: Collection[int], *, has_ended: bool) -> None:
        """Write it to the status."""
        if self._file.exists:
            self.prepare(())
            self._change(lambda connection: duckdb_purge.note(connection, divisions, has_ended=has_ended))

    def _choose(self, statement: str, divisions: Iterable[int], value: object) -> None:
        wanted = tuple(divisions)
        self.prepare(())

        def work(connection: DuckDBPyConnection) -> None:
            if lacking := duckdb_selection.choose(connection, statement, wanted, value):
                raise WarehouseError(selection.not_there(lacking))

        self._change(work)

    def _change(self, work: Callable[[DuckDBPyConnection], _T]) -> _T:
        """Do work in one transaction, which is undone when it raises."""

        def transaction(connection: DuckDBPyConnection) -> _T:
            connection.execute("BEGIN TRANSACTION")
            try:
                done = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                # Where COMMIT itself fails, DuckDB has rolled back already.
                with suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
                raise
            return done

        return self._file.write(transaction)

    def _read(self, statement: str, **values: object) -> list[tuple[Any, ...]] | None:
        """Read from a table; None: it is not there, or lacks a column that is asked for."""
        if not self._file.exists:
            return None

        def read(connection: DuckDBPyConnection) -> list[tuple[Any, ...]] | None:
            try:
                return connection.execute(statement, values or None).fetchall()
            except (duckdb.CatalogException, duckdb.BinderException):
                return None

        return self._file.read(read)


def _batches(steps: Sequence[tuple[int, Step, int]]) -> Iterator[list[tuple[int, Step, int]]]:
    batch: list[tuple[int, Step, int]] = []
    rows = 0
    for one in steps:
        if batch and rows + one[1].rows.num_rows > BATCH_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(one)
        rows += one[1].rows.num_rows
    if batch:
        yield batch
