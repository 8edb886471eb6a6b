"""Backfills, launched and asked about as Dagster's UI does it."""

import time
from collections.abc import Sequence
from typing import Any

from exact_assets.demo.webserver import Webserver

_LAUNCH_BACKFILL = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on PartitionKeysNotFoundError { message }
    ... on UnauthorizedError { message }
  }
}"""
_BACKFILL = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill {
      status
      assetBackfillData {
        assetBackfillStatuses {
          ... on AssetPartitionsStatusCounts {
            assetKey { path }
            numPartitionsTargeted numPartitionsInProgress numPartitionsMaterialized numPartitionsFailed
          }
        }
      }
    }
  }
}"""


def launch(dagster: Webserver, assets: Sequence[str], *, keys: Sequence[str]) -> str:
    """Launch a backfill of assets (names below `exact/`) for partition keys; its id."""
    selection = [{"path": ["exact", name]} for name in assets]
    params = {"assetSelection": selection, "partitionNames": list(keys)}
    answer = dagster.query(_LAUNCH_BACKFILL, {"params": params})["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    return str(answer["backfillId"])


def ended(dagster: Webserver, backfill_id: str, *, timeout_seconds: float) -> dict[str, Any]:
    """Wait for the end of a backfill; its status and its counts per asset."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer: dict[str, Any] = dagster.query(_BACKFILL, {"id": backfill_id})["partitionBackfillOrError"]
        if answer["status"] not in ("REQUESTED", "CANCELING"):
            return answer
        assert time.monotonic() < deadline, f"the backfill did not end: {answer}"
        time.sleep(1)
