"""The refresh of the token: one at a time over all processes, in a process of its own.

Exact takes a refresh token once. Were the process that asks killed between Exact's answer and our commit, the
connection would be lost; a run can be killed at any time, so the refresh does not run inside it. Should even this
process be killed, the attempt that it noted before makes the next error say what happened.

`python -m exact_assets.control.refresh` reads an `Order` from standard input, so that no secret is in a command
line, and writes a `Report` to standard output.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime

import msgspec
from pydantic import SecretStr

from exact_assets import error_records, errors
from exact_assets.control.database import database_at
from exact_assets.control.ledger import QuotaLedger
from exact_assets.control.locks import Locks
from exact_assets.control.pauses import RefreshPauses
from exact_assets.control.secrets import open_cipher
from exact_assets.control.tokens import Held, TokenStore, has_tokens
from exact_assets.exact.auth import LONGEST_REFRESH_SECONDS, TokenEndpoint
from exact_assets.exact.bodies import Bounds
from exact_assets.exact.steady import ticks
from exact_assets.exact.token import Token

LOCK_TIMEOUT_SECONDS = 300.0
KEEP_PAUSE_SECONDS = 1.0
LONGEST_KEEP_SECONDS = 120.0
SHOW_SECONDS = 2.0
SILENT_SECONDS = 10.0
"""A process that asks for a pair shows every two seconds that it lives: one that is silent so long was killed."""
LONG_OVER_SECONDS = 3_600.0
"""By no clock that is nearly right is an attempt so old under way: it need not be watched."""
LONGEST_LIFE_SECONDS = LOCK_TIMEOUT_SECONDS + LONGEST_REFRESH_SECONDS + LONGEST_KEEP_SECONDS + 60.0
"""Of the process: longer than all its waits that have a bound. Some have none, as that for a name server."""
PAUSED_AFTER = (errors.RequestRefusedError, errors.UnavailableError)
NOTHING_USED_UP = (
    errors.TooEarlyError,
    errors.UnreachableError,
    errors.RequestRefusedError,
    errors.KeyBlockedError,
)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to refresh."""

    control_url: str
    site_url: str
    client_id: str
    client_secret: str
    secret_key: str | None
    generation: int
    """Of the token that is due; a higher one in the store is good already."""
    received_at: datetime | None = None
    """Likewise; with another one, Exact said meanwhile that it is younger than it looked."""

    answer_seconds: float = Bounds().seconds
    answer_mb: int = Bounds().mb

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Order(site_url={self.site_url!r}, generation={self.generation}, …)"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. No error: the store holds a good token."""

    error: error_records.ErrorRecord | None = None

    def to_error(self) -> errors.ExactAssetsError | None:
        """Return the error, as it was raised in the other process."""
        return None if self.error is None else error_records.error_from(self.error)


def lock_name_of(*, site_url: str, client_id: str) -> str:
    """Return the name of the lock under which the connection's tokens change."""
    return f"refresh {site_url} {client_id}"


