"""What becomes of `sync_now`: which divisions get runs, wait, or are done, and how it ended. Pure functions.

A request is remembered from the moment it gets runs until they have all ended, whatever way they end. Its number
names its runs, so that asking for them twice, as after a kill, starts them once.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from exact_assets.control.attempts import Attempts
from exact_assets.warehouse.divisions import DivisionChoice

MOST_AT_ONCE = 20
"""Divisions; more at once would only wait for one another."""
START_WITHIN = timedelta(minutes=10)
"""After this long a run that cannot be found was not started, or somebody has deleted it."""


class RunEnd(StrEnum):
    """How a run ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenRun:
    """What Dagster says of a run."""

    run_id: str
    end: RunEnd | None
    """None: it has not ended."""
    reason: str = ""
    """Why it failed."""


class SyncRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A `sync_now` for which runs were asked."""

    division: int
    number: int
    asked_at: datetime

    def run_key(self, job: str) -> str:
        """Name the request's run of a job."""
        return f"sync-now/{self.number}/{self.division}/{job}"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """How a request ended where the attempts do not tell; shown until there is news."""

    division: int
    text: str
    at: datetime


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept from one look to the next."""

    number: int
    """Of the next request."""
    requests: tuple[SyncRequest, ...] = ()
    results: tuple[Result, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncDecision:
    """What to do."""

    memory: Memory
    asked: tuple[SyncRequest, ...]
    """Those that get runs now."""
    ended: frozenset[int]
    """Divisions of which all runs have ended."""
    queued: frozenset[int]
    """Divisions whose turn comes when others have ended."""


def decide_sync(
    choices: Sequence[DivisionChoice],
    *,
    memory: Memory,
    runs: Mapping[str, SeenRun],
    jobs: Sequence[str],
    askable: Collection[int],
    attempts: Attempts,
    now: datetime,
) -> SyncDecision:
    """Decide what to ask for and what is over.

    Args:
        choices: the selection.
        memory: from the last look.
        runs: by run key, as far as they are found.
        jobs: that a division needs to be wholly up to date.
        askable: divisions that have, or get now, a partition.
        attempts: how the last attempts ended.
        now: our clock.
    """
    ends = {request: _end(request, runs, jobs, attempts, now) for request in memory.requests}
    going_on = tuple(request for request, end in ends.items() if end is None)
    ended = frozenset(request.division for request, end in ends.items() if end is not None)
    busy = {request.division for request in going_on}
    wishes = [
        choice.division
        for choice in choices
        if choice.sync_now
        and choice.sync_enabled
        and choice.division in askable
        and choice.division not in busy | ended
    ]
    turn = wishes[: max(MOST_AT_ONCE - len(going_on), 0)]
    asked = tuple(
        SyncRequest(division=division, number=memory.number + place, asked_at=now)
        for place, division in enumerate(turn)
    )
    results = [one for one in memory.results if not _has_news(one, ended | set(turn), attempts)]
    results += [Result(division=request.division, text=end, at=now) for request, end in ends.items() if end]
    return SyncDecision(
        memory=Memory(number=memory.number + len(asked), requests=going_on + asked, results=tuple(results)),
        asked=asked,
        ended=ended,
        queued=frozenset(wishes[len(turn) :]),
    )


def kept_open(memory: Memory, before: Memory, divisions: Collection[int]) -> Memory:
    """Return the memory in which requests of some divisions are not yet over: their end could not be written."""
    again = tuple(request for request in before.requests if request.division in divisions)
    results = tuple(result for result in memory.results if result.division not in divisions)
    others = tuple(request for request in memory.requests if request not in again)
    return Memory(number=memory.number, requests=others + again, results=results)


def _end(
    request: SyncRequest, runs: Mapping[str, SeenRun], jobs: Sequence[str], attempts: Attempts, now: datetime
) -> str | None:
    """Return how a request ended, empty where the attempts tell; None: it goes on."""
    found = [runs.get(request.run_key(job)) for job in jobs]
    is_patient = now - request.asked_at < START_WITHIN
    if any(run.end is None if run else is_patient for run in found):
        return None
    missing = sum(run is None for run in found)
    for run in found:
        if run is not None and run.end is RunEnd.CANCELLED:
            return f"cancelled: run {run.run_id[:8]} was stopped in Dagster"
    for run in found:
        if run is not None and run.end is RunEnd.FAILED:
            told = any(
                attempt.error and attempt.attempted_at and attempt.attempted_at >= request.asked_at
                for attempt in attempts.get(request.division, {}).values()
            )
            return "" if told else f"failed: run {run.run_id[:8]}: {run.reason or 'see the run in Dagster'}"
    if missing:
        return "failed: a run was not started, or was deleted: see the ticks of exact_divisions in Dagster"
    return ""


def _has_news(result: Result, again: Collection[int], attempts: Attempts) -> bool:
    """Whether there is more to tell since: a new request, an error, or an attempt at every chosen table."""
    expected = [attempt for attempt in attempts.get(result.division, {}).values() if attempt.expected_since]
    since = [attempt for attempt in expected if attempt.attempted_at and attempt.attempted_at > result.at]
    return result.division in again or any(attempt.error for attempt in since) or 0 < len(expected) == len(since)


def result_of(division: int, memory: Memory) -> str | None:
    """Return how a division's last request ended, where the attempts do not tell and there is no news since."""
    return next((one.text for one in memory.results if one.division == division), None)


def asked_at(division: int, memory: Memory) -> datetime | None:
    """Return when the runs that are under way for a division were asked for; None: there are none."""
    return next((one.asked_at for one in memory.requests if one.division == division), None)
