"""A file of its own for each test."""

from pathlib import Path

import pytest

from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "warehouse.duckdb"


@pytest.fixture
def warehouse(path: Path) -> Warehouse:
    return open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=10)
