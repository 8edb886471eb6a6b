"""What Dagster's instance knows of runs and of what they recorded. Gathering only."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import dagster as dg

from exact_assets.defs import tags
from exact_assets.defs.internals import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    NOT_FINISHED_STATUSES,
    BulkActionsFilter,
    BulkActionStatus,
)

LONGEST_BACKFILL = timedelta(days=1)
"""One that was asked for longer ago holds no partition: it may never end."""


def in_flight(instance: dg.DagsterInstance, job_name: str) -> Iterable[Mapping[str, str]]:
    """Return the tags of a job's runs that wait or run."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=NOT_FINISHED_STATUSES))
    return [run.tags for run in runs]


def awaited_divisions(instance: dg.DagsterInstance, divisions: Collection[int], *, now: datetime) -> frozenset[int]:
    """Return those of some divisions whose partitions Dagster needs yet.

    It cannot begin a run again, nor go on with a backfill, once a partition that they name is gone: neither would
    be done at all, not for the other divisions either. Loads leave what is disabled alone.
    """
    asked = BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED])
    begun = (datetime.fromtimestamp(one.backfill_timestamp, UTC) for one in instance.get_backfills(filters=asked))
    if divisions and any(abs(now - moment) < LONGEST_BACKFILL for moment in begun):
        return frozenset(divisions)
    runs = instance.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES)) if divisions else ()
    ends = {
        run.tags.get(end, "").partition("|")[0]
        for run in runs
        if tags.NAMED_DIVISIONS not in run.tags
        for end in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)
    }
    return frozenset(one for one in divisions if str(one) in ends)


def planned_partitions(instance: dg.DagsterInstance, run_id: str, key: dg.AssetKey) -> Collection[str]:
    """Return the partitions of an asset that a run was made for, as Dagster noted when it was asked for.

    What its tags name may be gone since, or be another range by now: partitions keep the order in which they came.
    """
    return _planned(instance, run_id).get(key, ())


def unrecorded(instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Collection[str]) -> Collection[str]:
    """Return the partitions that no run recorded, such as where Dagster's storage is newer than the warehouse."""
    if not partitions:
        return ()
    recorded = instance.event_log_storage.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, partitions=set(partitions)
    )
    return set(partitions) - set(recorded)


@lru_cache(maxsize=1)
def _planned(instance: dg.DagsterInstance, run_id: str) -> Mapping[dg.AssetKey, Collection[str]]:
    """Read what was noted of all assets of a run: its tables come one after the other, in one process."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    found: dict[dg.AssetKey, set[str]] = {}
    for entry in entries:
        event = entry.dagster_event
        if event is not None and event.asset_key is not None:
            data = event.asset_materialization_planned_data
            keys = data.partitions_subset.get_partition_keys() if data.partitions_subset else ()
            found.setdefault(event.asset_key, set()).update(keys, (data.partition,) if data.partition else ())
    return found
