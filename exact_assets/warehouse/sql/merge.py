"""SQL that brings a table in line with new rows: pure functions from a dialect and a table to statements.

The statements share relations of the connection's own: `hit`, the pairs of a new row and the row that has its
key, each with its `RowAction`; `changed`, those of the pairs whose row is to be overwritten. `s` is the new rows,
`t` the table. Rows are addressed by `Dialect.address`, which holds within a transaction, so that only keys and
versions are read of rows that stay.

That no key is deleted and inserted in one transaction is on purpose: an engine's index of the primary key may take
that for a duplicate.
"""

from collections.abc import Collection
from enum import IntEnum

from exact_assets.catalogue.table import Table
from exact_assets.warehouse.sql.dialect import Dialect
from exact_assets.warehouse.sql.names import DELETED_AT, DIVISION, LOADED_AT, YEAR
from exact_assets.warehouse.sql.types import stored_names

HIT, CHANGED = "hit", "changed"
ROWVERSION = "Timestamp"
"""Exact's rowversion: two rows with the same one are the same."""


class RowAction(IntEnum):
    """What is to become of a row that is there already."""

    KEEP = 0
    UPDATE = 1
    COMPARE = 2
    """Update when any value differs."""
    OLDER = 3
    """Keep, as what came is older."""


def match_rows(dialect: Dialect, table: Table, relation: str, *, division: int, slice_condition: str | None) -> str:
    """Select `hit`: new rows with those that have their keys; `slice_condition` says what a REPLACE is about."""
    keys = " AND ".join(f"t.{dialect.quoted(name)} = s.{dialect.quoted(name)}" for name in table.key)
    return (
        f"SELECT s.{dialect.address} AS source_id, t.{dialect.address} AS target_id, "
        f"t.{YEAR} AS old_year, s.{YEAR} AS new_year, {_row_action(dialect, table, slice_condition)} AS row_action "
        f"FROM {dialect.qualified(table.name)} AS t JOIN {relation} AS s ON {keys} WHERE t.{DIVISION} = {division}"
    )


def _row_action(dialect: Dialect, table: Table, slice_condition: str | None) -> str:
    """An older version never overwrites a newer one, but for a REPLACE, whose slice becomes what was read.

    (Versions begin anew where Exact moves a division to another server or puts a backup back.)
    """
    # A row that was marked as gone is there again.
    cases = [f"WHEN t.{DELETED_AT} IS NOT NULL THEN {RowAction.UPDATE}"]
    if slice_condition:
        cases.append(f"WHEN {slice_condition} THEN {RowAction.COMPARE}")
    if table.version:
        version = dialect.quoted(table.version)
        cases.append(f"WHEN s.{version} < t.{version} THEN {RowAction.OLDER}")
        cases.append(f"WHEN s.{version} > t.{version} THEN {RowAction.UPDATE}")
        if slice_condition is None and is_rowversion(table):
            cases.append(f"WHEN s.{version} = t.{version} THEN {RowAction.KEEP}")
    return f"CASE {' '.join(cases)} ELSE {RowAction.COMPARE} END"


def is_rowversion(table: Table) -> bool:
    """Return whether a table's versions are Exact's rowversions."""
    return any(column.name == table.version and column.property == ROWVERSION for column in table.columns)


def choose_changed(
    dialect: Dialect, table: Table, relation: str, *, compare: bool, unread: Collection[str] = ()
) -> str:
    """Select `changed`, the pairs that are to be updated.

    `compare`: some must be compared value by value, but for columns that are `unread`.
    """
    columns, hit = "h.source_id, h.target_id, h.old_year, h.new_year", dialect.working(HIT)
    chosen = f"SELECT {columns} FROM {hit} AS h WHERE h.row_action = {RowAction.UPDATE}"
    if compare:
        names = _written(dialect, table, unread)
        differs = " OR ".join(f"s.{name} IS DISTINCT FROM t.{name}" for name in names)
        chosen += (
            f" UNION ALL SELECT {columns} FROM {hit} AS h "
            f"JOIN {relation} AS s ON s.{dialect.address} = h.source_id "
            f"JOIN {dialect.qualified(table.name)} AS t ON t.{dialect.address} = h.target_id "
            f"WHERE h.row_action = {RowAction.COMPARE} AND ({differs})"
        )
    return chosen


def update_changed(dialect: Dialect, table: Table, relation: str, *, at: str, unread: Collection[str] = ()) -> str:
    """Overwrite the rows in `changed`, but for columns that are `unread`; `at` is SQL.

    The key is not written, so that its index is left alone.
    """
    names = _written(dialect, table, unread)
    values = ", ".join(f"{name} = s.{name}" for name in names)
    changed = dialect.working(CHANGED)
    return dialect.update.format(
        table=dialect.qualified(table.name),
        values=f"{values}, {dialect.quoted(LOADED_AT)} = {at}, {dialect.quoted(DELETED_AT)} = NULL",
        source=f"{changed} AS h JOIN {relation} AS s ON s.{dialect.address} = h.source_id",
        condition=f"t.{dialect.address} = h.target_id",
    )


def _written(dialect: Dialect, table: Table, unread: Collection[str]) -> list[str]:
    kept = {*table.primary_key, *unread}
    return [dialect.quoted(name) for name in stored_names(table) if name not in kept]


