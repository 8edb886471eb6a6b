"""A step on its way in: its values are converted and staged before the warehouse is held, each key once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from exact_assets.catalogue.table import Column, Table
from exact_assets.errors import UnconvertibleError, ValueRangeError, WarehouseError
from exact_assets.stream import Step
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.sql import merge
from exact_assets.warehouse.sql.names import DIVISION
from exact_assets.warehouse.sql.types import SqlType, is_guid, own_columns, sql_type, stored_names

STAGES = ("step", "parents", "arrived_gone", "gone", "keys")
LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class StagedRows:
    """A relation of rows in the order in which they came."""

    relation: str
    is_empty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """A step whose values have been converted, ready to be stored."""

    table: Table
    division: int
    step: Step
    expected_seq: int
    rows: StagedRows
    parents: str | None
    """The relation with the keys of its parents; None: it has none."""
    gone: str | None
    """The relation with the keys and versions of rows that left; None: none did."""
    keys: str | None
    """The relation with the keys of a sweep; None: it is none."""


def arrive(
    connection: Connection, table: Table, division: int, step: Step, *, expected_seq: int, number: int
) -> Arrived:
    """Stage a step's values, in relations that `number` tells apart.

    Raises:
        ValueRangeError: a value that its column cannot hold.
        WarehouseError: rows of another division, or parents for a table that has none.
    """
    _require_division(table, division, step)
    return Arrived(
        table=table,
        division=division,
        step=step,
        expected_seq=expected_seq,
        rows=_stage_rows(connection, table, step.rows, name=f"step_{number}"),
        parents=_stage_parents(connection, table, step.parents, name=f"parents_{number}") if step.parents else None,
        gone=_stage_gone(connection, table, step.gone, number=number) if step.gone else None,
        keys=_stage_keys(connection, table, step.sweep.keys, name=f"keys_{number}") if step.sweep else None,
    )


def leave(connection: Connection, number: int) -> None:
    """Drop the stages of a step."""
    connection.unstage(f"{name}_{number}" for name in STAGES)


def foreign_key(table: Table) -> Column:
    """Return the column that holds the key of a line's header.

    Raises:
        WarehouseError: the table is not read through parents.
    """
    if table.parent is not None:
        for column in table.columns:
            if column.property == table.parent.foreign_key:
                return column
    raise WarehouseError(f"{table.name}: a step has parents, but no column of the table holds their keys")


def keep_newest(connection: Connection, table: Table, relation: str) -> None:
    """Of rows with the same key keep the highest version, and the last that came among equals."""
    if table.key:
        total, different, *_ = connection.rows(merge.count_keys(connection.dialect, table, relation))[0]
        if different < total:
            connection.run(merge.drop_older(connection.dialect, table, relation))


def _require_division(table: Table, division: int, step: Step) -> None:
    found = pc.unique(step.rows.column(DIVISION)).to_pylist()
    if found not in ([], [division]):
        raise WarehouseError(f"{table.name}: a step for division {division} has rows of {found}")


def _stage_rows(connection: Connection, table: Table, rows: pa.Table, *, name: str) -> StagedRows:
    rows = rows.select(table.arrow_schema.names)
    try:
        relation = connection.stage(name, rows, types=_guids(table, stored_names(table)))
    except UnconvertibleError as error:
        raise _not_a_guid(connection, table, rows, name=name) or ValueRangeError(
            f"{table.name}: {error.detail}"
        ) from error
    if table.key:
        total, different, *present = connection.rows(merge.count_keys(connection.dialect, table, relation))[0]
        if min(present) < total:
            raise _lacks_key(connection, table, relation)
        if different < total:
            connection.run(merge.drop_older(connection.dialect, table, relation))
    return StagedRows(relation, is_empty=rows.num_rows == 0)


def _stage_parents(connection: Connection, table: Table, keys: pa.Array, *, name: str) -> str:
    """Stage the keys of headers, as `key`."""
    column = foreign_key(table)
    types = {"key": sql_type(column)} if is_guid(column) else {}
    refusal = f"{table.name}: {column.name} of a header"
    return _staged(connection, pa.table({"key": keys}), name=name, types=types, refusal=refusal)


def _stage_gone(connection: Connection, table: Table, gone: pa.Table, *, number: int) -> str:
    """Stage keys and versions of rows that left, each key once."""
    dialect, refusal = connection.dialect, f"{table.name}: the key of a row that left"
    types = _guids(table, table.key)
    arrived = _staged(connection, gone, name=f"arrived_gone_{number}", types=types, refusal=refusal)
    keys = dialect.listed(table.key)
    select = f"SELECT {keys}, max({dialect.quoted(str(table.version))}) AS version FROM {arrived} GROUP BY {keys}"
    return connection.derive(f"gone_{number}", select)


def _stage_keys(connection: Connection, table: Table, keys: pa.Table, *, name: str) -> str:
    """Stage the keys of a sweep, under the names of the table's columns."""
    types = _guids(table, keys.column_names)
    return _staged(connection, keys, name=name, types=types, refusal=f"{table.name}: a key")


def _staged(
    connection: Connection, rows: pa.Table, *, name: str, types: Mapping[str, SqlType], refusal: str
) -> str:
    try:
        return connection.stage(name, rows, types=types)
    except UnconvertibleError as error:
        raise ValueRangeError(f"{refusal}: {error.detail}") from error


def _guids(table: Table, names: Iterable[str]) -> dict[str, SqlType]:
    guids = {column.name for column in own_columns(table) if is_guid(column)}
    return {name: SqlType.GUID for name in names if name in guids}


def _not_a_guid(connection: Connection, table: Table, rows: pa.Table, *, name: str) -> ValueRangeError | None:
    """Find the value that could not be converted, among the rows as they came."""
    dialect, relation = connection.dialect, connection.stage(name, rows, types={})
    keys = dialect.listed(table.key) + ", " if table.key else ""
    for column in filter(is_guid, own_columns(table)):
        guid = dialect.quoted(column.name)
        found = connection.rows(
            f"SELECT {keys}{guid} FROM {relation} "
            f"WHERE {guid} IS NOT NULL AND {dialect.tried(guid, SqlType.GUID)} IS NULL LIMIT 1"
        )
        if found:
            *key, value = found[0]
            return ValueRangeError(
                f"{table.name}: {column.name} is no GUID: {value[:LONGEST_SHOWN]!r}, {_row_named(table, key)}"
            )
    return None


def _lacks_key(connection: Connection, table: Table, relation: str) -> ValueRangeError:
    dialect = connection.dialect
    missing = " OR ".join(f"{dialect.quoted(name)} IS NULL" for name in table.key)
    found = connection.rows(f"SELECT {dialect.listed(table.key)} FROM {relation} WHERE {missing} LIMIT 1")[0]
    lacking = [name for name, value in zip(table.key, found, strict=True) if value is None]
    return ValueRangeError(f"{table.name}: {', '.join(lacking)} is missing, {_row_named(table, found)}")


def _row_named(table: Table, key: Sequence[object]) -> str:
    if not table.key:
        return "in a row that has no key"
    return "in the row with " + ", ".join(f"{name} {value}" for name, value in zip(table.key, key, strict=True))
