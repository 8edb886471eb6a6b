"""The division selection: a table that users edit with plain SQL, and the SQL that reads and writes it.

The statements are standard SQL with `$name` parameters, for any database. What a choice leads to is decided
elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exact_assets.warehouse.naming import DIVISIONS, qualified

TABLE = qualified(DIVISIONS)

CREATE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    division INTEGER PRIMARY KEY,
    name VARCHAR,
    sync_enabled BOOLEAN DEFAULT false,
    start_year SMALLINT,
    sync_now BOOLEAN DEFAULT false,
    last_sync TIMESTAMP WITH TIME ZONE,
    status VARCHAR,
    calls_today INTEGER,
    moved_at TIMESTAMP,
    hr_linked_at TIMESTAMP
)
"""
ADDED = {"calls_today": "INTEGER", "moved_at": "TIMESTAMP", "hr_linked_at": "TIMESTAMP"}
"""Columns that older versions lack. Those with choices are not among them: a table that lost one of these cannot be
read, and that is not the same as a table in which nothing is chosen."""
COMMENT = f"COMMENT ON TABLE {TABLE} IS 'Divisions to copy: set sync_enabled, start_year and sync_now as you like'"

SELECT = f"""
SELECT division, name, coalesce(sync_enabled, false), start_year, coalesce(sync_now, false), last_sync, status,
    calls_today, moved_at, hr_linked_at
FROM {TABLE} ORDER BY division
"""
SELECT_FACTS = f"SELECT division, name, moved_at, hr_linked_at FROM {TABLE}"
INSERT = f"""
INSERT INTO {TABLE} (division, name, moved_at, hr_linked_at) VALUES ($division, $name, $moved_at, $hr_linked_at)
"""
RENEW = f"""
UPDATE {TABLE} SET name = $name, moved_at = $moved_at, hr_linked_at = $hr_linked_at WHERE division = $division
"""
SET_ENABLED = f"UPDATE {TABLE} SET sync_enabled = $value WHERE division = $division"
SET_START_YEAR = f"UPDATE {TABLE} SET start_year = $value WHERE division = $division"
SET_SYNC_NOW = f"UPDATE {TABLE} SET sync_now = $value WHERE division = $division"
REPORT = f"""
UPDATE {TABLE} SET last_sync = coalesce($last_sync, last_sync), status = $status, calls_today = $calls_today,
    sync_now = sync_now AND NOT $takes_back
WHERE division = $division AND coalesce(sync_enabled, false) = $sync_enabled
    AND coalesce(sync_now, false) = $sync_now AND start_year IS NOT DISTINCT FROM $start_year
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionChoice:
    """What the user chose for a division, and how it went."""

    division: int
    name: str | None = None
    sync_enabled: bool = False
    start_year: int | None = None
    """None: the setting's."""
    sync_now: bool = False
    """Asked for out of turn; set back when the division has been brought up to date."""
    last_sync: datetime | None = None
    status: str | None = None
    calls_today: int | None = None
    """Calls sent since midnight UTC, as far as this installation knows."""
    moved_at: datetime | None = None
    """Exact's DivisionMoveDate (naive, the site's clock): when it changes, all Timestamps are new."""
    hr_linked_at: datetime | None = None
    """Exact's DivisionHRLinkUnlinkDate (naive): when it changes, IDs and Timestamps of HR tables are new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DivisionReport:
    """What is to be shown of a division beside the choices from which it follows."""

    read: DivisionChoice
    """The row as it was read: where a user has chosen otherwise since, nothing is written."""
    last_sync: datetime | None
    """None: as it was."""
    status: str
    calls_today: int | None
    takes_back: bool = False
    """Whether `sync_now` has been done or refused."""

    @property
    def changes(self) -> bool:
        """Whether writing it would change the row."""
        return (
            self.takes_back
            or self.status != self.read.status
            or self.calls_today != self.read.calls_today
            or self.last_sync not in {None, self.read.last_sync}
        )

    def values(self) -> dict[str, Any]:
        """Give the values of `REPORT`."""
        return {
            "division": self.read.division,
            "sync_enabled": self.read.sync_enabled,
            "sync_now": self.read.sync_now,
            "start_year": self.read.start_year,
            "last_sync": self.last_sync,
            "status": self.status,
            "calls_today": self.calls_today,
            "takes_back": self.takes_back,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownDivision:
    """What Exact says of a division, as far as it is kept in the selection."""

    division: int
    name: str | None = None
    moved_at: datetime | None = None
    hr_linked_at: datetime | None = None


def choice(row: tuple[Any, ...]) -> DivisionChoice:
    """Make a choice of a row that `SELECT` gave."""
    division, name, sync_enabled, start_year, sync_now, last_sync, status, *facts = row
    calls_today, moved_at, hr_linked_at = facts
    return DivisionChoice(
        division=division,
        name=name,
        sync_enabled=sync_enabled,
        start_year=start_year,
        sync_now=sync_now,
        last_sync=last_sync and last_sync.astimezone(UTC),
        status=status,
        calls_today=calls_today,
        moved_at=moved_at,
        hr_linked_at=hr_linked_at,
    )


def known(row: tuple[Any, ...]) -> KnownDivision:
    """Make what is known of a division of a row that `SELECT_FACTS` gave."""
    division, name, moved_at, hr_linked_at = row
    return KnownDivision(division=division, name=name, moved_at=moved_at, hr_linked_at=hr_linked_at)


def not_there(divisions: Iterable[int]) -> str:
    """Say that divisions are not in the selection, and what to do."""
    numbers = ", ".join(map(str, divisions))
    return f"{TABLE} has no division {numbers}: run `exact-assets divisions refresh`, then list them"
