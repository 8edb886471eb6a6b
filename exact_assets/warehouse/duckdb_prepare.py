"""Finding out what a DuckDB file lacks, and creating it. What it should hold stands in `ddl`."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import tables as every_table
from exact_assets.warehouse import ddl, divisions
from exact_assets.warehouse.naming import DIVISIONS, LIVE_SCHEMA, SCHEMA, STREAMS, qualified

_THERE = "database_name = current_database() AND lower(schema_name) = $schema"
# Names in lower case: DuckDB does not tell them apart by it, and people may have made a table anew in another.
_TABLES = f"SELECT lower(table_name), comment, has_primary_key FROM duckdb_tables() WHERE {_THERE}"
_COLUMNS = (
    f"SELECT lower(table_name), lower(column_name), comment FROM duckdb_columns() WHERE {_THERE} AND NOT internal"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Present:
    """What the schema holds."""

    tables: dict[str, tuple[str | None, bool]]
    """Comment, and whether it has a primary key, by name."""
    columns: dict[str, dict[str, str | None]]
    """Comments by table and column."""
    live: dict[str, set[str]]
    """Columns of the views without rows that are gone, by table."""

    def stages_of(self, table: Table) -> list[str]:
        return self._kept_aside("_stage", table)

    def sweeps_of(self, table: Table) -> list[str]:
        return self._kept_aside("_sweep", table)

    def _kept_aside(self, prefix: str, table: Table) -> list[str]:
        pattern = re.compile(rf"{prefix}_{re.escape(table.name)}_-?\d+")
        return [name for name in self.tables if pattern.fullmatch(name)]


def missing(connection: DuckDBPyConnection, tables: Iterable[Table], *, is_soft: bool) -> list[list[str]]:
    """Give the statements that create what is missing, one list for each transaction; empty: nothing is.

    `is_soft`: rows that are gone are kept and marked, so that there are views without them.
    """
    present = _present(connection)
    wanted = {table.name: table for table in tables}
    if any(table.entity_types for table in wanted.values()):
        # Whoever stores rows that the deletion log may name looks there first.
        wanted.setdefault(LOG, every_table()[LOG])
    transactions = [_own_tables(present)]
    transactions += [
        [*_table(table, present), *_live(table, present, is_soft=is_soft)] for table in wanted.values()
    ]
    return [statements for statements in transactions if statements]


def create(connection: DuckDBPyConnection, transactions: Sequence[Sequence[str]]) -> None:
    """Run each list of statements in a transaction."""
    for statements in transactions:
        connection.execute("BEGIN TRANSACTION; " + "; ".join(statements) + "; COMMIT")


def _present(connection: DuckDBPyConnection) -> _Present:
    values = {"schema": SCHEMA}
    found = connection.execute(_TABLES, values).fetchall()
    columns: dict[str, dict[str, str | None]] = defaultdict(dict)
    for table, column, comment in connection.execute(_COLUMNS, values).fetchall():
        columns[table][column] = comment
    live: dict[str, set[str]] = defaultdict(set)
    for table, column, _ in connection.execute(_COLUMNS, {"schema": LIVE_SCHEMA}).fetchall():
        live[table].add(column)
    return _Present(
        live=live, tables={name: (comment, has_key) for name, comment, has_key in found}, columns=columns
    )


def _own_tables(present: _Present) -> list[str]:
    statements = []
    if STREAMS not in present.tables:
        statements += [ddl.CREATE_SCHEMA, ddl.CREATE_STREAMS, ddl.COMMENT_STREAMS]
    # By its columns: somebody may have put a view in its place, which is no table and yet there.
    if DIVISIONS not in present.columns:
        statements += [ddl.CREATE_SCHEMA, divisions.CREATE, divisions.COMMENT]
    elif DIVISIONS in present.tables:
        lacking = [name for name in divisions.SHOWN if name not in present.columns[DIVISIONS]]
        statements += [
            f"ALTER TABLE {divisions.TABLE} ADD COLUMN {name} {divisions.SHOWN[name]}" for name in lacking
        ]
    return statements


def _table(table: Table, present: _Present) -> list[str]:
    if table.name not in present.tables:
        return [
            ddl.create_table(table),
            # The states of a table that somebody dropped tell of rows that are gone.
            f"DELETE FROM {qualified(STREAMS)} WHERE table_name = {ddl.text(table.name)}",
            *(f"DROP TABLE {qualified(name)}" for name in (*present.stages_of(table), *present.sweeps_of(table))),
            ddl.table_comment(table),
            *ddl.column_comments(table, present={}),
        ]
    comment, has_key = present.tables[table.name]
    columns = present.columns[table.name]
    statements = ddl.missing_columns(table, present=columns)
    for stage in present.stages_of(table):
        statements += ddl.missing_columns(table, present=present.columns[stage], name=stage)
    if table.primary_key and not has_key:
        statements.append(ddl.missing_key(table))
    if comment != ddl.comment_of(table):
        statements.append(ddl.table_comment(table))
    return statements + ddl.column_comments(table, present=columns)


def _live(table: Table, present: _Present, *, is_soft: bool) -> list[str]:
    if is_soft and table.key and present.live.get(table.name) != set(ddl.live_columns(table)):
        return [ddl.CREATE_LIVE_SCHEMA, ddl.create_live_view(table)]
    return ddl.end_live_view(table) if table.name in present.live and not is_soft else []
