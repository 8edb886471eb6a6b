"""Whether each division's copy of a table is as fresh as its frequency promises, and if not, why. Pure functions.

Ages are told by our clock: one that is set makes them wrong by as much, until the next attempt puts them right.
Nothing here goes by which of two moments came first.

Dagster's freshness policies hold per table, so that any one division keeps a table fresh; this holds per stream.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from exact_assets.catalogue.table import Table
from exact_assets.control.attempts import Attempt, Attempts
from exact_assets.errors import (
    ForbiddenError,
    KeyBlockedError,
    NotConnectedError,
    ReconnectError,
    RemovalDoubtedError,
    RemovalWithheldError,
)

SHORTEST_MARGIN, LONGEST_MARGIN = timedelta(minutes=15), timedelta(hours=1)
FIRST_LOAD = timedelta(hours=6)
"""A first load may take this long, however often the table is due afterwards."""
LASTING = (
    ForbiddenError,
    ReconnectError,
    NotConnectedError,
    KeyBlockedError,
    RemovalWithheldError,
    RemovalDoubtedError,
)
"""Errors that do not pass by themselves, or not soon."""


class Level(IntEnum):
    """How bad it is."""

    FRESH = 0
    LATE = 1
    """Something is not as it should be, and may pass by itself."""
    STALE = 2
    """The copy is too old, or will be: somebody has to look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What there is to say of one division. The reason has no ages in it, and stays until something happens."""

    division: int
    level: Level
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFreshness:
    """What there is to say of a table."""

    level: Level
    findings: tuple[Finding, ...]
    """Of the divisions that are not fresh, worst first."""
    divisions: int
    """How many there are that are enabled."""
    new: int
    """How many of the others were never brought up to date, and still have time."""
    remarks: tuple[str, ...] = ()
    """What is wrong with more than one stream: with the stores, or with the selection."""
    is_unusable: bool = False
    """Whether a store cannot be used, which the remarks tell."""
    is_known: bool = True
    """Whether the divisions could be read at all."""


def warn_after(table: Table) -> timedelta:
    """Return the age at which a table is late: one period, and time for the load itself."""
    period = timedelta(minutes=table.frequency_minutes)
    return period + _margin(period)


def fail_after(table: Table) -> timedelta:
    """Return the age at which a table is stale: two periods, and time for the load itself."""
    period = timedelta(minutes=table.frequency_minutes)
    return 2 * period + _margin(period)


def judge_table(table: Table, divisions: Collection[int], attempts: Attempts, *, now: datetime) -> TableFreshness:
    """Judge a table's streams of the enabled divisions."""
    mine = {division: attempts.get(division, {}).get(table.name, Attempt()) for division in divisions}
    found = [judge(table, division, attempt, now=now) for division, attempt in mine.items()]
    worrying = sorted((one for one in found if one.level), key=lambda one: (-one.level, one.division))
    return TableFreshness(
        level=max((one.level for one in worrying), default=Level.FRESH),
        findings=tuple(worrying),
        divisions=len(found),
        new=sum(not one.level and mine[one.division].succeeded_at is None for one in found),
    )


def judge(table: Table, division: int, attempt: Attempt, *, now: datetime) -> Finding:
    """Judge one stream.

    Too old is stale, whatever the reason, except that the day's calls are used; an error that lasts is stale at
    once, so that nobody finds out a period later. Since when a stream is expected gives a new one its time.
    """
    error = None if attempt.is_over else attempt.error
    is_waiting = attempt.waiting_until is not None and attempt.waiting_until > now
    if error is not None and attempt.error_is(*LASTING):
        return Finding(division=division, level=Level.STALE, reason=error)
    if is_waiting:
        return Finding(division=division, level=Level.LATE, reason=waiting_text(attempt))
    if now > _deadline(table, attempt, now=now):
        why = f" {attempt.error}" if attempt.error else ""
        return Finding(division=division, level=Level.STALE, reason=f"{_last(attempt)}.{why}")
    if error is not None:
        return Finding(division=division, level=Level.LATE, reason=error)
    if is_late(table, attempt, now=now):
        return Finding(division=division, level=Level.LATE, reason=f"{_last(attempt)}.")
    return Finding(division=division, level=Level.FRESH, reason="")


def is_late(table: Table, attempt: Attempt, *, now: datetime) -> bool:
    """Whether more than a period has gone by since the stream was up to date, or was to be kept so."""
    since = max((one for one in (attempt.succeeded_at, attempt.expected_since) if one), default=now)
    return attempt.succeeded_at is not None and now > since + warn_after(table)


def waiting_text(attempt: Attempt) -> str:
    """Describe until when the day's calls are used."""
    until = attempt.waiting_until
    return f"waiting: the day's calls are used until {until.astimezone(UTC):%H:%M} UTC" if until else ""


def _deadline(table: Table, attempt: Attempt, *, now: datetime) -> datetime:
    """Return the moment until which the stream has time."""
    allowed = fail_after(table)
    if attempt.expected_since is None:
        return now
    grace = allowed if attempt.succeeded_at is not None else max(allowed, FIRST_LOAD)
    moments = [attempt.expected_since + grace]
    if attempt.succeeded_at is not None:
        moments.append(attempt.succeeded_at + allowed)
    if attempt.waiting_until is not None:
        # It goes on with the next period after the day's calls are back.
        moments.append(attempt.waiting_until + warn_after(table))
    return max(moments)


def _last(attempt: Attempt) -> str:
    if attempt.succeeded_at is not None:
        return f"last brought up to date {attempt.succeeded_at:%Y-%m-%d %H:%M} UTC"
    since = "" if attempt.expected_since is None else f", enabled since {attempt.expected_since:%Y-%m-%d %H:%M} UTC"
    return f"never brought up to date{since}"


def _margin(period: timedelta) -> timedelta:
    return min(max(period / 4, SHORTEST_MARGIN), LONGEST_MARGIN)
