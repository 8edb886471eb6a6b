"""Columns of a table in the warehouse: SQL types and comments. How an engine names a type is in its `Dialect`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

from exact_assets.catalogue.table import Column, Table
from exact_assets.warehouse.sql.names import DELETED_AT, DIVISION, LOADED_AT, YEAR


class SqlType(StrEnum):
    """What a column holds; each value is the type's name in standard SQL."""

    BOOLEAN = "BOOLEAN"
    SMALLINT = "SMALLINT"
    INTEGER = "INTEGER"
    BIGINT = "BIGINT"
    DOUBLE = "DOUBLE PRECISION"
    TEXT = "VARCHAR"
    DECIMAL = "DECIMAL(38, 10)"
    TIMESTAMP = "TIMESTAMP"
    INSTANT = "TIMESTAMP WITH TIME ZONE"
    GUID = "UUID"


_TYPES: dict[pa.DataType, SqlType] = {
    pa.bool_(): SqlType.BOOLEAN,
    pa.int16(): SqlType.SMALLINT,
    pa.int32(): SqlType.INTEGER,
    pa.int64(): SqlType.BIGINT,
    pa.float64(): SqlType.DOUBLE,
    pa.string(): SqlType.TEXT,
    pa.decimal128(38, 10): SqlType.DECIMAL,
    pa.timestamp("us"): SqlType.TIMESTAMP,
    pa.timestamp("us", tz="UTC"): SqlType.INSTANT,
}
OWN = frozenset({DIVISION, YEAR, LOADED_AT, DELETED_AT})
"""Names of columns that are ours."""
STANDARD: Mapping[SqlType, str] = {one: one.value for one in SqlType}
"""Types as standard SQL names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlColumn:
    """A column as it stands in the warehouse."""

    name: str
    type: str
    comment: str
    is_required: bool = False


def sql_type(column: Column) -> SqlType:
    """Return the SQL type of one of Exact's columns: a Guid, which travels as a string, becomes a UUID.

    Raises:
        ValueError: the column travels as a type that the catalogue does not promise.
    """
    if is_guid(column):
        return SqlType.GUID
    if column.type not in _TYPES:
        raise ValueError(f"column {column.name} has type {column.type}, for which there is no SQL type")
    return _TYPES[column.type]


def type_of_arrow(type_: pa.DataType) -> SqlType:
    """Return the SQL type that an Arrow type becomes.

    Raises:
        ValueError: it is a type that nothing here travels as.
    """
    if type_ not in _TYPES:
        raise ValueError(f"there is no SQL type for {type_}")
    return _TYPES[type_]


def is_guid(column: Column) -> bool:
    """Return whether it is a Guid and no String; both travel as strings."""
    return column.edm_type == "Edm.Guid"


def own_columns(table: Table) -> tuple[Column, ...]:
    """Return Exact's columns, without Division: the warehouse has that first, for every table."""
    return tuple(column for column in table.columns if column.name != DIVISION)


def stored_names(table: Table) -> tuple[str, ...]:
    """Name the columns whose values come with a row, in the order of `Table.arrow_schema`."""
    return (DIVISION, *(column.name for column in own_columns(table)), YEAR)


def sql_columns(
    table: Table, *, types: Mapping[SqlType, str] = STANDARD, reserved: Collection[str] = ()
) -> tuple[SqlColumn, ...]:
    """Return all columns in the order in which a new table gets them.

    Args:
        table: whose columns they are.
        types: their types' names.
        reserved: names that an engine keeps for itself, beside ours.

    Raises:
        ValueError: one of Exact's columns has a name that the warehouse needs for itself.
    """
    taken = [column.name for column in own_columns(table) if column.name.lower() in {*OWN, *reserved}]
    if taken:
        raise ValueError(f"{table.name}: {', '.join(taken)} cannot be the name of a column; rename it")
    return (
        SqlColumn(
            name=DIVISION,
            type=types[SqlType.INTEGER],
            comment="Division: the one the row was read from",
            is_required=True,
        ),
        *(
            SqlColumn(
                name=column.name,
                type=types[sql_type(column)],
                comment=f"{column.property}: {column.meaning}" if column.meaning else column.property,
                is_required=column.name in table.key,
            )
            for column in own_columns(table)
        ),
        SqlColumn(name=YEAR, type=types[SqlType.SMALLINT], comment="The year whose partition holds the row"),
        SqlColumn(name=LOADED_AT, type=types[SqlType.INSTANT], comment="When the row last changed here"),
        SqlColumn(
            name=DELETED_AT,
            type=types[SqlType.INSTANT],
            comment="When the row was found to be gone from Exact (EXACT_DELETIONS=soft); empty: it is there",
        ),
    )
