"""Which checks Dagster does not show, though they were evaluated.

It shows a check as not evaluated as soon as its table was materialised after it, or a run planned the check and
skipped it. Freshness is looked at every minute, and is then told anew.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from exact_assets.defs.internals import AssetCheckExecutionRecord, AssetCheckExecutionRecordStatus

QUIET = timedelta(seconds=15)
"""A run records many partitions one after the other: a result is told when it has done so."""
NOT_LONGER = timedelta(minutes=10)
"""Where a table is never quiet, its results are told all the same."""
EVALUATED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}


def hidden_checks(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey], *, now: datetime
) -> Collection[dg.AssetCheckKey]:
    """Return the checks whose last result Dagster does not show, as the tables have come to rest."""
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    materialised = _materialised(instance, [key.asset_key for key in latest])
    return [
        key
        for key, record in latest.items()
        if is_hidden(
            told_at=_moment(record.create_timestamp),
            is_evaluated=record.status in EVALUATED,
            is_under_way=record.status not in EVALUATED and _is_under_way(instance, record),
            materialised_at=materialised.get(key.asset_key),
            now=now,
        )
    ]


def is_hidden(
    *, told_at: datetime, is_evaluated: bool, is_under_way: bool, materialised_at: datetime | None, now: datetime
) -> bool:
    """Whether a check's last result is to be told again.

    Args:
        told_at: when the check was told or planned last.
        is_evaluated: whether that was an evaluation; else a run planned the check.
        is_under_way: whether that run may still evaluate it.
        materialised_at: when the table was last; None: never.
        now: our clock.
    """
    if is_under_way:
        return False
    if is_evaluated and (materialised_at is None or materialised_at < told_at):
        return False
    is_quiet = materialised_at is None or now - materialised_at >= QUIET
    return is_quiet or now - told_at >= NOT_LONGER


def _materialised(instance: dg.DagsterInstance, keys: Sequence[dg.AssetKey]) -> Mapping[dg.AssetKey, datetime]:
    if not keys:
        return {}
    entries = [record.asset_entry for record in instance.get_asset_records(list(set(keys)))]
    return {
        entry.asset_key: _moment(entry.last_materialization_record.timestamp)
        for entry in entries
        if entry.last_materialization_record is not None
    }


def _is_under_way(instance: dg.DagsterInstance, record: AssetCheckExecutionRecord) -> bool:
    run = instance.get_run_by_id(record.run_id)
    return run is not None and not run.is_finished


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
