"""Locks that a PostgreSQL server keeps for a session of this process. They hold on all hosts that use the server.

A session can end before its holder, as when the server is started anew: what was held is then taken again as soon
as the server is back. Who must not go on without a lock has to bear that moment (`Locks.may_end_early`).
"""

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from exact_assets.control.locks import poll_pauses
from exact_assets.control.tables import NOTED_LOCKS
from exact_assets.errors import ControlError

SERVER_BACK_SECONDS = 30.0
CHECK_SECONDS = 2.0
"""Between looks at whether the session lives, while anything is held."""

_log = logging.getLogger(__name__)


class LockSession:
    """The session in which a process holds its locks."""

    def __init__(self, connect: Callable[[], "psycopg.Connection[Any]"], *, subject: str) -> None:
        """Prepare; nothing is connected to. `subject` says what the server is."""
        self.subject = subject
        self._connect = connect
        self._mutex = threading.Lock()
        self._raw: psycopg.Connection[Any] | None = None
        self._held: dict[int, str] = {}
        """Names by key: a server would give a session a lock twice."""
        self._missing: set[int] = set()
        """Those of them that another took while the server was away."""
        self._keeper: threading.Thread | None = None
        self.was_there = False
        """Whether the server has answered this process before."""

    def take(self, name: str) -> bool:
        """Take a lock, unless another holds it, in this process or elsewhere.

        Raises:
            psycopg.Error: the server does not answer, or has forgotten the session; it may be back in a moment.
        """
        key = key_of(name)
        with self._mutex:
            if key in self._held or not self._take(self._session(), key):
                return False
            self._held[key] = name
            if self._keeper is None:
                self._keeper = threading.Thread(target=self._keep, name="exact-assets locks", daemon=True)
                self._keeper.start()
            return True

    def give_back(self, name: str) -> None:
        """Let go. A session that is gone has done so already."""
        key = key_of(name)
        with self._mutex:
            del self._held[key]
            self._missing.discard(key)
            if self._raw is not None:
                try:
                    self._raw.execute("SELECT pg_advisory_unlock(%s)", [key])
                except psycopg.Error:
                    # Whether it was let go, nobody knows: the session ends, and with it all that it holds. What is
                    # held still is taken again in the next one.
                    self._raw.close()

    def _session(self) -> "psycopg.Connection[Any]":
        """Return the session, or a new one that holds again what the one before held."""
        if self._raw is not None and not self._raw.closed:
            return self._raw
        raw = self._connect()
        raw.autocommit = True
        self._raw = raw
        self.was_there = True
        self._missing = set(self._held)
        self._take_missing(raw)
        if self._missing:
            names = ", ".join(self._held[key] for key in self._missing)
            _log.warning("%s was away, and others hold for now: %s.", self.subject, names)
        return raw

    def _take_missing(self, raw: "psycopg.Connection[Any]") -> None:
        for key in tuple(self._missing):
            # One at a time: what was taken before an error must not be taken, and counted, once more.
            if self._take(raw, key):
                self._missing.discard(key)

    def _take(self, raw: "psycopg.Connection[Any]", key: int) -> bool:
        found = raw.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone()
        return bool(found and found[0])

    def _keep(self) -> None:
        """Look after the session, as long as this process lives."""
        while True:
            time.sleep(CHECK_SECONDS)
            with self._mutex:
                if not self._held:
                    continue
                try:
                    session = self._session()
                    session.execute("SELECT 1")
                    self._take_missing(session)
                except psycopg.Error as error:
                    _log.warning(
                        "%s: the session that holds locks is lost (%s).", self.subject, type(error).__name__
                    )


class AdvisoryLocks:
    """Implements `locks.Locks`."""

    may_end_early = True

    def __init__(
        self, session: LockSession, *, transaction: Callable[[], AbstractContextManager[sa.Connection]]
    ) -> None:
        """Prepare; nothing is connected to. `transaction` begins one in the store, which has the noted names."""
        self._session = session
        self._transaction = transaction

    @contextmanager
    def hold(self, name: str, *, wait: bool, timeout_seconds: float = -1, is_noted: bool = False) -> Iterator[bool]:
        """Hold a lock; yields False where another holds it and `wait` is false."""
        until = time.monotonic() + timeout_seconds if timeout_seconds >= 0 else None
        taking = _Taking(self._session, name)
        while not taking.is_done():
            if taking.is_answered and not wait:
                yield False
                return
            if until is not None and time.monotonic() >= until:
                raise ControlError(f"Another process held {name} for over {timeout_seconds:g} s.")
            time.sleep(taking.pause_seconds())
        try:
            if is_noted:
                with self._transaction() as connection:
                    connection.execute(insert(NOTED_LOCKS).values(name=name).on_conflict_do_nothing())
            yield True
        finally:
            self._session.give_back(name)

    @asynccontextmanager
    async def hold_async(self, name: str) -> AsyncIterator[None]:
        """Hold a lock, waiting without a thread: hundreds may wait at once."""
        taking = _Taking(self._session, name)
        while not taking.is_done():  # noqa: ASYNC110 - another process tells us nothing
            await asyncio.sleep(taking.pause_seconds())
        try:
            yield
        finally:
            self._session.give_back(name)

    def is_known(self, name: str) -> bool:
        """Whether anybody has held a lock with `is_noted` that was not forgotten since."""
        with self._transaction() as connection:
            query = sa.select(NOTED_LOCKS.c.name).where(NOTED_LOCKS.c.name == name)
            return connection.scalar(query) is not None

    def names(self) -> Iterator[str]:
        """Yield the names of noted locks."""
        with self._transaction() as connection:
            found = connection.scalars(sa.select(NOTED_LOCKS.c.name)).all()
        yield from found

    def forget(self, name: str) -> None:
        """Remove the note of a lock."""
        with self._transaction() as connection:
            connection.execute(sa.delete(NOTED_LOCKS).where(NOTED_LOCKS.c.name == name))


class _Taking:
    """One lock that is being taken, from a server that may be away for a moment."""

    def __init__(self, session: LockSession, name: str) -> None:
        self._session = session
        self._name = name
        self._pauses = poll_pauses()
        self._back_until = time.monotonic() + SERVER_BACK_SECONDS
        self.is_answered = False
        """Whether the server has said who holds it."""

    def is_done(self) -> bool:
        """Try once.

        Raises:
            ControlError: the server is away for long, or was never there.
        """
        try:
            is_taken = self._session.take(self._name)
        except psycopg.Error as error:
            if not self._session.was_there or time.monotonic() >= self._back_until:
                raise ControlError(
                    f"{self._session.subject} keeps no locks: {type(error).__name__}. Check the server and "
                    "EXACT_CONTROL_URL."
                ) from error
            return False
        self.is_answered = True
        self._back_until = time.monotonic() + SERVER_BACK_SECONDS
        return is_taken

    def pause_seconds(self) -> float:
        """Return how long to wait before the next try."""
        return next(self._pauses)


def key_of(name: str) -> int:
    """Return the number by which a server knows a lock: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
