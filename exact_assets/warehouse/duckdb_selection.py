"""The division selection in an attached DuckDB file: statements for a table that people may have made anew.

What a row means is read in `edited`; what follows from a selection is decided elsewhere.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from exact_assets.errors import SelectionError
from exact_assets.warehouse import divisions, edited
from exact_assets.warehouse.divisions import (
    CHOSEN,
    SHOWN,
    TABLE,
    DivisionChoice,
    DivisionReport,
    KnownDivision,
    Selection,
    lacks,
)
from exact_assets.warehouse.naming import DIVISIONS, SCHEMA, qualified

_COLUMNS = (
    "SELECT lower(column_name), data_type FROM duckdb_columns() WHERE database_name = current_database() "
    "AND lower(schema_name) = $schema AND lower(table_name) = $table"
)
_TABLES = (
    "SELECT lower(table_name) FROM duckdb_tables() WHERE database_name = current_database() "
    "AND lower(schema_name) = $schema UNION ALL SELECT lower(view_name) FROM duckdb_views() "
    "WHERE database_name = current_database() AND lower(schema_name) = $schema"
)
_IS_VIEW = (
    "SELECT 1 FROM duckdb_views() WHERE database_name = current_database() AND lower(schema_name) = $schema "
    "AND lower(view_name) = $table"
)
_REPORTS = "arrived_reports"
_REPORT_ROWS = {"row": pa.int64(), "last_sync": pa.timestamp("us", tz="UTC"), "status": pa.string()} | {
    "calls_today": pa.int32(),
    "takes_back": pa.bool_(),
}
# In statements of their own, so that a column of another type is not mixed with a value of ours.
_BY_ROW = f"FROM {_REPORTS} AS new WHERE kept.rowid = new.row"
_REPORT = (
    f"UPDATE {TABLE} AS kept SET status = TRY_CAST(new.status AS {{status}}), "
    f"calls_today = TRY_CAST(new.calls_today AS {{calls_today}}) {_BY_ROW}"
)
_REPORT_SYNC = (
    f"UPDATE {TABLE} AS kept SET last_sync = TRY_CAST(new.last_sync AS {{last_sync}}) {_BY_ROW} "
    "AND new.last_sync IS NOT NULL"
)
_TAKE_BACK = f"UPDATE {TABLE} AS kept SET sync_now = false {_BY_ROW} AND new.takes_back"
_NOTE = (
    f"UPDATE {TABLE} SET last_sync = NULL, status = TRY_CAST(CAST($status AS VARCHAR) AS {{status}}) "
    "WHERE rowid IN $rows"
)
_UNREADABLE = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
)
"""What is raised where a column cannot be read as text."""
_UNWRITABLE = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConstraintException,
    duckdb.ConversionException,
)
"""What is raised where a table that can be read takes no value of ours."""


def read(connection: DuckDBPyConnection) -> Selection | None:
    """Read the selection; None: there is no such table."""
    columns = _columns(connection)
    if not columns:
        return None
    found = (
        *((divisions.IS_VIEW,) if _is_view(connection) else ()),
        *((divisions.HAS_ROWID,) if "rowid" in columns else ()),
        *((lacks(lacking),) if (lacking := [name for name in CHOSEN if name not in columns]) else ()),
    )
    if found:
        return Selection(choices=None, problems=found)
    try:
        return edited.selection(connection.execute(_select(columns)).fetchall())
    except _UNREADABLE as error:
        return Selection(choices=None, problems=(divisions.unreadable(_first_line(error)),))


def report(
    connection: DuckDBPyConnection, reports: Sequence[DivisionReport], *, is_shown: bool = True
) -> tuple[int, ...]:
    """Write reports of rows that have not changed since, all at once; return the divisions that were written.

    `is_shown`: status and calls are written too; if not, `sync_now` alone is taken back.

    Raises:
        SelectionError: the table cannot be read or written.
    """
    _require(connection)
    now = _rows(connection)
    due = [(found[0], one) for one in reports if (found := now.get(one.read.division)) and one.is_about(found[1])]
    arrived: dict[str, list[int | datetime | str | bool | None]] = {
        "row": [rowid for rowid, _ in due],
        "last_sync": [one.last_sync for _, one in due],
        "status": [one.status for _, one in due],
        "calls_today": [one.calls_today for _, one in due],
        "takes_back": [one.takes_back for _, one in due],
    }
    connection.register(_REPORTS, pa.table(arrived, schema=pa.schema(_REPORT_ROWS)))
    columns = _columns(connection)
    try:
        with _writing():
            _write_reports(connection, columns, due, is_shown=is_shown)
    finally:
        # In a transaction that failed, the registration goes with it; asking for that would hide the error.
        with suppress(duckdb.TransactionException):
            connection.unregister(_REPORTS)
    return tuple(one.read.division for _, one in due)


def note_disabled(connection: DuckDBPyConnection, divisions_: Collection[int], *, status: str) -> None:
    """Write a status for those of some divisions that are disabled; a selection with a problem is left as it is."""
    found = read(connection)
    if found is None or found.choices is None or found.problems:
        return
    rows = [
        row[0]
        for division, row in _rows(connection).items()
        if row is not None and division in divisions_ and not row[1].sync_enabled
    ]
    with _writing():
        connection.execute(_NOTE.format_map(_columns(connection)), {"rows": rows, "status": status})


def choose(connection: DuckDBPyConnection, statement: str, divisions_: Iterable[int], value: object) -> list[int]:
    """Set a value for divisions; return those that the table lacks.

    Raises:
        SelectionError: the table cannot be read or written.
    """
    _require(connection)
    with _writing():
        return [
            division
            for division in divisions_
            if connection.execute(statement, {"division": division, "value": value}).fetchall() == [(0,)]
        ]


def refresh(connection: DuckDBPyConnection, known: Mapping[int, KnownDivision]) -> tuple[int, ...]:
    """Add what is new and renew what differs; return what is new.

    Raises:
        SelectionError: the table cannot be read or written.
    """
    there = {choice.division: divisions.known(choice) for choice in _require(connection)}
    found = read(connection)
    # A row that cannot be read may be the one of a division that seems to be new.
    is_whole = found is not None and not found.problems
    added = tuple(division for division in known if division not in there) if is_whole else ()
    with _writing():
        for division, one in known.items():
            if division in added:
                connection.execute(divisions.INSERT, asdict(one))
            elif division in there and there[division] != one:
                connection.execute(divisions.RENEW, asdict(one))
    return added


def restore_in_place(connection: DuckDBPyConnection, choices: Iterable[DivisionChoice]) -> None:
    """Write choices into the table that is there, or into a new one.

    Raises:
        SelectionError: it cannot be read.
    """
    found = read(connection)
    if found is not None and (found.problems or found.choices is None):
        raise SelectionError(" ".join(found.problems))
    if found is None:
        connection.execute(divisions.CREATE)
        connection.execute(divisions.COMMENT)
    # One whose status is generated takes the choices, and would show nothing for ever.
    connection.execute(_NOTE.format_map(_columns(connection)), {"rows": [], "status": ""})
    _write(connection, choices, there={one.division for one in (found.choices if found else None) or ()})


def restore_beside(connection: DuckDBPyConnection, choices: Iterable[DivisionChoice]) -> str:
    """Give what is in the table's place another name, and write choices into a new one; return the other name."""
    aside = _free_name(connection)
    connection.execute(f"ALTER {'VIEW' if _is_view(connection) else 'TABLE'} {TABLE} RENAME TO {aside}")
    restore_in_place(connection, choices)
    return qualified(aside)


