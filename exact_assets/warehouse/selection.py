"""The division selection in an open warehouse: statements for a table that people may have made anew.

What a row means is read in `edited`; what follows from a selection is decided elsewhere.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from functools import partial

import pyarrow as pa

from exact_assets.errors import ConstraintError, SelectionError, UnconvertibleError, UnknownNameError
from exact_assets.warehouse import divisions, edited
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.divisions import (
    CHOSEN,
    TABLE,
    DivisionChoice,
    DivisionReport,
    KnownDivision,
    Selection,
    lacks,
)
from exact_assets.warehouse.present import column_types, tables_of
from exact_assets.warehouse.sql import choices as sql
from exact_assets.warehouse.sql import ddl
from exact_assets.warehouse.sql.names import SELECTION

_REPORT_ROWS = {"address": pa.string(), "last_sync": pa.timestamp("us", tz="UTC"), "status": pa.string()} | {
    "calls_today": pa.int32(),
    "takes_back": pa.bool_(),
}
_UNREADABLE = (UnknownNameError, UnconvertibleError)
"""What is raised where a column cannot be read as text."""
_UNWRITABLE = (UnknownNameError, UnconvertibleError, ConstraintError)
"""What is raised where a table that can be read takes no value of ours."""


def read_selection(connection: Connection) -> Selection | None:
    """Read the selection; None: there is no such table."""
    dialect, columns = connection.dialect, column_types(connection, SELECTION)
    if not columns:
        return None
    found = (
        *((divisions.IS_VIEW,) if _is_view(connection) else ()),
        *((divisions.hides_addresses(dialect.address),) if dialect.address in columns else ()),
        *((lacks(lacking),) if (lacking := [name for name in CHOSEN if name not in columns]) else ()),
    )
    if found:
        return Selection(choices=None, problems=found)
    try:
        with connection.savepoint():
            return edited.selection(connection.rows(sql.select_choices(dialect, columns)))
    except _UNREADABLE as error:
        return Selection(choices=None, problems=(divisions.unreadable(_first_line(error.detail)),))


def report(connection: Connection, reports: Sequence[DivisionReport], *, is_shown: bool = True) -> tuple[int, ...]:
    """Write reports of rows that have not changed since, all at once; return the divisions that were written.

    `is_shown`: status and calls are written too; if not, `sync_now` alone is taken back.

    Raises:
        SelectionError: the table cannot be read or written.
    """
    _require(connection)
    now = _rows(connection)
    due = [one for one in reports if (found := now.get(one.read.division)) and one.is_about(found[1])]
    with _writing():
        for write in _report_statements(connection, due, is_shown=is_shown):
            # Staged for each: a row that was written may have another address.
            new = _stage_reports(connection, due)
            connection.run(write(new))
            connection.unstage(["reports"])
    return tuple(one.read.division for one in due)


def note_disabled(connection: Connection, divisions_: Collection[int], *, status: str) -> None:
    """Write a status for those of some divisions that are disabled; a selection with a problem is left as it is."""
    found = read_selection(connection)
    if found is None or found.choices is None or found.problems:
        return
    rows = [
        row[0]
        for division, row in _rows(connection).items()
        if row is not None and division in divisions_ and not row[1].sync_enabled
    ]
    with _writing():
        connection.run(sql.set_note(connection.dialect, column_types(connection, SELECTION), rows), status=status)


def choose(connection: Connection, column: str, divisions_: Iterable[int], value: object) -> list[int]:
    """Set a value in a column for divisions; return those that the table lacks.

    Raises:
        SelectionError: the table cannot be read or written.
    """
    _require(connection)
    statement = sql.set_value(connection.dialect, column)
    with _writing():
        return [
            division
            for division in divisions_
            if connection.affected(statement, division=division, value=value) == 0
        ]


KNOWN = ("name", "moved_at", "hr_linked_at")
"""Columns that say what Exact says of a division."""


def refresh_selection(connection: Connection, known: Mapping[int, KnownDivision]) -> tuple[int, ...]:
    """Add what is new and renew what differs; return what is new.

    Raises:
        SelectionError: the table cannot be read or written.
    """
    there = {choice.division: divisions.known(choice) for choice in _require(connection)}
    found = read_selection(connection)
    # A row that cannot be read may be the one of a division that seems to be new.
    is_whole = found is not None and not found.problems
    added = tuple(division for division in known if division not in there) if is_whole else ()
    with _writing():
        for division, one in known.items():
            if division in added:
                connection.run(sql.insert(connection.dialect, KNOWN), **asdict(one))
            elif division in there and there[division] != one:
                connection.run(sql.renew(connection.dialect, KNOWN), **asdict(one))
    return added


def restore_in_place(connection: Connection, choices: Iterable[DivisionChoice]) -> None:
    """Write choices into the table that is there, or into a new one.

    Raises:
        SelectionError: it cannot be read.
    """
    found = read_selection(connection)
    if found is not None and (found.problems or found.choices is None):
        raise SelectionError(" ".join(found.problems))
    if found is None:
        for statement in ddl.create_selection(connection.dialect):
            connection.run(statement)
    # One whose status is generated takes the choices, and would show nothing for ever.
    connection.run(sql.set_note(connection.dialect, column_types(connection, SELECTION), []), status="")
    _write(connection, choices, there={one.division for one in (found.choices if found else None) or ()})


def restore_beside(connection: Connection, choices: Iterable[DivisionChoice]) -> str:
    """Rename what is in the table's place, and write choices into a new one; return the other name."""
    aside = _free_name(connection)
    kind = "VIEW" if _is_view(connection) else "TABLE"
    connection.run(f"ALTER {kind} {connection.dialect.qualified(SELECTION)} RENAME TO {aside}")
    restore_in_place(connection, choices)
    return connection.dialect.qualified(aside)


