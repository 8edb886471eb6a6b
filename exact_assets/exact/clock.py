"""The server's clock as far as its Date headers tell. Values only; no clock is read here.

Date has whole seconds, so one answer tells the server's time only to within a second. What is kept is a lower
bound: waiting until the server's reset by it never ends early.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

ZERO = timedelta()


@dataclass(frozen=True, slots=True)
class Skew:
    """How far the server's clock is ahead of ours, at least. None: no answer yet."""

    at_least: timedelta | None = None

    def now(self, local: datetime) -> datetime:
        """Return the server's time, or somewhat earlier."""
        return local + (self.at_least or ZERO)

    def observed(self, date: datetime, *, sent_at: datetime, received_at: datetime) -> "Skew":
        """Return the bound after an answer, whose Date was taken between sending and receiving."""
        lower, upper = date - received_at, date + timedelta(seconds=1) - sent_at
        if self.at_least is None or upper < self.at_least:
            return Skew(lower)  # the first, or one of the clocks was set
        return Skew(max(self.at_least, lower))
