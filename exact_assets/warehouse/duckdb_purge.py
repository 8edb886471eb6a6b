"""Deleting all that is kept of divisions: the one place where data goes because somebody said so."""

from collections.abc import Collection, Iterable

from duckdb import DuckDBPyConnection

from exact_assets.warehouse.naming import DIVISION, DIVISIONS, SCHEMA, STREAMS, qualified

_TABLES = """
SELECT DISTINCT table_name FROM duckdb_columns() JOIN duckdb_tables() USING (database_name, schema_name, table_name)
WHERE database_name = current_database() AND schema_name = $schema AND column_name = $division
ORDER BY table_name
"""
_STAGES = """
SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = $schema
AND regexp_full_match(table_name, '_stage_.*_(' || array_to_string($divisions, '|') || ')')
"""
FORGET = f"""
UPDATE {qualified(DIVISIONS)} SET last_sync = NULL, status = $status
WHERE {DIVISION} IN $divisions AND NOT coalesce(sync_enabled, false)
"""
PURGED = "disabled: purged, nothing of it is left"


def purge(connection: DuckDBPyConnection, divisions: Collection[int], names: Iterable[str]) -> dict[str, int]:
    """Delete the rows, stages and states of divisions; give the rows that each table lost.

    Args:
        connection: with the file attached for writing.
        divisions: what is to go.
        names: of the tables that are ours. Others in the schema, which a user may have made, are let alone.
    """
    numbers = sorted(divisions)
    values = {"schema": SCHEMA, "divisions": [str(number) for number in numbers]}
    for (stage,) in connection.execute(_STAGES, values).fetchall():
        connection.execute(f"DROP TABLE {qualified(stage)}")
    found = connection.execute(_TABLES, {"schema": SCHEMA, "division": DIVISION}).fetchall()
    ours = set(names)
    gone: dict[str, int] = {}
    for (name,) in found:
        if name in ours:
            # In one transaction: were the state to survive its rows, nobody would ask for them again.
            connection.execute("BEGIN TRANSACTION")
            _delete(connection, STREAMS, numbers, table=name)
            gone[name] = _delete(connection, name, numbers)
            connection.execute("COMMIT")
    for (name,) in found:
        if name.startswith("_") and not name.startswith("_stage_"):
            _delete(connection, name, numbers)
    connection.execute(FORGET, {"divisions": numbers, "status": PURGED})
    return {name: rows for name, rows in gone.items() if rows}


def _delete(
    connection: DuckDBPyConnection, name: str, divisions: Collection[int], *, table: str | None = None
) -> int:
    values: dict[str, object] = {"divisions": list(divisions)}
    condition = f"{DIVISION} IN $divisions"
    if table is not None:
        condition += " AND table_name = $table"
        values["table"] = table
    found = connection.execute(f"DELETE FROM {qualified(name)} WHERE {condition}", values).fetchone()
    return int(found[0]) if found else 0