def restore_after_copy(connection: Connection, choices: Iterable[DivisionChoice]) -> str | None:
    """Copy what is in the table's place, where an index keeps it from another name, and drop it; return the copy.

    A view is only dropped: nothing is in it.
    """
    aside, is_view = _free_name(connection), _is_view(connection)
    qualified = connection.dialect.qualified
    if not is_view:
        connection.run(f"CREATE TABLE {qualified(aside)} AS SELECT * FROM {qualified(SELECTION)} AS kept")
    connection.run(f"DROP {'VIEW' if is_view else 'TABLE'} {qualified(SELECTION)}")
    restore_in_place(connection, choices)
    return None if is_view else qualified(aside)


RESTORATIONS = (restore_in_place, restore_beside, restore_after_copy)
"""The gentlest first; each in a transaction of its own."""


def _write(connection: Connection, choices: Iterable[DivisionChoice], *, there: Collection[int]) -> None:
    for one in choices:
        values = {"division": one.division, "sync_enabled": one.sync_enabled, "start_year": one.start_year}
        if one.division in there:
            connection.run(sql.renew(connection.dialect, ("sync_enabled", "start_year")), **values)
        else:
            names = ("name", "sync_enabled", "start_year")
            connection.run(sql.insert(connection.dialect, names), **values, name=one.name)


def _free_name(connection: Connection) -> str:
    present = tables_of(connection)
    taken = {*present.tables, *present.views}
    number = next(number for number in range(1, len(taken) + 2) if f"{SELECTION}_set_aside_{number}" not in taken)
    return f"{SELECTION}_set_aside_{number}"


def _is_view(connection: Connection) -> bool:
    return SELECTION in tables_of(connection).views


def _require(connection: Connection) -> Sequence[DivisionChoice]:
    """Return the choices of a table that can be read and is no view.

    Raises:
        SelectionError: it is not there, or cannot be read.
    """
    found = read_selection(connection)
    if found is None or found.choices is None:
        raise SelectionError(" ".join(found.problems if found else ()) or f"{TABLE} is not there.")
    return found.choices


@contextmanager
def _writing() -> Iterator[None]:
    """Raise what to do where the table takes no value of ours: a generated column, a constraint, an own `rowid`."""
    try:
        yield
    except _UNWRITABLE as error:
        raise SelectionError(divisions.unwritable(_first_line(error.detail))) from error


def _first_line(text: str) -> str:
    return text.splitlines()[0].rstrip(".")


def _rows(connection: Connection) -> Mapping[int, tuple[str, DivisionChoice] | None]:
    """Read each division's row with its address; None: there is more than one."""
    found: dict[int, tuple[str, DivisionChoice] | None] = {}
    ignored = edited.Problems()
    dialect = connection.dialect
    statement = sql.select_choices(dialect, column_types(connection, SELECTION), first=sql.address(dialect))
    for address, *values in connection.rows(statement):
        one = edited.choice(values, ignored)
        if one is not None:
            found[one.division] = None if one.division in found else (address, one)
    return found


def _stage_reports(connection: Connection, reports: Sequence[DivisionReport]) -> str:
    """Stage what is to be written, with the addresses of rows as they are now."""
    now = _rows(connection)
    found = [(row[0], one) for one in reports if (row := now.get(one.read.division))]
    arrived: dict[str, list[int | datetime | str | bool | None]] = {
        "address": [address for address, _ in found],
        "last_sync": [one.last_sync for _, one in found],
        "status": [one.status for _, one in found],
        "calls_today": [one.calls_today for _, one in found],
        "takes_back": [one.takes_back for _, one in found],
    }
    return connection.stage("reports", pa.table(arrived, schema=pa.schema(_REPORT_ROWS)), types={})


def _report_statements(
    connection: Connection, due: Sequence[DivisionReport], *, is_shown: bool
) -> Iterator[Callable[[str], str]]:
    """Yield what makes the statements: of their own, so that a column of another type is not mixed with ours."""
    dialect, columns = connection.dialect, column_types(connection, SELECTION)
    if is_shown:
        yield partial(sql.set_shown, dialect, columns)
    if is_shown and any(one.last_sync for one in due):
        yield partial(sql.report_sync, dialect, columns)
    if any(one.takes_back for one in due):
        yield partial(sql.take_back, dialect)
