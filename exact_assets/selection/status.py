"""The status of a division, in one line for people. Pure functions of the choice, the attempts and the clock."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from exact_assets.catalogue.table import Table
from exact_assets.control.attempts import Attempt
from exact_assets.selection.freshness import is_late, waiting_text
from exact_assets.warehouse.divisions import DivisionChoice

DISABLED = "disabled"
UP_TO_DATE = "up to date"
NOT_FOUND = "not found in Exact with this connection: run `exact-assets divisions refresh`, or correct the number"


def start_year_of(choice: DivisionChoice | None, *, setting: int, this_year: int) -> int:
    """Return a division's first business year: its own where it is one, else the setting's."""
    if choice is None or choice.start_year is None or not setting <= choice.start_year <= this_year:
        return setting
    return choice.start_year


def start_year_problem(choice: DivisionChoice, *, setting: int, this_year: int) -> str | None:
    """Return why a division's own starting year is not used, in a sentence; None: it is used, or there is none."""
    if choice.start_year is None or setting <= choice.start_year <= this_year:
        return None
    return f"start_year {choice.start_year} is not used: expected {setting} to {this_year}, or null"


def is_found(division: int, listed: Collection[int] | None) -> bool:
    """Whether a division can be asked for: Exact lists it, or was not asked yet and it may be one."""
    return division > 0 if listed is None else division in listed


def progress(
    attempts: Mapping[str, Attempt], tables: Sequence[Table], *, now: datetime, since: datetime | None = None
) -> str:
    """Describe how far an enabled division is.

    Args:
        attempts: of the division.
        tables: all that are chosen.
        now: our clock.
        since: when the sync that is under way was asked for; None: none was.
    """
    mine = [(table, attempts.get(table.name, Attempt())) for table in tables]
    if since is not None:
        done = sum(attempt.attempted_at is not None and attempt.attempted_at >= since for _, attempt in mine)
        return f"loading: {done} of {len(mine)} tables"
    failed = [
        (table.name, attempt.error) for table, attempt in mine if attempt.error is not None and not attempt.is_over
    ]
    if failed:
        name, error = failed[0]
        return f"{name}: {error.splitlines()[0]}{_more(len(failed) - 1)}"
    waiting = [attempt for _, attempt in mine if attempt.waiting_until is not None and attempt.waiting_until > now]
    if waiting:
        return waiting_text(waiting[0])
    loaded = sum(attempt.succeeded_at is not None for _, attempt in mine)
    if loaded < len(mine):
        return f"loading: {loaded} of {len(mine)} tables" if loaded else "waiting for its first load"
    late = [(table.name, attempt) for table, attempt in mine if is_late(table, attempt, now=now)]
    if late:
        name, attempt = late[0]
        return f"late: {name} was last up to date {attempt.succeeded_at:%Y-%m-%d %H:%M} UTC{_more(len(late) - 1)}"
    return UP_TO_DATE


def last_sync(attempts: Mapping[str, Attempt]) -> datetime | None:
    """Return the moment at which anything of a division was last brought up to date."""
    return max((attempt.succeeded_at for attempt in attempts.values() if attempt.succeeded_at), default=None)


def oldest(attempts: Mapping[str, Attempt], tables: Sequence[Table]) -> tuple[str, datetime | None] | None:
    """Return the table that was up to date longest ago, and when (None: never); None: there are no tables."""
    never = datetime.min.replace(tzinfo=UTC)
    moments = {table.name: attempts.get(table.name, Attempt()).succeeded_at for table in tables}
    return min(moments.items(), key=lambda one: one[1] or never, default=None)


def _more(count: int) -> str:
    return f" (and {count} more table{'s' if count > 1 else ''})" if count else ""
