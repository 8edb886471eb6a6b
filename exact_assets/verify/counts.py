"""Rows that are kept beside Exact's own count: one call per division, and one more where they differ.

A count that Exact refuses is noted in the stream's state and asked for no more.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from exact_assets.catalogue.checks import Check
from exact_assets.catalogue.table import Table
from exact_assets.errors import (
    ExactError,
    NotConnectedError,
    ReconnectError,
    RequestRefusedError,
    UnreachableError,
)
from exact_assets.exact.client import ExactClient
from exact_assets.feeds.counting import COUNT, Counting, counting
from exact_assets.feeds.want import Want
from exact_assets.stream import StreamState
from exact_assets.verify.changes import count_changes, remember
from exact_assets.verify.subject import Subject, unsettled
from exact_assets.verify.verdict import ADVICE, Result, Verdict, never_loaded
from exact_assets.warehouse.probes import Kept
from exact_assets.warehouse.protocol import Warehouse

DIVISIONS_AT_ONCE = 8
NOT_GIVEN = "Exact does not count the rows of this endpoint"
NOT_CHOSEN = "none of its divisions is chosen for copying"
NOT_BY_YEAR = "Exact cannot be asked for the years that are kept"

OpenClient = Callable[[], AbstractAsyncContextManager[ExactClient]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """What came of one division."""

    result: Result
    words: str
    kept: int | None = None
    exact: int | None = None
    calls: int = 0


async def count_rows(subject: Subject, open_client: OpenClient, *, divisions: Collection[int]) -> Verdict:
    """Compare the rows of each division with Exact's count, as far as it may be asked and counts."""
    if not subject.streams:
        return never_loaded(Check.ROW_COUNT)
    if any(COUNT in state.refused for state, _ in subject.streams.values()):
        return _nothing(NOT_GIVEN)
    due, counts = _due(subject, divisions)
    if not due and not counts:
        return _nothing(NOT_BY_YEAR if subject.streams.keys() & divisions else NOT_CHOSEN)
    if due:
        kept = await asyncio.to_thread(subject.warehouse.count_kept, subject.table)
        async with open_client() as client:
            counter = _Counter(table=subject.table, warehouse=subject.warehouse, client=client, kept=kept)
            counts |= await counter.count(due)
    return _verdict(counts)


def _due(
    subject: Subject, divisions: Collection[int]
) -> tuple[dict[int, tuple[StreamState, Counting]], dict[int, Count]]:
    """Choose the divisions to ask about, and those of which some rows are still to come."""
    due: dict[int, tuple[StreamState, Counting]] = {}
    others: dict[int, Count] = {}
    want = Want(start_year=subject.start_year)
    for division in subject.streams.keys() & divisions:
        state, _ = subject.streams[division]
        asked, why = counting(subject.table, state, want), unsettled(state)
        if why is not None:
            others[division] = Count(result=Result.NOT_CHECKED, words=why)
        elif asked is not None:
            due[division] = state, asked
    return due, others


