"""Puts the shared store and the client together. What each keeps stands in its own module."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Self

import httpx
import msgspec
from pydantic import SecretStr

from exact_assets.config import NO_APP, ExactConfig
from exact_assets.control.access import SharedTokens, refresh_apart
from exact_assets.control.attempts import AttemptLog
from exact_assets.control.check_results import CheckResultStore
from exact_assets.control.choices import ChoiceStore
from exact_assets.control.database import Database, database_at
from exact_assets.control.document_writes import DocumentWrites
from exact_assets.control.hosts import require_one_host
from exact_assets.control.ledger import QuotaLedger
from exact_assets.control.left_out import LeftOutProperties
from exact_assets.control.listing import DivisionListing
from exact_assets.control.locks import Locks
from exact_assets.control.pauses import RefreshPauses
from exact_assets.control.purges import PurgeLog
from exact_assets.control.refresh import Order
from exact_assets.control.renaming import put_under_new_names
from exact_assets.control.secrets import open_cipher
from exact_assets.control.tokens import TokenStore, has_tokens
from exact_assets.control.unrecorded import UnrecordedLoads
from exact_assets.errors import ControlError, NotConnectedError, SettingsError
from exact_assets.exact import auth
from exact_assets.exact.auth import held_back, mark_of
from exact_assets.exact.bodies import Bounds
from exact_assets.exact.client import ExactClient
from exact_assets.exact.sender import Sender
from exact_assets.exact.token import Token

DEFAULT_ZONE = "Europe/Amsterdam"
TIMEOUT = httpx.Timeout(120.0, connect=15.0, pool=None)
"""Exact may think long about a wide page."""
HTTP_LIMITS = httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=30.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What all processes of one installation share: tokens, quota ledger, attempts, check results, leases."""

    config: ExactConfig
    database: Database
    client_id: str
    tokens: TokenStore
    pauses: RefreshPauses
    ledger: QuotaLedger
    locks: Locks
    attempts: AttemptLog
    listing: DivisionListing
    check_results: CheckResultStore
    unrecorded: UnrecordedLoads
    purges: PurgeLog
    left_out: LeftOutProperties
    """What Exact said it does not know."""
    choices: ChoiceStore
    """What users chose for divisions, should the warehouse lose it."""
    document_writes: DocumentWrites
    """Durable: after a power cut too, what may have been sent is looked for."""

    @classmethod
    def open(cls, config: ExactConfig, *, since: datetime | None = None) -> Self:
        """Open the store, creating it where there is none.

        Args:
            config: says where it is.
            since: when the work began that it is opened for; None: now.

        Raises:
            ControlError: the store cannot be used, or is a file that another machine uses as well.
            SettingsError: there is no client id, or the control URL is none that can be used.
        """
        if not config.client_id:
            raise SettingsError(NO_APP)
        names = {"site": config.site_url, "client": config.client_id}
        database = database_at(config.control_url)
        durable, quick = (database.engine(is_durable=is_durable) for is_durable in (True, False))
        require_one_host(quick)
        put_under_new_names(durable)
        cipher = open_cipher(config.secret_key, folder=database.key_folder, is_in_use=has_tokens(durable))
        return cls(
            config=config,
            database=database,
            client_id=config.client_id,
            tokens=TokenStore(durable, cipher, **names),
            pauses=RefreshPauses(durable, **names, client_secret=_text(config.client_secret)),
            ledger=QuotaLedger(quick, site=config.site_url, client=config.client_id),
            locks=database.locks,
            attempts=AttemptLog(quick, **names, since=since),
            listing=DivisionListing(quick, **names),
            check_results=CheckResultStore(quick, **names, since=since),
            unrecorded=UnrecordedLoads(quick, **names, since=since),
            purges=PurgeLog(quick, **names),
            left_out=LeftOutProperties(quick, **names),
            choices=ChoiceStore(quick, **names),
            document_writes=DocumentWrites(durable, site=config.site_url, client=config.client_id),
        )

    def obstacle(self) -> str | None:
        """Return why nothing could be written now; None: nothing is known to stand in the way."""
        return self.database.obstacle()

    def trouble(self) -> str | None:
        """Return why no token will come now, and what to do; None: nothing is known to stand in the way."""
        try:
            dead = self.tokens.read().dead
        except NotConnectedError:
            return None
        except ControlError as error:
            return str(error)
        if dead is not None:
            return str(dead)
        pause, now = self.pauses.read(), datetime.now(UTC)
        if pause is not None and pause.holds(now):
            return str(pause.error)
        until = self.token_held_until(now)
        return None if until is None else str(held_back(until))

    @contextmanager
    def lease(self, name: str, *, wait: bool = False) -> Iterator[bool]:
        """Hold `name` against all processes; yields False where another holds it and `wait` is false.

        It is let go when the process dies, however it dies.
        """
        with self.locks.hold(f"lease {self.config.site_url} {name}", wait=wait) as is_held:
            yield is_held

    @asynccontextmanager
    async def lease_async(self, name: str) -> AsyncIterator[None]:
        """Hold `name` against all processes, waiting for it without a thread."""
        async with self.locks.hold_async(f"lease {self.config.site_url} {name}"):
            yield

    @asynccontextmanager
    async def slot(self, division: int) -> AsyncIterator[None]:
        """Hold the division's only place for a call in flight."""
        async with self.locks.hold_async(f"slot {self.config.site_url} {self.client_id} {division}"):
            yield

    @asynccontextmanager
    async def client(self, *, is_background: bool = False) -> AsyncIterator[ExactClient]:
        """Open a client that shares tokens and quota with all other processes.

        Args:
            is_background: whether it leaves a part of the day's calls to runs that people ask for.

        Raises:
            SettingsError: there is no client secret.
            NotConnectedError: there are no tokens yet.
        """
        held = self.tokens.read()
        order = Order(
            control_url=self.config.control_url,
            site_url=self.config.site_url,
            client_id=self.client_id,
            client_secret=self.client_secret(),
            secret_key=_text(self.config.secret_key),
            generation=held.token.generation,
            answer_seconds=self.bounds.seconds,
            answer_mb=self.bounds.mb,
        )

        async def refresh(token: Token) -> None:
            await refresh_apart(
                msgspec.structs.replace(order, generation=token.generation, received_at=token.received_at)
            )

        async with open_http() as http:
            ledger = self.ledger.for_background() if is_background else self.ledger
            tokens = SharedTokens(self.tokens, refresh, self.pauses, held_until=self.token_held_until)
            sender = Sender(http, tokens=tokens, ledger=ledger, slots=self, bounds=self.bounds)
            yield ExactClient(sender, ledger=ledger, site_url=self.config.site_url, zone=held.zone or DEFAULT_ZONE)

    def token_held_until(self, now: datetime) -> datetime | None:
        """Return when a token may be asked for again, after too many refusals; None: now."""
        mark = mark_of(self.client_id, _text(self.config.client_secret))
        return auth.token_held_until(self.ledger, mark, now=now)

    @property
    def bounds(self) -> Bounds:
        """What one answer may take."""
        return Bounds(seconds=self.config.answer_seconds, mb=self.config.answer_mb)

    def client_secret(self) -> str:
        """Return the secret of the app registration.

        Raises:
            SettingsError: there is none.
        """
        secret = self.config.client_secret
        if secret is None:
            raise SettingsError("EXACT_CLIENT_SECRET: expected the client secret of your app registration.")
        return secret.get_secret_value()


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def open_http() -> httpx.AsyncClient:
    """Return a connection pool for one site.

    Cookies are not kept: Exact's carry a division, and calls to several divisions go side by side.
    """
    http = httpx.AsyncClient(
        timeout=TIMEOUT,
        limits=HTTP_LIMITS,
        headers={"Accept": "application/json", "User-Agent": "exact-assets"},
        follow_redirects=False,
    )
    http.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return http