def restore_after_copy(connection: DuckDBPyConnection, choices: Iterable[DivisionChoice]) -> str | None:
    """Copy what is in the table's place, where an index keeps it from another name, and drop it; return the copy.

    A view is only dropped: nothing is in it.
    """
    aside, is_view = _free_name(connection), _is_view(connection)
    if not is_view:
        connection.execute(f"CREATE TABLE {qualified(aside)} AS FROM {TABLE}")
    connection.execute(f"DROP {'VIEW' if is_view else 'TABLE'} {TABLE}")
    restore_in_place(connection, choices)
    return None if is_view else qualified(aside)


RESTORATIONS = (restore_in_place, restore_beside, restore_after_copy)
"""The gentlest first; each in a transaction of its own."""


def _write(connection: DuckDBPyConnection, choices: Iterable[DivisionChoice], *, there: Collection[int]) -> None:
    for one in choices:
        values = {"division": one.division, "sync_enabled": one.sync_enabled, "start_year": one.start_year}
        if one.division in there:
            connection.execute(divisions.RENEW_CHOICE, values)
        else:
            connection.execute(divisions.INSERT_CHOICE, {**values, "name": one.name})


def _free_name(connection: DuckDBPyConnection) -> str:
    taken = {name for (name,) in connection.execute(_TABLES, {"schema": SCHEMA}).fetchall()}
    number = next(number for number in range(1, len(taken) + 2) if f"{DIVISIONS}_set_aside_{number}" not in taken)
    return f"{DIVISIONS}_set_aside_{number}"