def refresh(
    store: TokenStore,
    endpoint: TokenEndpoint,
    locks: Locks,
    pauses: RefreshPauses,
    *,
    room: Callable[[], AbstractContextManager[None]],
    generation: int,
    received_at: datetime | None = None,
    lock_name: str,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Token:
    """Refresh the token of a generation, unless another process did. Returns the stored one.

    Args:
        store: where it is kept.
        endpoint: asks Exact.
        locks: of all processes.
        pauses: what all processes remember of refusals.
        room: holds room for the new pair on the store's disk while Exact is asked for it.
        generation: of the token that is due.
        received_at: likewise; None: it is refreshed whenever that was.
        lock_name: one refresh at a time for each connection.
        now: our clock.

    Raises:
        TooEarlyError: Exact keeps to the token it gave; its age is put right, so that nobody asks again too soon.
        ReconnectError: the chain is dead; noted, so that nobody asks again.
        ExactError: it was refused or not answered, now or when it was last tried; noted, so that nobody asks again
            before a pause is over, which grows.
    """
    with locks.hold(lock_name, wait=True, timeout_seconds=LOCK_TIMEOUT_SECONDS):
        held = settled(store, now=now) if locks.may_end_early else store.read()
        if held.token.generation != generation or held.token.received_at != (received_at or held.token.received_at):
            return held.token
        _require_hope(held, pauses, now=now())
        try:
            # Shown until the pair is stored: the store may be away just now.
            with _shown(store, now=now, is_needed=locks.may_end_early):
                with room():
                    token = endpoint.refresh(held.token.refresh_token)
                store_pair(store, token)
        except errors.ReconnectError as error:
            if store.read().token.generation != generation:
                return store.read().token
            final = _explain(error, was_interrupted=held.attempted_at)
            store.note_death(final)
            raise final from error
        except errors.ExactError as error:
            _remember(error, held, store, pauses, now=now())
            raise
        pauses.end()
        return store.read().token


def settled(store: TokenStore, *, now: Callable[[], datetime]) -> Held:
    """Return the connection once no other process asks for a pair: one may have lost its lock and live."""
    until, seen, silent_since = ticks() + LONGEST_REFRESH_SECONDS, None, ticks()
    while True:
        held = store.read()
        # Whether its sign changes, and not how old it is: hosts have clocks of their own.
        if held.attempted_at != seen:
            seen, silent_since = held.attempted_at, ticks()
        is_silent = ticks() - silent_since >= SILENT_SECONDS
        is_old = seen is not None and abs((now() - seen).total_seconds()) > LONG_OVER_SECONDS
        if seen is None or is_silent or is_old or ticks() >= until:
            return held
        time.sleep(KEEP_PAUSE_SECONDS)


@contextmanager
def _shown(store: TokenStore, *, now: Callable[[], datetime], is_needed: bool) -> Iterator[None]:
    """Note an attempt for the length of a block; where the lock may end early, again and again while it goes on."""
    store.note_attempt(now())
    if not is_needed:
        yield
        return
    is_over = threading.Event()

    def show() -> None:
        while not is_over.wait(SHOW_SECONDS):
            with suppress(errors.ControlError):  # the server may be back for the next
                store.note_attempt(now())

    showing = threading.Thread(target=show, daemon=True)
    showing.start()
    try:
        yield
    finally:
        is_over.set()
        showing.join()
    # It may have been shown once more while the pair was stored.
    with suppress(errors.ControlError):
        store.note_attempt(None)


def store_pair(store: TokenStore, token: Token) -> None:
    """Store the new pair. The old one is dead: while the disk is full or the store busy, it is tried again.

    Raises:
        ControlError: it could not be stored for minutes.
    """
    until = ticks() + LONGEST_KEEP_SECONDS
    while True:
        try:
            store.keep(token)
        except errors.ControlError:
            if ticks() >= until:
                raise
            time.sleep(KEEP_PAUSE_SECONDS)
        else:
            return


def _require_hope(held: Held, pauses: RefreshPauses, *, now: datetime) -> None:
    """Raise what stands in the way of any refresh now, so that nothing is sent."""
    if held.dead is not None:
        raise held.dead
    pause = pauses.read()
    if pause is not None and pause.holds(now):
        raise pause.error


def _remember(
    error: errors.ExactError, held: Held, store: TokenStore, pauses: RefreshPauses, *, now: datetime
) -> None:
    """Keep, for all processes, what a refresh that failed says of the next one."""
    if isinstance(error, NOTHING_USED_UP) and held.attempted_at is None:
        store.note_attempt(None)
    if isinstance(error, PAUSED_AFTER):
        pauses.note(error, now=now)
    if isinstance(error, errors.TooEarlyError):
        store.keep_age(held.token.found_young(now=now, server_now=error.server_time))


def _explain(error: errors.ReconnectError, *, was_interrupted: datetime | None) -> errors.ReconnectError:
    """Distinguish a token that another installation used from one of which our own last refresh lost the answer."""
    if was_interrupted is None or not isinstance(error, errors.TokenUsedElsewhereError):
        return error
    return errors.ReconnectError(
        f"The refresh of {was_interrupted:%Y-%m-%d %H:%M} UTC was interrupted before its new token was stored, "
        "and the old one is used up. Run `exact-assets connect`.",
        endpoint=error.endpoint,
        status=error.status,
        reason=error.reason,
    )


def fulfil(order: Order) -> Report:
    """Refresh as ordered; errors that are meant to be read become part of the report."""
    database = database_at(order.control_url)
    key = None if order.secret_key is None else SecretStr(order.secret_key)
    try:
        engine = database.engine(is_durable=True)
        site, client = order.site_url, order.client_id
        store = TokenStore(
            engine,
            open_cipher(key, folder=database.key_folder, is_in_use=has_tokens(engine)),
            site=site,
            client=client,
        )
        endpoint = TokenEndpoint(
            site_url=site,
            client_id=client,
            client_secret=order.client_secret,
            refusals=QuotaLedger(engine, site=site, client=client),
            bounds=Bounds(seconds=order.answer_seconds, mb=order.answer_mb),
        )
        refresh(
            store,
            endpoint,
            database.locks,
            RefreshPauses(engine, site=site, client=client, client_secret=order.client_secret),
            room=database.reserved,
            generation=order.generation,
            received_at=order.received_at,
            lock_name=lock_name_of(site_url=site, client_id=client),
        )
    except errors.ExactAssetsError as error:
        return Report(error=error_records.record_of(error))
    return Report()


def end_after(seconds: float) -> None:
    """End this process, whatever it waits for: it outlives those who started it, and holds the lock."""
    last = threading.Timer(seconds, os._exit, args=(1,))
    last.daemon = True
    last.start()


if __name__ == "__main__":
    end_after(LONGEST_LIFE_SECONDS)
    outcome = fulfil(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))
    sys.stdout.buffer.write(msgspec.json.encode(outcome))
