"""A division that Exact moved, or whose HR was linked anew, is read anew, once; nothing old stays behind."""

from collections.abc import Iterator
from datetime import datetime

import duckdb
import pytest

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.tables import tables
from exact_assets.cursors import SyncCursor
from exact_assets.generations import generation_of, on_generation
from exact_assets.stream import Chain, StreamState
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.one_warehouse import bring, problems

MOVED = datetime(2026, 11, 1, 12, 0)  # noqa: DTZ001 - the site's clock
CHOSEN = "crm_accounts,crm_opportunities,vat_vat_codes,hrm_schedules,payroll_employees,hrm_departments"
HR = "hrm_schedules,payroll_employees"


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    unlimited = {"minute_limit": 1_000_000, "day_limit": 1_000_000, "page_size_cap": 30}
    with installation(tmp_path_factory.mktemp("place"), divisions=1, rows=100, settings=unlimited) as made:
        yield made


def generations(*, moved_at: datetime | None = None, hr_linked_at: datetime | None = None) -> dict[str, str | None]:
    return {
        name: generation_of(table, moved_at=moved_at, hr_linked_at=hr_linked_at) for name, table in tables().items()
    }


def asked(place: Installation) -> dict[str, int]:
    """First pages that were asked for from the beginning, by table's endpoint."""
    found: dict[str, int] = {}
    for call in place.simulator.control.calls():
        if "gt%201L" in call["query"] and "skiptoken" not in call["query"]:
            found[call["path"]] = found.get(call["path"], 0) + 1
    return found


def test_only_what_goes_by_timestamps_or_hr_ids_depends_on_a_move_or_a_link() -> None:
    before, moved, linked = generations(), generations(moved_at=MOVED), generations(hr_linked_at=MOVED)
    concerned = {name for name in tables() if before[name] != moved[name]}
    assert {"crm_accounts", LOG, "hrm_schedules"} <= concerned
    assert not {"crm_opportunities", "vat_vat_codes", "hrm_departments"} & concerned
    assert {tables()[name].group for name in tables() if before[name] != linked[name]} == {"hrm", "payroll"}


def test_a_generation_that_is_not_known_changes_nothing_and_a_first_one_is_taken_up() -> None:
    state = StreamState(load_seq=3, cursor=SyncCursor(timestamp=42))
    assert on_generation(state, None) == state
    assert on_generation(state, "moved never") == StreamState(
        load_seq=3, cursor=SyncCursor(timestamp=42), generation="moved never"
    )


def test_another_generation_begins_anew_as_a_reload_and_drops_what_was_under_way() -> None:
    state = StreamState(
        load_seq=3, cursor=SyncCursor(timestamp=42, floor=40), generation="moved never", chain=Chain(link="next")
    )
    assert on_generation(state, "moved 2026") == StreamState(
        load_seq=3, generation="moved 2026", chain=Chain(reload=True)
    )


@pytest.mark.long
def test_a_moved_division_is_read_anew_once_and_equals_exact(place: Installation) -> None:
    control, division = place.simulator.control, place.divisions[0]
    names = f"{LOG},{CHOSEN}"
    bring(place, names, generations=generations())
    control.mutate("move_division", division=division)
    control.update("crm/Accounts", division, count=2)
    control.delete("crm/Accounts", division, keys=control.insert("crm/Accounts", division))
    control.forget_calls()
    bring(place, names, generations=generations(moved_at=MOVED))
    assert problems(place, CHOSEN) == {}
    paths = ("CRM/Accounts", "Deleted", "Payroll/Employees", "HRM/Schedules")
    assert asked(place) == {f"/api/v1/{division}/sync/{path}": 1 for path in paths}
    again = bring(place, names, generations=generations(moved_at=MOVED))
    stored = {name: ones[division].state.load_seq for name, ones in again.items()}
    third = bring(place, names, generations=generations(moved_at=MOVED))
    assert {name: ones[division].state.load_seq for name, ones in third.items()} == stored


@pytest.mark.long
def test_linked_hr_gets_new_ids_and_the_old_ones_go(place: Installation) -> None:
    control, division = place.simulator.control, place.divisions[0]
    bring(place, CHOSEN, generations=generations())
    control.mutate("hr_link", division=division)
    bring(place, CHOSEN, generations=generations(hr_linked_at=MOVED))
    assert problems(place, CHOSEN) == {}


@pytest.mark.long
def test_a_reload_for_a_move_that_is_cut_off_goes_on_and_what_is_stored_stays_until_then(
    place: Installation,
) -> None:
    control, division = place.simulator.control, place.divisions[0]
    bring(place, "crm_accounts", generations=generations())
    control.mutate("move_division", division=division)
    control.set(page_size_cap=5)
    control.fault("too_broad", path="CRM/Accounts.*skiptoken", times=None)
    with pytest.raises(Exception, match="Accounts"):
        bring(place, "crm_accounts", generations=generations(moved_at=MOVED))
    control.clear_faults()
    control.forget_calls()
    bring(place, "crm_accounts", generations=generations(moved_at=MOVED))
    assert problems(place, "crm_accounts") == {}
    first = control.calls(path="CRM/Accounts")[0]
    assert "skiptoken" in first["query"], "it goes on with the page where it stopped"


@pytest.mark.long
def test_deletions_of_hr_records_are_applied_though_hr_was_linked(place: Installation) -> None:
    """HR tables rest on more than the log does."""
    control, division = place.simulator.control, place.divisions[0]
    linked = generations(hr_linked_at=MOVED)
    keys = control.insert("hrm/Schedules", division, count=2)
    bring(place, f"{LOG},{HR}", generations=linked)
    control.delete("hrm/Schedules", division, keys=keys)
    bring(place, LOG, generations=linked)
    assert problems(place, HR) == {}


@pytest.mark.long
def test_deletions_of_before_a_move_do_not_touch_rows_of_after_it(place: Installation) -> None:
    """The new Timestamps may be lower than the old ones of the log, which say nothing of them."""
    control, division = place.simulator.control, place.divisions[0]
    bring(place, f"{LOG},crm_accounts", generations=generations())
    with duckdb.connect(str(place.warehouse)) as connection:
        connection.execute(
            "INSERT INTO exact.sync_deleted (division, id, timestamp, entity_type, entity_key) "
            "SELECT division, uuid(), 9223372036854775807, 2, id FROM exact.crm_accounts"
        )
    control.mutate("move_division", division=division)
    bring(place, "crm_accounts", generations=generations(moved_at=MOVED))
    bring(place, LOG, generations=generations(moved_at=MOVED))
    assert problems(place, "crm_accounts") == {}
