"""The file: what stands beside it, and what is in its place."""

from pathlib import Path

import pytest

from exact_assets.errors import WarehouseError
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse.tables import ALL, SYNC


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
