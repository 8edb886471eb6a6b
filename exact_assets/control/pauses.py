"""The memory of refreshes that were refused: one refused call, then a pause that grows, for all processes.

A wrong secret or a firewall refuses every refresh alike, and each one counts towards a block of the app. What ends
a pause early is a changed secret, or a new connection. How a refresh is made stands in `refresh`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from exact_assets import error_records, errors
from exact_assets.control.database import insert_into, transaction
from exact_assets.control.tables import REFRESH_PAUSES
from exact_assets.exact.auth import mark_of
from exact_assets.exact.limits import LONGEST_PAUSE, growing_pause

FIRST_AFTER_REFUSAL = timedelta(minutes=1)
FIRST_AFTER_FAILURE = timedelta(seconds=10)
LONGEST_AFTER_FAILURE = timedelta(minutes=5)
"""What is down may be up again in a moment, and its answers count towards no block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Refreshes that were refused, and until when none is tried."""

    refused: int
    """In a row."""
    until: datetime
    error: errors.ExactError
    """Of the last one, with when the next one is tried."""

    def holds(self, now: datetime) -> bool:
        """Return whether none is tried now. One that our clock wrote while it was ahead holds nobody up."""
        return now < self.until <= now + LONGEST_PAUSE

    def counts(self, now: datetime) -> bool:
        """Return whether the next refusal is one more in a row."""
        return abs(now - self.until) <= LONGEST_PAUSE


class RefreshPauses:
    """Of one app at one site, with the credentials that it has now."""

    def __init__(self, engine: sa.Engine, *, site: str, client: str, client_secret: str | None) -> None:
        """Prepare; nothing is read."""
        self._engine = engine
        self._key = {"site": site, "client": client}
        self._mine = (REFRESH_PAUSES.c.site == site) & (REFRESH_PAUSES.c.client == client)
        self._credentials = mark_of(client, client_secret)

    def read(self) -> Pause | None:
        """Return what is remembered of refusals with these credentials; None: nothing."""
        same = REFRESH_PAUSES.c.credentials == self._credentials
        with transaction(self._engine) as connection:
            query = sa.select(REFRESH_PAUSES).where(self._mine & same)
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        try:
            until = datetime.fromtimestamp(row["until"], UTC)
            refused = int(row["refused"])
        except (OverflowError, ValueError, OSError, TypeError):
            return None  # a damaged row holds nobody up
        return Pause(refused=refused, until=until, error=_error_of(row, until))

    def note(self, error: errors.ExactError, *, now: datetime) -> Pause | None:
        """Remember one refusal more, and return the pause that follows."""
        before = self.read()
        refused = before.refused + 1 if before is not None and before.counts(now) else 1
        is_down = isinstance(error, errors.UnavailableError) and error.status != 429
        if is_down:
            pause = growing_pause(refused, first=FIRST_AFTER_FAILURE, longest=LONGEST_AFTER_FAILURE)
        else:
            pause = growing_pause(refused, first=FIRST_AFTER_REFUSAL)
        values = {
            "credentials": self._credentials,
            "refused": refused,
            "until": (now + pause).timestamp(),
            "error_kind": error_records.name_of(error),
            "error": str(error),
            "status": error.status,
        }
        upsert = insert_into(self._engine, REFRESH_PAUSES).values(**self._key, **values)
        with transaction(self._engine) as connection:
            connection.execute(upsert.on_conflict_do_update(index_elements=list(self._key), set_=values))
        return self.read()

    def end(self) -> None:
        """Forget them: a pair of tokens came."""
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(REFRESH_PAUSES).where(self._mine))


def _error_of(row: sa.RowMapping, until: datetime) -> errors.ExactError:
    told = (
        f"{row['error']} The token is not asked for again before {until:%Y-%m-%d %H:%M:%S} UTC, unless "
        "EXACT_CLIENT_SECRET changes or `exact-assets connect` is run."
    )
    error = error_records.error_from(error_records.ErrorRecord(kind=row["error_kind"], message=told))
    if not isinstance(error, errors.ExactError):
        return errors.UnavailableError(told)
    error.endpoint, error.status = "oauth2/token", row["status"]
    return error
