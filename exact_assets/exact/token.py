"""The token as a value. Where it comes from is `auth`; where it is kept is `control`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

REFRESH_SHARE = 0.95
"""Exact refuses a refresh before 570 of 600 seconds have passed, and a token that is used at its very end may be
expired when Exact's back end looks at it."""


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

    def is_due(self, now: datetime) -> bool:
        """Whether it may, and so should, be refreshed."""
        return now - self.received_at >= timedelta(seconds=self.lifetime_seconds * REFRESH_SHARE)

    def is_expired(self, now: datetime) -> bool:
        """Whether it is of no use any more."""
        return now - self.received_at >= timedelta(seconds=self.lifetime_seconds)

    def is_due_by_server(self, server_time: datetime) -> bool:
        """As `is_due`, by the server's clock, which counts where ours was set or asleep."""
        began = self.issued_at or self.received_at
        return server_time - began >= timedelta(seconds=self.lifetime_seconds * REFRESH_SHARE)
