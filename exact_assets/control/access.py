"""The access token that all processes share, as a client asks for it. Implements `exact.ports.Tokens`.

Each process keeps the token in memory while it is good; when it is due, a process apart refreshes it for all.
"""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from os import pathsep
from pathlib import Path

import msgspec

import exact_assets
from exact_assets.config import child_environment
from exact_assets.control.pauses import RefreshPauses
from exact_assets.control.refresh import Order, Report
from exact_assets.control.tokens import TokenStore
from exact_assets.errors import (
    ControlError,
    ExactError,
    KeyBlockedError,
    RequestRefusedError,
    TooEarlyError,
    UnavailableError,
    UnreachableError,
)
from exact_assets.exact.auth import held_back
from exact_assets.exact.steady import ticks
from exact_assets.exact.token import Token

PAUSE_SECONDS = 10.0
"""Between refreshes that did not help while the token is still good: each one too early counts as an error."""
NO_TOKEN_YET = (UnavailableError, UnreachableError, RequestRefusedError, KeyBlockedError)
Refresh = Callable[[Token], Awaitable[None]]

_log = logging.getLogger(__name__)


class SharedTokens:
    """Hands out the token, refreshing it in time."""

    def __init__(
        self,
        store: TokenStore,
        refresh: Refresh,
        pauses: RefreshPauses,
        *,
        held_until: Callable[[datetime], datetime | None] = lambda _: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        ticks: Callable[[], float] = ticks,
    ) -> None:
        """Prepare; nothing is read.

        Args:
            store: where it is kept.
            refresh: refreshes a token that is due, for all processes.
            pauses: what all processes remember of refusals.
            held_until: returns when a token may be asked for again, after too many refusals; None: now.
            now: our clock, by which the store has since when a token is held.
            ticks: seconds, by a clock that cannot be set.
        """
        self._store = store
        self._refresh = refresh
        self._pauses = pauses
        self._held_until = held_until
        self._now = now
        self._ticks = ticks
        self._lock = asyncio.Lock()
        self._token: Token | None = None
        self._not_before = 0.0
        """In ticks."""

    async def current(self, *, server_now: datetime | None = None) -> Token:
        """Return a token that is good now, refreshed when it is time to.

        Args:
            server_now: the server's time, where an answer has told it.

        Raises:
            NotConnectedError: there is none yet.
            ReconnectError: the refresh chain is dead.
        """
        if self._token is not None and not self._token.is_due(self._now(), server_now=server_now):
            return self._token
        async with self._lock:
            self._token = self._store.read().token
            if self._token.is_due(self._now(), server_now=server_now) and self._ticks() >= self._not_before:
                is_good = not self._token.is_expired(self._now(), server_now=server_now)
                self._token = await self._refreshed(self._token, is_good=is_good)
            return self._token

    async def replacement(self, refused: Token, *, server_time: datetime | None) -> Token | None:
        """Return another token for one that Exact refused; None where there can be none yet.

        A token that neither clock says is old is not refreshed: Exact would refuse that too, and count it.
        """
        async with self._lock:
            stored = self._store.read().token
            is_same = stored.generation == refused.generation
            if is_same and stored.may_be_old(self._now(), server_now=server_time):
                stored = await self._refreshed(stored, is_good=False)
            self._token = stored
            return None if stored.generation == refused.generation else stored

    async def _refreshed(self, token: Token, *, is_good: bool) -> Token:
        """Return the next token, or the same where there is none yet and it is still good."""
        held = self._store.read()
        if held.dead is not None:
            raise held.dead
        obstacle = self._obstacle()
        if obstacle is not None:
            # No process is started to hear of it.
            if not is_good:
                raise obstacle
            self._not_before = self._ticks() + PAUSE_SECONDS
            return held.token
        try:
            await self._refresh(token)
        except TooEarlyError:
            self._not_before = self._ticks() + PAUSE_SECONDS
        except NO_TOKEN_YET as error:
            if not is_good:
                raise
            _log.warning("%s The token that is held is good for some seconds still.", error)
            self._not_before = self._ticks() + PAUSE_SECONDS
        return self._store.read().token

    def _obstacle(self) -> ExactError | None:
        """Return what all processes remember, and why none is to ask now."""
        now = self._now()
        pause = self._pauses.read()
        if pause is not None and pause.holds(now):
            return pause.error
        until = self._held_until(now)
        return None if until is None else held_back(until)


async def refresh_apart(order: Order) -> None:
    """Refresh in a process that outlives this one.

    Raises:
        ExactAssetsError: as `exact_assets.control.refresh.refresh`.
    """
    report = await asyncio.to_thread(_run, order)
    error = report.to_error()
    if error is not None:
        raise error


def _run(order: Order) -> Report:
    root = Path(exact_assets.__file__).parents[1]
    path = pathsep.join(filter(None, (str(root), child_environment().get("PYTHONPATH"))))
    ended = subprocess.run(  # no timeout: it has its own bounds, and must not be killed
        [sys.executable, "-m", "exact_assets.control.refresh"],
        input=msgspec.json.encode(order),
        capture_output=True,
        check=False,
        start_new_session=True,  # a signal to our group must not reach it
        env=child_environment(PYTHONPATH=path),
    )
    try:
        return msgspec.json.decode(ended.stdout, type=Report)
    except msgspec.DecodeError as error:
        raise ControlError(
            f"The process that refreshes the token ended without an answer (exit {ended.returncode}). Load again."
        ) from error
