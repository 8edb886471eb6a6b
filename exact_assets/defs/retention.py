"""Events of runs that nobody looks at any more, taken out of Dagster's storage; what is known of assets stays.

Deleting a run, as Dagster offers it, deletes its materialisations and check evaluations too: partitions would look
as if they had never been loaded. Here go the events of steps and the engine, most of it by far. Runs, their
statuses, materialisations, observations and evaluations stay for good.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import dagster as dg

from exact_assets.defs import tags
from exact_assets.defs.internals import (
    KEPT_EVENT_TYPES,
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
)
from exact_assets.defs.location import CodeLocation
from exact_assets.defs.own_runs import is_ours

RUN_EVENTS_KEPT = timedelta(days=60)
RETENTION_INTERVAL_SECONDS = 6 * 3600
RUNS_A_TICK = 500
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def retention_sensor(location: CodeLocation) -> dg.SensorDefinition:
    """Make the sensor. It starts no runs."""

    @dg.sensor(
        name="exact_retention",
        minimum_interval_seconds=RETENTION_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Removes step events of runs that ended over {RUN_EVENTS_KEPT.days} days ago. "
        "Materialisations and check results stay.",
    )
    def exact_retention(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        origin = context.code_location_origin
        runs = trim_runs(
            context.instance,
            frozenset(location.keys),
            location=origin.location_name if origin else None,
            before=datetime.now(UTC) - RUN_EVENTS_KEPT,
        )
        return dg.SkipReason(f"Step events of {runs} runs removed." if runs else "No run is old enough.")

    return exact_retention


def trim_runs(
    instance: dg.DagsterInstance, keys: frozenset[dg.AssetKey], *, location: str | None, before: datetime
) -> int:
    """Remove the step events of runs of ours that ended before a moment; return of how many runs."""
    trimmed = 0
    for run in _old_runs(instance, before):
        if trimmed >= RUNS_A_TICK:
            break
        if tags.TRIMMED in run.tags or not is_ours(run, keys, location=location):
            continue
        if not _remove(instance.event_log_storage, run.run_id):
            return 0
        # Once they are gone, and not before: a tick that is cut does it again.
        instance.add_run_tags(run.run_id, {tags.TRIMMED: tags.TRUE})
        trimmed += 1
    return trimmed


def _old_runs(instance: dg.DagsterInstance, before: datetime) -> Iterator[dg.DagsterRun]:
    chosen, cursor = dg.RunsFilter(statuses=_ENDED, updated_before=before), None
    while records := instance.get_run_records(chosen, limit=RUNS_A_TICK, cursor=cursor):
        yield from (record.dagster_run for record in records)
        cursor = records[-1].dagster_run.run_id


def _remove(storage: object, run_id: str) -> bool:
    """Remove what is not kept; False: the storage is of a kind that this knows nothing of."""
    events = SqlEventLogStorageTable.c
    if isinstance(storage, SqliteEventLogStorage):
        path = storage.path_for_shard(run_id)
        if os.path.exists(path):  # noqa: PTH110 - Dagster gives a string
            _remove_from_file(path)
        return True
    if not isinstance(storage, SqlEventLogStorage):
        return False
    kept = events.dagster_event_type.in_(KEPT_EVENT_TYPES)
    with storage.run_connection(run_id) as connection:
        connection.execute(
            SqlEventLogStorageTable.delete().where(
                (events.run_id == run_id) & (events.dagster_event_type.is_(None) | ~kept)
            )
        )
    return True


def _remove_from_file(path: str) -> None:
    """Remove events from the file of one run, and give their room back."""
    marks = ", ".join("?" * len(KEPT_EVENT_TYPES))
    where = f"dagster_event_type IS NULL OR dagster_event_type NOT IN ({marks})"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"DELETE FROM event_logs WHERE {where}", list(KEPT_EVENT_TYPES))
        connection.execute("VACUUM")
