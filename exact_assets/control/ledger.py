"""The account of calls per division, shared by all processes. The arithmetic is `exact.limits`; here it is kept.

Booking is one short transaction that keeps others off the division first, so that no two processes take the same
call.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from exact_assets.control.database import insert_into, transaction
from exact_assets.control.tables import CLOCKS, QUOTAS, REFUSALS, STORMS
from exact_assets.exact.limits import SLACK, Quota, Storm, Window, reserve_of
from exact_assets.exact.ports import Booking

REFUSED = frozenset({400, 401, 403, 404})
MOST_REFUSALS = 10
"""Exact blocks an app's key after more than ten of these on one endpoint of one division within an hour."""
HOUR = timedelta(hours=1)
NO_DIVISION = 0
WINDOWS = ("minute", "day")
LARGEST_COUNT = 10**9
FIELDS = ("limit", "remaining", "resets_at", "used")
STORM = ("refused", "until", "is_named")


class QuotaLedger:
    """One app's account at one site; implements `exact.ports.Ledger`."""

    def __init__(self, engine: sa.Engine, *, site: str, client: str, keeps_reserve: bool = False) -> None:
        """Prepare the statements; nothing is read."""
        self._engine = engine
        self._site = site
        self._client = client
        self._keeps_reserve = keeps_reserve
        mine = (QUOTAS.c.site == site) & (QUOTAS.c.client == client)
        division: sa.BindParameter[int] = sa.bindparam("division", type_=sa.Integer)
        columns = [QUOTAS.c[name] for name in _columns()]
        storms = [STORMS.c[name] for name in STORM]
        own = (STORMS.c.site == site) & (STORMS.c.client == client)
        both = QUOTAS.outerjoin(STORMS, own & (STORMS.c.division == QUOTAS.c.division))
        self._read_all = sa.select(QUOTAS.c.division, *columns, *storms).select_from(both).where(mine)
        # Of one division, either may be there without the other.
        here = sa.select(division.label("division")).subquery()
        either = here.outerjoin(QUOTAS, mine & (QUOTAS.c.division == here.c.division))
        either = either.outerjoin(STORMS, own & (STORMS.c.division == here.c.division))
        self._read = sa.select(*columns, *storms).select_from(either)
        storm = insert_into(self._engine, STORMS).values(
            site=site, client=client, division=division, **{name: sa.bindparam(name) for name in STORM}
        )
        self._write_storm = storm.on_conflict_do_update(
            index_elements=["site", "client", "division"], set_={name: storm.excluded[name] for name in STORM}
        )
        upsert = insert_into(self._engine, QUOTAS).values(
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
        """Return the same account for background work, which leaves the reserve to runs that people ask for."""
        return QuotaLedger(self._engine, site=self._site, client=self._client, keeps_reserve=True)

    def quota(self, division: int) -> Quota:
        """Return what was last known."""
        with self._transaction(division) as connection:
            return self._quota(connection, division)

    def quotas(self) -> Mapping[int, Quota]:
        """Return what was last known of all divisions."""
        with transaction(self._engine) as connection:
            rows = connection.execute(self._read_all).all()
        return {row[0]: _quota_of(row[1:]) for row in rows}

    def book(self, division: int | None, endpoint: str, *, now: datetime) -> Booking:
        """Count a call before it is sent, where one may be sent; `now` is the server's time."""
        with self._transaction(division) as connection:
            held_until = self._held_until(connection, division, endpoint, now)
            stored = self._quota(connection, division)
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
        with self._transaction(division) as connection:
            if status in REFUSED:
                self._count_refusal(connection, division, endpoint, now)
            before = self._quota(connection, division)
            quota = before.told(news, status=status, now=now)
            if division is not None:
                self._keep(connection, division, quota)
            else:
                quota = Quota(storm=quota.storm)  # calls without a division cost none
            if quota.storm != before.storm:
                self._keep_storm(connection, division, quota.storm)
            return quota

    def held_until(self, division: int | None, endpoint: str, *, now: datetime) -> datetime | None:
        """Return when an endpoint may be asked again, after too many refusals; None: now."""
        with self._transaction(division) as connection:
            return self._held_until(connection, division, endpoint, now)

    def was_refused(self, division: int | None, endpoint: str, *, now: datetime) -> bool:
        """Return whether it was refused within the hour."""
        with self._transaction(division) as connection:
            return bool(self._refused_at(connection, division, endpoint, now))

    def refused(self, division: int | None, endpoint: str, *, status: int, now: datetime) -> None:
        """Count an answer of what has no quota, such as the token endpoint, where it is a refusal."""
        if status in REFUSED:
            with self._transaction(division) as connection:
                self._count_refusal(connection, division, endpoint, now)

    def unsent(self, division: int | None) -> None:
        """Take back a booked call of which no answer came."""
        if division is None:
            return
        with self._transaction(division) as connection:
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
        upsert = insert_into(self._engine, CLOCKS).values(site=self._site, ahead_seconds=at_least.total_seconds())
        upsert = upsert.on_conflict_do_update(
            index_elements=["site"], set_={"ahead_seconds": upsert.excluded.ahead_seconds}
        )
        with transaction(self._engine) as connection:
            connection.execute(upsert)

    def _transaction(self, division: int | None) -> AbstractContextManager[sa.Connection]:
        return transaction(self._engine, division=NO_DIVISION if division is None else division)

    def _quota(self, connection: sa.Connection, division: int | None) -> Quota:
        values = {"division": NO_DIVISION if division is None else division}
        return _quota_of(connection.execute(self._read, values).one())

    def _keep(self, connection: sa.Connection, division: int, quota: Quota) -> None:
        values = (*_values(quota.minute), *_values(quota.day))
        connection.execute(self._write, {"division": division, **dict(zip(_columns(), values, strict=True))})

    def _keep_storm(self, connection: sa.Connection, division: int | None, storm: Storm) -> None:
        values = {
            "division": NO_DIVISION if division is None else division,
            "refused": storm.refused,
            "until": None if storm.until is None else storm.until.timestamp(),
            "is_named": int(storm.is_named),
        }
        connection.execute(self._write_storm, values)

    def _held_until(
        self, connection: sa.Connection, division: int | None, endpoint: str, now: datetime
    ) -> datetime | None:
        """Return when the oldest of too many refusals is an hour old."""
        moments = self._refused_at(connection, division, endpoint, now)
        if len(moments) < MOST_REFUSALS:
            return None
        latest = (now + SLACK).timestamp()
        if moments[-1] > latest:
            # A clock was ahead when they came; how long ago that was, nobody knows.
            ahead = self._of(division) & (REFUSALS.c.at > latest)
            connection.execute(sa.update(REFUSALS).where(ahead).values(at=now.timestamp()))
        return datetime.fromtimestamp(min(moments[-MOST_REFUSALS], now.timestamp()), UTC) + HOUR

    def _refused_at(
        self, connection: sa.Connection, division: int | None, endpoint: str, now: datetime
    ) -> Sequence[float]:
        values = {
            "division": NO_DIVISION if division is None else division,
            "endpoint": endpoint,
            "since": (now - HOUR).timestamp(),
        }
        return connection.scalars(self._refusals, values).all()

    def _count_refusal(self, connection: sa.Connection, division: int | None, endpoint: str, now: datetime) -> None:
        old = self._of(division) & (REFUSALS.c.at <= (now - HOUR).timestamp())
        connection.execute(sa.delete(REFUSALS).where(old))
        connection.execute(
            sa.insert(REFUSALS).values(
                site=self._site,
                client=self._client,
                division=NO_DIVISION if division is None else division,
                endpoint=endpoint,
                at=now.timestamp(),
            )
        )

    def _of(self, division: int | None) -> sa.ColumnElement[bool]:
        """Return the condition that a refusal is of this division: others may be counting theirs at this moment."""
        c, number = REFUSALS.c, NO_DIVISION if division is None else division
        return (c.site == self._site) & (c.client == self._client) & (c.division == number)


def _columns() -> tuple[str, ...]:
    return tuple(f"{window}_{name}" for window in WINDOWS for name in FIELDS)


def _quota_of(row: Any) -> Quota:
    """Return a stored quota. SQLite keeps whatever a damaged or edited row holds: what is no number is unknown."""
    refused, until, is_named = row[8:]
    storm = Storm(
        refused=max(_count(refused) or 0, 0), until=_moment(until), is_named=is_named is None or bool(is_named)
    )
    return Quota(minute=_window(row[:4]), day=_window(row[4:8]), storm=storm)


def _window(values: Any) -> Window:
    limit, remaining, resets_at, used = values
    return Window(
        limit=_count(limit), remaining=_count(remaining), resets_at=_moment(resets_at), used=_count(used) or 0
    )


def _moment(seconds: Any) -> datetime | None:
    with suppress(OverflowError, ValueError, OSError, TypeError):
        return datetime.fromtimestamp(seconds, UTC)
    return None


def _count(value: object) -> int | None:
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > LARGEST_COUNT:
        return None
    return int(value)


def _values(window: Window) -> tuple[Any, ...]:
    resets_at = None if window.resets_at is None else window.resets_at.timestamp()
    return (window.limit, window.remaining, resets_at, window.used)