def _is_view(connection: DuckDBPyConnection) -> bool:
    return bool(connection.execute(_IS_VIEW, {"schema": SCHEMA, "table": DIVISIONS}).fetchall())


def _require(connection: DuckDBPyConnection) -> Sequence[DivisionChoice]:
    """Return the choices of a table that can be read and is no view.

    Raises:
        SelectionError: it is not there, or cannot be read.
    """
    found = read(connection)
    if found is None or found.choices is None:
        raise SelectionError(" ".join(found.problems if found else ()) or f"{TABLE} is not there.")
    return found.choices


@contextmanager
def _writing() -> Iterator[None]:
    """Say what to do where the table takes no value of ours: a generated column, a constraint, an own `rowid`."""
    try:
        yield
    except _UNWRITABLE as error:
        raise SelectionError(divisions.unwritable(_first_line(error))) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")


def _rows(connection: DuckDBPyConnection) -> Mapping[int, tuple[int, DivisionChoice] | None]:
    """Read each division's row with its address; None: there is more than one."""
    found: dict[int, tuple[int, DivisionChoice] | None] = {}
    ignored = edited.Problems()
    for rowid, *values in connection.execute(_select(_columns(connection), first="rowid")).fetchall():
        one = edited.choice(values, ignored)
        if one is not None:
            found[one.division] = None if one.division in found else (rowid, one)
    return found


def _write_reports(
    connection: DuckDBPyConnection,
    columns: Mapping[str, str],
    due: Sequence[tuple[int, DivisionReport]],
    *,
    is_shown: bool,
) -> None:
    # A column that was made anew may not be able to hold what is shown: then it is left empty.
    if is_shown:
        connection.execute(_REPORT.format_map(columns))
    if is_shown and any(one.last_sync for _, one in due):
        connection.execute(_REPORT_SYNC.format_map(columns))
    if any(one.takes_back for _, one in due):
        connection.execute(_TAKE_BACK)


def _columns(connection: DuckDBPyConnection) -> Mapping[str, str]:
    """Read the columns of the table with their types; none: there is no such table."""
    return dict(connection.execute(_COLUMNS, {"schema": SCHEMA, "table": DIVISIONS}).fetchall())


def _select(columns: Collection[str], *, first: str | None = None) -> str:
    """Ask for choices as text, and for what is shown where it is there and makes sense."""
    chosen = [f"CAST({name} AS VARCHAR)" for name in CHOSEN]
    shown = [_shown(name, type_) if name in columns else "NULL" for name, type_ in SHOWN.items()]
    return f"SELECT {', '.join([*([first] if first else []), *chosen, *shown])} FROM {TABLE}"


def _shown(name: str, type_: str) -> str:
    """Read a column that is only shown; the year 200000 or infinity counts as null."""
    value = f"TRY_CAST(TRY_CAST({name} AS VARCHAR) AS {type_})"
    if not type_.startswith("TIMESTAMP"):
        return value
    return f"CASE WHEN {value} BETWEEN {type_} '1900-01-01' AND {type_} '9000-01-01' THEN {value} END"
