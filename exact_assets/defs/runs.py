"""What Dagster's instance knows of runs, as sensors and schedules ask it. Gathering only."""

from collections.abc import Iterable, Mapping

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES


def in_flight(instance: dg.DagsterInstance, job_name: str) -> Iterable[Mapping[str, str]]:
    """Give the tags of a job's runs that wait or run."""
    runs = instance.get_runs(dg.RunsFilter(job_name=job_name, statuses=NOT_FINISHED_STATUSES))
    return [run.tags for run in runs]
