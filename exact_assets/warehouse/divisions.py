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
    status VARCHAR
)
"""
COMMENT = f"COMMENT ON TABLE {TABLE} IS 'Divisions to copy: set sync_enabled, start_year and sync_now as you like'"

SELECT = f"""
SELECT division, name, coalesce(sync_enabled, false), start_year, coalesce(sync_now, false), last_sync, status
FROM {TABLE} ORDER BY division
"""
SELECT_NAMES = f"SELECT division, name FROM {TABLE}"
INSERT = f"INSERT INTO {TABLE} (division, name) VALUES ($division, $name)"
RENAME = f"UPDATE {TABLE} SET name = $name WHERE division = $division"
SET_ENABLED = f"UPDATE {TABLE} SET sync_enabled = $value WHERE division = $division"
SET_START_YEAR = f"UPDATE {TABLE} SET start_year = $value WHERE division = $division"
SET_SYNC_NOW = f"UPDATE {TABLE} SET sync_now = $value WHERE division = $division"
RECORD_SYNC = f"""
UPDATE {TABLE} SET last_sync = coalesce($last_sync, last_sync), status = $status, sync_now = false
WHERE division = $division
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


def choice(row: tuple[Any, ...]) -> DivisionChoice:
    """Make a choice of a row that `SELECT` gave."""
    division, name, sync_enabled, start_year, sync_now, last_sync, status = row
    return DivisionChoice(
        division=division,
        name=name,
        sync_enabled=sync_enabled,
        start_year=start_year,
        sync_now=sync_now,
        last_sync=last_sync and last_sync.astimezone(UTC),
        status=status,
    )


def not_there(divisions: Iterable[int]) -> str:
    """Say that divisions are not in the selection, and what to do."""
    numbers = ", ".join(map(str, divisions))
    return f"{TABLE} has no division {numbers}: run `exact-assets divisions refresh`, then list them"
