"""Our clock, made steady: nothing that is done to the machine's clock meanwhile moves it. Reads clocks."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def ticks() -> float:
    """Return seconds since some moment, by a clock that cannot be set; sleep of the machine counts where it can."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class SteadyClock:
    """The machine's clock as it stood at the start, carried on by `ticks`.

    Who waits until a moment of the machine's clock waits an hour longer when it is set back by an hour.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        ticks: Callable[[], float] = ticks,
    ) -> None:
        """Read both clocks."""
        self._ticks = ticks
        self._began, self._began_ticks = now(), ticks()

    def __call__(self) -> datetime:
        """Return the time (aware, UTC)."""
        return self._began + timedelta(seconds=self._ticks() - self._began_ticks)
