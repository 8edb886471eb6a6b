"""The token as a value. Where it comes from is `auth`; where it is kept is `control`."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

REFRESH_SHARE = 0.95
"""Exact refuses a refresh before 570 of 600 seconds have passed, and a token that is used at its very end may be
expired when Exact's back end looks at it."""
USUAL_LIFETIME_SECONDS = 600.0
LONGEST_LIFETIME_SECONDS = 86_400.0
DATE_PRECISION = timedelta(seconds=1)
"""A Date header has whole seconds: the token may be a second younger than that says."""
CLOCK_SLACK = timedelta(seconds=5)
"""Clocks of machines that share a store differ by so much without harm."""
YOUNG_PAUSE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Token:
    """An access token with the refresh token that follows it. Its repr shows neither."""

    access_token: str
    refresh_token: str
    received_at: datetime
    """Aware, by our clock."""
    lifetime_seconds: float
    issued_at: datetime | None = None
    """Aware, by the server's clock; None where its answer had no Date."""
    generation: int = 0
    """Rises with each refresh; told by the store."""

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Token(generation={self.generation}, received_at={self.received_at.isoformat()}, …)"

    def ages(self, *, now: datetime, server_now: datetime | None) -> tuple[timedelta, ...]:
        """Return how old it is at least by the server's clock, where known, and by ours.

        A clock by which it has yet to come was set back since, and says nothing.
        """
        issued_before = None if self.issued_at is None else self.issued_at + DATE_PRECISION
        ends = ((issued_before, server_now), (self.received_at, now))
        return tuple(
            max(end - began, timedelta())
            for began, end in ends
            if began is not None and end is not None and end >= began - CLOCK_SLACK
        )

    def is_due(self, now: datetime, *, server_now: datetime | None = None) -> bool:
        """Return whether it may, and so should, be refreshed: by the server's clock where that is known."""
        return self._is_older(REFRESH_SHARE, now, server_now)

    def is_expired(self, now: datetime, *, server_now: datetime | None = None) -> bool:
        """Return whether it is of no use any more."""
        return self._is_older(1, now, server_now)

    def may_be_old(self, now: datetime, *, server_now: datetime | None) -> bool:
        """Return whether age can be why it was refused: by either clock, or because no clock can say.

        However long it was said to live, it is asked about after ten minutes.
        """
        ages = self.ages(now=now, server_now=server_now)
        lifetime_seconds = min(self.lifetime_seconds, USUAL_LIFETIME_SECONDS)
        return not ages or max(ages) >= timedelta(seconds=lifetime_seconds * REFRESH_SHARE)

    def found_young(self, *, now: datetime, server_now: datetime | None) -> "Token":
        """Return it with its age put right, after Exact found it too young for a refresh.

        Our clock was set, then, or Exact's own answers contradict each other: it is due again in a minute.
        """
        due = timedelta(seconds=self.lifetime_seconds * REFRESH_SHARE)
        age = max(due - YOUNG_PAUSE, timedelta())
        if server_now is not None and self.issued_at is not None:
            by_server = server_now - self.issued_at
            age = by_server if timedelta() <= by_server < due else age
        return replace(self, received_at=now - age, issued_at=None if server_now is None else server_now - age)

    def _is_older(self, share: float, now: datetime, server_now: datetime | None) -> bool:
        ages = self.ages(now=now, server_now=server_now)
        return bool(ages) and ages[0] >= timedelta(seconds=self.lifetime_seconds * share)


def lifetime_of(seconds: float) -> float:
    """Return a lifetime as it is said to be, and ten minutes where that cannot be."""
    return seconds if 0 < seconds <= LONGEST_LIFETIME_SECONDS else USUAL_LIFETIME_SECONDS
