"""Named locks that hold across processes and end with them. What a lock is about is for those who take it.

What carries them is another module's: files beside an SQLite database, or sessions of a PostgreSQL server.
"""

import random
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Protocol

SHORTEST_POLL_SECONDS = 0.02
LONGEST_POLL_SECONDS = 0.2


def poll_pauses() -> Iterator[float]:
    """Yield how many seconds to wait before each next try for a lock: all wait differently, and ever longer."""
    longest = SHORTEST_POLL_SECONDS
    while True:
        yield random.uniform(0, longest)  # noqa: S311 - fairness, not secrecy
        longest = min(2 * longest, LONGEST_POLL_SECONDS)


class Locks(Protocol):
    """The locks of one installation. A process that dies lets go, however it dies."""

    may_end_early: bool
    """Whether a lock can end before its holder, as when the server that keeps it is started anew."""

    def hold(
        self, name: str, *, wait: bool, timeout_seconds: float = -1, is_noted: bool = False
    ) -> AbstractContextManager[bool]:
        """Hold a lock; yields False where another holds it and `wait` is false.

        Args:
            name: of any length.
            wait: whether to wait until it is free.
            timeout_seconds: how long to wait at most; negative: no bound.
            is_noted: whether it stays known, afterwards too, until it is forgotten.

        Raises:
            ControlError: it was not free within `timeout_seconds`, or there can be no lock.
        """

    def hold_async(self, name: str) -> AbstractAsyncContextManager[None]:
        """Hold a lock, waiting without a thread: hundreds may wait at once."""

    def is_known(self, name: str) -> bool:
        """Whether anybody has held a lock with `is_noted` that was not forgotten since."""

    def names(self) -> Iterator[str]:
        """Yield what can be read of the names of locks that were not forgotten."""

    def forget(self, name: str) -> None:
        """Remove what is left of a lock that nobody will ask for again."""
