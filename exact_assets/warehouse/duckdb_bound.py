"""Counting what a step would take away, before anything goes. How much may go is said in `bound`."""

from datetime import datetime

from duckdb import DuckDBPyConnection

from exact_assets.catalogue.deletions import KEPT, LOG
from exact_assets.catalogue.table import Table, YearKind
from exact_assets.stream import Step
from exact_assets.warehouse import duckdb_merge as merge
from exact_assets.warehouse.bound import check
from exact_assets.warehouse.duckdb_clock import literal
from exact_assets.warehouse.naming import DELETED_AT, DIVISION, YEAR, qualified


class Bound:
    """Of one step's own table."""

    def __init__(
        self, connection: DuckDBPyConnection, table: Table, division: int, step: Step, *, at: datetime
    ) -> None:
        self._connection = connection
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
        stored = self._count(qualified(self._table.name), f"{condition} AND {asked_for}")
        lost = stored - self._count(source) if stored else 0
        if lost > 0:
            check(self._table.name, self._division, lost, of=stored)
            check(self._table.name, self._division, lost, of=self._count(qualified(self._table.name), asked_for))

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
        coming = "true"
        if is_matched:
            going, coming = f"{going} AND {merge.IS_NOT_HIT}", merge.IS_NEW
        gone = self._count(qualified(self._table.name), going)
        if not gone and not before:
            return 0
        lost = max(0, before + gone - self._count(source, coming, alias="s"))
        if lost > before and not self._step.is_confirmed:
            stored = self._count(qualified(self._table.name), self._there)
            check(self._table.name, self._division, lost, of=stored + before)
        return lost

    def _is_asked_for(self) -> str:
        """Say that an answer should hold a row: its year is wanted, and Exact does not forget rows so old."""
        conditions = ["true"]
        first = self._step.state.start_year
        if first is not None and self._table.year_kind is YearKind.BUSINESS:
            conditions.append(f"(t.{YEAR} IS NULL OR t.{YEAR} >= {first})")
        if self._table.name == LOG:
            conditions.append(f"t.deleted_date > {literal(self._at - KEPT)}")
        return " AND ".join(conditions)

    def _count(self, relation: str, condition: str = "true", *, alias: str = "t") -> int:
        statement = f"SELECT count(*) FROM {relation} AS {alias} WHERE {condition}"
        return int(self._connection.execute(statement).fetchall()[0][0])
