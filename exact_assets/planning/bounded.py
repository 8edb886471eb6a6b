"""A client that stops after so many calls: how a load keeps to its share. What the share is, `shares` says."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime

from exact_assets.errors import QuotaShareError
from exact_assets.exact.client import ExactClient
from exact_assets.exact.page import Page
from exact_assets.exact.question import Question


@dataclass(slots=True, kw_only=True)
class Bounded:
    """Implements `feeds.request.Source` for one load: after its calls, the next page is refused, not asked for.

    Feeds store what was read before an error, and the link of the page that is next.
    """

    client: ExactClient
    path: str
    """Chains of this address are bounded. Lines that a header came without belong to the page that it was on."""
    calls: int
    """How many it may send."""
    resets_at: datetime
    """When the day's calls are back."""
    used: int = 0

    @property
    def zone(self) -> str:
        """As the client's."""
        return self.client.zone

    async def pages(
        self,
        division: int,
        question: Question,
        *,
        link: str | None = None,
    ) -> AsyncGenerator[Page, None]:
        """Read a chain of pages.

        Raises:
            QuotaShareError: before a call that is one too many.
        """
        is_bounded = question.path == self.path
        if is_bounded:
            self._check(division)
        chain = self.client.pages(division, question, link=link)
        try:
            async for page in chain:
                self.used += page.calls
                yield page
                if is_bounded and page.next_link is not None:
                    self._check(division)
                # What has been stored goes before the next page comes.
                del page
        finally:
            if isinstance(chain, AsyncGenerator):
                await chain.aclose()

    def _check(self, division: int) -> None:
        if self.used >= self.calls:
            raise QuotaShareError(
                f"This load has used its share of today's calls of division {division} ({self.calls:,}): the other "
                "tables come first. What was loaded is kept; the next run goes on, at the latest after "
                f"{self.resets_at:%Y-%m-%d %H:%M} UTC.",
                resets_at=self.resets_at,
                division=division,
            )
