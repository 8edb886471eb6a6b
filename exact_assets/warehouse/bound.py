"""How many rows one answer may take away that it does not name: the rule, and the counting before anything goes.

An empty list may mean that all rows are gone, or that a right was withdrawn, or a fault of Exact's. What follows
when an answer is beyond the bound is decided by the caller; the deletion log names its rows, and has none.
"""

from datetime import datetime

from exact_assets.catalogue.deletions import KEPT, LOG
from exact_assets.catalogue.table import Table, YearKind
from exact_assets.errors import RemovalBoundError
from exact_assets.stream import Step
from exact_assets.warehouse.connection import Connection
from exact_assets.warehouse.sql import merge
from exact_assets.warehouse.sql.names import DELETED_AT, DIVISION, YEAR

LARGE_ROWS = 100
"""Where fewer rows are kept, half of them may go: a table of ten codes is tidied up in one afternoon."""


def is_beyond(lost: int, *, of: int) -> bool:
    """Return whether an answer takes away all rows, or more than half of many; rows that come instead count."""
    return lost > 0 and (lost >= of or (of >= LARGE_ROWS and 2 * lost > of))


def check(table: str, division: int, lost: int, *, of: int) -> None:
    """Refuse what is beyond the bound.

    Raises:
        RemovalBoundError: it is.
    """
    if is_beyond(lost, of=of):
        raise RemovalBoundError(
            f"{table} of division {division}: {lost:,} of {of:,} rows would go in one answer. Nothing was written.",
            table=table,
            rows=lost,
            of=of,
        )


class Bound:
    """What a step may take away of its own table."""

    def __init__(self, connection: Connection, table: Table, division: int, step: Step, *, at: datetime) -> None:
        self._connection = connection
        self._dialect = connection.dialect
        self._name = self._dialect.qualified(table.name)
        self._table = table
        self._division = division
        self._step = step
        self._at = at
        self._there = f"t.{DIVISION} = {division} AND t.{DELETED_AT} IS NULL"

    def check_slice(self, condition: str, source: str) -> None:
        """Compare the rows that are to replace a slice with those that are there.

        Raises:
            RemovalBoundError: they are too few.
        """
        if self._step.is_confirmed:
            return
        asked_for = f"{self._there} AND {self._is_asked_for()}"
        stored = self._count(self._name, f"{condition} AND {asked_for}")
        lost = stored - self._count(source) if stored else 0
        if lost > 0:
            check(self._table.name, self._division, lost, of=stored)
            check(self._table.name, self._division, lost, of=self._count(self._name, asked_for))

    def lost_lines(self, of_parents: str, source: str, *, is_matched: bool, before: int) -> int:
        """Return how many lines are gone when headers have brought theirs, over all parts of the answer so far.

        Args:
            of_parents: the condition for stored lines of the headers.
            source: the relation with the lines that came.
            is_matched: whether `hit` has those of them that are stored already.
            before: how many the earlier parts took.

        Raises:
            RemovalBoundError: too many.
        """
        going = f"{of_parents} AND t.{DELETED_AT} IS NULL"
        coming = "1 = 1"
        if is_matched:
            going, coming = f"{going} AND {merge.is_not_hit(self._dialect)}", merge.is_new(self._dialect)
        gone = self._count(self._name, going)
        if not gone and not before:
            return 0
        lost = max(0, before + gone - self._count(source, coming, alias="s"))
        if lost > before and not self._step.is_confirmed:
            stored = self._count(self._name, self._there)
            check(self._table.name, self._division, lost, of=stored + before)
        return lost

    def _is_asked_for(self) -> str:
        """Return the condition that an answer should hold a row.

        Its year is wanted, and Exact does not forget rows so old.
        """
        conditions = ["1 = 1"]
        first = self._step.state.start_year
        if first is not None and self._table.year_kind is YearKind.BUSINESS:
            conditions.append(f"(t.{YEAR} IS NULL OR t.{YEAR} >= {first})")
        if self._table.name == LOG:
            conditions.append(f"t.deleted_date > {self._dialect.moment(self._at - KEPT)}")
        return " AND ".join(conditions)

    def _count(self, relation: str, condition: str = "1 = 1", *, alias: str = "t") -> int:
        statement = f"SELECT count(*) FROM {relation} AS {alias} WHERE {condition}"
        return int(self._connection.rows(statement)[0][0])
