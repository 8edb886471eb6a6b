"""A step's rows on their way into DuckDB: from Arrow to a temporary table, before the file is touched.

Here every value is converted to its column's type, and rows that come more than once are brought down to one.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from exact_assets.catalogue.table import Column, Table
from exact_assets.errors import ValueRangeError
from exact_assets.warehouse.columns import is_guid, own_columns, sql_type, stored_names
from exact_assets.warehouse.naming import listed, quoted

ARROW = "arriving"
LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Rows:
    """A relation whose `rowid` tells the order in which its rows came."""

    relation: str
    is_empty: bool


def convert(connection: DuckDBPyConnection, table: Table, rows: pa.Table, *, name: str) -> Rows:
    """Put Arrow rows in a temporary table of this connection.

    Raises:
        ValueRangeError: a string is no GUID, or a key is missing; the message names table, column and key.
    """
    relation = f"temp.{quoted(name)}"
    connection.register(ARROW, rows.select(table.arrow_schema.names))
    try:
        try:
            connection.execute(
                f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS SELECT {_converted(table)} FROM {ARROW}"
            )
        except duckdb.ConversionException as error:
            raise _not_a_guid(connection, table) or ValueRangeError(f"{table.name}: {error}") from error
    finally:
        connection.unregister(ARROW)
    if table.key:
        counts = ", ".join(f"count({quoted(key)})" for key in table.key)
        total, different, *present = _one(
            connection, f"SELECT count(*), count(DISTINCT {_key(table)}), {counts} FROM {relation}"
        )
        if min(present) < total:
            raise _lacks_key(connection, table, relation)
        if different < total:
            _drop_older(connection, table, relation)
    return Rows(relation, is_empty=rows.num_rows == 0)


def convert_parents(
    connection: DuckDBPyConnection, table: Table, column: Column, keys: pa.Array, *, name: str
) -> str:
    """Put the keys of headers, which `column` holds, in a temporary table with the column `key`; give its name.

    Raises:
        ValueRangeError: a string is no GUID.
    """
    with _arriving(connection, pa.table({"key": keys}), refusal=f"{table.name}: {column.name} of a header"):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS "
            f"SELECT CAST(key AS {sql_type(column)}) AS key FROM {ARROW}"
        )
    return f"temp.{quoted(name)}"


def convert_gone(connection: DuckDBPyConnection, table: Table, gone: pa.Table, *, name: str) -> str:
    """Put keys and versions of rows that left in a temporary table, each key once; give its name.

    Raises:
        ValueRangeError: a string is no GUID.
    """
    wanted = ", ".join(_converted_columns(table, table.key))
    with _arriving(connection, gone, refusal=f"{table.name}: the key of a row that left"):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS "
            f"SELECT {wanted}, max({quoted(str(table.version))}) AS version FROM {ARROW} GROUP BY ALL"
        )
    return f"temp.{quoted(name)}"


def convert_keys(connection: DuckDBPyConnection, table: Table, keys: pa.Table, *, name: str) -> str:
    """Put the keys of a sweep in a temporary table, under the names of the table's columns; give its name.

    Raises:
        ValueRangeError: a string is no GUID.
    """
    wanted = ", ".join(_converted_columns(table, keys.column_names))
    with _arriving(connection, keys, refusal=f"{table.name}: a key"):
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {quoted(name)} AS SELECT {wanted} FROM {ARROW}")
    return f"temp.{quoted(name)}"


@contextmanager
def _arriving(connection: DuckDBPyConnection, rows: pa.Table, *, refusal: str) -> Iterator[None]:
    """Let SQL read Arrow rows as `ARROW`; what cannot be converted is refused in these words."""
    connection.register(ARROW, rows)
    try:
        yield
    except duckdb.ConversionException as error:
        raise ValueRangeError(f"{refusal}: {error}") from error
    finally:
        connection.unregister(ARROW)


def keep_newest(connection: DuckDBPyConnection, table: Table, relation: str) -> None:
    """Of rows with the same key keep the highest version, and the last that came among equals."""
    if table.key:
        total, different = _one(connection, f"SELECT count(*), count(DISTINCT {_key(table)}) FROM {relation}")
        if different < total:
            _drop_older(connection, table, relation)


def _drop_older(connection: DuckDBPyConnection, table: Table, relation: str) -> None:
    version = f"{quoted(table.version)} DESC NULLS LAST, " if table.version else ""
    connection.execute(
        f"DELETE FROM {relation} WHERE rowid IN (SELECT rowid FROM {relation} QUALIFY row_number() OVER "
        f"(PARTITION BY {listed(table.key)} ORDER BY {version}rowid DESC) > 1)"
    )


def _key(table: Table) -> str:
    return f"({listed(table.key)})" if len(table.key) > 1 else listed(table.key)


def _one(connection: DuckDBPyConnection, statement: str) -> tuple[int, ...]:
    return connection.execute(statement).fetchall()[0]


def _converted(table: Table) -> str:
    return ", ".join(_converted_columns(table, stored_names(table)))


def _converted_columns(table: Table, names: Iterable[str]) -> Iterator[str]:
    guids = {column.name for column in own_columns(table) if is_guid(column)}
    for name in names:
        yield f"CAST({quoted(name)} AS UUID) AS {quoted(name)}" if name in guids else quoted(name)


def _not_a_guid(connection: DuckDBPyConnection, table: Table) -> ValueRangeError | None:
    """Find the value that could not be converted."""
    keys = listed(table.key) + ", " if table.key else ""
    for column in filter(is_guid, own_columns(table)):
        name = quoted(column.name)
        found = connection.execute(
            f"SELECT {keys}{name} FROM {ARROW} "
            f"WHERE {name} IS NOT NULL AND TRY_CAST({name} AS UUID) IS NULL LIMIT 1"
        ).fetchall()
        if found:
            *key, value = found[0]
            return ValueRangeError(
                f"{table.name}: {column.name} is no GUID: {value[:LONGEST_SHOWN]!r}, {_row_named(table, key)}"
            )
    return None


def _lacks_key(connection: DuckDBPyConnection, table: Table, relation: str) -> ValueRangeError:
    missing = " OR ".join(f"{quoted(name)} IS NULL" for name in table.key)
    found = connection.execute(f"SELECT {listed(table.key)} FROM {relation} WHERE {missing} LIMIT 1").fetchall()[0]
    lacking = [name for name, value in zip(table.key, found, strict=True) if value is None]
    return ValueRangeError(f"{table.name}: {', '.join(lacking)} is missing, {_row_named(table, found)}")


def _row_named(table: Table, key: Sequence[object]) -> str:
    if not table.key:
        return "in a row that has no key"
    return "in the row with " + ", ".join(f"{name} {value}" for name, value in zip(table.key, key, strict=True))
