"""The outbox in any engine: each method is one opening of the warehouse."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from exact_assets.errors import ConstraintError, OutboxError, UnconvertibleError, UnknownNameError
from exact_assets.warehouse import outbox as words
from exact_assets.warehouse.connection import Connection, Engine
from exact_assets.warehouse.outbox import OutboxRow, RowEnd
from exact_assets.warehouse.prepare import create
from exact_assets.warehouse.present import column_types, tables_of
from exact_assets.warehouse.session import Sessions
from exact_assets.warehouse.sql import outbox as sql
from exact_assets.warehouse.sql.names import OUTBOX

_T = TypeVar("_T")
MOST_COUNTED = 10_000
"""Attempts; whoever writes a larger number into the column must not have it overflow."""
_REFUSED = (UnknownNameError, UnconvertibleError, ConstraintError)


class SqlOutboxStore:
    """Implements `protocol.OutboxStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions = Sessions(engine)

    def prepare_outbox(self) -> None:
        """Create what is missing; the warehouse is opened for writing only if something is."""

        def mend(connection: Connection) -> None:
            with connection.defining():
                create(connection, [_lacking(connection)])

        if not self._engine.exists or self._sessions.read(_lacking):
            self._sessions.write(mend)

    def due_rows(self, *, now: datetime) -> Mapping[str | None, int] | None:
        """Count the rows that are due, by division as it stands there."""

        def count(connection: Connection) -> Mapping[str | None, int] | None:
            columns = _columns(connection)
            if columns is None:
                return None
            return dict(connection.rows(sql.count_due(connection.dialect, columns, now=now)))

        return self._read_outbox(count) if self._engine.exists else None

    def next_rows(self, division: str | None, *, now: datetime, limit: int) -> Sequence[OutboxRow]:
        """Read rows of a division that are due."""

        def read(connection: Connection) -> Sequence[OutboxRow]:
            statement = sql.select_due(connection.dialect, _required(connection), now=now, limit=limit)
            return [_row(values) for values in connection.rows(statement, division=division)]

        return self._read_outbox(read)

    def begin_row(self, row: OutboxRow) -> OutboxRow | None:
        """Count an attempt at a row."""
        return self._change_outbox(lambda connection: _begun(connection, row))

    def end_row(self, row: OutboxRow, end: RowEnd) -> bool:
        """Write how an attempt at a row ended."""
        values: dict[str, Any] = {
            "status": end.status.value,
            "attempts": end.attempts,
            "document_id": end.document_id,
            "document_url": end.document_url,
            "error": end.error,
            "finished_at": end.at,
            "retry_at": end.retry_at,
        }

        def write(connection: Connection) -> bool:
            found = _found(connection, row)
            if found is not None:
                statement = sql.write_row(connection.dialect, _required(connection), values)
                connection.run(statement, address=found[0], **values)
            return found is not None

        return self._change_outbox(write)

    def postpone_rows(self, divisions: Collection[str] | None, *, now: datetime, until: datetime, why: str) -> None:
        """Have rows that are due wait."""

        def write(connection: Connection) -> None:
            statement = sql.postpone(connection.dialect, _required(connection), now=now, divisions=divisions)
            connection.run(statement, error=why, retry_at=until)

        self._change_outbox(write)

    def _read_outbox(self, work: Callable[[Connection], _T]) -> _T:
        with _telling():
            return self._sessions.read(work)

    def _change_outbox(self, work: Callable[[Connection], _T]) -> _T:
        with _telling():
            return self._sessions.change(work)


@contextmanager
def _telling() -> Iterator[None]:
    """Raise what to do where the table's columns are of other types than ours."""
    try:
        yield
    except _REFUSED as error:
        raise OutboxError(words.outbox_refuses(error.detail.splitlines()[0].rstrip("."))) from error


def _lacking(connection: Connection) -> list[str]:
    """Return the statements that create what is missing; a view in its place is no table, and yet there."""
    columns = column_types(connection, OUTBOX)
    if not columns:
        return sql.create_outbox(connection.dialect)
    return [] if _is_view(connection) else sql.missing_of_outbox(connection.dialect, columns)


def _columns(connection: Connection) -> Mapping[str, str] | None:
    """Return the columns with their types; None: there is no outbox.

    Raises:
        OutboxError: there is one that cannot be worked with.
    """
    columns = column_types(connection, OUTBOX)
    if not columns:
        return None
    if _is_view(connection):
        raise OutboxError(words.outbox_is_view())
    if lacking := [name for name in sql.ASKING if name not in columns]:
        raise OutboxError(words.outbox_lacks(lacking))
    if connection.dialect.address in columns:
        raise OutboxError(words.outbox_hides_addresses(connection.dialect.address))
    return columns


def _required(connection: Connection) -> Mapping[str, str]:
    columns = _columns(connection)
    if columns is None:
        raise OutboxError(words.outbox_lacks(sql.ASKING))
    return columns


def _is_view(connection: Connection) -> bool:
    return OUTBOX in tables_of(connection).views


def _begun(connection: Connection, row: OutboxRow) -> OutboxRow | None:
    found = _found(connection, row)
    if found is None:
        return None
    address, now = found
    begun = replace(now, attempts=now.attempts + 1)
    values = {"attempts": begun.attempts, "finished_at": None}
    connection.run(sql.write_row(connection.dialect, _required(connection), values), address=address, **values)
    return begun


def _found(connection: Connection, row: OutboxRow) -> tuple[str, OutboxRow] | None:
    """Return a row as it is now, with its address; None: it was edited since it was read, or is gone.

    An address counts within a transaction only: the engine may give it to another row later.
    """
    statement = sql.select_named(connection.dialect, _required(connection))
    for address, *values in connection.rows(statement, id=row.id):
        now = _row(values)
        if replace(now, attempts=row.attempts) == row:
            return address, now
    return None


def _row(values: Sequence[Any]) -> OutboxRow:
    *read, attempts = values
    return OutboxRow(**dict(zip(sql.READ, read, strict=True)), attempts=min(max(attempts or 0, 0), MOST_COUNTED))
