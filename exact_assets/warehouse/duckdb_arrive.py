"""A step on its way into DuckDB: its values are converted and put aside before the file is touched."""

from dataclasses import dataclass

import pyarrow.compute as pc
from duckdb import DuckDBPyConnection

from exact_assets.catalogue.table import Column, Table
from exact_assets.errors import WarehouseError
from exact_assets.stream import Step
from exact_assets.warehouse.duckdb_rows import Rows, convert, convert_gone, convert_keys, convert_parents
from exact_assets.warehouse.naming import DIVISION

TEMPORARY = ("step", "parents", "gone", "keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A step whose values have been converted, ready to be stored."""

    table: Table
    division: int
    step: Step
    expected_seq: int
    rows: Rows
    parents: str | None
    """The relation with the keys of its parents; None: it has none."""
    gone: str | None
    """The relation with the keys and versions of rows that left; None: none did."""
    keys: str | None
    """The relation with the keys of a sweep; None: it is none."""


def arrive(
    connection: DuckDBPyConnection, table: Table, division: int, step: Step, *, expected_seq: int, number: int
) -> Arrived:
    """Convert a step's values, in temporary tables that `number` tells apart.

    Raises:
        ValueRangeError: a value that its column cannot hold.
        WarehouseError: rows of another division, or parents for a table that has none.
    """
    _require_division(table, division, step)
    rows = convert(connection, table, step.rows, name=f"step_{number}")
    parents = None
    if step.parents is not None and len(step.parents) > 0:
        parents = convert_parents(connection, table, foreign_key(table), step.parents, name=f"parents_{number}")
    gone = convert_gone(connection, table, step.gone, name=f"gone_{number}") if step.gone else None
    keys = convert_keys(connection, table, step.sweep.keys, name=f"keys_{number}") if step.sweep else None
    return Arrived(
        table=table,
        division=division,
        step=step,
        expected_seq=expected_seq,
        rows=rows,
        parents=parents,
        gone=gone,
        keys=keys,
    )


def leave(connection: DuckDBPyConnection, number: int) -> None:
    """Drop the temporary tables of a step."""
    connection.execute("; ".join(f"DROP TABLE IF EXISTS temp.{name}_{number}" for name in TEMPORARY))


def foreign_key(table: Table) -> Column:
    """Give the column that holds the key of a line's header.

    Raises:
        WarehouseError: the table is not read through parents.
    """
    if table.parent is not None:
        for column in table.columns:
            if column.property == table.parent.foreign_key:
                return column
    raise WarehouseError(f"{table.name}: a step has parents, but no column of the table holds their keys")


def _require_division(table: Table, division: int, step: Step) -> None:
    found = pc.unique(step.rows.column(DIVISION)).to_pylist()
    if found not in ([], [division]):
        raise WarehouseError(f"{table.name}: a step for division {division} has rows of {found}")
