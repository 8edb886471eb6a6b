"""Each division has as many rows as Exact counts: one call per division, and one more where they differ.

A count that Exact refuses is noted in the stream's state and asked for no more.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.table import Feed, Table, YearKind
from exact_assets.checks.asking import CHECKED_AT_ONCE, OpenClient, count_changes, remember
from exact_assets.checks.check import ExactCheck
from exact_assets.checks.result import CheckResult, CheckStatus, never_loaded
from exact_assets.checks.sql import live
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
NOT_CHOSEN = "none of its divisions is chosen for copying"
NOT_BY_YEAR = "Exact cannot be asked for the years that are kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """Rows of one `_year` of a division that are there."""

    rows: int
    dated: int
    """Those whose year is told by the first of the columns that may tell it."""


_KeptByYear = Mapping[int, Mapping[int | None, _Kept]]
"""By division and `_year`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    """What came of one division."""

    status: CheckStatus
    words: str
    kept: int | None = None
    exact: int | None = None
    calls: int = 0


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


async def _compare(subject: Subject, open_client: OpenClient, divisions: Collection[int]) -> CheckResult:
    """Compare the rows of each division with Exact's count, as far as it may be asked and counts."""
    if not subject.streams:
        return never_loaded(_NAME)
    if any(COUNT in state.refused for state, _ in subject.streams.values()):
        return _nothing(NOT_GIVEN)
    due, counts = _due(subject, divisions)
    if not due and not counts:
        return _nothing(NOT_BY_YEAR if subject.streams.keys() & divisions else NOT_CHOSEN)
    if due:
        kept = await asyncio.to_thread(_count_kept, subject)
        async with open_client() as client:
            counter = _Counter(table=subject.table, warehouse=subject.warehouse, client=client, kept=kept)
            counts |= await counter.count(due)
    return _result(counts)


def _count_kept(subject: Subject) -> _KeptByYear:
    """Count the rows that are there; a table that is not there has none."""
    dated = quoted(subject.table.year[0]) if subject.table.year else "NULL"
    statement = f"""
SELECT {DIVISION}, {YEAR}, count(*) AS found, count({dated}) AS dated
FROM {live(subject.table)} AS r GROUP BY {DIVISION}, {YEAR}
"""
    (found,) = subject.warehouse.query([Query(statement=statement)])
    counts: dict[int, dict[int | None, _Kept]] = {}
    for row in found or ():
        kept = _Kept(rows=row["found"], dated=row["dated"])
        counts.setdefault(row[DIVISION], {})[row[YEAR]] = kept
    return counts


