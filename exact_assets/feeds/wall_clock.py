"""The site's wall clock: Exact writes and filters times as its server's clock shows them.

Once a year an hour is shown twice: a time in it does not say which one is meant, and later changes can have an
earlier time than those read before.
"""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from exact_assets.exact.urls import datetime_literal

_AFTER_THE_HOUR = timedelta(minutes=5)


@cache
def tzinfo_of(name: str) -> tzinfo:
    """Return the zone of an IANA name, or of an offset such as `+02:00`."""
    if name[:1] in {"+", "-"}:
        hours, _, minutes = name[1:].partition(":")
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        return timezone(-offset if name.startswith("-") else offset)
    return ZoneInfo(name)


def wall(instant: datetime, zone: str) -> datetime:
    """Return what the site's clock shows at an instant (aware in, naive out)."""
    return instant.astimezone(tzinfo_of(zone)).replace(tzinfo=None)


def new_year_shift(zone: str) -> timedelta:
    """Return what to add to UTC for the site's clock around New Year, which is all that a year depends on."""
    return tzinfo_of(zone).utcoffset(datetime(2025, 1, 1)) or timedelta(0)  # noqa: DTZ001 - a wall clock


def reread_from(bound: datetime, zone: str) -> datetime:
    """Move a bound back to where nothing is missed because an hour is shown twice.

    A bound in the repeated hour, or within minutes after it, moves to the hour's start: what changed in its second
    showing has times that were already passed in its first.
    """
    for moment in (bound, bound - _AFTER_THE_HOUR):
        if _is_shown_twice(moment, tzinfo_of(zone)):
            return moment.replace(minute=0, second=0, microsecond=0)
    return bound


def wall_literal(moment: datetime) -> str:
    """Write a wall clock as an OData literal, whole seconds: a lower bound may be early, never late."""
    return datetime_literal(moment.replace(microsecond=0))


def parse_utc(text: str) -> datetime:
    """Read back an instant that was written with `isoformat()`."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _is_shown_twice(moment: datetime, zone: tzinfo) -> bool:
    first, second = (moment.replace(fold=fold, tzinfo=zone).utcoffset() for fold in (0, 1))
    return first is not None and second is not None and first > second
