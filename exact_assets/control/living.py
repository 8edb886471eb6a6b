"""Which runs are at work: each holds a lock that ends with its process, however that ends.

The lock is beside the control store and needs nothing else of it, so that lost runs are found while that is broken.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from enum import StrEnum

from exact_assets.control.database import database_path
from exact_assets.control.locks import Locks


class Life(StrEnum):
    """What is known of a run's process."""

    ALIVE = "alive"
    ENDED = "ended"
    """It held the lock, and does so no more."""
    UNKNOWN = "unknown"
    """Nobody on this machine ever held it."""


class LivingRuns:
    """The runs of one installation."""

    def __init__(self, control_url: str) -> None:
        """Prepare; nothing is opened."""
        self._locks = Locks(database_path(control_url))

    @contextmanager
    def hold(self, run_id: str, *, leaves_trace: bool) -> Iterator[None]:
        """Show for the length of a `with` that the process of a run lives; nothing where another shows it.

        Args:
            run_id: of the run.
            leaves_trace: whether the run is over afterwards, so that it is lost unless that is noted soon. If not,
                nothing is known of it afterwards: another step of it may follow.
        """
        with self._locks.hold(_name(run_id), wait=False) as is_held:
            try:
                yield
            finally:
                if is_held and not leaves_trace:
                    self._locks.forget(_name(run_id))

    def life_of(self, run_id: str) -> Life:
        """Return what is known of a run."""
        name = _name(run_id)
        if not self._locks.is_known(name):
            return Life.UNKNOWN
        with self._locks.hold(name, wait=False) as is_free:
            return Life.ENDED if is_free else Life.ALIVE

    def forget_all_but(self, run_ids: Collection[str]) -> None:
        """Remove what is left of the locks of runs that have ended and are noted as such."""
        for name in self._locks.names():
            found = re.fullmatch(r"run_(?P<run_id>[0-9a-f-]{36})", name)
            if found and found["run_id"] not in run_ids and self.life_of(found["run_id"]) is not Life.ALIVE:
                self._locks.forget(_name(found["run_id"]))


def _name(run_id: str) -> str:
    return f"run {run_id}"
