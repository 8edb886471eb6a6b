"""The quota as a value, and the decisions that follow from it. Pure: no clock, no I/O.

Limits are read from answers, never assumed: Exact has changed them several times and grants some apps more. A 429
carries the headers of the window that is used up, and only those; answers may lag behind with what remains, so
our own count of the window goes first where it is stricter.

A window that is closed is opened by its reset alone, since no answer comes while it is closed. So a reset counts
only where it can be right: ahead, and no farther than the end of the minute or of the UTC day. In place of any
other (missing, past, in seconds, of the year 2286, kept by a process whose clock was wrong) that end is taken.

Of a window that no answer has told of, our own count is held against what Exact documents.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from exact_assets.exact.numbers import read_integer

MINUTE_PREFIX = "x-ratelimit-minutely"
DAY_PREFIX = "x-ratelimit"
DOCUMENTED_MINUTE, DOCUMENTED_DAY = 60, 5_000
"""Calls of an app in a division, where answers do not say how many."""
RESERVE_PERCENT = 5
"""Of a day's calls: what background work leaves to runs that people ask for."""
SHORTEST_WAIT = timedelta(seconds=1)
"""After a 429 whose reset is about to come."""
SLACK = timedelta(seconds=2)
"""What we know of the server's clock may be so far behind it."""
MOST_LIMITED_AT_ONCE = 2
"""429s in a row until the resets that they name are not believed any more."""
MOST_LIMITED = 10
"""429s in a row, each of a minute of its own, until a division is left alone for longer."""
LONGEST_PAUSE = timedelta(hours=1)
MOST_CALLS = 10**9
LAST_MILLISECOND = 253_402_300_799_999
"""Of the year 9999."""
End = Callable[[datetime], datetime]
"""Returns the end of the window that a moment lies in."""


def end_of_minute(moment: datetime) -> datetime:
    """Return the start of the next minute."""
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)


