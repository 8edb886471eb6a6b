"""Deleting all that is kept of divisions: the one place where data goes because somebody said so.

One table at a time, so that a log stays short and a kill leaves each table with all or none. Who may not be at work
meanwhile is known elsewhere.
"""

from collections.abc import Collection

from exact_assets.errors import WarehouseError
from exact_assets.warehouse import aside, selection
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.present import columns_present, has_table, tables_of
from exact_assets.warehouse.sql.names import DIVISION, STREAMS, one_of, stage_name, sweep_name
from exact_assets.warehouse.states import forget_states

PURGING = "disabled: a purge has begun and not ended: run `exact-assets divisions purge` again"
PURGED = "disabled: purged, nothing of it is left"


def names_holding(connection: Connection, divisions: Collection[int], *, names: Collection[str]) -> tuple[str, ...]:
    """Name the tables of which a state, a stage or a sweep of divisions is kept, and those in `names` with rows."""
    there, qualified, those = tables_of(connection).tables, connection.dialect.qualified, one_of(divisions)
    columns, found = columns_present(connection), set[str]()
    if STREAMS in there:
        states = f"SELECT DISTINCT table_name FROM {qualified(STREAMS)} WHERE {DIVISION} IN {those}"
        found |= {row[0] for row in connection.rows(states)}
    for name in there:
        kept = aside.stream_of(connection.dialect, name)
        if kept is not None and kept[1] in divisions:
            if aside.is_kept(connection, name):
                found.add(kept[0])
        elif DIVISION in columns[name] and name in names:
            rows = f"SELECT 1 FROM {qualified(name)} WHERE {DIVISION} IN {those} LIMIT 1"
            found |= {name} if connection.rows(rows) else set()
    return tuple(sorted(found))


def purge_table(connection: Connection, name: str, divisions: Collection[int]) -> int:
    """Delete what a table keeps of divisions, within the caller's transaction; return how many rows went.

    Raises:
        WarehouseError: one of them is enabled.
    """
    there = selection.read_selection(connection)
    enabled = [one.division for one in (there and there.choices) or () if one.sync_enabled]
    if found := sorted(set(enabled) & set(divisions)):
        numbers = " ".join(map(str, found))
        raise WarehouseError(
            f"{name} keeps its rows: somebody enabled a division meanwhile. Disable it first: "
            f"`exact-assets divisions disable {numbers}`."
        )
    for division in divisions:
        for kept in (stage_name(name, division), sweep_name(name, division)):
            aside.clear(connection, kept)
    if has_table(connection, STREAMS):
        # In the same transaction: were the state to survive its rows, nobody would ask for them again.
        forget_states(connection, name, divisions)
    if DIVISION not in columns_present(connection).get(connection.dialect.fitted(name), {}) or not has_table(
        connection, name
    ):
        return 0
    table = connection.dialect.qualified(name)
    return connection.affected(f"DELETE FROM {table} WHERE {DIVISION} IN {one_of(divisions)}")


def note(connection: Connection, divisions: Collection[int], *, has_ended: bool) -> None:
    """Write in the status how far a purge is; a selection that cannot be read is left as it is."""
    selection.note_disabled(connection, divisions, status=PURGED if has_ended else PURGING)
