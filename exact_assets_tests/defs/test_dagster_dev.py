"""A real `dagster dev`, asked over GraphQL as the UI asks: a backfill with a refused division, then a catch-up."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from exact_assets.catalogue import select
from exact_assets.demo.processes import free_port, running, wait_for
from exact_assets.demo.webserver import Webserver
from exact_assets_tests.comparison import differences
from exact_assets_tests.defs import backfills
from exact_assets_tests.installation import CHECKOUT, YEARS_BACK, Installation, installation

TABLES = (
    "crm_accounts",
    "financialtransaction_transaction_lines",
    "purchaseentry_purchase_entries",
    "vat_vat_codes",
)
LEDGER = "financialtransaction_transaction_lines"
YEARS = range(datetime.now(UTC).year - YEARS_BACK, datetime.now(UTC).year + 1)
BACKFILL_SECONDS = 240


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("dagster"), divisions=3, rows=500) as made:
        made.enable(*made.divisions)
        made.simulator.control.set(refused_divisions={made.divisions[1]: "NoDivisionAccess"})
        yield made


@pytest.fixture(scope="module")
def dagster(place: Installation) -> Iterator[Webserver]:
    log, port = place.folder / "dagster.log", free_port()
    arguments = ["dagster", "dev", "-w", str(CHECKOUT / "workspace.yaml"), "--port", str(port)]
    # Schedules start by themselves: seldom enough not to come in between.
    environment = {**place.environment, "EXACT_TABLES": ",".join(TABLES), "EXACT_FREQUENCIES": "all=1w"}
    with running(arguments, environment=environment, folder=place.folder, log=log) as process:
        webserver = Webserver(f"http://127.0.0.1:{port}")
        wait_for("Dagster", webserver.is_up(), process=process, log=log, timeout_seconds=90)
        yield webserver


@pytest.fixture(scope="module")
def backfill(place: Installation, dagster: Webserver) -> dict[str, Any]:
    keys = [f"{division}|{year}" for division in place.divisions for year in YEARS]
    backfill_id = backfills.launch(dagster, TABLES, keys=keys)
    return backfills.ended(dagster, backfill_id, timeout_seconds=BACKFILL_SECONDS)


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_backfill_counts_what_is_up_to_date_and_what_was_refused(backfill: dict[str, Any]) -> None:
    counts = {
        status["assetKey"]["path"][-1]: (
            status["numPartitionsTargeted"],
            status["numPartitionsMaterialized"],
            status["numPartitionsFailed"],
        )
        for status in backfill["assetBackfillData"]["assetBackfillStatuses"]
    }
    assert counts == dict.fromkeys(TABLES, (15, 10, 5))


@pytest.mark.usefixtures("backfill")
def test_what_the_backfill_loaded_equals_the_source(place: Installation) -> None:
    assert [problem for division in _granted(place) for problem in _differences(place, division)] == []


@pytest.mark.usefixtures("backfill")
def test_a_backfill_asks_a_stream_once_however_many_runs_it_is_cut_into(place: Installation) -> None:
    firsts = [
        call["path"]
        for call in place.simulator.control.calls()
        if call["division"] == place.divisions[0] and "skiptoken" not in call["query"]
    ]
    endpoints = [table.endpoint.format(division=place.divisions[0]) for table in select(",".join(TABLES))]
    assert [firsts.count(endpoint) for endpoint in endpoints] == [1] * len(endpoints)


@pytest.mark.long
@pytest.mark.usefixtures("backfill")
def test_one_run_of_one_partition_brings_every_year_up_to_date_and_leaves_untouched_years_alone(
    place: Installation, dagster: Webserver
) -> None:
    division = place.divisions[0]
    changed_year = YEARS[1]
    control = place.simulator.control
    ledger = select(LEDGER)[0]
    old = next(row for row in place.truth(ledger, division) if row["FinancialYear"] == changed_year)
    control.update("financialtransaction/TransactionLines", division, keys=[old["ID"]])
    touched = {
        str(row["FinancialYear"])
        for row in place.truth(ledger, division)
        if row["Timestamp"] > old["Timestamp"] and row["ID"] == old["ID"]
    }
    assert touched == {str(changed_year)}
    recorded = _run(dagster, [LEDGER], f"{division}|{YEARS[-1]}")
    assert recorded == {f"{division}|{changed_year}", f"{division}|{YEARS[-1]}"}
    assert _differences(place, division) == []


def _run(dagster: Webserver, names: list[str], key: str) -> set[str]:
    """Run one partition to its end; the partitions that it recorded."""
    events = list(dagster.follow(dagster.launch(names, tags={"dagster/partition": key}), timeout_seconds=120))
    assert events[-1] == {"status": "SUCCESS"}
    return {event["partition"] for event in events if event.get("__typename") == "MaterializationEvent"}


def _granted(place: Installation) -> list[int]:
    return [place.divisions[0], place.divisions[2]]


def _differences(place: Installation, division: int) -> list[str]:
    problems: list[str] = []
    for table in select(",".join(TABLES)):
        truth = place.truth(table, division)
        problems += differences(Path(place.warehouse), table, division, truth, start_year=YEARS[0])
    return problems
