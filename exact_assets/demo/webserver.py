"""A running Dagster asked over GraphQL: launch runs, follow them. Knows nothing of Exact."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from exact_assets.errors import DemoError

LOCATION, REPOSITORY = "exact-assets", "__repository__"
ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})

_LAUNCH_RUN = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
    ... on InvalidSubsetError { message }
    ... on UnauthorizedError { message }
  }
}"""
_LOCATIONS = "{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }"
_EVENTS = """
query($id: ID!, $after: String) {
  logsForRun(runId: $id, afterCursor: $after, limit: 1000) {
    __typename
    ... on EventConnection {
      cursor hasMore
      events {
        __typename
        ... on MessageEvent { stepKey message }
        ... on MaterializationEvent {
          assetKey { path }
          partition
          metadataEntries { label ... on IntMetadataEntry { intValue } }
        }
        ... on ExecutionStepFailureEvent { error { message } }
        ... on AssetCheckEvaluationEvent {
          evaluation { assetKey { path } checkName success description }
        }
      }
    }
    ... on RunNotFoundError { message }
    ... on PythonError { message }
  }
  runOrError(runId: $id) { ... on Run { status } }
}"""


@dataclass(frozen=True, slots=True)
class Webserver:
    """The address of a Dagster webserver, with the verbs that a script needs."""

    base_url: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60), repr=False)

    def is_up(self) -> Iterator[bool]:
        """Yield, again and again, whether the code location is loaded."""
        while True:
            try:
                yield self._location_is_loaded()
            except httpx.TransportError:
                yield False

    def query(self, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Ask a GraphQL query.

        Raises:
            DemoError: Dagster answers with errors.
        """
        answer = self.http.post(
            f"{self.base_url}/graphql", json={"query": query, "variables": dict(variables)}
        ).json()
        if answer.get("errors"):
            raise DemoError(f"Dagster refuses: {answer['errors'][0]['message']}")
        data: dict[str, Any] = answer["data"]
        return data

    def launch_range(self, assets: Sequence[str], *, first: str, last: str) -> str:
        """Launch one run of assets (names below `exact/`) for a range of partition keys; return the run's id."""
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        return self.launch(assets, tags=tags)

    def follow(self, run_id: str, *, timeout_seconds: float = 1800) -> Iterator[dict[str, Any]]:
        """Yield a run's events as they come, until it has ended; then one `{"status": …}`.

        Raises:
            DemoError: the run did not end in time.
        """
        cursor: str | None = None
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            answer = self.query(_EVENTS, {"id": run_id, "after": cursor})
            logs, status = answer["logsForRun"], answer["runOrError"]["status"]
            yield from logs.get("events", [])
            cursor = logs.get("cursor", cursor)
            if logs.get("hasMore"):
                continue
            if status in ENDED and not logs.get("events"):
                yield {"status": status}
                return
            time.sleep(0.3)
        raise DemoError(f"run {run_id} did not end within {timeout_seconds:.0f} s")

    def launch(self, assets: Sequence[str], *, tags: Mapping[str, str]) -> str:
        """Launch one run of assets (names below `exact/`) for the partitions of its tags; return its id."""
        return self.launch_keys([["exact", name] for name in assets], tags=tags)

    def launch_keys(self, keys: Sequence[Sequence[str]], *, tags: Mapping[str, str]) -> str:
        """Launch one run of assets, by their keys' parts; return the run's id."""
        return self._launch("__ASSET_JOB", tags, assetSelection=[{"path": list(key)} for key in keys])

    def launch_job(self, job: str) -> str:
        """Launch a run of a job; return its id."""
        return self._launch(job, {})

    def _launch(self, job: str, tags: Mapping[str, str], **selector: Any) -> str:
        params = {
            "selector": {
                "repositoryLocationName": LOCATION,
                "repositoryName": REPOSITORY,
                "jobName": job,
                **selector,
            },
            "runConfigData": {},
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
        }
        answer = self.query(_LAUNCH_RUN, {"params": params})["launchRun"]
        if answer["__typename"] != "LaunchRunSuccess":
            raise DemoError(f"the run was not launched: {answer}")
        return str(answer["run"]["runId"])

    def _location_is_loaded(self) -> bool:
        answer = self.query(_LOCATIONS, {})["repositoriesOrError"]
        return any(node["location"]["name"] == LOCATION for node in answer.get("nodes", []))
