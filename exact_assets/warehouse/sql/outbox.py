"""SQL that makes, reads and writes the outbox: pure functions from a dialect to statements.

People may have made the table anew: whatever tells what is asked for is read as text, as every type can be cast to
it, and what is written is cast to the type that the column has.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from exact_assets.warehouse.sql.ddl import add_column, comment_on, create_schema
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.names import OUTBOX, text
from exact_assets.warehouse.sql.types import SqlType

ASKING: Mapping[str, SqlType] = {
    "id": SqlType.TEXT,
    "division": SqlType.INTEGER,
    "operation": SqlType.TEXT,
    "search": SqlType.TEXT,
    "fields": SqlType.TEXT,
    "file": SqlType.TEXT,
    "status": SqlType.TEXT,
}
"""Columns without which nobody can tell what is asked for, or whether it was done."""
TELLING: Mapping[str, SqlType] = {
    "replace_file": SqlType.BOOLEAN,
    "document_id": SqlType.TEXT,
    "document_url": SqlType.TEXT,
    "error": SqlType.TEXT,
    "attempts": SqlType.INTEGER,
    "retry_at": SqlType.INSTANT,
    "created_at": SqlType.INSTANT,
    "finished_at": SqlType.INSTANT,
}
"""Columns that come back where they are missing."""
COLUMNS: Mapping[str, SqlType] = {**ASKING, **TELLING}
READ = ("id", "division", "operation", "search", "fields", "file", "replace_file", "status", "created_at")
"""Columns that tell what is asked for, all as text."""
_ENDED = ("done", "failed")
_IS_TEXT = re.compile(r"char|text|string", re.IGNORECASE)
_DEFAULTS = {
    "id": "CAST(gen_random_uuid() AS {text})",
    "status": "'waiting'",
    "replace_file": "false",
    "attempts": "0",
    "created_at": "CURRENT_TIMESTAMP",
}
_COMMENTS = {
    "id": "Names the row for good: left out, it is made up; given, it must be another for each document",
    "division": "The division's number",
    "operation": "create, update, upsert or attach",
    "search": 'Of update and attach: the document, by its ID or as {"subject": "…"}; of upsert: the field, or null',
    "fields": "What is written, as a JSON object",
    "file": "What is attached, below EXACT_DOCUMENT_FILES; null: nothing",
    "replace_file": "Whether a file of the same name with other content is replaced",
    "status": "waiting, done or failed; null is waiting",
    "document_id": "The document's ID in Exact",
    "document_url": "Where it is looked at in Exact Online",
    "error": "Why it failed, or waits",
    "attempts": "How often it was begun",
    "retry_at": "Not before this moment",
    "created_at": "When the row was added: rows of a division are sent in this order",
    "finished_at": "When it was done or failed",
}


def create_outbox(dialect: Dialect) -> list[str]:
    """Create the outbox."""
    types, name = dialect.types, dialect.qualified(OUTBOX)
    defaults = {column: value.format(text=types[SqlType.TEXT]) for column, value in _DEFAULTS.items()}
    columns = [
        f"{column} {types[type_]}{f' DEFAULT {defaults[column]}' if column in defaults else ''}"
        f"{' PRIMARY KEY' if column == 'id' else ''}"
        for column, type_ in COLUMNS.items()
    ]
    return [
        create_schema(dialect),
        f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(columns)})",
        comment_on(dialect, "TABLE", name, "Documents to be written in Exact: a row each, added by whoever likes"),
        *(comment_on(dialect, "COLUMN", f"{name}.{column}", words) for column, words in _COMMENTS.items()),
    ]


def missing_of_outbox(dialect: Dialect, present: Collection[str]) -> list[str]:
    """Add the columns that come back where they are missing."""
    return [
        add_column(dialect, OUTBOX, column, dialect.types[type_])
        for column, type_ in TELLING.items()
        if column not in present
    ]


def count_due(dialect: Dialect, columns: Collection[str], *, now: datetime) -> str:
    """Count the rows that are due, by division."""
    division = dialect.cast("division", SqlType.TEXT)
    return (
        f"SELECT {division} AS division, count(*) FROM {_outbox(dialect)} AS kept "
        f"WHERE {_is_due(dialect, columns, now)} GROUP BY {division}"
    )


def select_due(dialect: Dialect, columns: Collection[str], *, now: datetime, limit: int) -> str:
    """Read rows of a division that are due, in the order in which they came."""
    # Rows of one INSERT have the same moment, and come in the order in which they stand there.
    order = f"{_tried(dialect, columns, 'created_at', SqlType.INSTANT)}, {dialect.address}"
    wanted = f"{_is_due(dialect, columns, now)} AND {_same(dialect, 'division')}"
    return f"{_select(dialect, columns)} WHERE {wanted} ORDER BY {order} LIMIT {int(limit)}"


def select_named(dialect: Dialect, columns: Collection[str]) -> str:
    """Read rows of a name with their addresses."""
    address = dialect.cast(dialect.address, SqlType.TEXT)
    return f"{_select(dialect, columns, first=(address,))} WHERE {_same(dialect, 'id')}"


def write_row(dialect: Dialect, columns: Mapping[str, str], names: Iterable[str]) -> str:
    """Overwrite values of the row at an address, each cast to its column's own type, or refused."""
    here = f"{dialect.cast(dialect.address, SqlType.TEXT)} = {dialect.cast(dialect.value('address'), SqlType.TEXT)}"
    return f"UPDATE {_outbox(dialect)} SET {_set(dialect, columns, names)} WHERE {here}"


