"""Tables and columns that an earlier version made under other names are renamed where they are, and not read anew.

Each table is one transaction. Where an engine commits each statement by itself, any of them may be the last before
a kill: what is left is found the next time, because a table gets its new name after all that belongs to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from exact_assets.catalogue.renames import former_columns, former_tables
from exact_assets.catalogue.table import Table
from exact_assets.catalogue.tables import tables as every_table
from exact_assets.warehouse.present import Present, aside_of
from exact_assets.warehouse.sql import ddl
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.names import LIVE_SCHEMA, LOADED_AT, STREAMS, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Renaming:
    """What is there under former names."""

    dialect: Dialect
    present: Present
    live: frozenset[str]
    """Tables of which there are views without rows that are gone."""

    def statements(self) -> list[list[str]]:
        """Return the statements that rename it, one list for each transaction; empty: all has today's names."""
        return [found for table in every_table().values() if (found := self._of(table))]

    def _of(self, table: Table) -> list[str]:
        formers = [name for name in former_tables(table.name) if self._is_ours(name)]
        # With one of today's name beside it, it is what an earlier version made since: that has states of its own.
        former = formers[-1] if formers and table.name not in self.present.columns else None
        name = former or table.name
        if name not in self.present.tables:
            return []
        within = list(self._columns(table, name))
        for kept in aside_of(self.dialect, self.present, name):
            within += self._columns(table, kept)
            if former is not None:
                within += self._rename_aside(kept, kept.replace(former, table.name, 1))
        if former is not None:
            within += [*self._states(former, table.name), self._rename_table(former, table.name)]
        return self._around_view(table, name, within) if within else []

    def _is_ours(self, name: str) -> bool:
        return name in self.present.tables and LOADED_AT in self.present.columns.get(name, {})

    def _columns(self, table: Table, name: str) -> Iterator[str]:
        relation, columns, quoted = self.dialect.qualified(name), self.present.columns[name], self.dialect.quoted
        for former, now in former_columns(table).items():
            if former not in columns:
                continue
            if now not in columns:
                yield self.dialect.rename_column.format(table=relation, column=quoted(former), name=quoted(now))
                continue
            # An earlier version ran after this one, and wrote what was new under the former name.
            yield f"UPDATE {relation} SET {quoted(now)} = {quoted(former)} WHERE {quoted(former)} IS NOT NULL"
            yield self.dialect.drop_column.format(table=relation, column=quoted(former))

    def _rename_table(self, former: str, now: str) -> str:
        return self.dialect.rename_table.format(table=self.dialect.qualified(former), name=self.dialect.quoted(now))

    def _rename_aside(self, former: str, now: str) -> Iterator[str]:
        if now in self.present.tables:
            # Left over from a table of today's name that somebody dropped.
            yield f"DROP TABLE {self.dialect.qualified(now)}"
        yield self._rename_table(former, now)

    def _states(self, former: str, now: str) -> Iterator[str]:
        """Let the states go with their table; those of today's name tell of a table that somebody dropped."""
        if STREAMS not in self.present.tables:
            return
        streams = self.dialect.qualified(STREAMS)
        yield (
            f"DELETE FROM {streams} WHERE table_name = {text(now)} AND division IN "
            f"(SELECT division FROM {streams} WHERE table_name = {text(former)})"
        )
        yield f"UPDATE {streams} SET table_name = {text(now)} WHERE table_name = {text(former)}"
        # An answer that was withheld names the table that would lose most, which may be another one's lines.
        before, after = f'"table":"{former}"', f'"table":"{now}"'
        yield (
            f"UPDATE {streams} SET state = replace(state, {text(before)}, {text(after)}) "
            f"WHERE state LIKE {text(f'%{before}%')}"
        )

    def _around_view(self, table: Table, name: str, within: list[str]) -> list[str]:
        """Make the view of the live rows anew: it names the columns."""
        if name not in self.live:
            return within
        renamed = former_columns(table)
        columns = {renamed.get(column, column): comment for column, comment in self.present.columns[name].items()}
        return [
            f"DROP VIEW {self.dialect.qualified(name, schema=LIVE_SCHEMA)}",
            *within,
            *ddl.missing_columns(self.dialect, table, present=columns),
            *ddl.create_live_view(self.dialect, table),
        ]
