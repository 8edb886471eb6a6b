"""What Dagster's instance knows of runs and of what they recorded. Gathering only."""

from collections.abc import Collection, Iterable, Mapping

import dagster as dg

from exact_assets.defs.internals import NOT_FINISHED_STATUSES


def in_flight(instance: dg.DagsterInstance, job_name: str) -> Iterable[Mapping[str, str]]:
    """Return the tags of a job's runs that wait or run."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=NOT_FINISHED_STATUSES))
    return [run.tags for run in runs]


def unrecorded(instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Collection[str]) -> Collection[str]:
    """Return the partitions that no run recorded, such as where Dagster's storage is newer than the warehouse."""
    if not partitions:
        return ()
    recorded = instance.event_log_storage.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, partitions=set(partitions)
    )
    return set(partitions) - set(recorded)
