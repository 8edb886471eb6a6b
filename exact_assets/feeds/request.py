"""What a caller requests of a stream, and what a feed needs to read it: the two sides a feed stands between."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from exact_assets.exact.page import Page
from exact_assets.exact.question import Question


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """What a stream should be like afterwards. Whatever is asked, what changed since the last read is read too."""

    start_year: int
    """Rows of business years before this one are left out."""
    years: tuple[int, ...] = ()
    """Years to have; empty: whatever is loaded, and all since the starting year for a new stream."""
    reload: bool = False
    """Ask Exact again for these years (the whole stream where it cannot be asked by year), and replace them."""
    reload_id: str | None = None
    """Who asks; kept in the state so that the same one need not ask twice."""
    chunk_rows: int = 8_000
    """As many rows as are stored at once, which the warehouse knows."""
    now: Callable[[], datetime] = _utc_now
    """The clock, aware."""


class Source(Protocol):
    """The part of `ExactClient` that feeds use."""

    @property
    def zone(self) -> str:
        """The time zone of the site's wall clocks: an IANA name, or an offset such as `+02:00`."""

    def pages(
        self,
        division: int,
        question: Question,
        *,
        link: str | None = None,
    ) -> AsyncIterator[Page]:
        """Read a chain of pages."""
