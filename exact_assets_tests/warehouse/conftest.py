"""A warehouse in a file of its own for each test."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from exact_assets.catalogue.table import Table
from exact_assets.stream import Changes, Step, Verb
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse import tables


class Stream:
    """One table of one division: stores steps with the right sequence numbers and reads rows back."""

    def __init__(self, warehouse: Warehouse, path: Path, table: Table) -> None:
        self.warehouse, self.path, self.table = warehouse, path, table
        self.load_seq = 0
        warehouse.prepare([table])

    def store(self, step: Step) -> Changes:
        stored = self.warehouse.store(self.table, tables.DIVISION, step, expected_seq=self.load_seq)
        self.load_seq = stored.load_seq
        return stored.changes

    def upsert(self, *values: dict[str, Any], parents: list[str] | None = None) -> Changes:
        return self.store(tables.step(Verb.UPSERT, self.rows(*values), parents=parents))

    def stage(self, *values: dict[str, Any]) -> Changes:
        return self.store(tables.step(Verb.STAGE, self.rows(*values)))

    def replace(self, *values: dict[str, Any], years: tuple[int, int] | None = None) -> Changes:
        return self.store(tables.step(Verb.REPLACE, self.rows(*values), years=years))

    def rows(self, *values: dict[str, Any]) -> pa.Table:
        return tables.rows(self.table, *values)

    def read(self, columns: str) -> list[tuple[Any, ...]]:
        return tables.query(self.path, f'SELECT {columns} FROM exact."{self.table.name}" ORDER BY ALL')


class Streams:
    """Makes streams in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.warehouse = open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=10)

    def __call__(self, table: Table) -> Stream:
        return Stream(self.warehouse, self.path, table)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "warehouse.duckdb"


@pytest.fixture
def warehouse(path: Path) -> Warehouse:
    return open_warehouse(f"duckdb:///{path}", lock_timeout_seconds=10)


@pytest.fixture
def stream(path: Path) -> Streams:
    return Streams(path)
