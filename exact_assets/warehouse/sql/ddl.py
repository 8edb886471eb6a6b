"""What has to be created so that tables can be stored: pure functions from what is wanted and what is there.

Nothing here drops or changes what exists, but for the view of a table's live rows.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from exact_assets.catalogue.table import Table
from exact_assets.stream import FOUND_VERSION, IS_DUE
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.names import DELETED_AT, LIVE_SCHEMA, SCHEMA, SELECTION, STREAMS, text
from exact_assets.warehouse.sql.types import SqlColumn, SqlType, sql_columns, sql_type

SHOWN: Mapping[str, SqlType] = {
    "name": SqlType.TEXT,
    "last_sync": SqlType.INSTANT,
    "status": SqlType.TEXT,
    "calls_today": SqlType.INTEGER,
    "moved_at": SqlType.TIMESTAMP,
    "hr_linked_at": SqlType.TIMESTAMP,
}
"""Columns of the selection that are written here only, and come back where they are missing: older versions lack
some."""


def create_schema(dialect: Dialect, name: str = SCHEMA) -> str:
    """Create a schema."""
    return f"CREATE SCHEMA IF NOT EXISTS {dialect.quoted(name)}"


def create_streams(dialect: Dialect) -> list[str]:
    """Create the table of streams' states."""
    name, types = dialect.qualified(STREAMS), dialect.types
    columns = (
        f"division {types[SqlType.INTEGER]} NOT NULL, "
        f"table_name {types[SqlType.TEXT]} NOT NULL, load_seq {types[SqlType.BIGINT]} NOT NULL, "
        f"cursor {types[SqlType.TEXT]}, floor {types[SqlType.TEXT]}, state {types[SqlType.TEXT]} NOT NULL, "
        f"updated_at {types[SqlType.INSTANT]} NOT NULL, PRIMARY KEY (division, table_name)"
    )
    return [
        create_schema(dialect),
        f"CREATE TABLE IF NOT EXISTS {name} ({columns})",
        comment_on(dialect, "TABLE", name, "What has been read of each table and division (JSON)"),
    ]


def create_selection(dialect: Dialect) -> list[str]:
    """Create the table of the division selection."""
    name, types = dialect.qualified(SELECTION), dialect.types
    return [
        f"CREATE TABLE IF NOT EXISTS {name} (division {types[SqlType.INTEGER]} PRIMARY KEY, "
        f"name {types[SHOWN['name']]}, sync_enabled {types[SqlType.BOOLEAN]} DEFAULT false, "
        f"start_year {types[SqlType.SMALLINT]}, sync_now {types[SqlType.BOOLEAN]} DEFAULT false, "
        + ", ".join(f"{column} {types[type_]}" for column, type_ in SHOWN.items() if column != "name")
        + ")",
        comment_on(
            dialect, "TABLE", name, "Divisions to copy: set sync_enabled, start_year and sync_now as you like"
        ),
    ]


def comment_on(dialect: Dialect, kind: str, name: str, comment: str) -> str:
    """Put a comment on a table or a column."""
    return dialect.comment.format(kind=kind, name=name, text=text(comment))


def create_table(dialect: Dialect, table: Table, *, aside: str | None = None) -> str:
    """Create a table; under the name `aside` one without key, so that it takes a row more than once."""
    columns = [_definition(dialect, column) for column in dialect_columns(dialect, table)]
    if aside is not None and dialect.place_definition:
        columns.append(dialect.place_definition)
    if table.primary_key and aside is None:
        columns.append(f"PRIMARY KEY ({dialect.listed(table.primary_key)})")
    return f"CREATE TABLE {dialect.qualified(aside or table.name)} ({', '.join(columns)})"


def dialect_columns(dialect: Dialect, table: Table) -> tuple[SqlColumn, ...]:
    """Return a table's columns as the engine names their types."""
    reserved = (dialect.address, dialect.place, *dialect.reserved)
    columns = sql_columns(table, types=dialect.types, reserved=reserved)
    return tuple(replace(column, name=dialect.fitted(column.name)) for column in columns)


def table_comment(dialect: Dialect, table: Table) -> str:
    """Comment in the warehouse what the table is and where it comes from."""
    return comment_on(dialect, "TABLE", dialect.qualified(table.name), comment_of(table))


