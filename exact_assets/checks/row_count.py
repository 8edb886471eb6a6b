"""Each division has as many rows as Exact counts: one call per division, and one more where they differ.

A count that Exact refuses is noted in the stream's state and asked for no more.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Feed, Table, YearKind
from exact_assets.checks.asking import CHECKED_AT_ONCE, OpenClient, count_changes, remember
from exact_assets.checks.check import ExactCheck
from exact_assets.checks.result import CheckRun, CheckStatus, DivisionResult
from exact_assets.checks.subject import Subject, unsettled
from exact_assets.containment import contained
from exact_assets.errors import (
    ExactError,
    NotConnectedError,
    ReconnectError,
    RequestRefusedError,
    UnreachableError,
)
from exact_assets.exact.client import ExactClient
from exact_assets.feeds.counting import COUNT, Counting, counting
from exact_assets.feeds.request import ReadRequest
from exact_assets.stream import StreamState
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.query import Query
from exact_assets.warehouse.sql.names import DIVISION, YEAR, quoted

_NAME = "row_count"
_ADVICE = "Load the divisions named; where the counts still differ, reload them (mode: reload)."
NOT_GIVEN = "Exact does not count the rows of this endpoint"
NOT_CHOSEN = "it is not chosen for copying"
NOT_BY_YEAR = "Exact cannot be asked for the years that are kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """Rows of one `_year` of a division that are there."""

    rows: int
    dated: int
    """Those whose year is told by the first of the columns that may tell it."""


_KeptByYear = Mapping[int, Mapping[int | None, _Kept]]
"""By division and `_year`."""


def _is_countable(table: Table, *, kept: Collection[Table]) -> bool:  # noqa: ARG001 - a rule gets both
    """Return whether Exact can count the rows that are kept.

    Functions give no counts. Lines that are read through their headers, and sync feeds of business rows, cannot be
    asked for the years that are kept. Others whose year cannot be filtered on are kept in part as well.
    """
    if table.feed in {Feed.FUNCTION, Feed.PARENT} or table.name == LOG:
        # Of the deletion log more is kept here than at Exact.
        return False
    if table.year_kind is not YearKind.BUSINESS:
        return True
    properties = {column.name: column.property for column in table.columns}
    return table.feed is not Feed.SYNC and properties[table.year[0]] in table.filterable


async def _compare(subject: Subject, open_client: OpenClient, divisions: Collection[int]) -> CheckRun:
    """Compare the rows of each division with Exact's count, as far as it may be asked and counts."""
    due, results = _due(subject, divisions)
    calls = 0
    if due:
        kept = await asyncio.to_thread(_count_kept, subject)
        async with open_client() as client:
            before = {division: client.calls(division) for division in due}
            counter = _Counter(table=subject.table, warehouse=subject.warehouse, client=client, kept=kept)
            results |= await counter.count(due)
            calls = sum(client.calls(division) - so_far for division, so_far in before.items())
    return CheckRun(check=_NAME, divisions=results, calls=calls)


def _count_kept(subject: Subject) -> _KeptByYear:
    """Count the rows that are there; a table that is not there has none."""
    dated = quoted(subject.table.year[0]) if subject.table.year else "NULL"
    statement = f"""
SELECT {DIVISION}, {YEAR}, count(*) AS found, count({dated}) AS dated
FROM {subject.live(subject.table)} AS r GROUP BY {DIVISION}, {YEAR}
"""
    (found,) = subject.warehouse.query([Query(statement=statement)])
    counts: dict[int, dict[int | None, _Kept]] = {}
    for row in found or ():
        kept = _Kept(rows=row["found"], dated=row["dated"])
        counts.setdefault(row[DIVISION], {})[row[YEAR]] = kept
    return counts


def _due(
    subject: Subject, divisions: Collection[int]
) -> tuple[dict[int, tuple[StreamState, Counting]], dict[int, DivisionResult]]:
    """Choose the divisions to ask about; of the others, say why they are not."""
    due: dict[int, tuple[StreamState, Counting]] = {}
    others: dict[int, DivisionResult] = {}
    to_read = ReadRequest(start_year=subject.start_year)
    is_refused = any(COUNT in state.refused for state, _ in subject.streams.values())
    for division, (state, _) in subject.streams.items():
        asked, why = counting(subject.table, state, to_read), unsettled(state)
        if is_refused or division not in divisions:
            never = NOT_GIVEN if is_refused else NOT_CHOSEN
            others[division] = DivisionResult(status=CheckStatus.NOT_APPLICABLE, words=never)
        elif why is not None:
            others[division] = _not_counted(why)
        elif asked is None:
            others[division] = DivisionResult(status=CheckStatus.NOT_APPLICABLE, words=NOT_BY_YEAR)
        else:
            due[division] = state, asked
    return due, others


