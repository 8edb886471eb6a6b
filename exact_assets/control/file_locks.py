"""Locks that are files beside an SQLite database, locked by the operating system. They hold on this machine."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import filelock

from exact_assets.control.locks import poll_pauses
from exact_assets.control.marks import check_store
from exact_assets.disk import make_folder
from exact_assets.errors import ControlError

POLL_SECONDS = 0.02
LONGEST_NAME = 80
DIGEST_AND_SUFFIX = len("-0123456789ab.lock")


class FileLocks:
    """Locks beside one database file. Implements `locks.Locks`."""

    may_end_early = False

    def __init__(self, database: Path) -> None:
        """Prepare; the folder is made with the first lock."""
        self._database = database
        self._folder = database.with_name(f"{database.name}.locks")

    @contextmanager
    def hold(
        self,
        name: str,
        *,
        wait: bool,
        timeout_seconds: float = -1,
        is_noted: bool = False,  # noqa: ARG002 - each lock is a file, which stays
    ) -> Iterator[bool]:
        """Hold a lock; yields False where another holds it and `wait` is false."""
        lock = self._lock(name)
        try:
            lock.acquire(timeout=timeout_seconds if wait else 0, poll_interval=POLL_SECONDS)
        except filelock.Timeout as error:
            if wait:
                raise ControlError(f"Another process held {name} for over {timeout_seconds:g} s.") from error
            yield False
            return
        except OSError as error:
            raise _unusable(lock, error) from error
        try:
            yield True
        finally:
            lock.release()

    @asynccontextmanager
    async def hold_async(self, name: str) -> AsyncIterator[None]:
        """Hold a lock, waiting without a thread: hundreds may wait at once."""
        lock = self._lock(name)
        for pause_seconds in poll_pauses():
            try:
                lock.acquire(timeout=0)
                break
            except filelock.Timeout:
                await asyncio.sleep(pause_seconds)
            except OSError as error:
                raise _unusable(lock, error) from error
        try:
            yield
        finally:
            lock.release()

    def is_known(self, name: str) -> bool:
        """Whether anybody on this machine has held a lock that was not forgotten since."""
        return self._path(name).exists()

    def names(self) -> Iterator[str]:
        """Yield what can be read of the names of all locks that were not forgotten."""
        for path in self._folder.glob("*.lock"):
            yield path.name[:-DIGEST_AND_SUFFIX]

    def forget(self, name: str) -> None:
        """Remove what is left of a lock that nobody will ask for again."""
        self._path(name).unlink(missing_ok=True)

    def _lock(self, name: str) -> filelock.FileLock:
        if not self._folder.is_dir():
            # Nothing of ours is to appear beside what is not ours.
            check_store(self._database)
        try:
            make_folder(self._folder)
        except OSError as error:
            raise ControlError(
                f"The folder of locks {self._folder} cannot be made: {error.strerror}. Check EXACT_CONTROL_URL."
            ) from error
        return filelock.FileLock(self._path(name), mode=0o600, thread_local=False, is_singleton=False)

    def _path(self, name: str) -> Path:
        readable = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:LONGEST_NAME]
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        return self._folder / f"{readable}-{digest}.lock"


def _unusable(lock: filelock.BaseFileLock, error: OSError) -> ControlError:
    return ControlError(f"{lock.lock_file} cannot be locked: {error.strerror}. Check its permissions and the disk.")
