"""The account of calls per division, shared by all processes. The arithmetic is `exact.limits`; here it is kept.

Booking is one short transaction that takes the write lock first, so that no two processes take the same call.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from exact_assets.control.database import CLOCKS, QUOTAS, REFUSALS, transaction
from exact_assets.exact.limits import SLACK, Quota, Window, reserve_of
from exact_assets.exact.ports import Booking

REFUSED = frozenset({400, 401, 403, 404})
MOST_REFUSALS = 10
"""Exact blocks an app's key after more than ten of these on one endpoint of one division within an hour."""
HOUR = timedelta(hours=1)
NO_DIVISION = 0
WINDOWS = ("minute", "day")
LARGEST_COUNT = 10**9
FIELDS = ("limit", "remaining", "resets_at", "used")


class QuotaLedger:
    """One app's account at one site; implements `exact.ports.Ledger`."""

    def __init__(self, engine: sa.Engine, *, site: str, client: str, keeps_reserve: bool = False) -> None:
        """Prepare the statements; nothing is read."""
        self._engine = engine
        self._site = site
        self._client = client
        self._keeps_reserve = keeps_reserve
        mine = (QUOTAS.c.site == site) & (QUOTAS.c.client == client)
        division: sa.BindParameter[int] = sa.bindparam("division")
        self._read = sa.select(*(QUOTAS.c[name] for name in _columns())).where(
            mine & (QUOTAS.c.division == division)
        )
        upsert = insert(QUOTAS).values(
            site=site, client=client, division=division, **{name: sa.bindparam(name) for name in _columns()}
        )
        self._write = upsert.on_conflict_do_update(
            index_elements=["site", "client", "division"],
            set_={name: upsert.excluded[name] for name in _columns()},
        )
        # Where a damaged row holds no number, it reads as long ago.
        moment = sa.cast(REFUSALS.c.at, sa.Float)
        self._refusals = (
            sa.select(moment)
            .where((REFUSALS.c.site == site) & (REFUSALS.c.client == client) & (REFUSALS.c.division == division))
            .where((REFUSALS.c.endpoint == sa.bindparam("endpoint")) & (moment > sa.bindparam("since")))
            .order_by(moment)
        )

    def for_background(self) -> "QuotaLedger":
        """Give the same account for background work, which leaves the reserve to runs that people ask for."""
        return QuotaLedger(self._engine, site=self._site, client=self._client, keeps_reserve=True)

    def quota(self, division: int) -> Quota:
        """Return what was last known."""
        with transaction(self._engine) as connection:
            return self._quota(connection, division)

    def quotas(self) -> Mapping[int, Quota]:
        """Return what was last known of all divisions."""
        columns = [QUOTAS.c.division, *(QUOTAS.c[name] for name in _columns())]
        mine = (QUOTAS.c.site == self._site) & (QUOTAS.c.client == self._client)
        with transaction(self._engine) as connection:
            rows = connection.execute(sa.select(*columns).where(mine)).all()
        return {row[0]: Quota(minute=_window(row[1:5]), day=_window(row[5:])) for row in rows}

    def book(self, division: int | None, endpoint: str, *, now: datetime) -> Booking:
        """Count a call before it is sent, where one may be sent; `now` is the server's time."""
        with transaction(self._engine) as connection:
            held_until = self._held_until(connection, division, endpoint, now)
            stored = Quota() if division is None else self._quota(connection, division)
            quota = stored.at(now)
            mine = quota.keeping_reserve() if self._keeps_reserve else quota
            if held_until is not None or not mine:
                if division is not None and quota != stored:  # a reset that moved with the time would never come
                    self._keep(connection, division, quota)
                reserve = reserve_of(quota.day) if self._keeps_reserve else 0
                return Booking(quota=mine, is_booked=False, reserve=reserve, held_until=held_until)
            if division is not None:
                quota = quota.booked()
                self._keep(connection, division, quota)
            return Booking(quota=quota, is_booked=True)

    def settle(self, division: int | None, endpoint: str, *, news: Quota, status: int, now: datetime) -> Quota:
        """Keep what an answer said of the quota, and count refusals."""
        with transaction(self._engine) as connection:
            if status in REFUSED:
                self._count_refusal(connection, division, endpoint, now)
            if division is None:
                return Quota()
            quota = self._quota(connection, division).told(news, status=status, now=now)
            self._keep(connection, division, quota)
            return quota

    def unsent(self, division: int | None) -> None:
        """Give a booked call back of which no answer came."""
        if division is None:
            return
        with transaction(self._engine) as connection:
            self._keep(connection, division, self._quota(connection, division).unsent())

    def skew(self) -> timedelta | None:
        """Return the lower bound of the server's clock against ours, as last kept."""
        with transaction(self._engine) as connection:
            ahead = connection.scalar(sa.select(CLOCKS.c.ahead_seconds).where(CLOCKS.c.site == self._site))
        with suppress(OverflowError, ValueError, TypeError):
            return timedelta(seconds=ahead)  # type: ignore[arg-type]  # SQLite keeps anything; null is unknown too
        return None

    def keep_skew(self, at_least: timedelta) -> None:
        """Keep it for processes to come."""
        upsert = insert(CLOCKS).values(site=self._site, ahead_seconds=at_least.total_seconds())
        upsert = upsert.on_conflict_do_update(
            index_elements=["site"], set_={"ahead_seconds": upsert.excluded.ahead_seconds}
        )
        with transaction(self._engine) as connection:
            connection.execute(upsert)

    def _quota(self, connection: sa.Connection, division: int) -> Quota:
        row = connection.execute(self._read, {"division": division}).one_or_none()
        return Quota() if row is None else Quota(minute=_window(row[:4]), day=_window(row[4:]))

    def _keep(self, connection: sa.Connection, division: int, quota: Quota) -> None:
        values = (*_values(quota.minute), *_values(quota.day))
        connection.execute(self._write, {"division": division, **dict(zip(_columns(), values, strict=True))})

    def _held_until(
        self, connection: sa.Connection, division: int | None, endpoint: str, now: datetime
    ) -> datetime | None:
        """Return when the oldest of too many refusals is an hour old."""
        values = {
            "division": NO_DIVISION if division is None else division,
            "endpoint": endpoint,
            "since": (now - HOUR).timestamp(),
        }
        moments = connection.scalars(self._refusals, values).all()
        if len(moments) < MOST_REFUSALS:
            return None
        latest = (now + SLACK).timestamp()
        if moments[-1] > latest:
            # A clock was ahead when they came; how long ago that was, nobody knows.
            connection.execute(sa.update(REFUSALS).where(REFUSALS.c.at > latest).values(at=now.timestamp()))
        return datetime.fromtimestamp(min(moments[-MOST_REFUSALS], now.timestamp()), UTC) + HOUR

    def _count_refusal(self, connection: sa.Connection, division: int | None, endpoint: str, now: datetime) -> None:
        connection.execute(sa.delete(REFUSALS).where(REFUSALS.c.at <= (now - HOUR).timestamp()))
        connection.execute(
            sa.insert(REFUSALS).values(
                site=self._site,
                client=self._client,
                division=NO_DIVISION if division is None else division,
                endpoint=endpoint,
                at=now.timestamp(),
            )
        )


def _columns() -> tuple[str, ...]:
    return tuple(f"{window}_{name}" for window in WINDOWS for name in FIELDS)


def _window(values: Any) -> Window:
    """Return a stored window. SQLite keeps whatever a damaged or edited row holds: what is no number is unknown."""
    limit, remaining, resets_at, used = values
    moment = None
    with suppress(OverflowError, ValueError, OSError, TypeError):
        moment = datetime.fromtimestamp(resets_at, UTC)
    return Window(limit=_count(limit), remaining=_count(remaining), resets_at=moment, used=_count(used) or 0)


def _count(value: object) -> int | None:
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > LARGEST_COUNT:
        return None
    return int(value)


def _values(window: Window) -> tuple[Any, ...]:
    resets_at = None if window.resets_at is None else window.resets_at.timestamp()
    return (window.limit, window.remaining, resets_at, window.used)
