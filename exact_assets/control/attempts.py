"""How the last attempt at each stream ended, kept for all processes. What follows from it is decided elsewhere.

A stream is one table of one division. What was read of it is in the warehouse; here is when it was last asked for
and how that went, also when nothing could be asked at all.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from exact_assets import error_records, errors
from exact_assets.control.database import insert_into, transaction
from exact_assets.control.purges import forget_purged
from exact_assets.control.tables import ATTEMPTS
from exact_assets.errors import DayQuotaError, ExactAssetsError

LONGEST_ERROR = 1_000
FARTHEST = timedelta(days=1)
"""Ahead of now that a moment can be: the end of the day's wait. One beyond was noted while our clock was wrong, and
a stream that succeeded next year would count as fresh until then."""
MOMENTS = ("attempted_at", "succeeded_at", "waiting_until", "expected_since")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How the last attempt at a stream ended. Moments are aware, UTC, by our clock; None: not yet."""

    attempted_at: datetime | None = None
    succeeded_at: datetime | None = None
    waiting_until: datetime | None = None
    """The day's calls were used before all was read; that is no error."""
    expected_since: datetime | None = None
    """Since when the division is enabled and the table chosen, without a break; None: it is not."""
    error_kind: str | None = None
    """The name of the error's class; None: the last attempt did not fail."""
    error: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether what it failed for passes without a word: whoever can look at the warehouse sees that it did."""
        return self.error_is(errors.WarehouseBusyError)

    def error_is(self, *kinds: type[ExactAssetsError]) -> bool:
        """Whether the last attempt failed with an error of one of these kinds."""
        kind = error_records.KINDS.get(self.error_kind or "")
        return kind is not None and issubclass(kind, kinds)


Attempts = Mapping[int, Mapping[str, Attempt]]
"""By division, then by table."""


class AttemptLog:
    """The attempts of one app at one site."""

    def __init__(self, engine: sa.Engine, *, site: str, client: str, since: datetime | None = None) -> None:
        """Prepare; nothing is read. `since` is when the work began, now: what is purged later is not written of."""
        self._engine = engine
        self._names = {"site": site, "client": client}
        self._since = since or datetime.now(UTC)
        self._mine = (ATTEMPTS.c.site == site) & (ATTEMPTS.c.client == client)

    def read(self) -> Attempts:
        """Read all attempts."""
        columns = [ATTEMPTS.c[name] for name in ("division", "table_name", *MOMENTS, "error_kind", "error")]
        found: dict[int, dict[str, Attempt]] = {}
        with transaction(self._engine) as connection:
            for division, table, *values in connection.execute(sa.select(*columns).where(self._mine)):
                found.setdefault(division, {})[table] = _attempt(values)
        return found

    def note(self, table: str, ended: Mapping[int, ExactAssetsError | None], *, at: datetime) -> None:
        """Note how attempts at a table ended, by division; None: it is up to date."""
        rows = [self._row(division, table, error, at.timestamp()) for division, error in ended.items()]
        upsert = insert_into(self._engine, ATTEMPTS)
        new = upsert.excluded
        upsert = upsert.on_conflict_do_update(
            index_elements=list(ATTEMPTS.primary_key),
            set_={
                "attempted_at": new.attempted_at,
                "succeeded_at": sa.func.coalesce(new.succeeded_at, ATTEMPTS.c.succeeded_at),
                "waiting_until": new.waiting_until,
                "error_kind": new.error_kind,
                "error": new.error,
            },
        )
        if rows:
            with transaction(self._engine) as connection:
                self._bound(connection, at)
                connection.execute(upsert, rows)
                forget_purged(connection, ATTEMPTS, **self._names, since=self._since)

    def expect(self, divisions: Collection[int], tables: Collection[str], *, at: datetime) -> None:
        """Note which streams are to be kept up to date from now on, and that no others are.

        What went wrong before a stream was expected says nothing of now, and is forgotten here: by moments it could
        not be told from what goes wrong later, once our clock has been set back.
        """
        wanted = {(division, table) for division in divisions for table in tables}
        with transaction(self._engine) as connection:
            self._bound(connection, at)
            found = connection.execute(
                sa.select(ATTEMPTS.c.division, ATTEMPTS.c.table_name).where(
                    self._mine & ATTEMPTS.c.expected_since.is_not(None)
                )
            )
            expected = {(division, table) for division, table in found}
            if ended := expected - wanted:
                ending = sa.update(ATTEMPTS).where(
                    self._mine
                    & (ATTEMPTS.c.division == sa.bindparam("of_division"))
                    & (ATTEMPTS.c.table_name == sa.bindparam("of_table"))
                )
                values = [{"of_division": division, "of_table": table} for division, table in sorted(ended)]
                connection.execute(ending.values(expected_since=None), values)
            if new := wanted - expected:
                upsert = insert_into(self._engine, ATTEMPTS)
                upsert = upsert.on_conflict_do_update(
                    index_elements=list(ATTEMPTS.primary_key),
                    set_={
                        "expected_since": upsert.excluded.expected_since,
                        "error_kind": None,
                        "error": None,
                    },
                )
                since = at.timestamp()
                rows = [
                    {**self._names, "division": division, "table_name": table, "expected_since": since}
                    for division, table in sorted(new)
                ]
                connection.execute(upsert, rows)
                forget_purged(connection, ATTEMPTS, **self._names, since=self._since)

    def forget(self, divisions: Iterable[int]) -> None:
        """Forget all attempts of divisions."""
        with transaction(self._engine) as connection:
            connection.execute(sa.delete(ATTEMPTS).where(self._mine & ATTEMPTS.c.division.in_(list(divisions))))

    def _bound(self, connection: sa.Connection, at: datetime) -> None:
        """Put moments that have yet to come to now, once, so that they grow old from now on."""
        now, farthest = at.timestamp(), (at + FARTHEST).timestamp()
        ends = {name: farthest if name == "waiting_until" else now for name in MOMENTS}
        are_wrong = sa.or_(*(ATTEMPTS.c[name] > farthest for name in MOMENTS))
        bounded = {name: _at_most(ATTEMPTS.c[name], end) for name, end in ends.items()}
        connection.execute(sa.update(ATTEMPTS).where(self._mine & are_wrong).values(**bounded))

    def _row(self, division: int, table: str, error: ExactAssetsError | None, at: float) -> dict[str, Any]:
        row: dict[str, Any] = {
            **self._names,
            "division": division,
            "table_name": table,
            "attempted_at": at,
            "succeeded_at": at if error is None else None,
            "waiting_until": None,
            "error_kind": None,
            "error": None,
        }
        if isinstance(error, DayQuotaError):
            row["waiting_until"] = error.resets_at.timestamp()
        elif error is not None:
            row |= {"error_kind": error_records.name_of(error), "error": str(error)[:LONGEST_ERROR]}
        return row


def _at_most(moment: sa.Column[float], end: float) -> sa.ColumnElement[float]:
    return sa.case((moment > end, end), else_=moment)


def expected(attempts: Attempts) -> frozenset[int]:
    """Return the divisions of which anything is expected: those that were enabled when that was last known."""
    return frozenset(
        division for division, tables in attempts.items() if any(one.expected_since for one in tables.values())
    )


def _attempt(values: list[Any]) -> Attempt:
    *moments, kind, error = values
    known = {
        name: None if moment is None else datetime.fromtimestamp(moment, UTC)
        for name, moment in zip(MOMENTS, moments, strict=True)
    }
    return Attempt(**known, error_kind=kind, error=error)
