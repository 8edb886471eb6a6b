"""How long somebody waits for a warehouse that others hold, over all openings. How it is held is known elsewhere.

A run opens the warehouse thousands of times. With a time of its own for each, somebody's query of two minutes would
fail it, and a file that is held for good would cost a run of 65 tables an hour.
"""

import logging
import threading
import time
from collections.abc import Callable

from exact_assets.errors import WarehouseBusyError

TELL_SECONDS = 30.0
"""Between messages that say what is waited for."""
RETRY_SECONDS = 0.05
SLICE_SECONDS = 0.5
"""So long at most a wait for a lock goes on without a look at whether it is still wanted."""

_log = logging.getLogger(__name__)


class Patience:
    """Of one run, tick or command, in all its threads. It is new again each time the warehouse was got hold of.

    Somebody who reads keeps nobody from reading, and all from writing: so that who reads in between waits no longer
    to write, the two have a time each.
    """

    def __init__(
        self,
        seconds: float,
        *,
        tell: Callable[[str], object] = _log.warning,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; it begins to run out when something is waited for.

        Args:
            seconds: how long to wait at most, until anything was got hold of.
            tell: takes a sentence about what is waited for, now and then.
            ticks: seconds, by a clock that cannot be set.
        """
        self.seconds = seconds
        self._tell = tell
        self._ticks = ticks
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._since: dict[bool, float] = {}
        """By whether it is to be read only."""
        self._told = 0.0

    def begin(self, *, is_read_only: bool) -> None:
        """Note that something is waited for."""
        with self._lock:
            if not self._since:
                self._told = self._ticks()
            self._since.setdefault(is_read_only, self._ticks())

    def renew(self, *, is_read_only: bool) -> None:
        """Note that it was got hold of, or let go."""
        with self._lock:
            self._since.pop(True, None)
            if not is_read_only:
                self._since.clear()

    def end(self) -> None:
        """Let whoever waits give up, as the run ends."""
        self._ended.set()

    def slice_seconds(self, *, is_read_only: bool) -> float:
        """Return how long to wait for a lock until `pause` is asked."""
        return max(0.0, min(SLICE_SECONDS, self._left(is_read_only)))

    def pause(self, subject: str, reason: str, *, is_read_only: bool) -> None:
        """Wait a little for what was not to be had, and say so now and then.

        Args:
            subject: what is waited for.
            reason: who holds it.
            is_read_only: whether it is to be read only.

        Raises:
            WarehouseBusyError: it was waited for long enough.
        """
        self.begin(is_read_only=is_read_only)
        if self._ended.is_set():
            raise WarehouseBusyError(
                f"{subject} is held elsewhere ({reason}), and the run that waited for it ends."
            )
        left = self._left(is_read_only)
        if left <= 0:
            raise WarehouseBusyError(
                f"{subject} is held elsewhere, and was not let go within {self.seconds:,g} s: {reason}. "
                "Close what holds it, or use PostgreSQL where others must read while it is written."
            )
        self._say(f"Waits for {subject}, for {left:,.0f} s more at most: {reason}.")
        self._ended.wait(min(RETRY_SECONDS, left))

    def _left(self, is_read_only: bool) -> float:
        with self._lock:
            now = self._ticks()
            return self._since.get(is_read_only, now) + self.seconds - now

    def _say(self, sentence: str) -> None:
        """Pass it on, unless another thread just has."""
        with self._lock:
            if self._ticks() - self._told < TELL_SECONDS:
                return
            self._told = self._ticks()
        self._tell(sentence)
