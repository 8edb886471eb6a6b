"""The quota as a value, and the decisions that follow from it. Pure: no clock, no I/O.

Limits are read from answers, never assumed: Exact has changed them several times and grants some apps more.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One limit: how many calls until when. True while a call may go, as far as is known."""

    limit: int | None = None
    remaining: int | None = None
    resets_at: datetime | None = None
    """Aware, UTC, by the server's clock."""

    def __bool__(self) -> bool:
        """Before any answer, go ahead."""
        return self.remaining is None or self.remaining > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What is left of a division's calls. True while a call may go."""

    minute: Window = Window()
    day: Window = Window()

    def __bool__(self) -> bool:
        """Both windows must have room."""
        return bool(self.minute) and bool(self.day)
