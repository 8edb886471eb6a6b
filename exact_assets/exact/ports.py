"""What the client needs from the store that processes share. `control` implements it; here are only promises."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from exact_assets.exact.limits import Quota
from exact_assets.exact.token import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """The answer to a wish to call."""

    quota: Quota
    is_booked: bool
    """Whether the call may be sent now; it is counted already."""
    reserve: int = 0
    """Calls of the day that are kept for others: `quota` is without them."""
    held_until: datetime | None = None
    """Too many refusals on this endpoint: another might block the app's key, so none is sent before this."""


class Tokens(Protocol):
    """Access tokens, of which all processes share one."""

    async def current(self, *, server_now: datetime | None = None) -> Token:
        """Return a token that is good now, refreshed when it is time to.

        Args:
            server_now: the server's time, where an answer has told it.

        Raises:
            NotConnectedError: there is none yet.
            ReconnectError: the refresh chain is dead.
        """

    async def replacement(self, refused: Token, *, server_time: datetime | None) -> Token | None:
        """Return another token for one that Exact refused; None where there can be none yet."""


class Ledger(Protocol):
    """Calls sent and left, of which all processes share one account per division. `now` is the server's time."""

    def quota(self, division: int) -> Quota:
        """Return what was last known."""

    def book(self, division: int | None, endpoint: str, *, now: datetime) -> Booking:
        """Count a call before it is sent, where one may be sent."""

    def settle(self, division: int | None, endpoint: str, *, news: Quota, status: int, now: datetime) -> Quota:
        """Keep what an answer said of the quota, and count refusals."""

    def unsent(self, division: int | None) -> None:
        """Undo the booking of a call of which no answer came."""

    def skew(self) -> timedelta | None:
        """Return the lower bound of the server's clock against ours, as last kept."""

    def keep_skew(self, at_least: timedelta) -> None:
        """Keep it for processes to come."""


class Refusals(Protocol):
    """Requests that Exact refused, which all processes count together: it blocks an app after more than ten."""

    def held_until(self, division: int | None, endpoint: str, *, now: datetime) -> datetime | None:
        """Return when an endpoint may be asked again; None: now."""

    def was_refused(self, division: int | None, endpoint: str, *, now: datetime) -> bool:
        """Return whether it was refused within the hour."""

    def refused(self, division: int | None, endpoint: str, *, status: int, now: datetime) -> None:
        """Count an answer, where it is a refusal."""


class Slots(Protocol):
    """One call in flight per division, over all processes: Exact asks for serial calls."""

    def slot(self, division: int) -> AbstractAsyncContextManager[None]:
        """Hold the division's only slot."""
