"""The simulator's own time: real, shifted or stopped. Whatever tells time here asks this and nothing else."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


class Clock:
    """Seconds since 1970 (UTC), and the same moment as the site's wall clock."""

    def __init__(self, *, zone: str = "Europe/Amsterdam") -> None:
        """Start at the real time, in an IANA zone."""
        self.zone = ZoneInfo(zone)
        self._shift_seconds = 0.0
        self._stopped_at: float | None = None

    def now(self) -> float:
        """Tell the time in seconds since 1970, UTC."""
        return self._shift_seconds + (time.time() if self._stopped_at is None else self._stopped_at)

    def utc(self) -> datetime:
        """Tell the time as an aware datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    def utc_offset_seconds(self) -> int:
        """Tell how far the wall clock is ahead of UTC."""
        offset = datetime.fromtimestamp(self.now(), self.zone).utcoffset()
        return round(offset.total_seconds()) if offset is not None else 0

    def local_ms(self) -> int:
        """Tell the wall clock in milliseconds, written as if it were UTC: the number in `/Date(…)/`."""
        return int(self.now() * 1000) + self.utc_offset_seconds() * 1000

    def advance(self, seconds: float) -> None:
        """Shift the time from now on; negative goes back."""
        self._shift_seconds += seconds

    def freeze(self) -> None:
        """Stop; `advance` still moves the hands."""
        if self._stopped_at is None:
            self._stopped_at = time.time()

    def thaw(self) -> None:
        """Go on from where it was stopped."""
        if self._stopped_at is not None:
            self._shift_seconds += self._stopped_at - time.time()
            self._stopped_at = None

    def reset(self) -> None:
        """Go by the real time again."""
        self._shift_seconds, self._stopped_at = 0.0, None

    def set(self, moment: float) -> None:
        """Put the hands to a moment, in seconds since 1970, UTC."""
        self._shift_seconds += moment - self.now()