@dataclass(slots=True, kw_only=True)
class _Counter:
    table: Table
    warehouse: Warehouse
    client: ExactClient
    kept: _KeptByYear
    stopped: str | None = None
    """Why no more is asked."""

    async def count(self, due: Mapping[int, tuple[StreamState, Counting]]) -> dict[int, DivisionResult]:
        """Count several divisions at once, one call at a time in each."""
        places = asyncio.Semaphore(CHECKED_AT_ONCE)
        counts: dict[int, DivisionResult] = {}
        first, *others = due

        async def one(division: int) -> None:
            async with places:
                counts[division] = await self._one(division, *due[division])

        # The first one tells whether Exact counts this endpoint, before all are asked.
        await one(first)
        async with asyncio.TaskGroup() as tasks:
            for division in others:
                tasks.create_task(one(division))
        return counts

    async def _one(self, division: int, state: StreamState, asked: Counting) -> DivisionResult:
        if self.stopped is not None:
            return _not_counted(self.stopped)
        try:
            return await self._compared(division, state, asked)
        except RequestRefusedError as error:
            await self._stop(division, state)
            return _not_counted(f"{NOT_GIVEN}, and is not asked again: {error}")
        except ExactError as error:
            if isinstance(error, NotConnectedError | ReconnectError | UnreachableError):
                self.stopped = str(error)
            return _not_counted(str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this division alone
            return _not_counted(
                str(contained(error, subject=f"The count of {self.table.name} of division {division}"))
            )

    async def _stop(self, division: int, state: StreamState) -> None:
        """Ask no more, now or later."""
        self.stopped = NOT_GIVEN
        await asyncio.to_thread(remember, COUNT, self.table, division, state, warehouse=self.warehouse)

    async def _compared(self, division: int, state: StreamState, asked: Counting) -> DivisionResult:
        exact = await self.client.count(division, self.table.endpoint, asked.params)
        if exact is None:
            await self._stop(division, state)
            return _not_counted(NOT_GIVEN)
        kept = _kept(self.kept.get(division, {}), asked)
        if kept == exact:
            return DivisionResult(status=CheckStatus.PASSED, rows=kept)
        if kept > exact:
            words = f"{kept - exact:,} more than Exact has: deleted there, or another load came in between"
            return _differs(division, CheckStatus.WARNING, words, kept=kept, exact=exact)
        changed = await count_changes(
            self.table, state, division=division, client=self.client, warehouse=self.warehouse
        )
        missing = exact - kept
        if changed is not None and missing > changed:
            words = f"{missing:,} rows are missing, and only {changed:,} have changed since the last load"
            return _differs(division, CheckStatus.FAILED, words, kept=kept, exact=exact)
        words = f"{missing:,} fewer than Exact has: the next load may bring them"
        return _differs(division, CheckStatus.WARNING, words, kept=kept, exact=exact)


def _not_counted(why: str) -> DivisionResult:
    return DivisionResult(status=CheckStatus.NOT_CHECKED, words=why)


def _differs(division: int, status: CheckStatus, words: str, *, kept: int, exact: int) -> DivisionResult:
    example = {"division": division, "kept": kept, "exact": exact, "what": words}
    return DivisionResult(status=status, words=words, rows=kept, examples=(example,))


def _kept(by_year: Mapping[int | None, _Kept], asked: Counting) -> int:
    if asked.years is None:
        return sum(kept.rows for kept in by_year.values())
    return sum(
        kept.dated
        for year, kept in by_year.items()
        if year is not None and any(first <= year <= last for first, last in asked.years)
    )


ROW_COUNT = ExactCheck(
    name=_NAME,
    description="Each division has as many rows as Exact counts: one call per division.",
    is_offered=_is_countable,
    compare=_compare,
    advice=_ADVICE,
    calls_per_division=1,
)
