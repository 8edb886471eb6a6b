"""Quota windows per client and division, and the block after too many errors. Time comes from outside.

The minute is the calendar minute and the day is the UTC day, as recorded: both windows start at whole
multiples of their length since 1970.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from exact_simulator.clock import Clock
from exact_simulator.settings import Settings


@dataclass(slots=True)
class Window:
    """Calls used in the window that starts at `start` (seconds since 1970, UTC)."""

    start: float = 0.0
    used: int = 0

    def roll(self, now: float, length: float) -> None:
        """Begin anew when the window has passed."""
        start = now // length * length
        if start != self.start:
            self.start, self.used = start, 0


@dataclass(slots=True)
class Quota:
    """The two windows of one client and division."""

    minute: Window = field(default_factory=Window)
    day: Window = field(default_factory=Window)


@dataclass(frozen=True, slots=True)
class Booking:
    """Whether a call may pass, and the rate headers to answer it with."""

    allowed: bool
    headers: dict[str, str]


class Limits:
    """Books calls. Refused calls cost nothing."""

    def __init__(self, *, clock: Clock, settings: Settings) -> None:
        """Start with nothing used."""
        self._clock = clock
        self._settings = settings
        self.quotas: dict[tuple[str, int], Quota] = {}

    def save(self, path: Path) -> None:
        """Write what is used to a file."""
        kept = [[client, division, asdict(quota)] for (client, division), quota in self.quotas.items()]
        path.write_text(json.dumps(kept))

    def restore(self, path: Path) -> None:
        """Take over what a file says is used."""
        for client, division, used in json.loads(path.read_text()):
            quota = Quota(minute=Window(**used["minute"]), day=Window(**used["day"]))
            self.quotas[client, division] = quota

    def quota(self, client: str, division: int) -> Quota:
        """Give the windows as they stand now."""
        quota = self.quotas.setdefault((client, division), Quota())
        now = self._clock.now()
        quota.minute.roll(now, self._settings.minute_seconds)
        quota.day.roll(now, self._settings.day_seconds)
        return quota

    def book(self, client: str, division: int) -> Booking:
        """Count a call, or refuse it with the headers of the exceeded window only; the minute comes first."""
        quota = self.quota(client, division)
        if quota.minute.used >= self._settings.minute_limit:
            return Booking(allowed=False, headers=self.minute_headers(quota))
        if quota.day.used >= self._settings.day_limit:
            return Booking(allowed=False, headers=self.day_headers(quota))
        quota.minute.used += 1
        quota.day.used += 1
        return Booking(allowed=True, headers={**self.day_headers(quota), **self.minute_headers(quota)})

    def exceeded_headers(self, client: str, division: int, *, by: str) -> dict[str, str]:
        """Play a window that others have used up (`minute_limit` or `day_limit`): it stays so until its reset."""
        quota = self.quota(client, division)
        if by == "minute_limit":
            quota.minute.used = self._settings.minute_limit
            return self.minute_headers(quota)
        quota.day.used = self._settings.day_limit
        return self.day_headers(quota)

    def minute_headers(self, quota: Quota) -> dict[str, str]:
        """Write the three minute headers; the reset is in milliseconds since 1970, UTC."""
        settings = self._settings
        return {
            "X-RateLimit-Minutely-Limit": str(settings.minute_limit),
            "X-RateLimit-Minutely-Remaining": str(max(settings.minute_limit - quota.minute.used, 0)),
            "X-RateLimit-Minutely-Reset": str(round((quota.minute.start + settings.minute_seconds) * 1000)),
        }

    def day_headers(self, quota: Quota) -> dict[str, str]:
        """Write the three day headers; the reset is in milliseconds since 1970, UTC."""
        settings = self._settings
        return {
            "X-RateLimit-Limit": str(settings.day_limit),
            "X-RateLimit-Remaining": str(max(settings.day_limit - quota.day.used, 0)),
            "X-RateLimit-Reset": str(round((quota.day.start + settings.day_seconds) * 1000)),
        }


ErrorKey = tuple[str, str, int | None, str]
"""Client, user, division, endpoint."""


@dataclass(slots=True)
class Record:
    """Errors of one key in the current hour, and how often and until when it was blocked."""

    hour: Window = field(default_factory=Window)
    blocks: int = 0
    blocked_until: float = 0.0


class ErrorBlocks:
    """More than ten errors in an hour block a key; each further block lasts twice as long."""

    def __init__(self, *, clock: Clock, settings: Settings) -> None:
        """Start with a clean record."""
        self._clock = clock
        self._settings = settings
        self.records: dict[ErrorKey, Record] = {}

    def is_blocked(self, key: ErrorKey) -> bool:
        """Tell whether calls of this key are refused now."""
        record = self.records.get(key)
        return record is not None and self._clock.now() < record.blocked_until

    def count(self, key: ErrorKey, status: int) -> None:
        """Note an answer; only 400, 401, 403 and 404 are errors of the client."""
        if status not in {400, 401, 403, 404}:
            return
        now = self._clock.now()
        record = self.records.setdefault(key, Record())
        record.hour.roll(now, 3600)
        record.hour.used += 1
        if record.hour.used > self._settings.error_limit:
            record.blocked_until = now + self._settings.block_seconds * 2**record.blocks
            record.blocks += 1
            record.hour.used = 0
