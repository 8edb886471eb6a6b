"""The log of calls: what was asked, when, by whom, and whether calls of one division overlapped."""

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(slots=True)
class Call:
    """One request. Times are the simulator's, in seconds since 1970, UTC."""

    started: float
    method: str
    path: str
    query: str
    division: int | None = None
    client: str | None = None
    """Client id; None: not known, as before a token was recognised."""
    status: int | None = None
    """None: in flight, or the connection was cut before an answer."""
    bytes: int = 0
    seconds: float = 0.0
    is_overlap: bool = False
    """Another call of the same client and division was in flight when this came in."""
    fault: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Write it for the admin API."""
        return asdict(self)


@dataclass(slots=True)
class CallLog:
    """The last calls, and who is in flight."""

    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=200_000))
    _in_flight: dict[tuple[str, int], int] = field(default_factory=dict)

    def enter(self, call: Call, *, client: str, division: int) -> None:
        """Note who calls what; a division already in flight is an overlap."""
        call.client, call.division = client, division
        running = self._in_flight.get((client, division), 0)
        call.is_overlap = running > 0
        self._in_flight[client, division] = running + 1

    def leave(self, call: Call) -> None:
        """Note that the answer is out."""
        if call.client is not None and call.division is not None:
            self._in_flight[call.client, call.division] -= 1