def postpone(
    dialect: Dialect, columns: Mapping[str, str], *, now: datetime, divisions: Collection[str] | None
) -> str:
    """Have rows that are due wait: those of some divisions, or all."""
    names = ", ".join(map(text, divisions or ()))
    among = "" if divisions is None else f" AND {dialect.cast('division', SqlType.TEXT)} IN ({names or 'NULL'})"
    return (
        f"UPDATE {_outbox(dialect)} SET {_set(dialect, columns, ('error', 'retry_at'))} "
        f"WHERE {_is_due(dialect, columns, now)}{among}"
    )


def _set(dialect: Dialect, columns: Mapping[str, str], names: Iterable[str]) -> str:
    values = {name: dialect.cast(dialect.value(name), COLUMNS[name]) for name in names}
    return ", ".join(
        # A cast to a text that is too short would cut it, where an assignment is refused.
        f"{name} = {value if _IS_TEXT.search(columns[name]) else f'CAST({value} AS {columns[name]})'}"
        for name, value in values.items()
    )


def _select(dialect: Dialect, columns: Collection[str], *, first: Sequence[str] = ()) -> str:
    read = [dialect.cast(name, SqlType.TEXT) if name in columns else "NULL" for name in READ]
    attempts = _tried(dialect, columns, "attempts", SqlType.INTEGER)
    if "finished_at" in columns:
        # It had ended, and a person has it sent again: that counts anew.
        attempts = f"CASE WHEN finished_at IS NULL THEN {attempts} ELSE 0 END"
    values = ", ".join([*first, *read, attempts])
    return f"SELECT {values} FROM {_outbox(dialect)} AS kept"


def _is_due(dialect: Dialect, columns: Collection[str], now: datetime) -> str:
    """Return the condition for a row that has not ended, and is not to wait."""
    status = f"coalesce(lower(trim({dialect.cast('status', SqlType.TEXT)})), '')"
    ended = ", ".join(map(text, _ENDED))
    retry_at = _tried(dialect, columns, "retry_at", SqlType.INSTANT)
    return f"{status} NOT IN ({ended}) AND coalesce({retry_at} <= {dialect.moment(now)}, true)"


def _same(dialect: Dialect, name: str) -> str:
    wanted = dialect.cast(dialect.value(name), SqlType.TEXT)
    return f"{dialect.cast(name, SqlType.TEXT)} IS NOT DISTINCT FROM {wanted}"


def _tried(dialect: Dialect, columns: Collection[str], name: str, type_: SqlType) -> str:
    if name not in columns:
        return f"CAST(NULL AS {dialect.types[type_]})"
    return dialect.tried(dialect.cast(name, SqlType.TEXT), type_)


def _outbox(dialect: Dialect) -> str:
    return dialect.qualified(OUTBOX)
