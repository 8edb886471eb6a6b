"""Jobs launched and runs counted over GraphQL, as Dagster's UI does it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from exact_assets.demo.webserver import LOCATION, REPOSITORY, Webserver

_LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
_RUNS = "{ runsOrError(limit: 5000) { ... on Runs { results { jobName status } } } }"


def launch_job(dagster: Webserver, job: str, *, tables: Sequence[str], mode: str, divisions: Sequence[int]) -> str:
    """Launch a job of dated tables for all divisions in this year, in a mode; the run's id."""
    year = datetime.now(UTC).year
    tags = {
        "dagster/asset_partition_range_start": f"{divisions[0]}|{year}",
        "dagster/asset_partition_range_end": f"{divisions[0]}|{year}",
        # A range goes by the order of the partitions, which is that in which they were enabled.
        "exact/divisions": ",".join(map(str, divisions)),
    }
    params = {
        "selector": {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY, "jobName": job},
        "runConfigData": {"ops": {f"exact__{name}": {"config": {"mode": mode}} for name in tables}},
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
    answer = dagster.query(_LAUNCH, {"params": params})["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def counted_runs(dagster: Webserver) -> Mapping[str, int]:
    """Count runs by how they ended."""
    found = dagster.query(_RUNS, {})["runsOrError"]["results"]
    return dict(Counter(run["status"] for run in found))
