"""The division selection as people leave it in SQL: it is read, or said to be unreadable, and can be restored."""

from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from exact_assets.errors import WarehouseError
from exact_assets.warehouse.divisions import DivisionChoice, DivisionReport, KnownDivision
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.duckdb.plain import query
from exact_assets_tests.warehouse.tables import SYNC

KNOWN = [KnownDivision(division=division, name=f"Firm {division}") for division in (1, 2, 3)]
KEPT = [DivisionChoice(division=division, sync_enabled=True, start_year=2024) for division in (1, 2)]
REMADE = "CREATE TABLE exact.m AS FROM exact.divisions; DROP TABLE exact.divisions; "
VIEWED = "ALTER TABLE exact.divisions RENAME TO mine; CREATE VIEW exact.divisions AS "
EDITS = {
    "nothing": "SELECT 1",
    "a name in capitals": REMADE + "CREATE TABLE exact.Divisions AS FROM exact.m",
    "a name in capitals, with its key": (
        "ALTER TABLE exact.divisions RENAME TO d2; ALTER TABLE exact.d2 RENAME TO DIVISIONS"
    ),
    "columns in capitals": (
        'ALTER TABLE exact.divisions RENAME status TO "Status";'
        'ALTER TABLE exact.divisions RENAME sync_enabled TO "SYNC_ENABLED"'
    ),
    "a view": VIEWED + "FROM exact.mine",
    "a view of nothing": VIEWED + "FROM exact.mine; DROP TABLE exact.mine",
    "a view that raises": VIEWED
    + "SELECT error('mine')::INTEGER AS division, * EXCLUDE (division) FROM exact.mine",
    "a generated status": (
        REMADE + "CREATE TABLE exact.divisions (division INTEGER, sync_enabled BOOLEAN, start_year SMALLINT, "
        "sync_now BOOLEAN, name VARCHAR, status VARCHAR GENERATED ALWAYS AS (name || '!'));"
        "INSERT INTO exact.divisions SELECT division, sync_enabled, start_year, sync_now, name FROM exact.m"
    ),
    "a generated choice": (
        REMADE + "CREATE TABLE exact.divisions (division INTEGER, start_year SMALLINT, sync_now BOOLEAN, "
        "name VARCHAR, sync_enabled BOOLEAN GENERATED ALWAYS AS (division < 3));"
        "INSERT INTO exact.divisions SELECT division, start_year, sync_now, name FROM exact.m"
    ),
    "a short status": (
        REMADE + "CREATE TABLE exact.divisions (division INTEGER, sync_enabled BOOLEAN, start_year SMALLINT, "
        "sync_now BOOLEAN, name VARCHAR, status VARCHAR CHECK (length(status) < 5));"
        "INSERT INTO exact.divisions SELECT division, sync_enabled, start_year, sync_now, name, NULL FROM exact.m"
    ),
    "an index and a row that cannot be read": (
        REMADE + "CREATE TABLE exact.divisions AS SELECT division::VARCHAR AS division, * EXCLUDE (division) "
        "FROM exact.m; UPDATE exact.divisions SET division = 'two' WHERE division = '2';"
        "CREATE INDEX mine ON exact.divisions(division)"
    ),
    "lists for truths": (
        REMADE + "CREATE TABLE exact.divisions AS SELECT * REPLACE ([sync_enabled] AS sync_enabled) FROM exact.m"
    ),
    "texts for truths": (
        REMADE + "CREATE TABLE exact.divisions AS SELECT * REPLACE "
        "(if(sync_enabled, 'on', 'off') AS sync_enabled) FROM exact.m"
    ),
}


@pytest.fixture
def edited(warehouse: Warehouse, path: Path, request: pytest.FixtureRequest) -> Warehouse:
    warehouse.prepare([SYNC])
    warehouse.refresh_divisions(KNOWN)
    warehouse.set_enabled([1, 2], enabled=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(EDITS[request.param])
    return warehouse


def reports(warehouse: Warehouse) -> list[DivisionReport]:
    found = warehouse.list_divisions() or ()
    return [DivisionReport(read=one, last_sync=None, status="up to date", calls_today=7) for one in found]


@pytest.mark.parametrize("edited", EDITS, indirect=True)
def test_whatever_was_edited_nothing_is_doubled_and_what_is_shown_stops_nothing(
    edited: Warehouse, path: Path
) -> None:
    for _ in range(2):
        with suppress(WarehouseError):  # it may be refused; what is there stays as it is
            edited.refresh_divisions(KNOWN)
        edited.report_divisions(reports(edited))
    found = edited.list_divisions()
    if found is not None:
        assert len({one.division for one in found}) == len(found) <= 3
        assert query(path, "SELECT count(*) FROM exact.divisions") == [(3,)]


@pytest.mark.parametrize("edited", EDITS, indirect=True)
def test_whatever_was_edited_can_be_restored_and_then_all_works(edited: Warehouse) -> None:
    edited.restore_divisions(KEPT)
    selection = edited.selection()
    assert selection is not None
    assert selection.problems == ()
    edited.refresh_divisions(KNOWN)
    edited.set_enabled([3], enabled=True)
    edited.set_start_year([3], 2020)
    edited.set_sync_now([1], sync_now=True)
    assert set(edited.report_divisions(reports(edited))) == {1, 2, 3}
    found = {one.division: one for one in edited.list_divisions() or ()}
    assert {one.division: one.sync_enabled for one in found.values()} == {1: True, 2: True, 3: True}
    assert [found[number].start_year for number in (1, 2, 3)] == [2024, 2024, 2020]


def test_what_was_in_the_place_of_the_table_is_kept_under_another_name(warehouse: Warehouse, path: Path) -> None:
    warehouse.refresh_divisions(KNOWN)
    with duckdb.connect(str(path)) as connection:
        connection.execute(EDITS["an index and a row that cannot be read"])
    aside = warehouse.restore_divisions(KEPT)
    assert query(path, f"SELECT division FROM {aside} ORDER BY ALL") == [("1",), ("3",), ("two",)]


def test_a_selection_that_another_table_refers_to_is_for_a_person_to_restore(
    warehouse: Warehouse, path: Path
) -> None:
    warehouse.refresh_divisions(KNOWN)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE exact.notes (division INTEGER REFERENCES exact.divisions(division));"
            "INSERT INTO exact.notes VALUES (1)"
        )
        connection.execute("UPDATE exact.divisions SET start_year = NULL")
    assert warehouse.restore_divisions(KEPT) is None
    assert [one.start_year for one in warehouse.list_divisions() or ()] == [2024, 2024, None]
