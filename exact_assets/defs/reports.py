"""What is shown of each division in the selection: status, last sync, calls, and when `sync_now` is taken back.

Pure functions: what was gathered in, reports out.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from exact_assets.catalogue.table import Table
from exact_assets.control.attempts import Attempts
from exact_assets.defs.sync_now import SyncDecision, asked_at, result_of
from exact_assets.exact.limits import Quota
from exact_assets.selection.status import DISABLED, NOT_FOUND, is_found, last_sync, progress, start_year_problem
from exact_assets.warehouse.divisions import DivisionChoice, DivisionReport

NOTHING_WHILE_DISABLED = f"{DISABLED}: sync_now does nothing until sync_enabled is true"
QUEUED = "sync_now: waiting for its turn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known beside the selection."""

    tables: Sequence[Table]
    attempts: Attempts
    quotas: Mapping[int, Quota]
    listed: Collection[int] | None
    """Divisions that Exact lists; None: it was not asked yet."""
    existing: Collection[int]
    """Divisions that have a partition."""
    start_year: int
    """The setting's."""
    now: datetime


def reports(choices: Sequence[DivisionChoice], decision: SyncDecision, facts: Facts) -> Iterator[DivisionReport]:
    """Yield a report of each division; those that change nothing are not written."""
    for choice in choices:
        quota = facts.quotas.get(choice.division)
        yield DivisionReport(
            read=choice,
            last_sync=last_sync(facts.attempts.get(choice.division, {})),
            status=_status(choice, decision, facts),
            calls_today=choice.calls_today if quota is None else quota.at(facts.now).day.used,
            takes_back=choice.sync_now and (_is_refused(choice, facts) or choice.division in decision.ended),
        )


def can_be_asked(division: int, facts: Facts) -> bool:
    """Whether a division has a partition, or may get one."""
    return division in facts.existing or is_found(division, facts.listed)


def _is_refused(choice: DivisionChoice, facts: Facts) -> bool:
    """Whether `sync_now` leads to nothing, however long one waits."""
    return not choice.sync_enabled or not can_be_asked(choice.division, facts)


def _status(choice: DivisionChoice, decision: SyncDecision, facts: Facts) -> str:
    if not choice.sync_enabled:
        if choice.sync_now:
            return NOTHING_WHILE_DISABLED
        # What it says behind the word stays until it is enabled.
        return choice.status if choice.status and choice.status.startswith(DISABLED) else DISABLED
    problem = start_year_problem(choice, setting=facts.start_year, this_year=facts.now.year)
    return "; ".join(part for part in (_sync_status(choice.division, decision, facts), problem) if part)


def _sync_status(division: int, decision: SyncDecision, facts: Facts) -> str:
    if not can_be_asked(division, facts):
        return NOT_FOUND
    if division in decision.queued:
        return QUEUED
    result = result_of(division, decision.memory)
    if result is not None:
        return result
    attempts = facts.attempts.get(division, {})
    since = asked_at(division, decision.memory)
    return progress(attempts, facts.tables, now=facts.now, since=since)
