"""Stream states as the warehouse keeps them: how they are read, and the fence behind which they are written."""

import logging
from collections.abc import Collection
from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from exact_assets.catalogue.table import Table
from exact_assets.errors import LoadSupersededError, StateUnreadableError
from exact_assets.stream import NewerStateError, StreamState, decode_state, encode_state
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.names import SCHEMA, STREAMS, one_of
from exact_assets.warehouse.sql.names import text as literal

_log = logging.getLogger(__name__)


def read_state(connection: Connection, table: str, division: int) -> StreamState | None:
    """Read a stream's state; None: it was never stored.

    Raises:
        StateUnreadableError: it cannot be read.
    """
    statement = f"SELECT state FROM {connection.dialect.qualified(STREAMS)} WHERE {_is_it(connection.dialect)}"
    found = connection.rows(statement, division=division, table=table)
    return decoded_state(found[0][0], table, division) if found else None


def read_states(
    connection: Connection, divisions: Collection[int], *, names: Collection[str] | None = None
) -> list[tuple[int, str, StreamState]]:
    """Read the states of divisions, of the tables named, or of all, for whom they only inform.

    Of all, one that cannot be read is left out: it stops the work on its own stream, and not that on all others.

    Raises:
        StateUnreadableError: one of those named cannot be read.
    """
    wanted = "" if names is None else f" AND table_name IN {one_of(names)}"
    found = connection.rows(
        f"SELECT division, table_name, state FROM {connection.dialect.qualified(STREAMS)} "
        f"WHERE division IN {one_of(divisions)}{wanted}"
    )
    decoded = _decoded_or_none if names is None else decoded_state
    states = ((division, name, decoded(text, name, division)) for division, name, text in found)
    return [(division, name, state) for division, name, state in states if state is not None]


def read_streams(connection: Connection, names: Collection[str]) -> list[tuple[str, int, StreamState, datetime]]:
    """Read all states of tables, with when each was last stored; as `read_states`."""
    found = connection.rows(
        f"SELECT table_name, division, state, updated_at FROM {connection.dialect.qualified(STREAMS)} "
        f"WHERE table_name IN {one_of(names)}"
    )
    states = ((name, division, _decoded_or_none(text, name, division), at) for name, division, text, at in found)
    return [
        (name, division, state, at.astimezone(UTC)) for name, division, state, at in states if state is not None
    ]


def raise_fence(
    connection: Connection, table: Table, division: int, state: StreamState, *, expected_seq: int, at: datetime
) -> None:
    """Write a state in the place of the one with the sequence number that is expected.

    Raises:
        LoadSupersededError: it has another one.
    """
    dialect = connection.dialect
    values: dict[str, object] = {
        "division": division,
        "table": table.name,
        "seq": state.load_seq,
        "cursor": state.cursor_text,
        "floor": state.floor_text,
        "state": encode_state(state),
        "at": at,
    }
    if expected_seq:
        values["expected"] = expected_seq
    statement = _overwrite(dialect) if expected_seq else _begin(dialect)
    if connection.affected(statement, **values) != 1:
        raise LoadSupersededError(
            f"{table.name} of division {division}: another run has stored this stream since step "
            f"{expected_seq}. Nothing was written; read its state again and go on from there."
        )


def correct_state(connection: Connection, table: Table, division: int, state: StreamState) -> None:
    """Write a state anew, behind a fence that was raised in this transaction."""
    dialect = connection.dialect
    connection.run(
        f"UPDATE {dialect.qualified(STREAMS)} SET state = {dialect.value('state')} WHERE {_is_it(dialect)}",
        state=encode_state(state),
        division=division,
        table=table.name,
    )


def overwritten_state(dialect: Dialect, table: str, division: int, state: StreamState) -> str:
    """Return the statement that writes a state in the place of the one it was made of, with the next number.

    Whoever has read that one is superseded.
    """
    after = replace(state, load_seq=state.load_seq + 1)
    values = f"load_seq = {after.load_seq}, state = {literal(encode_state(after))}"
    return (
        f"UPDATE {dialect.qualified(STREAMS)} SET {values} "
        f"WHERE division = {division} AND table_name = {literal(table)} AND load_seq = {state.load_seq}"
    )


def forget_states(connection: Connection, table: str, divisions: Collection[int]) -> None:
    """Delete the states of divisions in a table."""
    dialect = connection.dialect
    connection.run(
        f"DELETE FROM {dialect.qualified(STREAMS)} "
        f"WHERE division IN {one_of(divisions)} AND table_name = {dialect.value('table')}",
        table=table,
    )


def _overwrite(dialect: Dialect) -> str:
    names = {"load_seq": "seq", "cursor": "cursor", "floor": "floor", "state": "state", "updated_at": "at"}
    values = ", ".join(f"{column} = {dialect.value(name)}" for column, name in names.items())
    return (
        f"UPDATE {dialect.qualified(STREAMS)} SET {values} "
        f"WHERE {_is_it(dialect)} AND load_seq = {dialect.value('expected')}"
    )


def _begin(dialect: Dialect) -> str:
    names = ("division", "table", "seq", "cursor", "floor", "state", "at")
    return (
        f"INSERT INTO {dialect.qualified(STREAMS)} "
        "(division, table_name, load_seq, cursor, floor, state, updated_at) "
        f"SELECT {', '.join(map(dialect.value, names))} "
        f"WHERE NOT EXISTS (SELECT 1 FROM {dialect.qualified(STREAMS)} WHERE {_is_it(dialect)})"
    )


def _is_it(dialect: Dialect) -> str:
    return f"division = {dialect.value('division')} AND table_name = {dialect.value('table')}"


def decoded_state(text: str, table: str, division: int) -> StreamState:
    """Return a state as it was stored.

    Raises:
        StateUnreadableError: it cannot be read, and why.
    """
    try:
        return decode_state(text)
    except NewerStateError as error:
        raise StateUnreadableError(
            f"{table} of division {division}: its state is of a newer version of exact-assets ({error}). Nothing "
            "of it is changed: upgrade to load it."
        ) from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise StateUnreadableError(
            f"{table} of division {division}: its state in {SCHEMA}.{STREAMS} cannot be read ({error}). "
            "Put a backup back, or delete its row there: the next run loads the table anew."
        ) from error


def _decoded_or_none(text: str, table: str, division: int) -> StreamState | None:
    try:
        return decoded_state(text, table, division)
    except StateUnreadableError as error:
        _log.warning("%s", error)
        return None
