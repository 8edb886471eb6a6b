"""A real `dagster dev`: its daemon ticks and runs follow; a backfill that the day's calls are too few for ends."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from exact_assets.catalogue import select
from exact_assets.demo.processes import free_port, running, wait_for
from exact_assets.demo.webserver import Webserver
from exact_assets_tests.comparison import differences
from exact_assets_tests.defs import backfills
from exact_assets_tests.installation import CHECKOUT, YEARS_BACK, Installation, installation

ACCOUNTS, LEDGER = "crm_accounts", "financialtransaction_transaction_lines"
YEARS = range(datetime.now(UTC).year - YEARS_BACK, datetime.now(UTC).year + 1)
RUNS = """
query($filter: RunsFilter!) {
  runsOrError(filter: $filter) { ... on Runs { results { runId jobName status tags { key value } } } }
}"""
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("scheduled"), divisions=2, rows=200) as made:
        made.enable(*made.divisions)
        yield made


@pytest.fixture(scope="module")
def dagster(place: Installation) -> Iterator[Webserver]:
    log, port = place.folder / "dagster.log", free_port()
    arguments = ["dagster", "dev", "-w", str(CHECKOUT / "workspace.yaml"), "--port", str(port)]
    chosen = {"EXACT_TABLES": f"{ACCOUNTS},{LEDGER}", "EXACT_FREQUENCIES": f"{ACCOUNTS}=1m,{LEDGER}=1w"}
    with running(arguments, environment={**place.environment, **chosen}, folder=place.folder, log=log) as process:
        webserver = Webserver(f"http://127.0.0.1:{port}")
        wait_for("Dagster", webserver.is_up(), process=process, log=log, timeout_seconds=90)
        yield webserver


def ended(dagster: Webserver, **filters: Any) -> list[dict[str, Any]]:
    """Wait until a run that the filter finds has ended; give all of them that have."""
    deadline = time.monotonic() + 200
    while True:
        runs = dagster.query(RUNS, {"filter": filters})["runsOrError"]["results"]
        found = [run for run in runs if run["status"] in ("SUCCESS", "FAILURE", "CANCELED")]
        if found:
            return found
        assert time.monotonic() < deadline, runs
        time.sleep(1)


def test_a_schedule_starts_by_itself_and_brings_all_years_up_to_date(
    place: Installation, dagster: Webserver
) -> None:
    run = ended(dagster, pipelineName="exact_every_1m")[-1]
    assert run["status"] == "SUCCESS"
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    assert tags["exact/background"] == "true"
    assert tags["dagster/asset_partition_range_end"] == f"{place.divisions[1]}|{YEARS[-1]}"
    assert "exact/outcome" not in tags
    table = select(ACCOUNTS)[0]
    for division in place.divisions:
        truth = place.truth(table, division)
        assert differences(place.warehouse, table, division, truth, start_year=YEARS[0]) == []


@pytest.mark.long
def test_a_backfill_that_calls_fall_short_for_ends_with_the_partitions_that_wait(
    place: Installation, dagster: Webserver
) -> None:
    short = place.divisions[1]
    place.simulator.control.fault("day_limit", division=short, path="TransactionLines", times=1)
    keys = [f"{division}|{year}" for division in place.divisions for year in YEARS]
    backfill_id = backfills.launch(dagster, [LEDGER], keys=keys)
    backfill = backfills.ended(dagster, backfill_id, timeout_seconds=240)
    (counts,) = backfill["assetBackfillData"]["assetBackfillStatuses"]
    assert (counts["numPartitionsMaterialized"], counts["numPartitionsFailed"]) == (5, 5)
    assert counts["numPartitionsInProgress"] == 0
    runs = ended(dagster, tags=[{"key": "dagster/backfill", "value": backfill_id}])
    assert {run["status"] for run in runs} == {"SUCCESS"}
    outcomes = [tag["value"] for run in runs for tag in run["tags"] if tag["key"] == "exact/outcome"]
    assert "partial" in outcomes
