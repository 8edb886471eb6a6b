"""What is sent to Exact to change something there: method and body. Sending it is `sender`'s.

A POST makes something new each time. So one whose answer is lost is not sent again here: whoever asked for it looks
for what it may have made first.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

DONE = frozenset({200, 201, 204})


class Body(Protocol):
    """A body whose length is known before it is read; it can be read more than once."""

    @property
    def length(self) -> int:
        """Its bytes."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Read it from its start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonBody:
    """A small body in memory."""

    content: bytes

    @property
    def length(self) -> int:
        """Its bytes."""
        return len(self.content)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Read it."""
        yield self.content


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A change that is asked for."""

    method: str
    """`POST`, `PUT` or `DELETE`."""
    body: Body | None = None

    @property
    def is_repeatable(self) -> bool:
        """Return whether to send it twice does what to send it once does."""
        return self.method != "POST"

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that its body needs."""
        if self.body is None:
            return {"Content-Length": "0"}
        return {"Content-Type": "application/json", "Content-Length": str(self.body.length)}
