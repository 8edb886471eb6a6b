"""What has to be created so that tables can be stored: pure functions from what is wanted and what is there.

Nothing here drops or changes what exists.
"""

from collections.abc import Mapping

from exact_assets.catalogue.table import Table
from exact_assets.warehouse.columns import SqlColumn, sql_columns
from exact_assets.warehouse.naming import DELETED_AT, LIVE_SCHEMA, SCHEMA, STREAMS, listed, qualified, quoted

CREATE_SCHEMA = f"CREATE SCHEMA IF NOT EXISTS {quoted(SCHEMA)}"
CREATE_LIVE_SCHEMA = f"CREATE SCHEMA IF NOT EXISTS {quoted(LIVE_SCHEMA)}"
CREATE_STREAMS = f"""
CREATE TABLE IF NOT EXISTS {qualified(STREAMS)} (
    division INTEGER NOT NULL,
    table_name VARCHAR NOT NULL,
    load_seq BIGINT NOT NULL,
    cursor VARCHAR,
    floor VARCHAR,
    state VARCHAR NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (division, table_name)
)
"""
COMMENT_STREAMS = f"COMMENT ON TABLE {qualified(STREAMS)} IS 'What has been read of each table and division (JSON)'"


def create_table(table: Table, *, name: str | None = None) -> str:
    """Create a table; under another name, it is a stage: without key, so that it takes a row more than once."""
    columns = [_definition(column) for column in sql_columns(table)]
    if table.primary_key and name is None:
        columns.append(f"PRIMARY KEY ({listed(table.primary_key)})")
    return f"CREATE TABLE {qualified(name or table.name)} ({', '.join(columns)})"


def table_comment(table: Table) -> str:
    """Say in the warehouse what the table is and where it comes from."""
    return f"COMMENT ON TABLE {qualified(table.name)} IS {text(comment_of(table))}"


def comment_of(table: Table) -> str:
    """Give the endpoint, after the description if there is one."""
    return f"{table.description} {table.endpoint}".strip()


def column_comments(table: Table, *, present: Mapping[str, str | None]) -> list[str]:
    """Put Exact's names on columns whose comment in the warehouse is another, or none."""
    return [
        f"COMMENT ON COLUMN {qualified(table.name)}.{quoted(column.name)} IS {text(column.comment)}"
        for column in sql_columns(table)
        if present.get(column.name) != column.comment
    ]


def missing_columns(table: Table, *, present: Mapping[str, str | None], name: str | None = None) -> list[str]:
    """Add the columns that the catalogue has and the table lacks; rows that are there hold null in them."""
    return [
        f"ALTER TABLE {qualified(name or table.name)} ADD COLUMN {quoted(column.name)} {column.type}"
        for column in sql_columns(table)
        if column.name not in present
    ]


def missing_key(table: Table) -> str:
    """Add the primary key to a table that was made without."""
    return f"ALTER TABLE {qualified(table.name)} ADD PRIMARY KEY ({listed(table.primary_key)})"


def live_columns(table: Table) -> tuple[str, ...]:
    """Name the columns of a table's view without the rows that are gone."""
    return tuple(column.name for column in sql_columns(table) if column.name != DELETED_AT)


def create_live_view(table: Table) -> str:
    """Show the rows that Exact still has."""
    return (
        f"CREATE OR REPLACE VIEW {qualified(table.name, schema=LIVE_SCHEMA)} AS "
        f"SELECT {listed(live_columns(table))} FROM {qualified(table.name)} WHERE {DELETED_AT} IS NULL"
    )


def end_live_view(table: Table) -> list[str]:
    """Remove the view and the rows that it left out."""
    return [
        f"DROP VIEW {qualified(table.name, schema=LIVE_SCHEMA)}",
        f"DELETE FROM {qualified(table.name)} WHERE {DELETED_AT} IS NOT NULL",
    ]


def _definition(column: SqlColumn) -> str:
    return f"{quoted(column.name)} {column.type}{' NOT NULL' if column.is_required else ''}"


def text(value: str) -> str:
    """Quote a string."""
    return "'" + value.replace("'", "''") + "'"
