"""From a run's tags and the selection to what is asked of each stream."""

from dataclasses import replace
from datetime import datetime

import dagster as dg

from exact_assets.catalogue.tables import tables
from exact_assets.defs.own_runs import missing_tags
from exact_assets.defs.requests import RunKind, requests, wanted_by
from exact_assets.request import Mode
from exact_assets.warehouse.divisions import DivisionChoice

GRID = range(2022, 2027)
MOVED = datetime(2026, 11, 1)  # noqa: DTZ001 - the site's clock
CHOICE = DivisionChoice(division=100, name="A", sync_enabled=True)
ACCOUNTS = tables()["crm_accounts"]
PLAIN = RunKind(mode=Mode.AUTO, confirm=False, reload_id=None, has_all_years=False, is_background=False)


def run(tags: dict[str, str] | None = None) -> dg.DagsterRun:
    return dg.DagsterRun(job_name="exact_all", run_id="r1", tags=tags or {})


def generation(choice: DivisionChoice | None, name: str = "crm_accounts") -> str | None:
    choices = {} if choice is None else {100: choice}
    return requests(tables()[name], {100: (2026,)}, choices, kind=PLAIN, grid_years=GRID)[100].generation


def test_a_schedules_run_asks_for_the_divisions_it_names_though_its_range_is_no_longer_there() -> None:
    named = {"exact/divisions": "100,200", "dagster/asset_partition_range_start": "100|2026"}
    assert wanted_by(run(named), planned=_no_keys, order=list) == {100: (2026,), 200: (2026,)}
    undated = named | {"dagster/asset_partition_range_start": "100"}
    assert wanted_by(run(undated), planned=_no_keys, order=list) == {100: (), 200: ()}


def test_a_waiting_run_of_the_version_before_asks_for_the_divisions_that_its_keys_are() -> None:
    order = ["100", "200", "300"]
    one = run({"dagster/partition": "200"})
    assert wanted_by(one, planned=_no_keys, order=lambda: order) == {200: ()}
    tags = {"dagster/asset_partition_range_start": "100", "dagster/asset_partition_range_end": "200"}
    assert wanted_by(run(tags), planned=_no_keys, order=lambda: order) == {100: (), 200: ()}


def _no_keys() -> list[str]:
    raise AssertionError("Dagster cannot resolve the range: one of its ends was disabled")


def test_any_other_run_asks_for_its_partitions() -> None:
    assert wanted_by(run(), planned=lambda: ["100|2025", "100|2026"], order=_no_keys) == {100: (2025, 2026)}


def test_a_division_that_was_disabled_meanwhile_is_left_alone() -> None:
    disabled = replace(CHOICE, sync_enabled=False)
    wanted = {100: (2026,), 200: (2026,)}
    assert set(requests(ACCOUNTS, wanted, {100: disabled}, kind=PLAIN, grid_years=GRID)) == {200}


def test_a_schedules_run_sweeps_what_is_due_and_a_persons_what_it_names() -> None:
    for is_background in (True, False):
        kind = replace(PLAIN, mode=Mode.SWEEP, is_background=is_background)
        [asked] = requests(ACCOUNTS, {100: (2026,)}, {100: CHOICE}, kind=kind, grid_years=GRID).values()
        assert asked.is_scheduled is is_background


def test_all_years_are_those_since_the_divisions_own_starting_year() -> None:
    all_years = replace(PLAIN, has_all_years=True)
    choices = {100: replace(CHOICE, start_year=2024)}
    asked = requests(ACCOUNTS, {100: (2026,), 200: (2026,)}, choices, kind=all_years, grid_years=GRID)
    assert (asked[100].start_year, asked[100].years) == (2024, (2024, 2025, 2026))
    assert (asked[200].start_year, asked[200].years) == (2022, tuple(GRID))


def test_a_move_that_exact_tells_of_is_another_generation_for_sync_tables_alone() -> None:
    moved = replace(CHOICE, moved_at=MOVED)
    assert generation(CHOICE) == "moved never"
    assert generation(moved) == f"moved {MOVED}"
    assert generation(moved, "crm_opportunities") is None


def test_of_a_division_that_exact_was_never_asked_about_no_generation_is_known() -> None:
    assert generation(None) is None
    assert generation(DivisionChoice(division=100, sync_enabled=True)) is None


def test_a_backfill_or_an_explicit_reload_asks_again_under_its_own_name() -> None:
    backfill = RunKind.of(run({"dagster/backfill": "b7"}), Mode.AUTO)
    assert (backfill.reload_id, backfill.is_reload) == ("b7", True)
    assert RunKind.of(run(), Mode.RELOAD).reload_id == "r1"
    assert not RunKind.of(run(), Mode.SWEEP).is_reload


def again(of: dg.DagsterRun, run_id: str, *, by_dagster: bool) -> dg.DagsterRun:
    """Begin a run again as Dagster does: its own tags of backfills and retries are left out."""
    left_out = ("dagster/backfill", "dagster/retry_number")
    kept = {name: value for name, value in {**of.tags, **missing_tags(of)}.items() if name not in left_out}
    number = {"dagster/retry_number": "1"} if by_dagster else {}
    root = of.root_run_id or of.run_id
    ids = {"dagster/parent_run_id": of.run_id, "dagster/root_run_id": root}
    return dg.DagsterRun(
        job_name=of.job_name,
        run_id=run_id,
        run_config=of.run_config,
        tags=kept | number | ids,
        root_run_id=root,
        parent_run_id=of.run_id,
    )


RELOADING = dg.DagsterRun(
    job_name="exact_all", run_id="r1", run_config={"ops": {"crm_accounts": {"config": {"mode": "reload"}}}}
)


def test_a_reload_that_dagster_begins_again_goes_on_under_the_first_name() -> None:
    second = again(RELOADING, "r2", by_dagster=True)
    third = again(second, "r3", by_dagster=True)
    assert [RunKind.of(one, Mode.RELOAD).reload_id for one in (RELOADING, second, third)] == ["r1", "r1", "r1"]
    # Another table of the same run that was not to be reloaded is not, the second time.
    assert RunKind.of(second, Mode.AUTO).reload_id is None


def test_a_reload_that_a_person_begins_again_asks_again_and_its_own_retries_go_on_with_that() -> None:
    by_hand = again(again(RELOADING, "r2", by_dagster=True), "r3", by_dagster=False)
    retried = again(by_hand, "r4", by_dagster=True)
    assert [RunKind.of(one, Mode.RELOAD).reload_id for one in (by_hand, retried)] == ["r3", "r3"]


def test_a_backfills_run_that_is_begun_again_after_the_backfill_is_over_still_reloads() -> None:
    second = again(run({"dagster/backfill": "b7"}), "r2", by_dagster=True)
    assert "dagster/backfill" not in second.tags
    assert RunKind.of(second, Mode.AUTO).reload_id == "b7"
    by_hand = again(second, "r3", by_dagster=False)
    assert RunKind.of(by_hand, Mode.AUTO).reload_id is None
    assert RunKind.of(again(by_hand, "r4", by_dagster=True), Mode.AUTO).reload_id is None
