"""Preparing creates what is missing, drops nothing, and costs next to nothing when nothing is missing."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from exact_assets.catalogue.tables import tables as catalogue
from exact_assets.errors import WarehouseError
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.conftest import Streams
from exact_assets_tests.warehouse.tables import ALL, BY_CODE, KEYLESS, LINES, STRING, SYNC, guid, query, run, table

WIDER = table(
    "crm_accounts",
    {
        **{column.name: (column.property, (column.edm_type, column.type)) for column in SYNC.columns},
        "order": ("Order", STRING),
    },
    version="timestamp",
)
COLUMNS = "SELECT column_name, data_type, is_nullable, comment FROM duckdb_columns() WHERE table_name = '{}'"


def test_a_table_has_exact_columns_types_and_comments(warehouse: Warehouse, path: Path) -> None:
    warehouse.prepare([LINES])
    assert query(path, COLUMNS.format("purchaseentry_lines")) == [
        ("division", "INTEGER", False, "Division: the one the row was read from"),
        ("id", "UUID", False, "ID"),
        ("entry_id", "UUID", True, "EntryID"),
        ("value", "VARCHAR", True, "Value"),
        ("amount", "DECIMAL(38,10)", True, "Amount"),
        ("_year", "SMALLINT", True, "The year whose partition holds the row"),
        ("_loaded_at", "TIMESTAMP WITH TIME ZONE", True, "When the row last changed here"),
        (
            "deleted_at",
            "TIMESTAMP WITH TIME ZONE",
            True,
            "When the row was found to be gone from Exact (EXACT_DELETIONS=soft); empty: it is there",
        ),
    ]
    assert query(path, "SELECT comment FROM duckdb_tables() WHERE table_name = 'purchaseentry_lines'") == [
        ("/api/v1/{division}/sync/CRM/Accounts",)
    ]


def test_the_primary_key_is_division_and_key_and_none_where_rows_have_no_identity(
    warehouse: Warehouse, path: Path
) -> None:
    warehouse.prepare(ALL)
    keys = dict(
        query(
            path,
            "SELECT table_name, constraint_column_names FROM duckdb_constraints() "
            "WHERE constraint_type = 'PRIMARY KEY'",
        )
    )
    assert keys["openingbalance"] == ["division", "id", "period"]
    assert KEYLESS.name not in keys


def test_every_table_of_the_catalogue_can_be_made(warehouse: Warehouse, path: Path) -> None:
    wanted = catalogue()
    warehouse.prepare(wanted.values())
    made = query(path, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'exact'")
    assert {name for (name,) in made} == {*wanted, "_streams", "divisions"}
    columns = query(
        path, "SELECT count(*) FROM duckdb_columns() WHERE schema_name = 'exact' AND comment IS NOT NULL"
    )
    assert columns[0][0] >= sum(len(one.columns) for one in wanted.values())


def test_a_column_that_the_catalogue_gains_is_added(stream: Streams) -> None:
    accounts = stream(SYNC)
    accounts.upsert({"id": guid(1), "timestamp": 1})
    wider = stream(WIDER)
    wider.load_seq = accounts.load_seq
    wider.upsert({"id": guid(2), "timestamp": 2, "order": "new"})
    assert wider.read('"order"') == [("new",), (None,)]
    assert ("order", "VARCHAR", True, "Order") in query(stream.path, COLUMNS.format("crm_accounts"))


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
    run(stream.path, "ALTER TABLE exact.crm_accounts ADD COLUMN mine INTEGER DEFAULT 5")
    accounts.warehouse.prepare([SYNC])
    accounts.upsert({"id": guid(1), "timestamp": 1})
    assert accounts.read("mine") == [(5,)]


def test_a_changed_comment_is_put_right(warehouse: Warehouse, path: Path) -> None:
    warehouse.prepare([BY_CODE])
    run(path, "COMMENT ON COLUMN exact.mailbox_codes.id IS NULL")
    warehouse.prepare([replace(BY_CODE, description="Codes, it's all there is.")])
    assert query(
        path, "SELECT comment FROM duckdb_columns() WHERE table_name = 'mailbox_codes' AND column_name = 'id'"
    )
    comment = query(path, "SELECT comment FROM duckdb_tables() WHERE table_name = 'mailbox_codes'")
    assert comment[0][0].startswith("Codes, it's all there is.")


def test_a_missing_primary_key_is_added(warehouse: Warehouse, path: Path) -> None:
    warehouse.prepare([replace(SYNC, key=())])
    warehouse.prepare([SYNC])
    assert query(path, "SELECT has_primary_key FROM duckdb_tables() WHERE table_name = 'crm_accounts'") == [(True,)]


def test_preparing_again_writes_nothing(warehouse: Warehouse, path: Path) -> None:
    warehouse.prepare(ALL)
    before = path.stat().st_mtime_ns, path.read_bytes()
    warehouse.prepare(ALL)
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


def test_preparing_again_is_quick(warehouse: Warehouse) -> None:
    warehouse.prepare(ALL)
    started = time.process_time()
    for _ in range(10):
        warehouse.prepare([SYNC])
    assert (time.process_time() - started) / 10 < 0.05


def test_a_table_that_a_user_put_in_the_way_is_an_error_that_names_it(warehouse: Warehouse, path: Path) -> None:
    warehouse.prepare(())
    run(path, "CREATE VIEW exact.crm_accounts AS SELECT 1")
    with pytest.raises(WarehouseError, match="crm_accounts"):
        warehouse.prepare([SYNC])


def test_nothing_is_left_beside_the_file_but_the_lock(warehouse: Warehouse, path: Path) -> None:
    warehouse.prepare(ALL)
    assert {found.name for found in path.parent.iterdir()} == {path.name, f"{path.name}.lock"}


def test_a_file_that_is_no_duckdb_file_is_an_error_that_names_it(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("letters " * 2000)
    with pytest.raises(WarehouseError, match=r"warehouse\.duckdb"):
        open_warehouse(f"duckdb:///{path}").prepare([SYNC])


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WarehouseError, match="file"):
        open_warehouse(f"duckdb:///{tmp_path}/file/warehouse.duckdb").prepare([SYNC])


def test_a_file_deleted_after_a_kill_is_made_anew_beside_its_log(warehouse: Warehouse, path: Path) -> None:
    """A killed process leaves a log; DuckDB refuses to open a new file beside it."""
    warehouse.prepare([SYNC])
    path.unlink()
    path.with_name("warehouse.duckdb.wal").write_bytes(b"what a killed process left" * 10)
    warehouse.prepare([SYNC])
    assert warehouse.list_divisions() == ()
    assert path.with_name("warehouse.duckdb.wal.orphan").exists()
