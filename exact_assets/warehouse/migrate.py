"""Copies one warehouse into another, whatever their engines: rows, the states of streams, and the selection.

A stream is copied in one transaction of the target's and compared before that ends: a copy that was killed goes on
with the streams that are missing. What loads keep aside is not copied: a reload or a sweep that is under way begins
anew where the copy is used.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import pyarrow as pa
from msgspec.structs import replace

from exact_assets.catalogue.table import Table
from exact_assets.errors import WarehouseError
from exact_assets.stream import StreamState, encode_state
from exact_assets.warehouse.connection import Connection, Engine
from exact_assets.warehouse.divisions import CHOSEN, IS_VIEW
from exact_assets.warehouse.prepare import ensure
from exact_assets.warehouse.present import columns_present, present_tables, tables_of
from exact_assets.warehouse.session import Sessions
from exact_assets.warehouse.sql.ddl import SHOWN
from exact_assets.warehouse.sql.names import DELETED_AT, DIVISION, LOADED_AT, OUTBOX, SELECTION, STREAMS, YEAR, text
from exact_assets.warehouse.sql.outbox import COLUMNS, create_outbox
from exact_assets.warehouse.sql.types import SqlType, own_columns, sql_type
from exact_assets.warehouse.states import decoded_state

COPIED_ROWS = 20_000
_ROWS = "migrated"
_STATE = ("load_seq", "cursor", "floor", "state", "updated_at")
_STATE_TYPES = {"load_seq": SqlType.BIGINT, "updated_at": SqlType.INSTANT}
_SELECTION_TYPES: Mapping[str, SqlType] = {
    "division": SqlType.INTEGER,
    "sync_enabled": SqlType.BOOLEAN,
    "start_year": SqlType.SMALLINT,
    "sync_now": SqlType.BOOLEAN,
    **SHOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CopiedStream:
    """A stream that is in the target now."""

    table: str
    division: int
    rows: int
    was_there: bool
    """Whether a copy before this one had brought it."""


def migrate_warehouse(
    source: Engine, target: Engine, *, is_soft: bool
) -> Iterator[tuple[int, CopiedStream | None]]:
    """Copy stream by stream; yields how many streams there are, first without any and then with each.

    Nobody writes to the source meanwhile where that is a file; where it is a server, it is read as it was when this
    began.

    Raises:
        StateUnreadableError: a stream's state is damaged, or a newer version's.
        WarehouseError: the target has newer rows of a stream, or holds other rows than the source afterwards.
    """
    with source.connection() as reading, reading.opened(is_read_only=True):
        tables = present_tables(reading)
        ensure(Sessions(target), tables.values(), is_soft=is_soft)
        Sessions(target).change(lambda writing: _copy_selection(reading, writing))
        Sessions(target).change(lambda writing: _copy_outbox(reading, writing))
        streams = [(table, division) for table in tables.values() for division in _divisions(reading, table)]
        yield len(streams), None
        for table, division in streams:
            yield len(streams), _copy_stream(reading, Sessions(target), table, division)


def _divisions(connection: Connection, table: Table) -> list[int]:
    """Return the divisions of which rows or a state are kept."""
    dialect = connection.dialect
    found = connection.rows(
        f"SELECT division FROM {dialect.qualified(table.name)} "
        f"UNION SELECT division FROM {dialect.qualified(STREAMS)} WHERE table_name = {text(table.name)} ORDER BY 1"
    )
    return [division for (division,) in found]


def _copy_stream(reading: Connection, target: Sessions, table: Table, division: int) -> CopiedStream:
    state = _state_of(reading, table, division)
    content = _content(reading, table, division)

    def work(writing: Connection) -> bool:
        there = _state_of(writing, table, division)
        if there == state and _content(writing, table, division) == content:
            return True
        _require_older(table, division, there, state)
        _replace(reading, writing, table, division, state)
        found = _content(writing, table, division)
        if found != content:
            raise WarehouseError(
                f"{table.name} of division {division}: the copy has other rows or sums ({found}) than the "
                f"source ({content}). Nothing of it was kept."
            )
        return False

    was_there = target.change(work, divisions=[division])
    return CopiedStream(table=table.name, division=division, rows=int(content[0]), was_there=was_there)


def _replace(
    reading: Connection, writing: Connection, table: Table, division: int, state: Mapping[str, Any] | None
) -> None:
    dialect, is_it = writing.dialect, f"division = {division}"
    writing.run(f"DELETE FROM {dialect.qualified(table.name)} WHERE {is_it}")
    writing.run(f"DELETE FROM {dialect.qualified(STREAMS)} WHERE {is_it} AND table_name = {text(table.name)}")
    present = columns_present(reading)[reading.dialect.fitted(table.name)]
    types = {name: type_ for name, type_ in _types(table).items() if reading.dialect.fitted(name) in present}
    for batch in reading.batches(_as_text(reading, table.name, types, where=is_it), rows=COPIED_ROWS):
        _insert(writing, table.name, batch, types)
    if state is not None:
        state_types = {"division": SqlType.INTEGER, "table_name": SqlType.TEXT, **_types_of_state()}
        _insert(writing, STREAMS, [(str(division), table.name, *state.values())], state_types)


def _insert(
    writing: Connection, name: str, rows: Sequence[Sequence[str | None]], types: Mapping[str, SqlType]
) -> None:
    """Insert rows whose values are texts, which the target converts."""
    dialect = writing.dialect
    columns = zip(*rows, strict=True)
    arrived = pa.table({one: pa.array(column, pa.string()) for one, column in zip(types, columns, strict=True)})
    converted = {one: type_ for one, type_ in types.items() if type_ is not SqlType.TEXT}
    relation = writing.stage(_ROWS, arrived, types=converted)
    listed = dialect.listed(types)
    writing.run(f"INSERT INTO {dialect.qualified(name)} ({listed}) SELECT {listed} FROM {relation}")
    writing.unstage([_ROWS])


def _as_text(connection: Connection, name: str, types: Mapping[str, SqlType], *, where: str) -> str:
    dialect = connection.dialect
    columns = ", ".join(dialect.cast(dialect.quoted(one), SqlType.TEXT) for one in types)
    return f"SELECT {columns} FROM {dialect.qualified(name)} WHERE {where}"


def _types(table: Table) -> dict[str, SqlType]:
    own = {column.name: sql_type(column) for column in own_columns(table)}
    return {
        DIVISION: SqlType.INTEGER,
        **own,
        YEAR: SqlType.SMALLINT,
        LOADED_AT: SqlType.INSTANT,
        DELETED_AT: SqlType.INSTANT,
    }


def _types_of_state() -> dict[str, SqlType]:
    return {name: _STATE_TYPES.get(name, SqlType.TEXT) for name in _STATE}


def _content(connection: Connection, table: Table, division: int) -> tuple[str, ...]:
    """Return the number of rows and the sum of each column of exact numbers, as all engines write them."""
    dialect = connection.dialect
    present = columns_present(connection)[dialect.fitted(table.name)]
    numbers = (name for name, type_ in _types(table).items() if type_ is SqlType.DECIMAL)
    sums = [f"sum({dialect.quoted(name)})" for name in numbers if dialect.fitted(name) in present]
    [found] = connection.rows(
        f"SELECT {', '.join(['count(*)', *sums])} FROM {dialect.qualified(table.name)} WHERE division = {division}"
    )
    return tuple(f"{value:f}" if hasattr(value, "as_tuple") else str(value) for value in found)


def _state_of(connection: Connection, table: Table, division: int) -> dict[str, Any] | None:
    """Return a stream's state, column by column as text, without what is kept aside; None: it was never stored."""
    where = f"division = {division} AND table_name = {text(table.name)}"
    found = connection.rows(_as_text(connection, STREAMS, _types_of_state(), where=where))
    if not found:
        return None
    row = dict(zip(_STATE, found[0], strict=True))
    # Engines write moments in words of their own.
    streams = connection.dialect.qualified(STREAMS)
    [(updated_at,)] = connection.rows(f"SELECT updated_at FROM {streams} WHERE {where}")
    row["updated_at"] = updated_at.astimezone(UTC).isoformat()
    row["state"] = encode_state(_settled(decoded_state(row["state"], table.name, division)))
    return row


