"""How SQLite gets at the rows of a page, so that a page costs the same wherever in a chain it is.

Most pages walk an index in their own order. Where there is none, SQLite would render every row that it sorts; so
the sort is done over row numbers first. And where a filter leaves very many rows, to walk the key and skip what the
filter leaves out is cheaper than to sort them all for every page. Only speed depends on what is decided here.
"""

import re
import sqlite3
from dataclasses import dataclass, field, replace
from typing import Any

from exact_simulator.odata.sql import Clause


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What is read for a page."""

    relation: str
    """Quoted."""
    columns: str
    bounds: Clause
    """Division and parent."""
    filter: Clause
    behind: Clause
    order: str
    """Empty: as they come."""
    limit: int | None
    offset: int

    def where(self) -> Clause:
        """Join the conditions."""
        parts = (self.bounds, self.filter, self.behind)
        values = tuple(value for part in parts for value in part.values)
        return Clause(" AND ".join(f"({part.sql})" for part in parts), values)

    def statement(self, columns: str) -> str:
        """Write the SELECT."""
        order = f" ORDER BY {self.order}" if self.order else ""
        offset = f" OFFSET {self.offset}" if self.offset else ""
        limit = -1 if self.limit is None else self.limit
        return f"SELECT {columns} FROM {self.relation} WHERE {self.where().sql}{order} LIMIT {limit}{offset}"


@dataclass(slots=True)
class Hints:
    """What was found out before: which statements sort, which filters leave many rows."""

    sorts: dict[str, bool] = field(default_factory=dict)
    many: dict[tuple[Any, ...], bool] = field(default_factory=dict)
    most_sorted: int = 20_000
    """Rows that a filter leaves, above which they are not sorted for every page."""


def fetch(connection: sqlite3.Connection, walk: Walk, hints: Hints) -> list[tuple[Any, ...]]:
    """Read the rows."""
    if not walk.order or walk.limit is None or not _sorts(connection, walk, hints):
        return connection.execute(walk.statement(walk.columns), walk.where().values).fetchall()
    if _leaves_many(connection, walk, hints):
        # A plus keeps SQLite from using an index for the filter.
        unindexed = replace(walk, filter=Clause(re.sub(r'"\w+"', r"+\g<0>", walk.filter.sql), walk.filter.values))
        if not _sorts(connection, unindexed, hints):
            return connection.execute(unindexed.statement(walk.columns), walk.where().values).fetchall()
    return _sorted_first(connection, walk)


def _sorts(connection: sqlite3.Connection, walk: Walk, hints: Hints) -> bool:
    statement = walk.statement("_n")
    if statement not in hints.sorts:
        steps = connection.execute(f"EXPLAIN QUERY PLAN {statement}", walk.where().values).fetchall()
        hints.sorts[statement] = any("TEMP B-TREE FOR ORDER BY" in step[3] for step in steps)
    return hints.sorts[statement]


def _leaves_many(connection: sqlite3.Connection, walk: Walk, hints: Hints) -> bool:
    whole = Clause(f"{walk.bounds.sql} AND {walk.filter.sql}", (*walk.bounds.values, *walk.filter.values))
    key = (walk.relation, whole)
    if key not in hints.many:
        statement = (
            f"SELECT count(*) FROM (SELECT 1 FROM {walk.relation} WHERE {whole.sql} LIMIT {hints.most_sorted + 1})"
        )
        (count,) = connection.execute(statement, whole.values).fetchone()
        hints.many[key] = count > hints.most_sorted
    return hints.many[key]


def _sorted_first(connection: sqlite3.Connection, walk: Walk) -> list[tuple[Any, ...]]:
    """Sort row numbers, then read the rows that have those numbers."""
    numbers = [row[0] for row in connection.execute(walk.statement("_n"), walk.where().values)]
    statement = (
        f"SELECT _n, {walk.columns} FROM {walk.relation} "
        f"WHERE {walk.bounds.sql} AND _n IN ({', '.join('?' * len(numbers))})"
    )
    found = {row[0]: row[1:] for row in connection.execute(statement, (*walk.bounds.values, *numbers))}
    return [found[number] for number in numbers]
