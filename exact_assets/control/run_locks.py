"""Which runs are at work: each holds a lock that ends with its process, however that ends.

The lock is beside the control store. Where that is a file, the lock needs nothing else of it, so that lost runs are
found while it is broken.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from enum import StrEnum

from exact_assets.control.database import database_at
from exact_assets.errors import ControlError

MOMENT_SECONDS = 1.0
_RUN = re.compile(r"run[ _](?P<run_id>[0-9a-f-]{36})")
_HELD: set[tuple[str, str]] = set()
"""The locks that this process holds: it need not wait for itself."""


class Life(StrEnum):
    """What is known of a run's process."""

    ALIVE = "alive"
    ENDED = "ended"
    """It held the lock, and does so no more."""
    UNKNOWN = "unknown"
    """Nobody who uses the same control store ever held it."""


class RunLocks:
    """The runs of one installation."""

    def __init__(self, control_url: str) -> None:
        """Prepare; nothing is opened."""
        database = database_at(control_url)
        self._place = str(database)
        self._locks = database.locks

    @contextmanager
    def hold(self, run_id: str, *, leaves_trace: bool, timeout_seconds: float | None = None) -> Iterator[None]:
        """Show for the length of a `with` that the process of a run lives.

        Args:
            run_id: of the run.
            leaves_trace: whether the run is over afterwards, so that it is lost unless that is noted soon. If not,
                nothing is known of it afterwards: another step of it may follow.
            timeout_seconds: how long to wait for the lock, which whoever looks after the run holds for a moment.
                None: a moment, and then another process of the run is taken to show it.

        Raises:
            ControlError: another process held the lock for all of `timeout_seconds`.
        """
        name = _name(run_id)
        if (mine := (self._place, name)) in _HELD:
            yield
            return
        with ExitStack() as stack:
            try:
                wait_seconds = MOMENT_SECONDS if timeout_seconds is None else timeout_seconds
                stack.enter_context(self._locks.hold(name, wait=True, timeout_seconds=wait_seconds, is_noted=True))
            except ControlError:
                if timeout_seconds is not None:
                    raise
                yield
                return
            _HELD.add(mine)
            try:
                yield
            finally:
                _HELD.discard(mine)
                if not leaves_trace:
                    self._locks.forget(name)

    def life_of(self, run_id: str) -> Life:
        """Return what is known of a run."""
        name = _name(run_id)
        if not self._locks.is_known(name):
            return Life.UNKNOWN
        with self._locks.hold(name, wait=False) as is_free:
            return Life.ENDED if is_free else Life.ALIVE

    def alive(self) -> tuple[str, ...]:
        """Return the runs that are at work."""
        found = (_RUN.fullmatch(name) for name in self._locks.names())
        return tuple(one["run_id"] for one in found if one and self.life_of(one["run_id"]) is Life.ALIVE)

    def forget_all_but(self, run_ids: Collection[str]) -> None:
        """Remove what is left of the locks of runs that have ended and are noted as such."""
        for name in self._locks.names():
            found = _RUN.fullmatch(name)
            if found and found["run_id"] not in run_ids and self.life_of(found["run_id"]) is not Life.ALIVE:
                self._locks.forget(_name(found["run_id"]))


def _name(run_id: str) -> str:
    return f"run {run_id}"