def _due(
    subject: Subject, divisions: Collection[int]
) -> tuple[dict[int, tuple[StreamState, Counting]], dict[int, _Count]]:
    """Choose the divisions to ask about, and those of which some rows are still to come."""
    due: dict[int, tuple[StreamState, Counting]] = {}
    others: dict[int, _Count] = {}
    to_read = ReadRequest(start_year=subject.start_year)
    for division in subject.streams.keys() & divisions:
        state, _ = subject.streams[division]
        asked, why = counting(subject.table, state, to_read), unsettled(state)
        if why is not None:
            others[division] = _Count(status=CheckStatus.NOT_CHECKED, words=why)
        elif asked is not None:
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

    async def count(self, due: Mapping[int, tuple[StreamState, Counting]]) -> dict[int, _Count]:
        """Count several divisions at once, one call at a time in each."""
        places = asyncio.Semaphore(CHECKED_AT_ONCE)
        counts: dict[int, _Count] = {}
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

    async def _one(self, division: int, state: StreamState, asked: Counting) -> _Count:
        if self.stopped is not None:
            return _Count(status=CheckStatus.NOT_CHECKED, words=self.stopped)
        before = self.client.calls(division)
        try:
            count = await self._compared(division, state, asked)
        except RequestRefusedError as error:
            await self._stop(division, state)
            count = _Count(status=CheckStatus.NOT_CHECKED, words=f"{NOT_GIVEN}, and is not asked again: {error}")
        except ExactError as error:
            if isinstance(error, NotConnectedError | ReconnectError | UnreachableError):
                self.stopped = str(error)
            count = _Count(status=CheckStatus.NOT_CHECKED, words=str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs this division alone
            told = contained(error, subject=f"The count of {self.table.name} of division {division}")
            count = _Count(status=CheckStatus.NOT_CHECKED, words=str(told))
        return _with_calls(count, self.client.calls(division) - before)

    async def _stop(self, division: int, state: StreamState) -> None:
        """Ask no more, now or later."""
        self.stopped = NOT_GIVEN
        await asyncio.to_thread(remember, COUNT, self.table, division, state, warehouse=self.warehouse)

    async def _compared(self, division: int, state: StreamState, asked: Counting) -> _Count:
        exact = await self.client.count(division, self.table.endpoint, asked.params)
        if exact is None:
            await self._stop(division, state)
            return _Count(status=CheckStatus.NOT_CHECKED, words=NOT_GIVEN)
        kept = _kept(self.kept.get(division, {}), asked)
        if kept == exact:
            return _Count(status=CheckStatus.PASSED, words="", kept=kept, exact=exact)
        if kept > exact:
            words = f"{kept - exact:,} more than Exact has: deleted there, or another load came in between"
            return _Count(status=CheckStatus.WARNING, words=words, kept=kept, exact=exact)
        changed = await count_changes(
            self.table, state, division=division, client=self.client, warehouse=self.warehouse
        )
        missing = exact - kept
        if changed is not None and missing > changed:
            words = f"{missing:,} rows are missing, and only {changed:,} have changed since the last load"
            return _Count(status=CheckStatus.FAILED, words=words, kept=kept, exact=exact)
        words = f"{missing:,} fewer than Exact has: the next load may bring them"
        return _Count(status=CheckStatus.WARNING, words=words, kept=kept, exact=exact)


def _nothing(why: str) -> CheckResult:
    return CheckResult(check=_NAME, status=CheckStatus.PASSED, summary=f"Nothing to compare: {why}.")


def _kept(by_year: Mapping[int | None, _Kept], asked: Counting) -> int:
    if asked.years is None:
        return sum(kept.rows for kept in by_year.values())
    return sum(
        kept.dated
        for year, kept in by_year.items()
        if year is not None and any(first <= year <= last for first, last in asked.years)
    )


def _with_calls(count: _Count, calls: int) -> _Count:
    return _Count(status=count.status, words=count.words, kept=count.kept, exact=count.exact, calls=calls)


def _result(counts: Mapping[int, _Count]) -> CheckResult:
    compared = {
        division: count for division, count in counts.items() if count.status is not CheckStatus.NOT_CHECKED
    }
    differing = {division: count for division, count in compared.items() if count.status is not CheckStatus.PASSED}
    return CheckResult(
        check=_NAME,
        status=_worst([count.status for count in counts.values()]),
        summary=_summary(counts, compared, differing),
        divisions_checked=len(compared),
        divisions={division: _note(count) for division, count in sorted(counts.items())},
        examples=tuple(
            {"division": division, "kept": count.kept, "exact": count.exact, "what": count.words}
            for division, count in sorted(
                differing.items(), key=lambda item: item[1].status is not CheckStatus.FAILED
            )
        ),
        advice=_ADVICE if differing else None,
        calls=sum(count.calls for count in counts.values()),
    )


def _worst(statuses: Sequence[CheckStatus]) -> CheckStatus:
    for status in (CheckStatus.FAILED, CheckStatus.WARNING, CheckStatus.PASSED):
        if status in statuses:
            return status
    return CheckStatus.NOT_CHECKED


def _note(count: _Count) -> str:
    if count.kept is None:
        return f"not counted: {count.words}"
    return f"{count.kept:,} rows, Exact {count.exact:,}" + (f": {count.words}" if count.words else "")


def _summary(counts: Mapping[int, _Count], compared: Mapping[int, _Count], differing: Mapping[int, _Count]) -> str:
    left_out = f" {len(counts) - len(compared)} not counted." if len(counts) > len(compared) else ""
    if not compared:
        return f"Not counted in any of {len(counts)} divisions: {next(iter(counts.values())).words}."
    if not differing:
        return f"{len(compared)} divisions have as many rows as Exact.{left_out}"
    named = ", ".join(map(str, sorted(differing)[:10]))
    return f"{len(differing)} of {len(compared)} divisions have other counts than Exact: {named}.{left_out}"


ROW_COUNT = ExactCheck(
    name=_NAME,
    description="Each division has as many rows as Exact counts: one call per division.",
    is_offered=_is_countable,
    compare=_compare,
    calls_per_division=1,
)
