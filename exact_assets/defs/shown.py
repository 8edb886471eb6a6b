"""Keeping verdicts of checks on show: the sensor that tells the last verdict of each check again.

Dagster shows a check as not evaluated as soon as its table was materialised after it, or a run planned the check
and skipped it. A table that is loaded every few hours would show its daily checks for some hours only, and a red
one would turn grey. What is told again says as of when it holds.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.asset_check_execution_record import (
    AssetCheckExecutionRecord,
    AssetCheckExecutionRecordStatus,
)

LOOK_SECONDS = 60
QUIET = timedelta(seconds=15)
"""A run records many partitions one after the other: a verdict is told when it has done so."""
NOT_LONGER = timedelta(minutes=10)
"""Where a table is never quiet, its verdicts are told all the same."""
AS_OF = "as of"
VERDICTS = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}


def results_sensor(keys: Sequence[dg.AssetCheckKey]) -> dg.SensorDefinition:
    """Make the sensor for these checks."""

    @dg.sensor(
        name="exact_check_results",
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Keeps the last verdict of each check on show when its table was materialised after it.",
    )
    def exact_check_results(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        hidden = hidden_checks(context.instance, keys, now=datetime.now(UTC))
        again = list(_last_verdicts(context.instance, hidden))
        if not again:
            return dg.SkipReason("All verdicts that there are stand as they are.")
        return dg.SensorResult(asset_events=again, skip_reason=f"{len(again)} verdicts are told again.")

    return exact_check_results


def hidden_checks(
    instance: dg.DagsterInstance, keys: Sequence[dg.AssetCheckKey], *, now: datetime
) -> Collection[dg.AssetCheckKey]:
    """Give the checks whose last verdict Dagster does not show, as the tables have come to rest."""
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys))
    materialised = _materialised(instance, [key.asset_key for key in latest])
    return [
        key
        for key, record in latest.items()
        if is_hidden(
            told_at=_moment(record.create_timestamp),
            is_verdict=record.status in VERDICTS,
            is_under_way=record.status not in VERDICTS and _is_under_way(instance, record),
            materialised_at=materialised.get(key.asset_key),
            now=now,
        )
    ]


def is_hidden(
    *, told_at: datetime, is_verdict: bool, is_under_way: bool, materialised_at: datetime | None, now: datetime
) -> bool:
    """Tell whether a check's last verdict is to be told again.

    Args:
        told_at: when the check was told or planned last.
        is_verdict: whether that was a verdict; else a run planned the check.
        is_under_way: whether that run may still evaluate it.
        materialised_at: when the table was last; None: never.
        now: our clock.
    """
    if is_under_way:
        return False
    if is_verdict and (materialised_at is None or materialised_at < told_at):
        return False
    is_quiet = materialised_at is None or now - materialised_at >= QUIET
    return is_quiet or now - told_at >= NOT_LONGER


def again(evaluation: dg.AssetCheckEvaluation, *, of: datetime) -> dg.AssetCheckEvaluation:
    """Give a verdict that is told again, with the time at which it was first told."""
    known = evaluation.metadata.get(AS_OF)
    moment = known if isinstance(known, dg.TimestampMetadataValue) else dg.TimestampMetadataValue(of.timestamp())
    return dg.AssetCheckEvaluation(
        asset_key=evaluation.asset_key,
        check_name=evaluation.check_name,
        passed=evaluation.passed,
        severity=evaluation.severity,
        description=evaluation.description,
        metadata={**evaluation.metadata, AS_OF: moment},
    )


def _last_verdicts(
    instance: dg.DagsterInstance, keys: Collection[dg.AssetCheckKey]
) -> Iterator[dg.AssetCheckEvaluation]:
    for key in keys:
        for record in instance.event_log_storage.get_asset_check_execution_history(key, limit=1, status=VERDICTS):
            if record.evaluation is not None:
                yield again(record.evaluation, of=_moment(record.create_timestamp))


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
