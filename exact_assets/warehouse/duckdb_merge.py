"""SQL that brings a table in line with new rows, as DuckDB speaks it: pure functions from a table to statements.

The statements share temporary tables: `hit`, the pairs of a new row and the row that has its key, each with a
verdict; `changed`, those of the pairs whose row is to be overwritten. `s` is the new rows, `t` the table. Rows are
addressed by `rowid`, which holds within a transaction, so that only keys and versions are read of rows that stay.

That no key is deleted and inserted in one transaction is on purpose: DuckDB's index of the primary key may take
that for a duplicate.
"""

from enum import IntEnum

from exact_assets.catalogue.table import Table
from exact_assets.warehouse.columns import stored_names
from exact_assets.warehouse.naming import DELETED_AT, DIVISION, LOADED_AT, YEAR, listed, qualified, quoted

TIMESTAMP = "Timestamp"
"""Exact's rowversion: two rows with the same one are the same."""


class Verdict(IntEnum):
    """What is to become of a row that is there already."""

    STAY = 0
    UPDATE = 1
    COMPARE = 2
    """Update when any value differs."""


def match_rows(table: Table, relation: str, *, slice_condition: str | None) -> str:
    """Pair new rows with those that have their keys; `slice_condition` says which ones a REPLACE is about."""
    keys = " AND ".join(f"t.{quoted(name)} = s.{quoted(name)}" for name in table.key)
    return (
        "CREATE OR REPLACE TEMP TABLE hit AS SELECT s.rowid AS source_id, t.rowid AS target_id, "
        f"t.{YEAR} AS old_year, s.{YEAR} AS new_year, {_verdict(table, slice_condition)} AS verdict "
        f"FROM {qualified(table.name)} AS t JOIN {relation} AS s ON {keys} WHERE t.{DIVISION} = $division"
    )


def _verdict(table: Table, slice_condition: str | None) -> str:
    """An older version never overwrites a newer one, but for a REPLACE, whose slice becomes what was read.

    (Versions begin anew where Exact moves a division to another server or puts a backup back.)
    """
    # A row that was marked as gone is there again.
    cases = [f"WHEN t.{DELETED_AT} IS NOT NULL THEN {Verdict.UPDATE}"]
    if slice_condition:
        cases.append(f"WHEN {slice_condition} THEN {Verdict.COMPARE}")
    if table.version:
        version = quoted(table.version)
        cases.append(f"WHEN s.{version} < t.{version} THEN {Verdict.STAY}")
        cases.append(f"WHEN s.{version} > t.{version} THEN {Verdict.UPDATE}")
        if slice_condition is None and _is_rowversion(table):
            cases.append(f"WHEN s.{version} = t.{version} THEN {Verdict.STAY}")
    return f"CASE {' '.join(cases)} ELSE {Verdict.COMPARE} END"


def _is_rowversion(table: Table) -> bool:
    return any(column.name == table.version and column.property == TIMESTAMP for column in table.columns)


def choose_changed(table: Table, relation: str, *, compare: bool) -> str:
    """Take the pairs that are to be updated; `compare`: some must be compared value by value."""
    columns = "h.source_id, h.target_id, h.old_year, h.new_year"
    chosen = f"SELECT {columns} FROM temp.hit AS h WHERE h.verdict = {Verdict.UPDATE}"
    if compare:
        names = [quoted(name) for name in stored_names(table) if name not in table.primary_key]
        differs = " OR ".join(f"s.{name} IS DISTINCT FROM t.{name}" for name in names)
        chosen += (
            f" UNION ALL SELECT {columns} FROM temp.hit AS h JOIN {relation} AS s ON s.rowid = h.source_id "
            f"JOIN {qualified(table.name)} AS t ON t.rowid = h.target_id "
            f"WHERE h.verdict = {Verdict.COMPARE} AND ({differs})"
        )
    return f"CREATE OR REPLACE TEMP TABLE changed AS {chosen}"


def update_changed(table: Table, relation: str, *, at: str) -> str:
    """Overwrite the rows in `changed`; the key is not written, so that its index is left alone. `at` is SQL."""
    names = [quoted(name) for name in stored_names(table) if name not in table.primary_key]
    values = ", ".join(f"{name} = s.{name}" for name in names)
    return (
        f"UPDATE {qualified(table.name)} AS t SET {values}, {quoted(LOADED_AT)} = {at}, "
        f"{quoted(DELETED_AT)} = NULL "
        f"FROM temp.changed AS h JOIN {relation} AS s ON s.rowid = h.source_id WHERE t.rowid = h.target_id"
    )


def insert_rows(table: Table, relation: str, *, condition: str | None, at: str) -> str:
    """Insert new rows, all or those for which a condition holds; `at` is SQL."""
    names = stored_names(table)
    where = f" WHERE {condition}" if condition else ""
    return (
        f"INSERT INTO {qualified(table.name)} ({listed(names)}, {quoted(LOADED_AT)}) "
        f"SELECT {listed(names, of='s')}, {at} FROM {relation} AS s{where}"
    )


def has_left(table: Table, gone: str, *, alias: str) -> str:
    """Say that a row has left: `gone` has its key, with a version that is no older."""
    keys = " AND ".join(f"g.{quoted(name)} = {alias}.{quoted(name)}" for name in table.key)
    is_older = f"g.version < {alias}.{quoted(str(table.version))}"
    return f"EXISTS (FROM {gone} AS g WHERE {keys} AND ({is_older}) IS NOT TRUE)"


IS_NEW = "NOT EXISTS (FROM temp.hit AS h WHERE h.source_id = s.rowid)"
IS_NOT_HIT = "NOT EXISTS (FROM temp.hit AS h WHERE h.target_id = t.rowid)"
COUNT_VERDICTS = "SELECT count(*), count(*) FILTER (verdict = 2) FROM temp.hit"
COUNT_CHANGED = """
SELECT year, count(*) FROM (
    SELECT new_year AS year FROM temp.changed
    UNION ALL SELECT old_year FROM temp.changed WHERE old_year IS DISTINCT FROM new_year
) GROUP BY year
"""


def count_rows(relation: str, *, alias: str, condition: str | None) -> str:
    """Count rows per year."""
    where = f" WHERE {condition}" if condition else ""
    return f"SELECT {YEAR}, count(*) FROM {relation} AS {alias}{where} GROUP BY {YEAR}"


def count_differences(table: Table, relation: str, *, condition: str) -> str:
    """Count the rows that only one side has, as multisets."""
    names = listed(stored_names(table))
    there = f"SELECT {names} FROM {qualified(table.name)} AS t WHERE {condition}"
    new = f"SELECT {names} FROM {relation}"
    return f"SELECT count(*) FROM (({there} EXCEPT ALL {new}) UNION ALL ({new} EXCEPT ALL {there}))"
