"""What the warehouse has: its tables and their columns, as the engine lists them. Nothing is created here."""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import tables as every_table
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.names import SCHEMA

_ASIDE = re.compile(r"(_stage|_sweep)_.+_(-?\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a schema holds, by names in lower case: people may have made a table anew in another."""

    tables: Mapping[str, tuple[str | None, bool]]
    """Comment, and whether there is a primary key, by name. No views."""
    views: frozenset[str]
    columns: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    """Comments by table or view, and column."""


def tables_of(connection: Connection, schema: str = SCHEMA) -> Present:
    """Return the tables and views of a schema, without their columns."""
    found = connection.rows(
        _selected(connection.dialect.tables, "table_name, comment, has_key, is_view"), schema=schema
    )
    return Present(
        tables={name: (comment, has_key) for name, comment, has_key, is_view in found if not is_view},
        views=frozenset(name for name, _, _, is_view in found if is_view),
    )


def columns_present(connection: Connection, schema: str = SCHEMA) -> Mapping[str, Mapping[str, str | None]]:
    """Return the comments of columns by table or view, and column."""
    columns: dict[str, dict[str, str | None]] = defaultdict(dict)
    statement = _selected(connection.dialect.columns, "table_name, column_name, comment")
    for table, column, comment in connection.rows(statement, schema=schema):
        columns[table][column] = comment
    return columns


def aside_of(dialect: Dialect, present: Present, table: str) -> list[str]:
    """Name the tables in which anything of a table's streams is kept aside."""
    return [
        name
        for name in present.tables
        if (found := _ASIDE.fullmatch(name)) and name == dialect.fitted(f"{found[1]}_{table}_{found[2]}")
    ]


def column_types(connection: Connection, name: str, *, schema: str = SCHEMA) -> Mapping[str, str]:
    """Return the columns of a table or view with their types, as the engine names them; none: it is not there."""
    dialect = connection.dialect
    statement = (
        _selected(dialect.columns, "column_name, data_type") + f" WHERE table_name = {dialect.value('name')}"
    )
    return dict(connection.rows(statement, schema=schema, name=name))


def indexes_present(connection: Connection) -> frozenset[str]:
    """Return the names of indexes, where the engine has any beside keys."""
    if connection.dialect.indexes is None:
        return frozenset()
    return frozenset(row[0] for row in connection.rows(connection.dialect.indexes, schema=SCHEMA))


def has_table(connection: Connection, name: str) -> bool:
    """Return whether a table is there."""
    dialect = connection.dialect
    statement = _selected(dialect.tables, "1") + f" WHERE table_name = {dialect.value('name')}"
    return bool(connection.rows(statement, schema=SCHEMA, name=dialect.fitted(name)))


def present_tables(connection: Connection) -> dict[str, Table]:
    """Return the tables of the catalogue that the warehouse has, by name."""
    names, fitted = tables_of(connection).tables, connection.dialect.fitted
    return {name: table for name, table in every_table().items() if fitted(name) in names}


def _selected(listing: str, columns: str) -> str:
    return f"SELECT {columns} FROM ({listing}) AS present"
