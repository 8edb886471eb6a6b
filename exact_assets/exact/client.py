"""The only sender: turns questions to Exact Online into pages, within its quota, retrying only what may pass."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from exact_assets.exact.limits import Quota
from exact_assets.exact.page import Expand, Page
from exact_assets.exact.people import Division, Me


class ExactClient:
    """Asks Exact Online. One call in flight per division; divisions may be asked side by side."""

    @property
    def zone(self) -> str:
        """The site's time zone (IANA name, or an offset such as `+02:00`), in which it writes wall clocks."""
        raise NotImplementedError

    def pages(
        self,
        division: int,
        path: str,
        params: Mapping[str, str],
        *,
        schema: pa.Schema,
        key: Sequence[str] = (),
        check_division: bool = True,
        link: str | None = None,
        expand: Expand | None = None,
    ) -> AsyncIterator[Page]:
        """Read a chain of pages."""
        raise NotImplementedError

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, division: int | None = None) -> Any:
        """Read one small answer as plain values: what `d` holds, numbers with a fraction as Decimal."""
        raise NotImplementedError

    async def me(self) -> Me:
        """Read who the tokens belong to."""
        raise NotImplementedError

    async def divisions(self) -> tuple[Division, ...]:
        """Read all divisions that the user may reach and that are granted to the app."""
        raise NotImplementedError

    def quota(self, division: int) -> Quota:
        """Return what is known of the division's quota; unknown before its first answer."""
        raise NotImplementedError
