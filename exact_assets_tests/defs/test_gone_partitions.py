"""Partitions that went while a run that names them waited: they are left alone, and the others are loaded."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from exact_assets.build import build_defs
from exact_assets.defs.partitions import divisions_in_order, in_grid, requested
from exact_assets.defs.runs import awaited_divisions
from exact_assets.defs.selection import PartitionChanges
from exact_assets.warehouse.open import open_configured
from exact_assets_tests.defs.test_check_runs import ACCOUNTS, FIRST, SECOND, YEAR, Project
from exact_assets_tests.installation import Installation, installation

JOB = "accounts"
RANGE = "dagster/asset_partition_range_"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("place"), divisions=2, rows=20) as made:
        yield made


@pytest.fixture
def project(place: Installation, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    place.enable(*place.divisions)
    for name, value in {**place.environment, "EXACT_TABLES": ACCOUNTS}.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("exact_divisions", [str(one) for one in place.divisions])
        selection = dg.AssetSelection.assets(dg.AssetKey(["exact", ACCOUNTS])).without_checks()
        job = dg.define_asset_job(JOB, selection=selection, executor_def=dg.in_process_executor)
        yield Project(place, instance, dg.Definitions.merge(build_defs(), dg.Definitions(jobs=[job])))


def asked(project: Project, tags: dict[str, str]) -> dg.DagsterRun:
    """Ask for a run of one table, as the UI does, which is not begun yet."""
    return project.instance.create_run_for_job(project.defs.resolve_job_def(JOB), tags=tags)


def begun(project: Project, run: dg.DagsterRun) -> tuple[set[str], list[str]]:
    """Begin a run that waited; the partitions that it recorded, and its warnings.

    Raises:
        DagsterError: it failed.
    """
    job = InMemoryJob(project.defs.resolve_job_def(JOB))
    execute_run(job, run, project.instance, raise_on_error=True)
    kept = project.instance.all_logs(run.run_id)
    events = [one.dagster_event for one in kept if one.dagster_event]
    recorded = {str(event.partition) for event in events if event.is_step_materialization}
    return recorded, [one.user_message for one in kept if one.level == logging.WARNING]


def disable(project: Project, division: int) -> None:
    open_configured(project.place.config).set_enabled([division], False)
    project.instance.delete_dynamic_partition("exact_divisions", str(division))


def range_of(first: int, last: int, *, years: tuple[int, int] = (YEAR, YEAR)) -> dict[str, str]:
    return {f"{RANGE}start": f"{first}|{years[0]}", f"{RANGE}end": f"{last}|{years[1]}"}


@pytest.mark.long
@pytest.mark.parametrize("gone", [FIRST, SECOND])
def test_a_range_one_end_of_which_was_disabled_loads_the_other_and_warns(project: Project, gone: int) -> None:
    run = asked(project, {**range_of(FIRST, SECOND, years=(YEAR - 1, YEAR)), "dagster/backfill": "b1"})
    disable(project, gone)
    project.place.simulator.control.forget_calls()
    recorded, warnings = begun(project, run)
    left = FIRST + SECOND - gone
    assert recorded >= {f"{left}|{YEAR - 1}", f"{left}|{YEAR}"}
    assert not [one for one in recorded if one.startswith(str(gone))]
    assert any("left alone" in one and str(gone) in one for one in warnings)
    assert project.place.simulator.control.calls(division=gone) == []


@pytest.mark.parametrize("form", ["partition", "range"])
def test_a_run_of_one_partition_whose_division_was_disabled_succeeds_and_warns(project: Project, form: str) -> None:
    one = {"dagster/partition": f"{SECOND}|{YEAR}"} if form == "partition" else range_of(SECOND, SECOND)
    run = asked(project, one)
    disable(project, SECOND)
    project.place.simulator.control.forget_calls()
    recorded, warnings = begun(project, run)
    assert recorded == set()
    assert any("left alone" in one and str(SECOND) in one for one in warnings)
    assert project.place.simulator.control.calls(division=SECOND) == []


def test_a_division_that_was_disabled_and_enabled_again_meanwhile_is_loaded_with_the_rest(project: Project) -> None:
    """Its partition comes last then: by its ends, the range would be another one."""
    run = asked(project, range_of(FIRST, SECOND))
    project.instance.delete_dynamic_partition("exact_divisions", str(FIRST))
    project.instance.add_dynamic_partitions("exact_divisions", [str(FIRST)])
    recorded, _ = begun(project, run)
    assert {f"{FIRST}|{YEAR}", f"{SECOND}|{YEAR}"} <= recorded


def test_a_year_that_has_no_partition_is_left_alone(project: Project) -> None:
    run = asked(project, {"dagster/partition": f"{FIRST}|{YEAR + 3}"})
    project.place.simulator.control.forget_calls()
    recorded, warnings = begun(project, run)
    assert (recorded, project.place.simulator.control.calls(division=FIRST)) == (set(), [])
    assert any(f"{FIRST}|{YEAR + 3}" in one and "left alone" in one for one in warnings)


def test_a_run_without_partitions_says_so(project: Project) -> None:
    with pytest.raises(Exception, match="names no partitions, so that there is nothing to do: choose divisions"):
        begun(project, asked(project, {}))


def test_keys_that_are_no_divisions_are_nobodys() -> None:
    assert requested(["a note|2025", "100|2025"]) == {100: (2025,)}
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("exact_divisions", ["100", "a note", "-5"])
        assert divisions_in_order(instance) == ["100", "-5"]


def test_years_outside_the_grid_are_parted_from_those_inside() -> None:
    wanted = {100: (2019, 2025), 200: (2019,), 300: ()}
    assert in_grid(wanted, range(2024, 2027)) == ({100: (2025,), 300: ()}, ["100|2019", "200|2019"])


@pytest.mark.long
def test_a_partition_stays_as_long_as_a_run_that_waits_ends_its_range_there(project: Project) -> None:
    """Dagster could not begin the run again once it is gone; for a year in its middle it does not matter."""
    run = asked(project, range_of(FIRST, SECOND))
    now = datetime.now(UTC)
    assert awaited_divisions(project.instance, [SECOND, 7], now=now) == {SECOND}
    project.place.quick("divisions", "disable", str(SECOND))
    begun(project, run)
    assert awaited_divisions(project.instance, [SECOND, 7], now=now) == frozenset()
    named = {**range_of(FIRST, SECOND), "exact/divisions": f"{FIRST},{SECOND}"}
    asked(project, named)
    assert awaited_divisions(project.instance, [SECOND], now=now) == frozenset(), "a schedule asks again"


def test_partitions_stay_as_long_as_a_backfill_is_under_way_and_a_day_at_most(project: Project) -> None:
    now = datetime.now(UTC)
    backfill = PartitionBackfill(
        backfill_id="b1",
        status=BulkActionStatus.REQUESTED,
        from_failure=False,
        tags={},
        backfill_timestamp=now.timestamp(),
        asset_selection=[dg.AssetKey(["exact", ACCOUNTS])],
    )
    project.instance.add_backfill(backfill)
    assert awaited_divisions(project.instance, [SECOND], now=now) == {SECOND}
    assert awaited_divisions(project.instance, [], now=now) == frozenset()
    assert awaited_divisions(project.instance, [SECOND], now=now + timedelta(days=2)) == frozenset()
    project.instance.update_backfill(backfill._replace(status=BulkActionStatus.COMPLETED_SUCCESS))
    assert awaited_divisions(project.instance, [SECOND], now=now) == frozenset()


def test_what_waits_is_not_removed() -> None:
    changes = PartitionChanges(added=(1,), removed=(2, 3))
    assert changes.without({3}) == PartitionChanges(added=(1,), removed=(2,))
