"""The sensor of the deletion log, the asset that applies it, and the weekly sweep."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from exact_assets.build import build_defs
from exact_assets.catalogue import select
from exact_assets.catalogue.deletions import LOG, without_log
from exact_assets.catalogue.select import with_deletion_log
from exact_assets.config import ExactConfig
from exact_assets.defs.batches import Batch
from exact_assets.defs.deletions import DeletionsMemory, after, due_divisions
from exact_assets.defs.partitions import DIVISIONS
from exact_assets_tests.defs.test_schedules import MOMENT
from exact_assets_tests.installation import installation
from exact_assets_tests.one_warehouse import problems

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
TABLES = "crm_accounts,crm_opportunities,purchaseentry_purchase_entries,purchaseentry_purchase_entry_lines"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        made.add_dynamic_partitions(str(DIVISIONS.name), ["100", "200", "300"])
        yield made


def look(instance: dg.DagsterInstance, cursor: str | None) -> tuple[list[dg.RunRequest], str | None, str | None]:
    """One tick: what is asked for, the new cursor, and why nothing."""
    defs = build_defs(ExactConfig.from_env(tables=TABLES))
    with dg.build_sensor_context(instance=instance, cursor=cursor, definitions=defs) as context:
        done = defs.resolve_sensor_def("exact_deletions").evaluate_tick(context)
    return list(done.run_requests or ()), done.cursor, done.skip_message


def test_a_division_is_due_when_its_period_is_over_or_it_was_never_asked() -> None:
    memory = DeletionsMemory(number=1, asked={"100": NOW - HOUR, "200": NOW - HOUR / 2})
    assert due_divisions(["100", "200", "300"], memory, now=NOW, every=HOUR) == {"100", "300"}


def test_a_clock_that_was_set_back_by_a_day_does_not_hold_the_log_up_for_a_day() -> None:
    memory = DeletionsMemory(number=1, asked={"100": NOW + 24 * HOUR, "200": NOW})
    assert due_divisions(["100", "200"], memory, now=NOW, every=HOUR) == {"100"}


def test_what_is_asked_for_is_remembered_and_removed_divisions_are_forgotten() -> None:
    memory = DeletionsMemory(number=7, asked={"100": NOW - HOUR, "900": NOW})
    assert after(memory, ["100", "200"], [Batch(divisions=("200",))], now=NOW) == DeletionsMemory(
        number=8, asked={"100": NOW - HOUR, "200": NOW}
    )


def test_all_divisions_are_asked_for_in_one_run_and_then_not_before_their_time(
    instance: dg.DagsterInstance,
) -> None:
    asked, cursor, _ = look(instance, None)
    assert (asked, cursor is not None) == ([], True), "the first tick numbers what comes"
    [request], later, _ = look(instance, cursor)
    year = datetime.now(UTC).year
    assert (request.tags[START], request.tags[END]) == (f"100|{year}", f"300|{year}")
    again, _, why = look(instance, later)
    assert (again, why) == ([], "No division is due.")


def test_a_tick_whose_cursor_was_lost_asks_with_the_same_run_key(instance: dg.DagsterInstance) -> None:
    _, cursor, _ = look(instance, None)
    keys = {look(instance, cursor)[0][0].run_key for _ in range(2)}
    assert len(keys) == 1


def test_looks_that_are_under_way_are_not_piled_up(instance: dg.DagsterInstance) -> None:
    _, cursor, _ = look(instance, None)
    create_run_for_test(
        instance, job_name="exact_deletions", status=dg.DagsterRunStatus.STARTED, tags={START: "100", END: "300"}
    )
    asked, _, why = look(instance, cursor)
    assert (asked, why) == ([], "Earlier looks are still under way.")


def test_the_log_comes_along_with_tables_that_it_may_name_and_with_no_others() -> None:
    assert [table.name for table in with_deletion_log(select("crm_accounts"))] == ["crm_accounts", LOG]
    assert [table.name for table in with_deletion_log(select("vat_vat_codes"))] == ["vat_vat_codes"]


def test_what_no_log_tells_is_swept_and_lines_go_with_their_headers() -> None:
    assert {table.name for table in without_log(select(TABLES))} == {
        "crm_opportunities",
        "purchaseentry_purchase_entries",
    }
    assert {table.name for table in without_log(select("purchaseentry_purchase_entry_lines"))} == {
        "purchaseentry_purchase_entry_lines"
    }


def test_the_weekly_sweep_asks_for_sweeps(instance: dg.DagsterInstance) -> None:
    defs = build_defs(ExactConfig.from_env(tables=TABLES))
    schedule = defs.resolve_schedule_def("exact_sweep")
    assert schedule.cron_schedule == "41 1 * * 6"
    with dg.build_schedule_context(instance=instance, scheduled_execution_time=MOMENT) as context:
        [request] = schedule.evaluate_tick(context).run_requests or ()
    assert {op["config"]["mode"] for op in request.run_config["ops"].values()} == {"sweep"}
    # Of tables that the log covers, those are swept of which it has told nothing.
    assert set(request.run_config["ops"]) == {
        "exact__crm_accounts",
        "exact__crm_opportunities",
        "exact__purchaseentry_purchase_entries",
    }


@pytest.mark.long
@pytest.mark.timeout(200)
def test_the_deletion_asset_takes_away_rows_of_other_tables_and_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with installation(tmp_path, divisions=1, rows=100) as place:
        place.enable(*place.divisions)
        division, control = place.divisions[0], place.simulator.control
        keys = control.insert("crm/Accounts", division, count=2)
        names = ["crm_accounts", LOG]
        for name in names:
            _materialise(place.command, name, f"{division}|{datetime.now(UTC).year}")
        control.delete("crm/Accounts", division, keys=keys)
        assert problems(place, "crm_accounts") != {}
        _materialise(place.command, LOG, f"{division}|{datetime.now(UTC).year}")
        assert problems(place, "crm_accounts") == {}
        with dg.DagsterInstance.get() as instance:
            told = instance.fetch_materializations(dg.AssetKey(["exact", "crm_accounts"]), limit=10).records
            event = instance.get_latest_materialization_event(dg.AssetKey(["exact", LOG]))
        found = [one.asset_materialization.metadata for one in told if one.asset_materialization]
        assert sum(int(str(one["rows_deleted"].value)) for one in found if "rows_deleted" in one) == 2
        assert event is not None
        assert event.asset_materialization is not None
        assert event.asset_materialization.metadata["rows_deleted_in_other_tables"].value == {"crm_accounts": 2}


def _materialise(command: object, name: str, partition: str) -> None:
    assert callable(command)
    arguments = ("asset", "materialize", "-m", "exact_assets.definitions", "--select", f'key:"exact/{name}"')
    command(*arguments, "--partition", partition, module="dagster", EXACT_TABLES=f"crm_accounts,{LOG}")
