"""Columns of a table in the warehouse: SQL types and comments. Type names are standard SQL, for any database."""

from dataclasses import dataclass

import pyarrow as pa

from exact_assets.catalogue.table import Column, Table
from exact_assets.warehouse.naming import DELETED_AT, DIVISION, LOADED_AT, YEAR

_TYPES: dict[pa.DataType, str] = {
    pa.bool_(): "BOOLEAN",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE PRECISION",
    pa.string(): "VARCHAR",
    pa.decimal128(38, 10): "DECIMAL(38, 10)",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP WITH TIME ZONE",
}


RESERVED = frozenset({DIVISION, YEAR, LOADED_AT, DELETED_AT, "rowid"})
"""Names of columns that are ours; DuckDB gives every table a `rowid`, which a column of that name would hide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlColumn:
    """A column as it stands in the warehouse."""

    name: str
    type: str
    comment: str
    is_required: bool = False


def sql_type(column: Column) -> str:
    """Give the SQL type of one of Exact's columns: a Guid, which travels as a string, becomes a UUID.

    Raises:
        ValueError: the column travels as a type that the catalogue does not promise.
    """
    if is_guid(column):
        return "UUID"
    if column.type not in _TYPES:
        raise ValueError(f"column {column.name} has type {column.type}, for which there is no SQL type")
    return _TYPES[column.type]


def is_guid(column: Column) -> bool:
    """Tell a Guid from a String; both travel as strings."""
    return column.edm_type == "Edm.Guid"


def own_columns(table: Table) -> tuple[Column, ...]:
    """Give Exact's columns, without Division: the warehouse has that first, for every table."""
    return tuple(column for column in table.columns if column.name != DIVISION)


def stored_names(table: Table) -> tuple[str, ...]:
    """Name the columns whose values come with a row, in the order of `Table.arrow_schema`."""
    return (DIVISION, *(column.name for column in own_columns(table)), YEAR)


def sql_columns(table: Table) -> tuple[SqlColumn, ...]:
    """Give all columns in the order in which a new table gets them.

    Raises:
        ValueError: one of Exact's columns has a name that the warehouse needs for itself.
    """
    taken = [column.name for column in own_columns(table) if column.name.lower() in RESERVED]
    if taken:
        raise ValueError(f"{table.name}: {', '.join(taken)} cannot be the name of a column; rename it")
    return (
        SqlColumn(
            name=DIVISION, type="INTEGER", comment="Division: the one the row was read from", is_required=True
        ),
        *(
            SqlColumn(
                name=column.name,
                type=sql_type(column),
                comment=column.property,
                is_required=column.name in table.key,
            )
            for column in own_columns(table)
        ),
        SqlColumn(name=YEAR, type="SMALLINT", comment="The year whose partition holds the row"),
        SqlColumn(
            name=LOADED_AT, type=_TYPES[pa.timestamp("us", tz="UTC")], comment="When the row last changed here"
        ),
        SqlColumn(
            name=DELETED_AT,
            type=_TYPES[pa.timestamp("us", tz="UTC")],
            comment="When the row was found to be gone from Exact (EXACT_DELETIONS=soft); empty: it is there",
        ),
    )
