"""The status of all enabled divisions, as rows for the command line. What it says is decided in `status`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from exact_assets.catalogue.table import Table
from exact_assets.control.open import Control
from exact_assets.selection.status import last_sync, oldest, progress
from exact_assets.warehouse.divisions import DivisionChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One division. Moments are UTC; None is unknown, or never."""

    division: int
    name: str | None
    status: str
    last_sync: datetime | None
    """When anything of it was last brought up to date."""
    calls_today: int | None
    calls_left: int | None
    oldest_table: str | None
    """Of the chosen tables, the one that was up to date longest ago, or never."""
    oldest_at: datetime | None


def overview(
    choices: Sequence[DivisionChoice], tables: Sequence[Table], control: Control, *, now: datetime
) -> Iterator[Overview]:
    """Yield a row for each enabled division."""
    attempts, quotas = control.attempts.read(), control.ledger.quotas()
    for choice in choices:
        if not choice.sync_enabled:
            continue
        mine = attempts.get(choice.division, {})
        quota = quotas[choice.division].at(now) if choice.division in quotas else None
        name, at = oldest(mine, tables) or (None, None)
        yield Overview(
            division=choice.division,
            name=choice.name,
            # The sensor's own line knows of runs that are under way or were killed; without a sensor there is none.
            status=choice.status or progress(mine, tables, now=now),
            last_sync=last_sync(mine),
            calls_today=None if quota is None else quota.day.used,
            calls_left=None if quota is None else quota.day.remaining,
            oldest_table=name,
            oldest_at=at,
        )
