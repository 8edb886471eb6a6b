"""The division selection: what users choose stays, and what cannot be read is not empty."""

from datetime import UTC, datetime
from typing import Any

import pytest

from exact_assets.errors import WarehouseError
from exact_assets.warehouse.divisions import DivisionChoice, DivisionReport, KnownDivision
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.engines import Place


def known(division: int, name: str, *, moved_at: datetime | None = None) -> KnownDivision:
    return KnownDivision(division=division, name=name, moved_at=moved_at)


def test_no_selection_is_none_and_an_empty_one_is_empty(warehouse: Warehouse, place: Place) -> None:
    assert warehouse.list_divisions() is None
    warehouse.prepare(())
    assert warehouse.list_divisions() == ()
    place.run("DROP TABLE exact.divisions")
    assert warehouse.list_divisions() is None


def test_a_selection_that_lacks_a_column_is_none(warehouse: Warehouse, place: Place) -> None:
    warehouse.refresh_divisions([known(1, "A")])
    place.run("ALTER TABLE exact.divisions DROP COLUMN sync_enabled")
    assert warehouse.list_divisions() is None


def test_refreshing_gives_the_new_ones_and_keeps_choices(warehouse: Warehouse) -> None:
    assert warehouse.refresh_divisions([known(2, "B"), known(1, "O'Neil B.V.")]) == (2, 1)
    warehouse.set_enabled([1], True)
    warehouse.set_start_year([1], 2019)
    assert warehouse.refresh_divisions([known(1, "Renamed"), known(3, "C")]) == (3,)
    assert warehouse.list_divisions() == (
        DivisionChoice(division=1, name="Renamed", sync_enabled=True, start_year=2019),
        DivisionChoice(division=2, name="B"),
        DivisionChoice(division=3, name="C"),
    )


def test_choices_are_set_and_taken_back(warehouse: Warehouse) -> None:
    warehouse.refresh_divisions([known(1, "A"), known(2, "B")])
    warehouse.set_enabled([1, 2], True)
    warehouse.set_enabled([2], False)
    warehouse.set_start_year([1], 2019)
    warehouse.set_start_year([1], None)
    warehouse.set_sync_now([2], True)
    assert warehouse.list_divisions() == (
        DivisionChoice(division=1, name="A", sync_enabled=True),
        DivisionChoice(division=2, name="B", sync_now=True),
    )


def test_a_division_that_is_not_there_is_an_error_and_nothing_changes(warehouse: Warehouse) -> None:
    warehouse.refresh_divisions([known(1, "A")])
    with pytest.raises(WarehouseError, match="no division 8, 9"):
        warehouse.set_enabled([1, 8, 9], True)
    assert warehouse.list_divisions() == (DivisionChoice(division=1, name="A"),)


def test_a_user_may_edit_the_selection_with_plain_sql(warehouse: Warehouse, place: Place) -> None:
    warehouse.prepare(())
    place.run("INSERT INTO exact.divisions (division) VALUES (7)")
    place.run("UPDATE exact.divisions SET sync_enabled = NULL, start_year = 2020")
    assert warehouse.list_divisions() == (DivisionChoice(division=7, start_year=2020),)
    assert warehouse.refresh_divisions([known(7, "Named")]) == ()


def test_a_selection_of_an_older_version_gets_its_new_columns_and_keeps_its_choices(
    warehouse: Warehouse, place: Place
) -> None:
    warehouse.refresh_divisions([known(1, "A")])
    warehouse.set_enabled([1], True)
    for column in ("calls_today", "moved_at", "hr_linked_at"):
        place.run(f"ALTER TABLE exact.divisions DROP COLUMN {column}")
    moved_at = datetime(2026, 11, 1)  # noqa: DTZ001 - the site's clock
    assert warehouse.refresh_divisions([known(1, "A", moved_at=moved_at)]) == ()
    assert warehouse.list_divisions() == (
        DivisionChoice(division=1, name="A", sync_enabled=True, moved_at=moved_at),
    )


def report(read: DivisionChoice, **values: Any) -> DivisionReport:
    return DivisionReport(**{"read": read, "last_sync": None, "status": "x", "calls_today": None, **values})


def test_a_report_is_written_beside_the_choices(warehouse: Warehouse) -> None:
    warehouse.refresh_divisions([known(1, "A"), known(2, "B")])
    warehouse.set_sync_now([1, 2], True)
    at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    one, two = warehouse.list_divisions() or ()
    written = warehouse.report_divisions(
        [report(one, status="done", last_sync=at, calls_today=7, takes_back=True), report(two, status="queued")]
    )
    assert written == (1, 2)
    assert warehouse.list_divisions() == (
        DivisionChoice(division=1, name="A", status="done", last_sync=at, calls_today=7),
        DivisionChoice(division=2, name="B", status="queued", sync_now=True),
    )


@pytest.mark.parametrize(
    "edit", ["sync_enabled = true", "start_year = 2024", "sync_now = false", "sync_now = NULL, sync_enabled = true"]
)
def test_what_a_user_edits_after_it_was_read_is_not_overwritten(
    warehouse: Warehouse, place: Place, edit: str
) -> None:
    warehouse.refresh_divisions([known(1, "A")])
    warehouse.set_sync_now([1], True)
    (read,) = warehouse.list_divisions() or ()
    place.run(f"UPDATE exact.divisions SET {edit}")
    edited = warehouse.list_divisions()
    assert warehouse.report_divisions([report(read, takes_back=True)]) == ()
    assert warehouse.list_divisions() == edited


def test_a_row_that_a_user_deletes_does_not_come_back(warehouse: Warehouse, place: Place) -> None:
    warehouse.refresh_divisions([known(1, "A")])
    (read,) = warehouse.list_divisions() or ()
    place.run("DELETE FROM exact.divisions")
    assert warehouse.report_divisions([report(read)]) == ()
    assert warehouse.list_divisions() == ()


def test_a_report_that_changes_nothing_does_not_open_the_file_for_writing(
    warehouse: Warehouse, place: Place
) -> None:
    warehouse.refresh_divisions([known(1, "A")])
    (read,) = warehouse.list_divisions() or ()
    warehouse.report_divisions([report(read)])
    (read,) = warehouse.list_divisions() or ()
    before = place.content()
    assert warehouse.report_divisions([report(read)]) == ()
    assert place.content() == before
