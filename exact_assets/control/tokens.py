"""Where tokens are kept, encrypted, with what is known of the connection. When to refresh is for `refresh`."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from exact_assets import error_records, errors
from exact_assets.control.database import insert_into, transaction
from exact_assets.control.secrets import Cipher
from exact_assets.control.tables import CONNECTIONS, PENDING
from exact_assets.exact.token import Token, lifetime_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A connection as it is kept."""

    token: Token
    zone: str | None
    attempted_at: datetime | None
    """A refresh began, and how it ended is not stored: its process was killed, or its answer lost."""
    dead: errors.ExactError | None
    """Why no refresh will work any more."""


class TokenStore:
    """One app's connection to one site."""

    def __init__(self, engine: sa.Engine, cipher: Cipher, *, site: str, client: str) -> None:
        """Prepare; nothing is read."""
        self._engine = engine
        self._cipher = cipher
        self._key = {"site": site, "client": client}
        self._mine = (CONNECTIONS.c.site == site) & (CONNECTIONS.c.client == client)

    def read(self) -> Held:
        """Return the connection.

        Raises:
            NotConnectedError: there is none.
            ControlError: it was encrypted with another key.
        """
        with transaction(self._engine) as connection:
            row = connection.execute(sa.select(CONNECTIONS).where(self._mine)).mappings().one_or_none()
        if row is None:
            raise errors.NotConnectedError(
                f"Not connected to {self._key['site']} with this EXACT_CLIENT_ID: run `exact-assets connect`."
            )
        token = Token(
            access_token=self._cipher.decrypt(row["access_token"]),
            refresh_token=self._cipher.decrypt(row["refresh_token"]),
            received_at=_moment(row["received_at"]),
            lifetime_seconds=lifetime_of(row["lifetime_seconds"]),
            issued_at=None if row["issued_at"] is None else _moment(row["issued_at"]),
            generation=row["generation"],
        )
        attempted_at = None if row["attempted_at"] is None else _moment(row["attempted_at"])
        return Held(token=token, zone=row["zone"], attempted_at=attempted_at, dead=_death(row))

    def keep(self, token: Token) -> None:
        """Put a new pair in the place of the old; the chain is alive and no refresh is under way."""
        values: dict[str, Any] = {
            "access_token": self._cipher.encrypt(token.access_token),
            "refresh_token": self._cipher.encrypt(token.refresh_token),
            "received_at": token.received_at.timestamp(),
            "lifetime_seconds": token.lifetime_seconds,
            "issued_at": None if token.issued_at is None else token.issued_at.timestamp(),
            "attempted_at": None,
            "dead_kind": None,
            "dead_message": None,
        }
        upsert = insert_into(self._engine, CONNECTIONS).values(**self._key, generation=1, **values)
        upsert = upsert.on_conflict_do_update(
            index_elements=list(self._key), set_={**values, "generation": CONNECTIONS.c.generation + 1}
        )
        with transaction(self._engine) as connection:
            connection.execute(upsert)

    def keep_age(self, token: Token) -> None:
        """Put right since when the token of a generation is held; the pair itself stays."""
        issued_at = None if token.issued_at is None else token.issued_at.timestamp()
        with transaction(self._engine) as connection:
            connection.execute(
                sa.update(CONNECTIONS)
                .where(self._mine & (CONNECTIONS.c.generation == token.generation))
                .values(received_at=token.received_at.timestamp(), issued_at=issued_at)
            )

    def note_attempt(self, at: datetime | None) -> None:
        """Note that a refresh begins, before it is sent; None: it ended, and nothing was used up."""
        self._update(attempted_at=None if at is None else at.timestamp())

    def note_death(self, error: errors.ExactError) -> None:
        """Note that no refresh will work any more, so that none is tried."""
        self._update(dead_kind=error_records.name_of(error), dead_message=str(error))

    def keep_zone(self, zone: str) -> None:
        """Note the zone of the site's wall clocks."""
        self._update(zone=zone)

    def begin_connection(self, *, at: datetime) -> str:
        """Return a new state for the authorize address, and keep it for the answer."""
        state = secrets.token_urlsafe(24)
        values = {"state": state, "begun_at": at.timestamp()}
        upsert = insert_into(self._engine, PENDING).values(**self._key, **values)
        with transaction(self._engine) as connection:
            connection.execute(upsert.on_conflict_do_update(index_elements=list(self._key), set_=values))
        return state

    def pending_state(self) -> str | None:
        """Return the state that was last given out and not yet answered."""
        mine = (PENDING.c.site == self._key["site"]) & (PENDING.c.client == self._key["client"])
        with transaction(self._engine) as connection:
            state: str | None = connection.scalar(sa.select(PENDING.c.state).where(mine))
        return state

    def end_connection(self) -> None:
        """Forget the state: it was answered."""
        mine = (PENDING.c.site == self._key["site"]) & (PENDING.c.client == self._key["client"])
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(PENDING).where(mine))

    def _update(self, **values: Any) -> None:
        with transaction(self._engine) as connection:
            connection.execute(sa.update(CONNECTIONS).where(self._mine).values(**values))


def has_tokens(engine: sa.Engine) -> bool:
    """Whether tokens of any connection are kept."""
    with transaction(engine) as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(CONNECTIONS)) != 0


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _death(row: sa.RowMapping) -> errors.ExactError | None:
    if row["dead_kind"] is None:
        return None
    error = error_records.error_from(error_records.ErrorRecord(kind=row["dead_kind"], message=row["dead_message"]))
    return error if isinstance(error, errors.ExactError) else errors.ReconnectError(row["dead_message"])
