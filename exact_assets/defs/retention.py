"""Events of runs that nobody looks at any more, taken out of Dagster's storage; what is known of assets stays.

Deleting a run, as Dagster offers it, deletes its materialisations and check evaluations too: partitions would look
as if they had never been loaded. Here go the events of steps and the engine, most of it by far. Runs, their
statuses, materialisations, observations and evaluations stay for good.
"""

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
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
LONGEST_TICK_SECONDS = 20.0
"""Dagster gives a tick a minute."""
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
        done = trim_runs(
            context.instance,
            frozenset(location.keys),
            location=origin.location_name if origin else None,
            after=_moment(context.cursor),
            before=datetime.now(UTC) - RUN_EVENTS_KEPT,
        )
        if done.last is not None:
            context.update_cursor(done.last.isoformat())
        return dg.SkipReason(f"Step events of {done.runs} runs removed." if done.runs else "No run is old enough.")

    return exact_retention


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What a tick did."""

    runs: int
    last: datetime | None
    """Up to here all runs were looked at, by when they were last changed; None: there was none."""


def trim_runs(
    instance: dg.DagsterInstance,
    keys: frozenset[dg.AssetKey],
    *,
    location: str | None,
    before: datetime,
    after: datetime | None = None,
) -> Trimmed:
    """Remove the step events of runs of ours that were last changed between two moments, the oldest first."""
    runs, last, until = 0, None, time.monotonic() + LONGEST_TICK_SECONDS
    chosen = dg.RunsFilter(statuses=_ENDED, updated_after=after, updated_before=before)
    for record in instance.get_run_records(chosen, limit=RUNS_A_TICK, order_by="update_timestamp", ascending=True):
        run = record.dagster_run
        if tags.TRIMMED not in run.tags and is_ours(run, keys, location=location):
            if not _remove(instance.event_log_storage, run.run_id):
                break
            # Once they are gone, and not before: a tick that is cut does it again.
            instance.add_run_tags(run.run_id, {tags.TRIMMED: tags.TRUE})
            runs += 1
        last = record.update_timestamp.replace(tzinfo=record.update_timestamp.tzinfo or UTC)
        if time.monotonic() >= until:
            break
    return Trimmed(runs, last)


def _moment(cursor: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(cursor) if cursor else None
    except ValueError:
        return None


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