@dataclass(slots=True, kw_only=True)
class _Counter:
    table: Table
    warehouse: Warehouse
    client: ExactClient
    kept: Mapping[int, Mapping[int | None, Kept]]
    stopped: str | None = None
    """Why no more is asked."""

    async def count(self, due: Mapping[int, tuple[StreamState, Counting]]) -> dict[int, Count]:
        """Count several divisions at once, one call at a time in each."""
        places = asyncio.Semaphore(DIVISIONS_AT_ONCE)
        counts: dict[int, Count] = {}
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

    async def _one(self, division: int, state: StreamState, asked: Counting) -> Count:
        if self.stopped is not None:
            return Count(result=Result.NOT_CHECKED, words=self.stopped)
        before = self.client.calls(division)
        try:
            count = await self._compared(division, state, asked)
        except RequestRefusedError as error:
            await self._stop(division, state)
            count = Count(result=Result.NOT_CHECKED, words=f"{NOT_GIVEN}, and is not asked again: {error}")
        except ExactError as error:
            if isinstance(error, NotConnectedError | ReconnectError | UnreachableError):
                self.stopped = str(error)
            count = Count(result=Result.NOT_CHECKED, words=str(error))
        return _with_calls(count, self.client.calls(division) - before)

    async def _stop(self, division: int, state: StreamState) -> None:
        """Ask no more, now or later."""
        self.stopped = NOT_GIVEN
        await asyncio.to_thread(remember, COUNT, self.table, division, state, warehouse=self.warehouse)

    async def _compared(self, division: int, state: StreamState, asked: Counting) -> Count:
        exact = await self.client.count(division, self.table.endpoint, asked.params)
        if exact is None:
            await self._stop(division, state)
            return Count(result=Result.NOT_CHECKED, words=NOT_GIVEN)
        kept = _kept(self.kept.get(division, {}), asked)
        if kept == exact:
            return Count(result=Result.PASSED, words="", kept=kept, exact=exact)
        if kept > exact:
            words = f"{kept - exact:,} more than Exact has: deleted there, or another load came in between"
            return Count(result=Result.MAYBE, words=words, kept=kept, exact=exact)
        changed = await count_changes(
            self.table, state, division=division, client=self.client, warehouse=self.warehouse
        )
        missing = exact - kept
        if changed is not None and missing > changed:
            words = f"{missing:,} rows are missing, and only {changed:,} have changed since the last load"
            return Count(result=Result.WRONG, words=words, kept=kept, exact=exact)
        words = f"{missing:,} fewer than Exact has: the next load may bring them"
        return Count(result=Result.MAYBE, words=words, kept=kept, exact=exact)


def _nothing(why: str) -> Verdict:
    return Verdict(check=Check.ROW_COUNT, result=Result.PASSED, summary=f"Nothing to compare: {why}.")


def _kept(by_year: Mapping[int | None, Kept], asked: Counting) -> int:
    if asked.years is None:
        return sum(kept.rows for kept in by_year.values())
    return sum(
        kept.dated
        for year, kept in by_year.items()
        if year is not None and any(first <= year <= last for first, last in asked.years)
    )


def _with_calls(count: Count, calls: int) -> Count:
    return Count(result=count.result, words=count.words, kept=count.kept, exact=count.exact, calls=calls)


def _verdict(counts: Mapping[int, Count]) -> Verdict:
    compared = {division: count for division, count in counts.items() if count.result is not Result.NOT_CHECKED}
    differing = {division: count for division, count in compared.items() if count.result is not Result.PASSED}
    return Verdict(
        check=Check.ROW_COUNT,
        result=_worst([count.result for count in counts.values()]),
        summary=_summary(counts, compared, differing),
        divisions_checked=len(compared),
        divisions={division: _note(count) for division, count in sorted(counts.items())},
        examples=tuple(
            {"division": division, "kept": count.kept, "exact": count.exact, "what": count.words}
            for division, count in sorted(differing.items(), key=lambda item: item[1].result is not Result.WRONG)
        ),
        advice=ADVICE[Check.ROW_COUNT] if differing else None,
        calls=sum(count.calls for count in counts.values()),
    )


def _worst(results: Sequence[Result]) -> Result:
    for result in (Result.WRONG, Result.MAYBE, Result.PASSED):
        if result in results:
            return result
    return Result.NOT_CHECKED


def _note(count: Count) -> str:
    if count.kept is None:
        return f"not counted: {count.words}"
    return f"{count.kept:,} rows, Exact {count.exact:,}" + (f": {count.words}" if count.words else "")


def _summary(counts: Mapping[int, Count], compared: Mapping[int, Count], differing: Mapping[int, Count]) -> str:
    left_out = f" {len(counts) - len(compared)} not counted." if len(counts) > len(compared) else ""
    if not compared:
        return f"Not counted in any of {len(counts)} divisions: {next(iter(counts.values())).words}."
    if not differing:
        return f"{len(compared)} divisions have as many rows as Exact.{left_out}"
    named = ", ".join(map(str, sorted(differing)[:10]))
    return f"{len(differing)} of {len(compared)} divisions have other counts than Exact: {named}.{left_out}"
