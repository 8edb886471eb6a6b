"""Finding out what the warehouse lacks, and creating it. How that is written stands in `sql.ddl`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import tables as every_table
from exact_assets.warehouse import aside
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.present import Present, columns_present, indexes_present, tables_of
from exact_assets.warehouse.session import Sessions
from exact_assets.warehouse.sql import ddl
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.names import LIVE_SCHEMA, SELECTION, STREAMS, text


def missing(connection: Connection, tables: Iterable[Table], *, is_soft: bool) -> list[list[str]]:
    """Return the statements that create what is missing, one list for each transaction; empty: nothing is.

    `is_soft`: rows that are gone are kept and marked, so that there are views without them.
    """
    wanted = {table.name: table for table in tables}
    if any(table.entity_types for table in wanted.values()):
        # Whoever stores rows that the deletion log may name looks there first.
        wanted.setdefault(LOG, every_table()[LOG])
    lack = _Lack.of(connection)
    transactions = [lack.own_tables()]
    transactions += [[*lack.table(table), *lack.live(table, is_soft=is_soft)] for table in wanted.values()]
    return [statements for statements in transactions if statements]


def ensure(sessions: Sessions, tables: Iterable[Table], *, is_soft: bool = False) -> None:
    """Create what is missing; the warehouse is opened for writing only if something is."""
    wanted = list(tables)

    def lacking(connection: Connection) -> list[list[str]]:
        return missing(connection, wanted, is_soft=is_soft)

    if not sessions.engine.exists or sessions.read(lacking):
        # Asked again: another process may have created it in between.
        sessions.write(lambda connection: create_lacking(connection, lacking))


def create_lacking(connection: Connection, lacking: Callable[[Connection], list[list[str]]]) -> None:
    """Find out again what is missing, while nobody else can create it, and create that."""
    with connection.defining():
        create(connection, lacking(connection))


def create(connection: Connection, transactions: Sequence[Sequence[str]]) -> None:
    """Run each list of statements in a transaction."""
    for statements in transactions:
        with connection.transaction():
            for statement in statements:
                connection.run(statement)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lack:
    """What is missing beside what is there."""

    dialect: Dialect
    present: Present
    live_columns: dict[str, tuple[str, ...]]
    """Columns of the views without rows that are gone, in their order, by table."""
    indexes: frozenset[str]
    """Names of indexes."""

    @classmethod
    def of(cls, connection: Connection) -> "_Lack":
        there = tables_of(connection)
        live = {name: tuple(columns) for name, columns in columns_present(connection, LIVE_SCHEMA).items()}
        present = Present(tables=there.tables, views=there.views, columns=columns_present(connection))
        indexes = indexes_present(connection)
        return cls(dialect=connection.dialect, present=present, live_columns=live, indexes=indexes)

    def own_tables(self) -> list[str]:
        statements = []
        if STREAMS not in self.present.tables:
            statements += ddl.create_streams(self.dialect)
        # A view in its place is no table and yet there.
        if SELECTION not in self.present.columns:
            statements += [ddl.create_schema(self.dialect), *ddl.create_selection(self.dialect)]
        elif SELECTION in self.present.tables:
            lacking = [name for name in ddl.SHOWN if name not in self.present.columns[SELECTION]]
            statements += [
                ddl.add_column(self.dialect, SELECTION, name, self.dialect.types[ddl.SHOWN[name]])
                for name in lacking
            ]
        return statements

    def table(self, table: Table) -> list[str]:
        dialect, qualified, name = self.dialect, self.dialect.qualified, self.dialect.fitted(table.name)
        stages, sweeps = self._kept_aside("_stage", table), self._kept_aside("_sweep", table)
        if name not in self.present.tables:
            return [
                ddl.create_table(dialect, table),
                # The states of a table that somebody dropped tell of rows that are gone.
                f"DELETE FROM {qualified(STREAMS)} WHERE table_name = {text(table.name)}",
                *(f"DROP TABLE {qualified(one)}" for one in (*stages, *sweeps)),
                ddl.table_comment(dialect, table),
                *ddl.column_comments(dialect, table, present={}),
                *ddl.missing_indexes(dialect, table, present=self.indexes),
            ]
        comment, has_key = self.present.tables[name]
        columns = self.present.columns[name]
        statements = ddl.missing_columns(dialect, table, present=columns)
        for stage in stages:
            statements += ddl.missing_columns(dialect, table, present=self.present.columns[stage], name=stage)
        if table.primary_key and not has_key:
            statements.append(ddl.missing_key(dialect, table))
        if comment != ddl.comment_of(table):
            statements.append(ddl.table_comment(dialect, table))
        statements += ddl.missing_indexes(dialect, table, present=self.indexes)
        return statements + ddl.column_comments(dialect, table, present=columns)

    def live(self, table: Table, *, is_soft: bool) -> list[str]:
        name = self.dialect.fitted(table.name)
        has_view, shown = name in self.live_columns, self.live_columns.get(name, ())
        wanted = ddl.live_columns(self.dialect, table)
        kept = [column for column in shown if column in wanted or column in self.present.columns.get(name, {})]
        if is_soft and table.key and not (has_view and len(kept) == len(shown) and set(wanted) <= set(shown)):
            return ddl.create_live_view(self.dialect, table, shown=kept)
        return ddl.end_live_view(self.dialect, table) if has_view and not is_soft else []

    def _kept_aside(self, prefix: str, table: Table) -> list[str]:
        return [name for name in self.present.tables if aside.is_of(self.dialect, name, prefix, table.name)]
