"""Finding out what the warehouse lacks, and creating it. How that is written stands in `sql.ddl`.

What an earlier version made under another name is not lacking: `renaming` has it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Feed, Table
from exact_assets.catalogue.tables import tables as every_table
from exact_assets.errors import StatementError, WarehouseError
from exact_assets.next_state import with_new_columns
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.present import Present, aside_of, columns_present, indexes_present, tables_of
from exact_assets.warehouse.renaming import Renaming
from exact_assets.warehouse.session import Sessions
from exact_assets.warehouse.sql import ddl
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.names import DIVISION, LIVE_SCHEMA, SELECTION, STREAMS, text
from exact_assets.warehouse.sql.types import own_columns
from exact_assets.warehouse.states import overwritten_state, read_streams


def missing(connection: Connection, tables: Iterable[Table], *, is_soft: bool) -> list[list[str]]:
    """Return the statements that rename what has a former name; or else, that create what is missing.

    One list for each transaction; empty: nothing is to be done. All that is there gets its name, whatever tables
    are asked for: a deletion log that is stored meanwhile would not find the others.

    `is_soft`: rows that are gone are kept and marked, so that there are views without them.
    """
    lack = _Lack.of(connection)
    return lack.names() or lack.statements(connection, tables, is_soft=is_soft)


def _noted_columns(connection: Connection, table: Table, lack: "_Lack") -> list[str]:
    """Note in the states of streams which columns the rows that are there were read without.

    Of the deletion log, Exact keeps two months only: it cannot be read anew. What is read whole each time gets its
    columns by itself, once it forgets that it has seen the same before.
    """
    new = lack.new_columns(table)
    if not new or table.name == LOG:
        return []
    unfilled = [] if table.feed in {Feed.SNAPSHOT, Feed.FUNCTION} else new
    name = connection.dialect.qualified(table.name)
    divisions = [division for (division,) in connection.rows(f"SELECT DISTINCT {DIVISION} FROM {name}")]
    if not divisions or STREAMS not in lack.present.tables:
        return []
    # Of a state that cannot be read, its stream tells.
    return [
        overwritten_state(connection.dialect, table.name, division, with_new_columns(state, unfilled))
        for table_name, division, state, _ in read_streams(connection, [table.name])
        if division in divisions
    ]


def ensure(sessions: Sessions, tables: Iterable[Table], *, is_soft: bool = False) -> None:
    """Create what is missing; the warehouse is opened for writing only if something is."""
    wanted = list(tables)

    def lacking(connection: Connection) -> list[list[str]]:
        return missing(connection, wanted, is_soft=is_soft)

    def mend(connection: Connection) -> None:
        # Asked again: another process may have created it in between.
        with connection.defining():
            _rename(connection)
            create(connection, lacking(connection))

    if not sessions.engine.exists or sessions.read(lacking):
        sessions.write(mend)


def create(connection: Connection, transactions: Sequence[Sequence[str]]) -> None:
    """Run each list of statements in a transaction."""
    for statements in transactions:
        with connection.transaction():
            for statement in statements:
                connection.run(statement)


def _rename(connection: Connection) -> None:
    try:
        create(connection, _Lack.of(connection).names())
    except StatementError as error:
        raise WarehouseError(
            f"A table or column that an earlier version made cannot be given its new name: {error} Drop indexes of "
            "your own on that table, and what else depends on it, and make them again afterwards."
        ) from error


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

    def names(self) -> list[list[str]]:
        """Return the statements that rename what has a former name."""
        live = frozenset(self.live_columns)
        return Renaming(dialect=self.dialect, present=self.present, live=live).statements()

    def statements(self, connection: Connection, tables: Iterable[Table], *, is_soft: bool) -> list[list[str]]:
        wanted = {table.name: table for table in tables}
        if any(table.entity_types for table in wanted.values()):
            # Whoever stores rows that the deletion log may name looks there first.
            wanted.setdefault(LOG, every_table()[LOG])
        transactions = [self.own_tables()]
        transactions += [
            [*_noted_columns(connection, table, self), *self.table(table), *self.live(table, is_soft=is_soft)]
            for table in wanted.values()
        ]
        return [statements for statements in transactions if statements]

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

    def new_columns(self, table: Table) -> list[str]:
        """Return the columns that a table which is there lacks."""
        name = self.dialect.fitted(table.name)
        if name not in self.present.tables:
            return []
        present = self.present.columns[name]
        return [column.name for column in own_columns(table) if self.dialect.fitted(column.name) not in present]

    def table(self, table: Table) -> list[str]:
        dialect, qualified, name = self.dialect, self.dialect.qualified, self.dialect.fitted(table.name)
        kept = aside_of(self.dialect, self.present, table.name)
        if name not in self.present.tables:
            return [
                ddl.create_table(dialect, table),
                # The states of a table that somebody dropped tell of rows that are gone.
                f"DELETE FROM {qualified(STREAMS)} WHERE table_name = {text(table.name)}",
                *(f"DROP TABLE {qualified(one)}" for one in kept),
                ddl.table_comment(dialect, table),
                *ddl.column_comments(dialect, table, present={}),
                *ddl.missing_indexes(dialect, table, present=self.indexes),
            ]
        comment, has_key = self.present.tables[name]
        columns = self.present.columns[name]
        statements = ddl.missing_columns(dialect, table, present=columns)
        for stage in (name for name in kept if name.startswith("_stage_")):
            statements += ddl.missing_columns(dialect, table, present=self.present.columns[stage], name=stage)
        for sweep in (name for name in kept if name.startswith("_sweep_")):
            statements += ddl.missing_of_sweep(dialect, table, present=self.present.columns[sweep], name=sweep)
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
