"""Deleting all that is kept of divisions: the one place where data goes because somebody said so.

Statements for one table at a time, so that a log stays short and a kill leaves each table with all or none. Who may
not be at work meanwhile is known elsewhere.
"""

import re
from collections.abc import Collection

from duckdb import DuckDBPyConnection

from exact_assets.errors import WarehouseError
from exact_assets.warehouse import duckdb_selection
from exact_assets.warehouse.naming import (
    DIVISION,
    SCHEMA,
    STREAMS,
    qualified,
    stage_name,
    sweep_name,
)

PURGING = "disabled: a purge has begun and not ended: run `exact-assets divisions purge` again"
PURGED = "disabled: purged, nothing of it is left"

_HERE = "database_name = current_database() AND lower(schema_name) = $schema"
_TABLES = f"""
SELECT table_name, list_contains(list(column_name), $division)
FROM duckdb_columns() JOIN duckdb_tables() USING (database_name, schema_name, table_name)
WHERE {_HERE} GROUP BY table_name ORDER BY table_name
"""
_STATES = f"SELECT DISTINCT table_name FROM {qualified(STREAMS)} WHERE {DIVISION} IN $divisions"
_ASIDE = re.compile(r"_(?:stage|sweep)_(.+)_(-?\d+)")


def names_holding(
    connection: DuckDBPyConnection, divisions: Collection[int], *, names: Collection[str]
) -> tuple[str, ...]:
    """Name the tables of which a state, a stage or a sweep of divisions is kept, and those in `names` with rows."""
    there = dict(connection.execute(_TABLES, {"schema": SCHEMA, "division": DIVISION}).fetchall())
    values = {"divisions": list(divisions)}
    found = {row[0] for row in connection.execute(_STATES, values).fetchall()} if STREAMS in there else set()
    for name, has_division in there.items():
        aside = _ASIDE.fullmatch(name)
        if aside is not None and int(aside[2]) in divisions:
            found.add(aside[1])
        elif has_division and name in names:
            rows = f"SELECT 1 FROM {qualified(name)} WHERE {DIVISION} IN $divisions LIMIT 1"
            if connection.execute(rows, values).fetchall():
                found.add(name)
    return tuple(sorted(found))


def purge(connection: DuckDBPyConnection, name: str, divisions: Collection[int]) -> int:
    """Delete what a table keeps of divisions, within the caller's transaction; return how many rows went.

    Raises:
        WarehouseError: one of them is enabled.
    """
    there = dict(connection.execute(_TABLES, {"schema": SCHEMA, "division": DIVISION}).fetchall())
    values: dict[str, object] = {"divisions": list(divisions)}
    selection = duckdb_selection.read(connection)
    enabled = [one.division for one in (selection and selection.choices) or () if one.sync_enabled]
    if found := sorted(set(enabled) & set(divisions)):
        numbers = " ".join(map(str, found))
        raise WarehouseError(
            f"{name} keeps its rows: somebody enabled a division meanwhile. Disable it first: "
            f"`exact-assets divisions disable {numbers}`."
        )
    for division in divisions:
        for aside in (stage_name(name, division), sweep_name(name, division)):
            connection.execute(f"DROP TABLE IF EXISTS {qualified(aside)}")
    if STREAMS in there:
        # In the same transaction: were the state to survive its rows, nobody would ask for them again.
        connection.execute(
            f"DELETE FROM {qualified(STREAMS)} WHERE {DIVISION} IN $divisions AND table_name = $table",
            {**values, "table": name},
        )
    if not there.get(name):
        return 0
    deleted = connection.execute(f"DELETE FROM {qualified(name)} WHERE {DIVISION} IN $divisions", values)
    return int(deleted.fetchall()[0][0])


def note(connection: DuckDBPyConnection, divisions: Collection[int], *, has_ended: bool) -> None:
    """Write in the status how far a purge is; a selection that cannot be read is left as it is."""
    duckdb_selection.note_disabled(connection, divisions, status=PURGED if has_ended else PURGING)
