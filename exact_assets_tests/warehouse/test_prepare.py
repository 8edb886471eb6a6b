"""Preparing creates what is missing, drops nothing, and costs next to nothing when nothing is missing."""

import time
from dataclasses import replace

import pytest

from exact_assets.catalogue.tables import tables as catalogue
from exact_assets.errors import LoadSupersededError, WarehouseError
from exact_assets.stream import Verb
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.sql.types import SqlType
from exact_assets_tests.warehouse.conftest import Streams
from exact_assets_tests.warehouse.engines import Place
from exact_assets_tests.warehouse.tables import (
    ALL,
    BY_CODE,
    DIVISION,
    KEYLESS,
    LINES,
    STRING,
    SYNC,
    guid,
    step,
    table,
)

WIDER = table(
    "crm_accounts",
    {
        **{column.name: (column.property, (column.edm_type, column.type)) for column in SYNC.columns},
        "order": ("Order", STRING),
    },
    version="timestamp",
)


def test_a_table_has_exact_columns_types_and_comments(warehouse: Warehouse, place: Place) -> None:
    warehouse.prepare([LINES])
    assert place.columns("purchaseentry_lines") == [
        ("division", SqlType.INTEGER, False, "Division: the one the row was read from"),
        ("id", SqlType.GUID, False, "ID"),
        ("entry_id", SqlType.GUID, True, "EntryID"),
        ("value", SqlType.TEXT, True, "Value"),
        ("amount", SqlType.DECIMAL, True, "Amount"),
        ("_year", SqlType.SMALLINT, True, "The year whose partition holds the row"),
        ("_loaded_at", SqlType.INSTANT, True, "When the row last changed here"),
        (
            "deleted_at",
            SqlType.INSTANT,
            True,
            "When the row was found to be gone from Exact (EXACT_DELETIONS=soft); empty: it is there",
        ),
    ]
    assert place.tables()["purchaseentry_lines"] == "/api/v1/{division}/sync/CRM/Accounts"


def test_the_primary_key_is_division_and_key_and_none_where_rows_have_no_identity(
    warehouse: Warehouse, place: Place
) -> None:
    warehouse.prepare(ALL)
    keys = place.primary_keys()
    assert keys["openingbalance"] == ("division", "id", "period")
    assert KEYLESS.name not in keys


def test_every_table_of_the_catalogue_can_be_made(warehouse: Warehouse, place: Place) -> None:
    wanted = catalogue()
    warehouse.prepare(wanted.values())
    assert set(place.tables()) == {*wanted, "_streams", "divisions"}
    commented = place.commented_columns()
    assert not [name for name, one in wanted.items() if commented[name] < len(one.columns)]


def test_a_column_that_the_catalogue_gains_is_added(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1})
    wider = stream(WIDER)
    wider.load_seq = accounts.load_seq + 1  # so that whoever reads without the column is superseded
    wider.upsert({"id": guid(2), "timestamp": 2, "order": "new"})
    assert wider.read('"order"') == [("new",), (None,)]
    assert ("order", SqlType.TEXT, True, "Order") in stream.place.columns("crm_accounts")


def test_streams_with_rows_are_to_be_filled_once_a_column_was_added(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1})
    accounts.warehouse.store(SYNC, DIVISION + 1, step(Verb.UPSERT, accounts.rows()), expected_seq=0)
    wider = stream(WIDER)
    found = wider.warehouse.states(WIDER, [DIVISION, DIVISION + 1])
    assert [(one.unfilled, one.load_seq) for one in found.values()] == [(("order",), 2), ((), 1)]
    wider.warehouse.prepare([WIDER])
    assert wider.warehouse.states(WIDER, [DIVISION, DIVISION + 1]) == found


def test_whoever_read_a_state_before_a_column_was_added_is_superseded(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1})
    stream(WIDER)
    with pytest.raises(LoadSupersededError):
        accounts.upsert({"id": guid(2), "timestamp": 2})