def comment_of(table: Table) -> str:
    """Return the endpoint, after the description if there is one."""
    return f"{table.description} {table.endpoint}".strip()


def column_comments(dialect: Dialect, table: Table, *, present: Mapping[str, str | None]) -> list[str]:
    """Put Exact's names on columns whose comment in the warehouse is another, or none."""
    return [
        comment_on(
            dialect, "COLUMN", f"{dialect.qualified(table.name)}.{dialect.quoted(column.name)}", column.comment
        )
        for column in dialect_columns(dialect, table)
        if present.get(column.name) != column.comment
    ]


def missing_columns(
    dialect: Dialect, table: Table, *, present: Mapping[str, str | None], name: str | None = None
) -> list[str]:
    """Add the columns that the catalogue has and the table lacks; rows that are there hold null in them."""
    return [
        add_column(dialect, name or table.name, column.name, column.type)
        for column in dialect_columns(dialect, table)
        if column.name not in present
    ]


def missing_of_sweep(dialect: Dialect, table: Table, *, present: Collection[str], name: str) -> list[str]:
    """Add the columns that a version before did not keep with a sweep's keys; those are due to nobody then."""
    version = [sql_type(column) for column in table.columns if column.name == table.version]
    types = {IS_DUE: SqlType.BOOLEAN, FOUND_VERSION: version[0] if version else SqlType.INSTANT}
    return [
        add_column(dialect, name, one, dialect.types[type_]) for one, type_ in types.items() if one not in present
    ]


def add_column(dialect: Dialect, table: str, column: str, type_: str) -> str:
    """Add a column."""
    return dialect.add_column.format(table=dialect.qualified(table), definition=f"{dialect.quoted(column)} {type_}")


def missing_key(dialect: Dialect, table: Table) -> str:
    """Add the primary key to a table that was made without."""
    return f"ALTER TABLE {dialect.qualified(table.name)} ADD PRIMARY KEY ({dialect.listed(table.primary_key)})"


def missing_indexes(dialect: Dialect, table: Table, *, present: Collection[str]) -> list[str]:
    """Add the indexes that joins need beside the primary key, which begins with the division.

    That is one by the key alone, as other tables name a row, and one by the header of lines.
    """
    if dialect.indexes is None:
        return []
    columns = [table.key] if table.key else []
    if table.header is not None:
        columns.append((table.header.column,))
    names = {dialect.fitted("_".join((table.name, *those, "index"))): those for those in columns}
    return [
        f"CREATE INDEX {dialect.quoted(name)} ON {dialect.qualified(table.name)} ({dialect.listed(those)})"
        for name, those in names.items()
        if name not in present
    ]


def live_columns(dialect: Dialect, table: Table) -> tuple[str, ...]:
    """Name the columns of a table's view without the rows that are gone."""
    return tuple(column.name for column in dialect_columns(dialect, table) if column.name != DELETED_AT)


def create_live_view(dialect: Dialect, table: Table, *, shown: Sequence[str] = ()) -> list[str]:
    """Show the rows that Exact still has.

    Columns that are `shown` already stay where they are: PostgreSQL takes new ones at the end only, and people's
    own views may rest on this one.
    """
    new = [name for name in live_columns(dialect, table) if name not in shown]
    view, columns = dialect.qualified(table.name, schema=LIVE_SCHEMA), dialect.listed((*shown, *new))
    rows = f"SELECT {columns} FROM {dialect.qualified(table.name)} WHERE {DELETED_AT} IS NULL"
    return [create_schema(dialect, LIVE_SCHEMA), f"CREATE OR REPLACE VIEW {view} AS {rows}"]


def end_live_view(dialect: Dialect, table: Table) -> list[str]:
    """Remove the view and the rows that it left out."""
    return [
        f"DROP VIEW {dialect.qualified(table.name, schema=LIVE_SCHEMA)}",
        f"DELETE FROM {dialect.qualified(table.name)} WHERE {DELETED_AT} IS NOT NULL",
    ]


def _definition(dialect: Dialect, column: SqlColumn) -> str:
    return f"{dialect.quoted(column.name)} {column.type}{' NOT NULL' if column.is_required else ''}"