def _settled(state: StreamState) -> StreamState:
    """Return a state in which nothing is kept aside: a reload and a sweep begin anew."""
    is_reload = state.chain is not None and state.chain.reload
    without = replace(state, sweep=None, sweep_began=None, lost=0)
    return replace(without, chain=None) if is_reload else without


def _require_older(
    table: Table, division: int, there: Mapping[str, Any] | None, state: Mapping[str, Any] | None
) -> None:
    if there is not None and (state is None or int(there["load_seq"]) > int(state["load_seq"])):
        raise WarehouseError(
            f"{table.name} of division {division} was loaded in the target since: its rows there are newer, and "
            "stay. Use the target as it is, or purge the division there and migrate again."
        )


def _copy_selection(reading: Connection, writing: Connection) -> None:
    """Copy divisions that the target's selection lacks, with what was chosen for them; others stay as they are."""
    relations = tables_of(reading)
    if SELECTION in relations.views:
        raise WarehouseError(f"{IS_VIEW} Migrate then.")
    if SELECTION not in relations.tables:
        return
    present = columns_present(reading)[SELECTION]
    types = {name: type_ for name, type_ in _SELECTION_TYPES.items() if name in present}
    if not set(CHOSEN) <= set(types):
        raise WarehouseError(
            "The division selection of the source lacks columns: run `exact-assets divisions restore`."
        )
    there = {
        division for (division,) in writing.rows(f"SELECT division FROM {writing.dialect.qualified(SELECTION)}")
    }
    found = reading.rows(_as_text(reading, SELECTION, types, where="division IS NOT NULL"))
    lacking = [row for row in found if int(row[list(types).index(DIVISION)]) not in there]
    if lacking:
        _insert(writing, SELECTION, lacking, types)


def _copy_outbox(reading: Connection, writing: Connection) -> None:
    """Copy the rows of the outbox that the target lacks, by their id: some wait, and the others are a log."""
    if OUTBOX not in tables_of(reading).tables:
        return
    for statement in create_outbox(writing.dialect):
        writing.run(statement)
    present = columns_present(reading)[OUTBOX]
    types = {name: type_ for name, type_ in COLUMNS.items() if name in present}
    there = {name for (name,) in writing.rows(f"SELECT id FROM {writing.dialect.qualified(OUTBOX)}")}
    found = reading.rows(_as_text(reading, OUTBOX, types, where="id IS NOT NULL"))
    lacking = [row for row in found if row[list(types).index("id")] not in there]
    if lacking:
        _insert(writing, OUTBOX, lacking, types)


def left_behind(engine: Engine) -> tuple[str, ...]:
    """Name what stands in the schema and is not copied, such as tables of a user's own; models are made anew."""

    def look(connection: Connection) -> tuple[str, ...]:
        there, ours = tables_of(connection), present_tables(connection)
        fitted = {connection.dialect.fitted(name) for name in (*ours, STREAMS, SELECTION, OUTBOX)}
        others = [*there.tables, *there.views]
        return tuple(sorted(name for name in others if name not in fitted and not name.startswith("_")))

    return Sessions(engine).read(look)