def test_a_column_that_did_not_come_keeps_what_is_stored(stream: Streams) -> None:
    wider = stream(WIDER)
    wider.upsert({"id": guid(1), "timestamp": 1, "order": "kept"})
    new = wider.rows({"id": guid(1), "timestamp": 2}, {"id": guid(2), "timestamp": 2})
    for verb in (Verb.UPSERT, Verb.REPLACE):
        wider.store(replace(step(verb, new), unread=frozenset({"order"})))
        assert wider.read('"order", timestamp') == [("kept", 2), (None, 2)]
    wider.store(step(Verb.REPLACE, new))
    assert wider.read('"order"') == [(None,), (None,)]


def test_rows_that_an_answer_lacks_stay_where_some_of_it_was_set_aside(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1}, {"id": guid(2), "timestamp": 1})
    part = accounts.rows({"id": guid(2), "timestamp": 3})
    accounts.store(replace(step(Verb.REPLACE, part), is_partial=True))
    assert accounts.read("timestamp") == [(1,), (3,)]
    accounts.store(replace(step(Verb.REPLACE, part)))
    assert accounts.read("timestamp") == [(3,)]


def test_a_column_gained_while_rows_are_staged_is_added_to_the_stage(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.stage({"id": guid(1), "timestamp": 1})
    wider = stream(WIDER)
    wider.load_seq = accounts.load_seq
    wider.replace({"id": guid(2), "timestamp": 2, "order": "new"})
    assert wider.read('"order"') == [("new",), (None,)]


def test_a_column_that_the_catalogue_loses_stays_and_is_null_in_new_rows(stream: Streams) -> None:
    wider = stream(WIDER)
    wider.upsert({"id": guid(1), "timestamp": 1, "order": "kept"})
    accounts = stream(SYNC)
    accounts.load_seq = wider.load_seq
    accounts.upsert({"id": guid(2), "timestamp": 2})
    assert accounts.read('"order"') == [("kept",), (None,)]


def test_columns_of_the_user_stay(stream: Streams) -> None:
    accounts = stream(SYNC)
    stream.place.run("ALTER TABLE exact.crm_accounts ADD COLUMN mine INTEGER DEFAULT 5")
    accounts.warehouse.prepare([SYNC])
    accounts.upsert({"id": guid(1), "timestamp": 1})
    assert accounts.read("mine") == [(5,)]


def test_a_changed_comment_is_put_right(warehouse: Warehouse, place: Place) -> None:
    warehouse.prepare([BY_CODE])
    place.run("COMMENT ON COLUMN exact.mailbox_codes.id IS NULL")
    warehouse.prepare([replace(BY_CODE, description="Codes, it's all there is.")])
    assert place.columns(BY_CODE.name)[1][3] == "Code"
    assert (place.tables()[BY_CODE.name] or "").startswith("Codes, it's all there is.")


def test_a_missing_primary_key_is_added(warehouse: Warehouse, place: Place) -> None:
    warehouse.prepare([replace(SYNC, key=())])
    warehouse.prepare([SYNC])
    assert place.primary_keys()[SYNC.name] == ("division", "id")


def test_preparing_again_writes_nothing(warehouse: Warehouse, place: Place) -> None:
    warehouse.prepare(ALL)
    before = place.content()
    warehouse.prepare(ALL)
    assert place.content() == before


def test_preparing_again_is_quick(warehouse: Warehouse) -> None:
    warehouse.prepare(ALL)
    started = time.process_time()
    for _ in range(10):
        warehouse.prepare([SYNC])
    assert (time.process_time() - started) / 10 < 0.05


def test_a_table_that_a_user_put_in_the_way_is_an_error_that_names_it(warehouse: Warehouse, place: Place) -> None:
    warehouse.prepare(())
    place.run("CREATE VIEW exact.crm_accounts AS SELECT 1")
    with pytest.raises(WarehouseError, match="crm_accounts"):
        warehouse.prepare([SYNC])
