"""UPSERT: new keys come, newer versions overwrite, and what is the same is left alone."""

from datetime import UTC, datetime

import pytest

from exact_assets.catalogue.table import Table
from exact_assets.cursors import SyncCursor
from exact_assets.errors import LoadSupersededError, WarehouseError
from exact_assets.stream import Changes, StreamState, Verb
from exact_assets_tests.warehouse import tables
from exact_assets_tests.warehouse.conftest import Streams
from exact_assets_tests.warehouse.tables import (
    BY_CODE,
    COMPOSITE,
    DIVISION,
    KEYLESS,
    MODIFIED,
    SNAPSHOT,
    SYNC,
    guid,
)

MAY, JUNE = datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


def test_new_rows_are_inserted_and_counted_by_year(stream: Streams) -> None:
    accounts = stream(SYNC)
    changes = accounts.upsert(
        {"id": guid(1), "timestamp": 1, "_year": 2025}, {"id": guid(2), "timestamp": 2, "_year": 2026}
    )
    assert changes == Changes(inserted=2, years={2025: 1, 2026: 1})
    assert accounts.read("division, id::VARCHAR") == [(DIVISION, guid(1)), (DIVISION, guid(2))]


def test_a_newer_version_overwrites(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1, "value": "old", "_year": 2026})
    assert accounts.upsert({"id": guid(1), "timestamp": 2, "value": "new", "_year": 2026}).updated == 1
    assert accounts.read("value") == [("new",)]


def test_an_older_version_never_overwrites(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 2, "value": "new"})
    assert accounts.upsert({"id": guid(1), "timestamp": 1, "value": "old"}) == Changes()
    assert accounts.read("value") == [("new",)]


def test_a_row_that_moves_to_another_year_counts_in_both(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1, "_year": 2025})
    changes = accounts.upsert({"id": guid(1), "timestamp": 2, "_year": 2026})
    assert changes == Changes(updated=1, years={2025: 1, 2026: 1})
    assert accounts.read("_year") == [(2026,)]


def test_the_same_timestamp_is_the_same_row(stream: Streams) -> None:
    """Timestamp is Exact's rowversion: values are not even compared."""
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1, "value": "a"})
    loaded_at = accounts.read("_loaded_at")
    assert accounts.upsert({"id": guid(1), "timestamp": 1, "value": "b"}) == Changes()
    assert accounts.read("_loaded_at") == loaded_at


def test_the_same_modified_with_another_value_overwrites(stream: Streams) -> None:
    """Modified has whole seconds at best, and some values change without it."""
    deals = stream(MODIFIED)
    deals.upsert({"id": guid(1), "modified": MAY, "value": "a"}, {"id": guid(2), "modified": MAY, "value": "c"})
    changes = deals.upsert(
        {"id": guid(1), "modified": MAY, "value": "b"}, {"id": guid(2), "modified": MAY, "value": "c"}
    )
    assert changes == Changes(updated=1, years={None: 1})
    assert deals.read("value") == [("b",), ("c",)]


def test_an_older_modified_never_overwrites(stream: Streams) -> None:
    deals = stream(MODIFIED)
    deals.upsert({"id": guid(1), "modified": JUNE, "value": "new"})
    assert deals.upsert({"id": guid(1), "modified": MAY, "value": "old"}) == Changes()


def test_a_row_whose_version_is_unknown_overwrites_when_it_differs(stream: Streams) -> None:
    deals = stream(MODIFIED)
    deals.upsert({"id": guid(1), "modified": JUNE, "value": "a"})
    assert deals.upsert({"id": guid(1), "value": "b"}).updated == 1
    assert deals.upsert({"id": guid(1), "value": "b"}).updated == 0