def end_of_day(moment: datetime) -> datetime:
    """Return the next midnight, UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One limit: how many calls until when."""

    limit: int | None = None
    remaining: int | None = None
    resets_at: datetime | None = None
    """Aware, UTC, by the server's clock."""
    used: int = 0
    """Calls that we sent in this window."""

    def has_room(self, documented: int) -> bool:
        """Return whether a call may go: by what answers say, else by what is documented."""
        return self.used < documented if self.remaining is None else self.remaining > 0

    def at(self, now: datetime, end: End) -> "Window":
        """Return the window as it is at a moment of the server's clock: all is back once it was reset.

        A limit of 0 is forgotten by then: only an answer could tell that it was raised, and none would come.
        """
        if self.resets_at is not None and self.resets_at <= now:
            return Window(limit=self.limit, remaining=self.limit or None)
        if self.resets_at is None and self.remaining is None:
            return replace(self, resets_at=end(now), used=0)
        return replace(self, resets_at=self.credible_reset(now, end) or end(now))

    def credible_reset(self, now: datetime, end: End) -> datetime | None:
        """Return the reset, where it can be right."""
        return self.resets_at if self.resets_at is not None and now < self.resets_at <= end(now + SLACK) else None

    def follows(self, reset: datetime) -> bool:
        """Return whether this is the window after one with such a reset, as far as clocks can be trusted."""
        return self.resets_at is not None and reset < self.resets_at <= reset + timedelta(days=1)

    def booked(self) -> "Window":
        """Return the window with one call taken."""
        remaining = None if self.remaining is None else self.remaining - 1
        return replace(self, remaining=remaining, used=self.used + 1)

    def returned(self) -> "Window":
        """Return the window with one call given back, which Exact did not count."""
        if self.used == 0:
            return self
        remaining = None if self.remaining is None else self.remaining + 1
        return replace(self, remaining=remaining, used=self.used - 1)

    def uncounted(self, news: "Window") -> "Window":
        """Return the window after a failure: with the call given back, where Exact seems not to have counted it."""
        if news.remaining is not None and (self.remaining is None or news.remaining <= self.remaining):
            return self
        return self.returned()

    def keeping(self, calls: int) -> "Window":
        """Return the window as it is for someone who leaves so many calls to others."""
        return self if self.remaining is None else replace(self, remaining=max(self.remaining - calls, 0))

    def told(self, news: "Window", now: datetime, end: End) -> "Window":
        """Return the window after an answer's headers: theirs, unless our own count of it is stricter."""
        if news.limit is None and news.remaining is None:
            return self
        known_reset, told_reset = self.credible_reset(now, end), news.credible_reset(now, end)
        is_same = known_reset is not None and told_reset in {None, known_reset} and not news.follows(known_reset)
        used = max(self.used, 1) if is_same else 1
        limit = news.limit if news.limit is not None else self.limit
        known = [left for left in (news.remaining, None if limit is None else limit - used) if left is not None]
        return Window(
            limit=limit,
            remaining=max(min(known), 0) if known else None,
            resets_at=told_reset or known_reset or end(now),
            used=used,
        )

    def exhausted(self, news: "Window", now: datetime, end: End) -> "Window":
        """Return the window after a 429 about it: nothing remains, whatever the counters say."""
        until = max(news.credible_reset(now, end) or end(now), now + SHORTEST_WAIT)
        return replace(self.told(news, now, end), remaining=0, resets_at=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Storm:
    """429s of a division in a row that are not about the day, whichever process was answered so.

    Kept with the windows, so that the next table and the next process need not learn it anew.
    """

    refused: int = 0
    until: datetime | None = None
    """Nothing is sent before, by the server's clock."""
    is_named: bool = True
    """Whether the last one said that it was about the minute; else Exact seems to block the app."""

    def at(self, now: datetime) -> "Storm":
        """Return it as it is at a moment: a pause that is over, or that cannot be, holds nobody up."""
        if self.until is None or now < self.until <= now + LONGEST_PAUSE + SLACK:
            return self
        is_forgotten = not now - LONGEST_PAUSE < self.until <= now
        return Storm() if is_forgotten else replace(self, until=None)

    def told(self, *, is_named: bool, now: datetime) -> "Storm":
        """Return it with one 429 more."""
        refused = self.refused + 1
        known = MOST_LIMITED if is_named else 1
        until = None
        if refused > known:
            until = now + growing_pause(refused - known + 1)
        elif is_named and refused > MOST_LIMITED_AT_ONCE:
            until = end_of_minute(now)
        return Storm(refused=refused, until=until, is_named=is_named)


def growing_pause(
    times: int, *, first: timedelta = timedelta(minutes=1), longest: timedelta = LONGEST_PAUSE
) -> timedelta:
    """Return how long to wait after so many refusals in a row, twice as long each: a minute, two, up to an hour."""
    return min(first * (1 << min(times - 1, 20)), longest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What is left of a division's calls. True while a call may go."""

    minute: Window = Window()
    day: Window = Window()
    storm: Storm = Storm()

    def __bool__(self) -> bool:
        """Both windows must have room, and no pause may be under way."""
        return self.minute.has_room(DOCUMENTED_MINUTE) and self.has_day and self.storm.until is None

    @property
    def has_day(self) -> bool:
        """Whether the day has calls left."""
        return self.day.has_room(DOCUMENTED_DAY)

    def at(self, now: datetime) -> "Quota":
        """Return the quota as it is at a moment of the server's clock."""
        return Quota(
            minute=self.minute.at(now, end_of_minute), day=self.day.at(now, end_of_day), storm=self.storm.at(now)
        )

    def booked(self) -> "Quota":
        """Return the quota with one call taken."""
        return replace(self, minute=self.minute.booked(), day=self.day.booked())

    def told(self, news: "Quota", *, status: int, now: datetime) -> "Quota":
        """Return the quota after an answer at a moment of the server's clock."""
        if status == 429:
            return self._exhausted(news, now=now)
        if status < 300:
            return replace(self.with_headers(news, now), storm=Storm())
        return self._uncounted(news).with_headers(news, now)

    def _uncounted(self, news: "Quota") -> "Quota":
        return replace(self, minute=self.minute.uncounted(news.minute), day=self.day.uncounted(news.day))

    def with_headers(self, news: "Quota", now: datetime) -> "Quota":
        """Return the quota with what an answer's headers say of each window."""
        return replace(
            self,
            minute=self.minute.told(news.minute, now, end_of_minute),
            day=self.day.told(news.day, now, end_of_day),
        )

    def _exhausted(self, news: "Quota", *, now: datetime) -> "Quota":
        match exhausted_window(news):
            case "minute":
                minute = self.minute.exhausted(news.minute, now, end_of_minute)
                storm = self.storm.told(is_named=True, now=now)
                return replace(self.with_headers(news, now), minute=minute, storm=storm)
            case "day":
                return replace(self.with_headers(news, now), day=self.day.exhausted(news.day, now, end_of_day))
        return replace(self, storm=self.storm.told(is_named=False, now=now))

    def keeping_reserve(self) -> "Quota":
        """Return the quota as it is for background work."""
        return replace(self, day=self.day.keeping(reserve_of(self.day)))

    def unsent(self) -> "Quota":
        """Return the quota after a call of which no answer came."""
        return replace(self, minute=self.minute.returned(), day=self.day.returned())


def reserve_of(day: Window) -> int:
    """Return how many of a day's calls are kept for runs that people ask for; none while no limit is known."""
    return 0 if day.limit is None else day.limit * RESERVE_PERCENT // 100


def is_known(quota: Quota) -> bool:
    """Return whether any limit is known."""
    windows = (quota.minute, quota.day)
    return any(window.limit is not None or window.remaining is not None for window in windows)


def exhausted_window(news: Quota) -> str | None:
    """Return which window a 429 is about: `minute`, `day`, or None where its headers do not say."""
    if is_known(Quota(day=news.day)) and not (is_known(Quota(minute=news.minute)) and news.has_day):
        return "day"
    return "minute" if is_known(Quota(minute=news.minute)) else None


def read_headers(headers: Mapping[str, str]) -> Quota:
    """Read the rate headers of an answer (names in lower case); what is missing or unreadable is unknown."""
    return Quota(minute=_window(headers, MINUTE_PREFIX), day=_window(headers, DAY_PREFIX))


def _window(headers: Mapping[str, str], prefix: str) -> Window:
    reset = read_integer(headers.get(f"{prefix}-reset"), lowest=0, highest=LAST_MILLISECOND)
    remaining = read_integer(headers.get(f"{prefix}-remaining"), lowest=-MOST_CALLS, highest=MOST_CALLS)
    return Window(
        limit=read_integer(headers.get(f"{prefix}-limit"), lowest=0, highest=MOST_CALLS),
        remaining=None if remaining is None else max(remaining, 0),
        resets_at=None if reset is None else datetime.fromtimestamp(reset / 1000, UTC),
    )
