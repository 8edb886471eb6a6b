"""What the schedules ask for: evaluated with a real instance, real partitions and real runs in it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test
from dagster._utils.schedules import cron_string_iterator

from exact_assets.build import build_defs
from exact_assets.catalogue import select
from exact_assets.catalogue.frequencies import MINUTES
from exact_assets.config import ExactConfig
from exact_assets.cursors import SyncCursor
from exact_assets.defs.partitions import DIVISIONS
from exact_assets.defs.schedules import cron
from exact_assets.stream import Chain, Step, StreamState, Verb
from exact_assets.warehouse.open import open_warehouse

MOMENT = datetime(2026, 11, 24, 8, 18, tzinfo=UTC)
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
TABLES = "crm_accounts,transaction_lines,logistics_units,vat_vat_codes"
EVERY = (
    "crm_accounts",
    "financialtransaction_transaction_lines",
    "logistics_units",
    "sync_deleted",
    "vat_vat_codes",
)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


@pytest.fixture
def warehouse_url(tmp_path: Path) -> str:
    return f"duckdb:///{tmp_path / 'warehouse.duckdb'}"


def enable(instance: dg.DagsterInstance, *divisions: int) -> None:
    instance.add_dynamic_partitions(str(DIVISIONS.name), [str(division) for division in divisions])


def tick(
    name: str,
    instance: dg.DagsterInstance,
    *,
    warehouse_url: str = "duckdb:///nowhere.duckdb",
    frequencies: str | None = None,
    at: datetime = MOMENT,
) -> list[dg.RunRequest] | str:
    defs = build_defs(ExactConfig(tables=TABLES, frequencies=frequencies, warehouse_url=warehouse_url))
    schedule = defs.resolve_schedule_def(name)
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=at) as context:
        ticked = schedule.evaluate_tick(context)
    return ticked.skip_message or list(ticked.run_requests or ())


def asked(*arguments: Any, **options: Any) -> list[dg.RunRequest]:
    found = tick(*arguments, **options)
    assert isinstance(found, list), found
    return found


def test_there_is_a_schedule_for_each_frequency_that_a_chosen_table_has() -> None:
    defs = build_defs(ExactConfig.from_env(tables=TABLES, frequencies="transaction_lines=15m,logistics=1d,hrm=1w"))
    names = {schedule.name for schedule in defs.schedules or ()}
    assert names == {
        "exact_every_15m",
        "exact_every_6h",
        "exact_every_1d",
        "exact_after_midnight",
        "exact_checks_schedule",
        # Till the deletion log has told of something, it may be that the user may not see deletions.
        "exact_sweep",
    }
    job = defs.resolve_job_def("exact_every_15m")
    assert job.asset_layer.selected_asset_keys == {dg.AssetKey(["exact", "financialtransaction_transaction_lines"])}


def test_every_schedule_runs_without_being_switched_on() -> None:
    defs = build_defs(ExactConfig.from_env(tables=TABLES))
    assert {one.default_status for one in defs.schedules or ()} == {dg.DefaultScheduleStatus.RUNNING}


def test_without_divisions_a_tick_says_what_to_do(instance: dg.DagsterInstance) -> None:
    assert "exact-assets divisions enable" in str(tick("exact_every_6h", instance))


def test_a_run_brings_a_batch_of_divisions_up_to_date_in_the_background(instance: dg.DagsterInstance) -> None:
    enable(instance, *range(100, 160))
    requests = asked("exact_every_6h", instance)
    assert [(one.tags[START], one.tags[END]) for one in requests] == [
        ("100|2026", "124|2026"),
        ("125|2026", "149|2026"),
        ("150|2026", "159|2026"),
    ]
    assert {one.tags["exact/background"] for one in requests} == {"true"}
    assert {one.tags["exact/all_years"] for one in requests} == {"true"}
    assert len({one.run_key for one in requests}) == 3


def test_one_run_brings_dated_and_undated_tables_up_to_date(instance: dg.DagsterInstance) -> None:
    enable(instance, 100, 101)
    assert [(one.tags[START], one.tags[END]) for one in asked("exact_every_6h", instance)] == [
        ("100|2026", "101|2026")
    ]
    job = build_defs(ExactConfig(tables=TABLES)).resolve_job_def("exact_every_6h")
    selected = {key.path[-1] for key in job.asset_layer.selected_asset_keys}
    assert {"crm_accounts", "logistics_units"} <= selected


def test_the_same_tick_has_the_same_run_keys_and_another_has_others(instance: dg.DagsterInstance) -> None:
    enable(instance, *range(100, 130))
    first, again = (asked("exact_every_6h", instance) for _ in range(2))
    later = asked("exact_every_6h", instance, at=MOMENT + timedelta(hours=6))
    assert [one.run_key for one in first] == [one.run_key for one in again]
    assert not {one.run_key for one in first} & {one.run_key for one in later}


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_batch_is_not_asked_for_again_while_its_run_waits_or_works(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    enable(instance, *range(100, 130))
    tags = {START: "100|2026", END: "124|2026"}
    create_run_for_test(instance, job_name="exact_every_6h", tags=tags, status=status)
    assert [one.tags[START] for one in asked("exact_every_6h", instance)] == ["125|2026"]


def test_ended_runs_and_runs_of_other_jobs_are_not_in_the_way(instance: dg.DagsterInstance) -> None:
    enable(instance, 100, 101)
    tags = {START: "100|2026", END: "101|2026"}
    create_run_for_test(instance, job_name="exact_every_6h", tags=tags, status=dg.DagsterRunStatus.FAILURE)
    create_run_for_test(instance, job_name="exact_sweep", tags=tags, status=dg.DagsterRunStatus.STARTED)
    assert len(asked("exact_every_6h", instance)) == 1


def test_a_tick_that_finds_all_at_work_says_which(instance: dg.DagsterInstance) -> None:
    enable(instance, 100, 101)
    tags = {START: "100|2026", END: "101|2026"}
    create_run_for_test(instance, job_name="exact_every_6h", tags=tags, status=dg.DagsterRunStatus.NOT_STARTED)
    assert "divisions 100-101" in str(tick("exact_every_6h", instance))


def test_what_comes_often_goes_first_and_what_people_ask_for_before_all(instance: dg.DagsterInstance) -> None:
    enable(instance, 100)
    frequent, rare = (
        int(asked(name, instance, frequencies="transaction_lines=15m,vat=1d")[0].tags["dagster/priority"])
        for name in ("exact_every_15m", "exact_every_1d")
    )
    assert rare < frequent < 0


def store(warehouse_url: str, name: str, division: int, state: StreamState) -> None:
    table = select(name)[0]
    opened = open_warehouse(warehouse_url)
    opened.prepare([table])
    rows = table.arrow_schema.empty_table()
    opened.store(table, division, Step(verb=Verb.UPSERT, rows=rows, state=state), expected_seq=0)


def test_after_midnight_asks_for_what_is_not_loaded_and_for_nothing_else(
    instance: dg.DagsterInstance, warehouse_url: str
) -> None:
    enable(instance, *range(100, 110))
    under_way = StreamState(cursor=SyncCursor(timestamp=1), chain=Chain(link="…", reload=True))
    for division in range(100, 110):
        for name in EVERY:
            is_left = division == 104 and name == "crm_accounts"
            store(
                warehouse_url, name, division, under_way if is_left else StreamState(cursor=SyncCursor(timestamp=1))
            )
    requests = asked("exact_after_midnight", instance, warehouse_url=warehouse_url)
    assert [(one.tags[START], one.tags[END]) for one in requests] == [("104|2026", "104|2026")]
    assert requests[0].asset_selection == [dg.AssetKey(["exact", "crm_accounts"])]
    assert requests[0].tags["exact/background"] == "true"


def test_after_midnight_a_division_that_was_never_read_has_work(
    instance: dg.DagsterInstance, warehouse_url: str
) -> None:
    enable(instance, 100)
    requests = asked("exact_after_midnight", instance, warehouse_url=warehouse_url)
    assert [one.asset_selection for one in requests] == [[dg.AssetKey(["exact", name]) for name in EVERY]]


def test_after_midnight_nothing_is_asked_for_when_all_is_loaded(
    instance: dg.DagsterInstance, warehouse_url: str
) -> None:
    enable(instance, 100)
    for name in EVERY:
        store(warehouse_url, name, 100, StreamState(cursor=SyncCursor(timestamp=1)))
    assert tick("exact_after_midnight", instance, warehouse_url=warehouse_url) == "Everything is loaded."


@pytest.mark.parametrize("minutes", MINUTES)
def test_a_cron_keeps_its_frequency_evenly_the_whole_year(minutes: int) -> None:
    start = datetime(2026, 12, 20, tzinfo=UTC)
    ticks = islice(cron_string_iterator(start.timestamp(), cron(minutes), "UTC"), 300)
    assert {later - earlier for earlier, later in pairwise(ticks)} == {timedelta(minutes=minutes)}


def test_not_everything_starts_at_once() -> None:
    minutes_of_the_hour = {cron(minutes).split()[0] for minutes in MINUTES if minutes > 1}
    assert not any(minute.startswith("0-") for minute in minutes_of_the_hour)
    assert len(minutes_of_the_hour) > 12