def insert_rows(dialect: Dialect, table: Table, relation: str, *, condition: str | None, at: str) -> str:
    """Insert new rows, all or those for which a condition holds; `at` is SQL."""
    names = stored_names(table)
    where = f" WHERE {condition}" if condition else ""
    return (
        f"INSERT INTO {dialect.qualified(table.name)} ({dialect.listed(names)}, {dialect.quoted(LOADED_AT)}) "
        f"SELECT {dialect.listed(names, of='s')}, {at} FROM {relation} AS s{where}"
    )


def has_left(dialect: Dialect, table: Table, gone: str, *, alias: str) -> str:
    """Return the condition that a row has left: `gone` has its key, with a version that is no older."""
    keys = " AND ".join(f"g.{dialect.quoted(name)} = {alias}.{dialect.quoted(name)}" for name in table.key)
    is_older = f"g.version < {alias}.{dialect.quoted(str(table.version))}"
    return f"EXISTS (SELECT 1 FROM {gone} AS g WHERE {keys} AND ({is_older}) IS NOT TRUE)"


def is_new(dialect: Dialect) -> str:
    """Return the condition that a new row has no counterpart."""
    return f"NOT EXISTS (SELECT 1 FROM {dialect.working(HIT)} AS h WHERE h.source_id = s.{dialect.address})"


def is_not_hit(dialect: Dialect) -> str:
    """Return the condition that no new row has a row's key."""
    return f"NOT EXISTS (SELECT 1 FROM {dialect.working(HIT)} AS h WHERE h.target_id = t.{dialect.address})"


def count_hits(dialect: Dialect) -> str:
    """Count the pairs, those to be compared, and those of which what came is older."""
    counts = (f"count(CASE row_action WHEN {one} THEN 1 END)" for one in (RowAction.COMPARE, RowAction.OLDER))
    return f"SELECT count(*), {', '.join(counts)} FROM {dialect.working(HIT)}"


def count_changed(dialect: Dialect) -> str:
    """Count the pairs in `changed` per year; a row that moves counts in both."""
    changed = dialect.working(CHANGED)
    return (
        f"SELECT year, count(*) FROM (SELECT new_year AS year FROM {changed} "
        f"UNION ALL SELECT old_year FROM {changed} WHERE old_year IS DISTINCT FROM new_year) AS moved GROUP BY year"
    )


def count_rows(relation: str, *, alias: str, condition: str | None) -> str:
    """Count rows per year."""
    where = f" WHERE {condition}" if condition else ""
    return f"SELECT {YEAR}, count(*) FROM {relation} AS {alias}{where} GROUP BY {YEAR}"


def count_above(dialect: Dialect, table: Table, relation: str, division: int, *, above: int) -> str:
    """Count a division's rows whose version is above one, and those of them that have come in a relation."""
    same = " AND ".join(f"s.{dialect.quoted(name)} = t.{dialect.quoted(name)}" for name in table.key)
    has_come = f"EXISTS (SELECT 1 FROM {relation} AS s WHERE {same})"
    return (
        f"SELECT count(*), count(CASE WHEN {has_come} THEN 1 END) FROM {dialect.qualified(table.name)} AS t "
        f"WHERE t.{DIVISION} = {division} AND t.{DELETED_AT} IS NULL "
        f"AND t.{dialect.quoted(str(table.version))} > {above}"
    )


def find_difference(
    dialect: Dialect, table: Table, relation: str, *, condition: str, unread: Collection[str] = ()
) -> str:
    """Select a row where the table has a row more or less often than the new rows have it, as far as they tell."""
    names = dialect.listed([name for name in stored_names(table) if name not in unread])
    there = f"SELECT {names}, 1 AS side FROM {dialect.qualified(table.name)} AS t WHERE {condition}"
    new = f"SELECT {names}, -1 AS side FROM {relation} AS s"
    return f"SELECT 1 FROM ({there} UNION ALL {new}) AS both_sides GROUP BY {names} HAVING sum(side) <> 0 LIMIT 1"


def remove(dialect: Dialect, table: Table, condition: str, *, is_soft: bool, at: str) -> str:
    """Remove rows `t`, or mark them as gone; `at` is SQL."""
    name = dialect.qualified(table.name)
    if is_soft:
        return dialect.mark.format(
            table=name,
            values=f"{DELETED_AT} = {at}, {LOADED_AT} = {at}",
            condition=f"{condition} AND t.{DELETED_AT} IS NULL",
        )
    return dialect.delete.format(table=name, alias="t", condition=condition)


def drop_older(dialect: Dialect, table: Table, relation: str) -> str:
    """Of staged rows with the same key keep the highest version, and the last that came among equals."""
    version = f"{dialect.quoted(table.version)} DESC NULLS LAST, " if table.version else ""
    ranked = (
        f"SELECT {dialect.address} AS id, row_number() OVER (PARTITION BY {dialect.listed(table.key)} "
        f"ORDER BY {version}{dialect.place} DESC) AS place FROM {relation}"
    )
    condition = f"s.{dialect.address} IN (SELECT id FROM ({ranked}) AS ranked WHERE place > 1)"
    return dialect.delete.format(table=relation, alias="s", condition=condition)


def count_keys(dialect: Dialect, table: Table, relation: str) -> str:
    """Count rows, different keys, and the values of each column of the key."""
    key = f"({dialect.listed(table.key)})" if len(table.key) > 1 else dialect.listed(table.key)
    counts = ", ".join(f"count({dialect.quoted(name)})" for name in table.key)
    return f"SELECT count(*), count(DISTINCT {key}), {counts} FROM {relation}"
