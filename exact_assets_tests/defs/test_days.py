"""Days of quota: real runs of what the schedules ask for, into DuckDB, until everything is there."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import dagster as dg
import pytest

from exact_assets.build import build_defs
from exact_assets.catalogue import select
from exact_assets.control.open import Control
from exact_assets.defs.partitions import DIVISIONS
from exact_assets_tests.comparison import differences
from exact_assets_tests.installation import YEARS_BACK, Installation, installation

TABLES = (
    "crm_accounts",
    "financialtransaction_transaction_lines",
    "inventory_stock_positions",
    "purchaseentry_purchase_entries",
    "purchaseentry_purchase_entry_lines",
    "vat_vat_codes",
)
YEAR = datetime.now(UTC).year
YEARS = range(YEAR - YEARS_BACK, YEAR + 1)
DAY_LIMIT, RESERVE = 80, 4
DAY_SECONDS = 86_400
MOST_DAYS = 20
pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    with installation(tmp_path, divisions=2, rows=250) as made:
        for name, value in {**made.environment, "EXACT_TABLES": ",".join(TABLES)}.items():
            monkeypatch.setenv(name, value)
        made.enable(*made.divisions)
        made.simulator.control.set(page_size_cap=4, day_limit=DAY_LIMIT, minute_limit=10_000)
        yield made


@pytest.fixture
def instance(place: Installation) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.get() as made:
        assert made.get_dynamic_partitions(str(DIVISIONS.name)) == [str(one) for one in place.divisions]
        yield made


def asked(name: str, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    schedule = build_defs().resolve_schedule_def(name)
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=datetime.now(UTC)) as context:
        return list(schedule.evaluate_tick(context).run_requests or ())


def run(job: str, instance: dg.DagsterInstance, request: dg.RunRequest) -> dg.DagsterRun:
    """Run what a schedule asks for to its end."""
    result = (
        build_defs()
        .resolve_job_def(job)
        .execute_in_process(
            instance=instance,
            tags=dict(request.tags),
            asset_selection=list(request.asset_selection) if request.asset_selection else None,
            raise_on_error=False,
        )
    )
    found = instance.get_run_by_id(result.run_id)
    assert found is not None
    return found


def run_all(name: str, job: str, instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return [run(job, instance, request) for request in asked(name, instance)]


def go_past_midnight(place: Installation) -> None:
    """Let a day pass at Exact; the next answer tells the product so."""
    place.simulator.control.advance(DAY_SECONDS)
    place.command("divisions", "refresh")
    # Our own clock is where it was: by it, the day that was kept is not over. At midnight it would be.
    with closing(sqlite3.connect(place.folder / "control.sqlite")) as kept, kept:
        kept.execute("UPDATE quotas SET day_resets_at = 0")


def used(place: Installation) -> list[int]:
    return [
        quota["day"]["used"] for quota in place.simulator.control.quota() if quota["division"] in place.divisions
    ]


def problems(place: Installation) -> list[str]:
    return [
        problem
        for table in select(",".join(TABLES))
        for division in place.divisions
        for problem in differences(
            place.warehouse,
            table,
            division,
            place.truth(table, division),
            start_year=YEARS[0],
            headers=place.headers(table, division),
        )
    ]


@pytest.mark.long
def test_work_that_a_day_is_too_short_for_goes_on_after_midnight_until_all_is_there(
    place: Installation, instance: dg.DagsterInstance
) -> None:
    first = run_all("exact_every_6h", "exact_every_6h", instance)
    assert {one.status for one in first} == {dg.DagsterRunStatus.SUCCESS}
    assert "partial" in {one.tags.get("exact/outcome") for one in first}
    assert problems(place) != []
    days = 0
    while True:
        assert all(calls <= DAY_LIMIT - RESERVE for calls in used(place)), "the reserve was used"
        go_past_midnight(place)
        runs = run_all("exact_after_midnight", "exact_all", instance)
        assert {one.status for one in runs} <= {dg.DagsterRunStatus.SUCCESS}
        if not runs:
            break
        days += 1
        assert days < MOST_DAYS
    assert days > 1
    assert problems(place) == []
    assert not [call for call in place.simulator.control.calls() if call["status"] == 429]
    for name in TABLES:
        recorded = instance.get_materialized_partitions(dg.AssetKey(["exact", name]))
        assert recorded == {f"{division}|{year}" for division in place.divisions for year in YEARS}, name


@pytest.mark.long
def test_small_tables_are_up_to_date_before_large_ones_have_used_the_day(
    place: Installation, instance: dg.DagsterInstance
) -> None:
    (request,) = asked("exact_every_6h", instance)
    background = run("exact_every_6h", instance, request)
    assert background.tags["exact/outcome"] == "partial"
    records = instance.all_logs(background.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION)
    waiting = {
        record.dagster_event.asset_observation_data.asset_observation.asset_key.path[-1]: record
        for record in records
        if record.dagster_event is not None
    }
    assert "vat_vat_codes" not in waiting
    assert "financialtransaction_transaction_lines" in waiting


@pytest.mark.long
def test_background_leaves_the_reserve_to_people(place: Installation, instance: dg.DagsterInstance) -> None:
    division, vat = place.divisions[0], [dg.AssetKey(["exact", "vat_vat_codes"])]
    by_a_person = {"dagster/partition": f"{division}|{YEAR}", **partition_tags(division)}
    in_the_background = {**by_a_person, "exact/background": "true"}
    assert (
        "exact/outcome"
        not in run("exact_all", instance, dg.RunRequest(tags=in_the_background, asset_selection=vat)).tags
    )
    ledger = Control.open(place.config).ledger
    while ledger.for_background().book(division, "elsewhere", now=datetime.now(UTC)).is_booked:
        pass
    assert ledger.quota(division).day.remaining == RESERVE
    background = run("exact_all", instance, dg.RunRequest(tags=in_the_background, asset_selection=vat))
    assert background.status is dg.DagsterRunStatus.SUCCESS
    assert background.tags["exact/outcome"] == "partial"
    person = run("exact_all", instance, dg.RunRequest(tags=by_a_person, asset_selection=vat))
    assert person.status is dg.DagsterRunStatus.SUCCESS
    assert "exact/outcome" not in person.tags
    assert ledger.quota(division).day.remaining == RESERVE - 1


def partition_tags(division: int) -> dict[str, str]:
    """As Dagster's UI sets them for one partition of two dimensions."""
    return {"dagster/partition/division": str(division), "dagster/partition/year": str(YEAR)}


@pytest.mark.long
def test_the_observation_says_which_divisions_wait_and_until_when(
    place: Installation, instance: dg.DagsterInstance
) -> None:
    (request,) = asked("exact_every_6h", instance)
    background = run("exact_every_6h", instance, request)
    records = instance.all_logs(background.run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION)
    event = records[-1].dagster_event
    assert event is not None
    observation = event.asset_observation_data.asset_observation
    waits = set(cast("dict[str, str]", observation.metadata["waiting_divisions"].value))
    assert waits <= {str(one) for one in place.divisions}
    midnight = datetime.fromtimestamp(float(str(observation.metadata["waits_until"].value)), UTC)
    assert (midnight.hour, midnight.minute) == (0, 0)
    assert f"{midnight:%Y-%m-%d} 00:00 UTC" in (observation.description or "")
    name = observation.asset_key.path[-1]
    recorded = instance.get_materialized_partitions(dg.AssetKey(["exact", name]))
    assert not {key.partition("|")[0] for key in recorded} & waits