@pytest.mark.parametrize("table", [SNAPSHOT, BY_CODE, COMPOSITE], ids=lambda table: table.name)
def test_rows_without_a_version_are_compared_value_by_value(stream: Streams, table: Table) -> None:
    codes = stream(table)
    key = {name: {"id": _identity(table), "period": 3}[name] for name in table.key}
    codes.upsert({**key, "value": "a"})
    assert codes.upsert({**key, "value": "a"}) == Changes()
    assert codes.upsert({**key, "value": None}).updated == 1
    assert codes.read("value") == [(None,)]


def _identity(table: Table) -> object:
    return {SNAPSHOT.name: 7, BY_CODE.name: "A'b"}.get(table.name, guid(9))


def test_composite_keys_tell_rows_apart(stream: Streams) -> None:
    balances = stream(COMPOSITE)
    balances.upsert({"id": guid(1), "period": 1, "value": "a"}, {"id": guid(1), "period": 2, "value": "b"})
    assert balances.upsert({"id": guid(1), "period": 2, "value": "c"}).updated == 1
    assert balances.read("period, value") == [(1, "a"), (2, "c")]


def test_of_doubles_in_a_step_the_highest_version_counts(stream: Streams) -> None:
    accounts = stream(SYNC)
    changes = accounts.upsert(
        {"id": guid(1), "timestamp": 5, "value": "newest"}, {"id": guid(1), "timestamp": 4, "value": "older"}
    )
    assert changes.inserted == 1
    assert accounts.read("value") == [("newest",)]


def test_of_equal_doubles_in_a_step_the_later_row_counts(stream: Streams) -> None:
    codes = stream(SNAPSHOT)
    codes.upsert({"id": 1, "value": "first"}, {"id": 2, "value": "other"}, {"id": 1, "value": "last"})
    assert codes.read("id, value") == [(1, "last"), (2, "other")]


def test_a_guid_spelt_in_capitals_is_the_same_key(stream: Streams) -> None:
    accounts = stream(SYNC)
    spelt = "abcdefab-0000-0000-0000-000000000001"
    accounts.upsert({"id": spelt, "timestamp": 1}, {"id": spelt.upper(), "timestamp": 2})
    assert accounts.read("id::VARCHAR, timestamp") == [(spelt, 2)]


def test_rows_without_a_key_are_added(stream: Streams) -> None:
    reasons = stream(KEYLESS)
    reasons.upsert({"id": "a"}, {"id": "a"})
    assert reasons.upsert({"id": "b"}) == Changes(inserted=1, years={None: 1})
    assert reasons.read("id") == [("a",), ("a",), ("b",)]


def test_divisions_do_not_touch_each_other(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 5, "value": "mine"})
    theirs = tables.rows(SYNC, {"id": guid(1), "timestamp": 9, "value": "theirs"}, division=2)
    accounts.warehouse.store(SYNC, 2, tables.step(Verb.UPSERT, theirs), expected_seq=0)
    assert accounts.read("division, value") == [(2, "theirs"), (DIVISION, "mine")]


def test_a_step_of_another_run_makes_the_next_one_fail_and_write_nothing(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1})
    accounts.load_seq = 0
    with pytest.raises(LoadSupersededError, match="crm_accounts of division 123456"):
        accounts.upsert({"id": guid(2), "timestamp": 2})
    accounts.load_seq = 7
    with pytest.raises(LoadSupersededError):
        accounts.upsert({"id": guid(2), "timestamp": 2})
    assert accounts.read("id::VARCHAR") == [(guid(1),)]


def test_a_step_without_rows_stores_its_state(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.store(tables.step(Verb.UPSERT, accounts.rows(), cursor=42))
    assert accounts.warehouse.states(SYNC, [DIVISION]) == {
        DIVISION: StreamState(load_seq=1, cursor=SyncCursor(timestamp=42))
    }


def test_rows_of_another_division_are_refused(stream: Streams) -> None:
    accounts = stream(SYNC)
    stray = tables.rows(SYNC, {"id": guid(1), "timestamp": 1}, division=2)
    with pytest.raises(WarehouseError, match=r"rows of \[2\]"):
        accounts.store(tables.step(Verb.UPSERT, stray))
