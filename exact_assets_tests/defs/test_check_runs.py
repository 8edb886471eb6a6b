"""What a load checks, what it costs, and what is shown of all divisions afterwards."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import duckdb
import pytest

from exact_assets.build import build_defs
from exact_assets.catalogue import select
from exact_assets.checks.ledger import LEDGER
from exact_assets.control.open import Control
from exact_assets.defs import internals, partitions
from exact_assets.defs.loads import load_partitions
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.warehouse.duckdb.test_processes import holder

YEAR = datetime.now(UTC).year
ACCOUNTS, VAT = "crm_accounts", "vat_vat_codes"
FIRST, SECOND = 100_001, 100_002
SCHEDULE = {"exact/background": "true", "exact/all_years": "true"}


@dataclass
class Project:
    """A project whose runs go in this process, on an installation that is its own."""

    place: Installation
    instance: dg.DagsterInstance
    defs: dg.Definitions

    def load(
        self, *tables: str, divisions: tuple[int, ...] = (FIRST, SECOND), tags: Mapping[str, str] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Load tables as from the UI, which selects all their checks as well."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[key(table) for table in tables],
            tags={
                "dagster/asset_partition_range_start": f"{divisions[0]}|{YEAR}",
                "dagster/asset_partition_range_end": f"{divisions[-1]}|{YEAR}",
                **(tags or {}),
            },
            raise_on_error=False,
        )

    def run(self, job: str) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def(job).execute_in_process(instance=self.instance)

    def damage(self, statement: str) -> None:
        with duckdb.connect(str(self.place.warehouse)) as connection:
            connection.execute(statement)


def key(table: str) -> dg.AssetKey:
    return dg.AssetKey(["exact", table])


def evaluations(done: dg.ExecuteInProcessResult, table: str = ACCOUNTS) -> dict[str, dg.AssetCheckEvaluation]:
    return {one.check_name: one for one in done.get_asset_check_evaluations() if one.asset_key == key(table)}


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    with installation(tmp_path_factory.mktemp("project"), divisions=2, rows=50) as place:
        place.enable(*place.divisions)
        for name, value in {**place.environment, "EXACT_TABLES": f"{ACCOUNTS},{VAT},{LEDGER}"}.items():
            monkeypatch.setenv(name, value)
        with dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions("exact_divisions", [str(one) for one in place.divisions])
            yield Project(place, instance, build_defs())


@pytest.mark.long
def test_a_load_checks_its_rows_and_asks_exact_nothing_for_it(project: Project) -> None:
    project.place.simulator.control.forget_calls()
    done = project.load(ACCOUNTS)
    found = evaluations(done)
    assert {"keys_unique", "own_division", "year_in_partition"} <= found.keys()
    assert {name: one.description for name, one in found.items() if not one.passed} == {}
    rows = sum(len(project.place.truth(select(ACCOUNTS)[0], division)) for division in (FIRST, SECOND))
    assert found["keys_unique"].description == f"Nothing wrong in {rows} rows of 2 divisions."
    assert "row_count" not in found, "nothing was ever counted"
    assert not [call for call in project.place.simulator.control.calls() if "inlinecount" in call["query"]]


@pytest.mark.long
def test_checks_come_after_what_they_check_so_that_dagster_shows_them(project: Project) -> None:
    done = project.load(ACCOUNTS)
    kinds = [event.event_type_value for event in done.all_events if event.step_key == f"exact__{ACCOUNTS}"]
    last_materialisation = len(kinds) - kinds[::-1].index("ASSET_MATERIALIZATION")
    assert "ASSET_CHECK_EVALUATION" not in kinds[:last_materialisation]


@pytest.mark.long
def test_what_is_wrong_in_one_division_is_shown_whatever_another_loads(project: Project) -> None:
    project.load(ACCOUNTS)
    project.damage(f"UPDATE exact.{ACCOUNTS} SET _year = 2001 WHERE division = {SECOND}")
    assert not evaluations(project.run("exact_checks"))["year_in_partition"].passed
    project.place.simulator.control.update("crm/Accounts", FIRST, count=1)
    shown = evaluations(project.load(ACCOUNTS, divisions=(FIRST, FIRST)))["year_in_partition"]
    assert (shown.passed, shown.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert f"1 of 2 divisions: {SECOND}" in (shown.description or "")
    assert shown.metadata["examples"].value


@pytest.mark.long
def test_a_division_in_which_something_was_wrong_is_looked_at_by_its_next_load(project: Project) -> None:
    project.load(ACCOUNTS)
    project.damage(f"UPDATE exact.{ACCOUNTS} SET _year = _year + 1000 WHERE division = {SECOND}")
    project.run("exact_checks")
    project.damage(f"UPDATE exact.{ACCOUNTS} SET _year = _year - 1000 WHERE division = {SECOND}")
    assert evaluations(project.load(ACCOUNTS))["year_in_partition"].passed


@pytest.mark.long
def test_a_division_without_news_is_not_searched_again(project: Project) -> None:
    """What a check found in rows that have not changed still holds, and costs nothing."""
    project.load(ACCOUNTS)
    before = Control.open(project.place.config).check_results.read(ACCOUNTS)["keys_unique"]
    project.place.simulator.control.update("crm/Accounts", FIRST, count=1)
    assert evaluations(project.load(ACCOUNTS))["keys_unique"].passed
    after = Control.open(project.place.config).check_results.read(ACCOUNTS)["keys_unique"]
    assert after[SECOND].checked_at == before[SECOND].checked_at
    assert after[FIRST].checked_at > before[FIRST].checked_at


@pytest.mark.long
def test_a_count_holds_until_its_rows_change(project: Project) -> None:
    project.load(ACCOUNTS)
    counted = evaluations(project.run("exact_checks"))["row_count"]
    assert (counted.passed, counted.metadata["divisions_checked"].value) == (True, 2)
    project.place.simulator.control.forget_calls()
    project.place.simulator.control.update("crm/Accounts", FIRST, count=1)
    shown = evaluations(project.load(ACCOUNTS))["row_count"]
    assert (shown.passed, shown.metadata["divisions_checked"].value) == (True, 1)
    assert "1 not checked" in (shown.description or "")
    assert not [call for call in project.place.simulator.control.calls() if "inlinecount" in call["query"]]


@pytest.mark.long
def test_a_count_that_differed_stays_wrong_until_it_is_made_again(project: Project) -> None:
    project.load(ACCOUNTS)
    project.damage(
        f"DELETE FROM exact.{ACCOUNTS} WHERE id = (SELECT min(id) FROM exact.{ACCOUNTS} WHERE division = {FIRST})"
    )
    assert not evaluations(project.run("exact_checks"))["row_count"].passed
    project.place.simulator.control.update("crm/Accounts", FIRST, count=1)
    shown = evaluations(project.load(ACCOUNTS))["row_count"]
    assert (shown.passed, shown.severity) == (False, dg.AssetCheckSeverity.ERROR)


@pytest.mark.long
def test_a_division_that_fails_fails_the_step_after_the_others_are_recorded_and_checked(project: Project) -> None:
    project.place.simulator.control.set(refused_divisions={SECOND: "DivisionBlocked"})
    done = project.load(ACCOUNTS)
    assert not done.success
    recorded = {str(event.partition).partition("|")[0] for event in done.get_asset_materialization_events()}
    assert recorded == {str(FIRST)}
    found = evaluations(done)
    assert found["keys_unique"].passed
    counted = found["row_count"]
    assert (counted.passed, counted.severity) == (False, dg.AssetCheckSeverity.WARN), "nothing was ever counted"


@pytest.mark.long
def test_rows_that_the_deletion_log_takes_away_are_materialisations_and_are_checked_with_the_next_load(
    project: Project,
) -> None:
    project.load(ACCOUNTS, "sync_deleted")
    project.place.simulator.control.delete("crm/Accounts", FIRST, count=2)
    done = project.load("sync_deleted", tags=SCHEDULE)
    gone = [one.partition for one in done.get_asset_materialization_events() if one.asset_key == key(ACCOUNTS)]
    assert {str(partition).partition("|")[0] for partition in gone} == {str(FIRST)}
    kept = Control.open(project.place.config).check_results.read(ACCOUNTS)
    assert set(kept["keys_unique"]) == {SECOND}
    project.load(ACCOUNTS, tags=SCHEDULE)
    kept = Control.open(project.place.config).check_results.read(ACCOUNTS)
    assert set(kept["keys_unique"]) == {FIRST, SECOND}


@pytest.mark.long
def test_a_scheduled_run_records_what_changed_and_of_the_rest_that_it_was_read(project: Project) -> None:
    project.load(ACCOUNTS, VAT, tags=SCHEDULE)
    project.place.simulator.control.update("crm/Accounts", FIRST, count=1)
    done = project.load(ACCOUNTS, VAT, tags=SCHEDULE)
    recorded = [
        (event.asset_key.path[-1], event.partition)
        for event in done.get_asset_materialization_events()
        if event.asset_key
    ]
    changed = [partition for name, partition in recorded if name == ACCOUNTS]
    assert [str(one).partition("|")[0] for one in changed] == [str(FIRST)]
    assert [partition for name, partition in recorded if name == VAT] == [None]
    [read] = project.instance.get_asset_records([key(VAT)])
    assert read.asset_entry.last_materialization is not None
    assert read.asset_entry.last_materialization.run_id == done.run_id, "this is what freshness goes by"


@pytest.mark.long
def test_what_is_wrong_stays_wrong_while_it_cannot_be_looked_at(project: Project) -> None:
    project.load(ACCOUNTS)
    missing = f"SELECT min(id) FROM exact.{ACCOUNTS} WHERE division = {FIRST}"
    project.damage(f"DELETE FROM exact.{ACCOUNTS} WHERE id = ({missing})")
    assert not evaluations(project.run("exact_checks"))["row_count"].passed
    project.place.simulator.control.set(refused_divisions={FIRST: "DivisionBlocked"})
    shown = evaluations(project.run("exact_checks"))["row_count"]
    assert (shown.passed, shown.severity) == (False, dg.AssetCheckSeverity.ERROR)


@pytest.mark.long
def test_a_load_without_checks_leaves_no_green_of_rows_that_nobody_looked_at(project: Project) -> None:
    project.load(ACCOUNTS)
    project.place.simulator.control.update("crm/Accounts", FIRST, count=1)
    job = project.defs.resolve_implicit_global_asset_job_def()
    job = job.get_subset(asset_selection={key(ACCOUNTS)}, asset_check_selection=set())
    job.execute_in_process(instance=project.instance, partition_key=f"{FIRST}|{YEAR}")
    kept = Control.open(project.place.config).check_results.read(ACCOUNTS)
    assert set(kept["keys_unique"]) == {SECOND}


def test_changes_that_a_killed_run_did_not_record_are_recorded_by_the_next(project: Project) -> None:
    """It stored the rows and died before Dagster heard of it: the next one finds nothing new."""
    project.load(ACCOUNTS, tags=SCHEDULE)
    quiet = project.load(ACCOUNTS, tags=SCHEDULE)
    assert [event.partition for event in quiet.get_asset_materialization_events()] == [None]
    Control.open(project.place.config).unrecorded.mark(ACCOUNTS, [SECOND])
    for expected in ({str(SECOND)}, {"None"}):
        done = project.load(ACCOUNTS, tags=SCHEDULE)
        recorded = {str(event.partition).partition("|")[0] for event in done.get_asset_materialization_events()}
        assert recorded == expected


@pytest.mark.long
def test_a_division_that_is_disabled_while_it_is_loaded_does_not_cost_the_events_of_others(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*arguments: Any, **options: Any) -> Any:
        done = load_partitions(*arguments, **options)
        project.instance.delete_dynamic_partition("exact_divisions", str(SECOND))
        return done

    monkeypatch.setattr("exact_assets.defs.assets.load_partitions", loaded)
    done = project.load(ACCOUNTS)
    recorded = {str(event.partition) for event in done.get_asset_materialization_events()}
    assert {f"{FIRST}|{YEAR}", f"{SECOND}|{YEAR}"} <= recorded


@pytest.mark.long
def test_a_range_of_thousands_of_partitions_takes_no_longer_than_its_partitions_make_it() -> None:
    """Dagster's own method for one partition took 30 ms each of 4,000: two minutes for each table."""
    divisions = [str(100_000 + number) for number in range(500)]
    grid = partitions.grid(YEAR - 7)
    asked = {f"{division}|{year}": {"rows": 1} for division in divisions for year in range(YEAR - 7, YEAR + 1)}
    seconds: dict[str, float] = {}

    @dg.multi_asset(
        specs=[dg.AssetSpec("many", partitions_def=grid)], backfill_policy=dg.BackfillPolicy.single_run()
    )
    def many(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        started = time.process_time()
        context.add_asset_metadata({"rows": 1}, asset_key="many", partition_key=f"{divisions[0]}|{YEAR}")
        seconds["one"] = time.process_time() - started
        started = time.process_time()
        internals.add_partition_metadata(context, dg.AssetKey("many"), asked)
        seconds["all"] = time.process_time() - started
        yield dg.MaterializeResult(asset_key="many")

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("exact_divisions", divisions)
        tags = {
            "dagster/asset_partition_range_start": f"{divisions[0]}|{YEAR - 7}",
            "dagster/asset_partition_range_end": f"{divisions[-1]}|{YEAR}",
        }
        done = dg.materialize([many], instance=instance, tags=tags)
    events = done.get_asset_materialization_events()
    assert {event.partition for event in events} == asked.keys()
    assert all(event.materialization.metadata["rows"].value == 1 for event in events)
    assert seconds["all"] < 5 * seconds["one"]


@pytest.mark.long
def test_a_purged_division_leaves_no_results(project: Project) -> None:
    project.load(ACCOUNTS)
    project.place.command("divisions", "disable", str(SECOND))
    project.place.command("divisions", "purge", str(SECOND), "--yes")
    assert set(Control.open(project.place.config).check_results.read(ACCOUNTS)["keys_unique"]) == {FIRST}


@pytest.mark.long
def test_while_a_program_holds_the_file_a_run_waits_and_says_for_whom(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of two minutes turned ten partitions and five checks red."""
    project.load(ACCOUNTS)
    monkeypatch.setattr("exact_assets.warehouse.patience.TELL_SECONDS", 0.5)
    with holder(project.place.warehouse, seconds=3, read_only=True) as process_id:
        project.place.simulator.control.update("crm/Accounts", FIRST, count=1)
        done = project.load(ACCOUNTS)
    assert done.success
    logged = project.instance.event_log_storage.get_logs_for_run(done.run_id)
    assert any(f"PID {process_id}" in one.user_message for one in logged)
    assert all(one.passed for one in evaluations(done).values())


@pytest.mark.long
def test_checks_of_a_run_that_has_waited_in_vain_are_warnings(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.load(ACCOUNTS)
    monkeypatch.setenv("EXACT_WAREHOUSE_WAIT_SECONDS", "1")
    hurried = Project(project.place, project.instance, build_defs())
    with holder(project.place.warehouse, seconds=60) as process_id:
        began = time.monotonic()
        done = hurried.load(ACCOUNTS, VAT, LEDGER)
        assert time.monotonic() - began < 15, "once for all tables"
    assert not done.success
    found = {(table, name): one for table in (ACCOUNTS, VAT) for name, one in evaluations(done, table).items()}
    assert {(table, "keys_unique") for table in (ACCOUNTS, VAT)} <= found.keys()
    for one in found.values():
        assert (one.passed, one.severity) == (False, dg.AssetCheckSeverity.WARN)
        assert f"PID {process_id}" in (one.description or "")
    attempts = Control.open(project.place.config).attempts.read()
    assert attempts[FIRST][ACCOUNTS].is_over
    assert hurried.load(ACCOUNTS).success
