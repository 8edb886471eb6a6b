"""What a sweep's keys name and the warehouse lacks, or has in an older version, within the sweep's transaction.

It is noted in the stream's state, to be asked for. Where rows of headers that were missing come, the streams of
their lines note them too: these passed over the same headers.
"""

from collections.abc import Collection
from datetime import datetime

from msgspec.structs import replace

from exact_assets.catalogue.table import Table
from exact_assets.next_state import read_again, with_missing
from exact_assets.stream import FOUND_VERSION, IS_DUE, MOST_MISSING, StreamState, Sweep
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.deletes import lines_of
from exact_assets.warehouse.present import present_tables
from exact_assets.warehouse.sql.names import DELETED_AT, DIVISION, LOADED_AT
from exact_assets.warehouse.sql.types import SqlType
from exact_assets.warehouse.states import raise_fence, read_state


def find_missing(
    connection: Connection,
    table: Table,
    division: int,
    *,
    keys: str,
    sweep: Sweep,
    began: datetime,
    state: StreamState,
) -> StreamState:
    """Return the state in which that is to be asked for which is among a sweep's keys and not in the table.

    Where rows are newer here than at Exact, its versions have begun anew, as after a backup was put back: then all
    is read again, because no change would be taken.

    Args:
        connection: within the sweep's transaction.
        table: the stream's.
        division: likewise.
        keys: the relation that has all keys.
        sweep: its last step.
        began: when it began, by the warehouse's clock.
        state: as it would be without.
    """
    if not {IS_DUE, FOUND_VERSION} <= set(sweep.keys.column_names):
        return state
    dialect = connection.dialect
    first, version = dialect.quoted(sweep.names[0]), dialect.quoted(str(table.version))
    found = f"k.{dialect.quoted(FOUND_VERSION)}"
    same = " AND ".join(f"t.{dialect.quoted(name)} = k.{dialect.quoted(name)}" for name in sweep.names)
    both = (
        f"FROM {keys} AS k LEFT JOIN {dialect.qualified(table.name)} AS t "
        f"ON t.{DIVISION} = {division} AND t.{DELETED_AT} IS NULL AND {same} WHERE"
    )
    if table.version:
        is_newer = f"t.{version} > {found} AND t.{LOADED_AT} <= {dialect.moment(began)}"
        if connection.rows(f"SELECT 1 {both} {is_newer} LIMIT 1"):
            return read_again(state)
    sought = dialect.cast(f"k.{dialect.quoted(sweep.sought or sweep.names[0])}", SqlType.TEXT)
    is_older = f" OR t.{version} < {found}" if table.version else ""
    is_missing = f"(k.{dialect.quoted(IS_DUE)} AND t.{first} IS NULL){is_older}"
    missing = connection.rows(f"SELECT DISTINCT {sought} AS sought {both} {is_missing} LIMIT {MOST_MISSING + 1}")
    if missing and sweep.sought is None:
        return read_again(state)
    [(known,)] = connection.rows(f"SELECT count(*) FROM {keys} AS k") if missing else [(None,)]
    return with_missing(state, [key for (key,) in missing], known=known)


def tell_lines(
    connection: Connection, table: Table, division: int, keys: Collection[str] | None, *, at: datetime
) -> None:
    """Note keys of headers, whose rows come only now, in the states of the lines that are read through them.

    None: all headers are read again. Lines that were never read need no telling.

    Raises:
        LoadSupersededError: another process has stored such lines in between; nothing is written.
    """
    for lines in lines_of(table, present_tables(connection)):
        if lines.parent is None or lines.header is None or (lines.header.header_column,) != table.key:
            continue
        state = read_state(connection, lines.name, division)
        if state is not None:
            after = replace(_noted(state, keys), load_seq=state.load_seq + 1)
            raise_fence(connection, lines, division, after, expected_seq=state.load_seq, at=at)


def _noted(state: StreamState, keys: Collection[str] | None) -> StreamState:
    return read_again(state) if keys is None else with_missing(state, sorted(keys))
