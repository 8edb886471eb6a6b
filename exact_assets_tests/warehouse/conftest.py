"""A warehouse of its own for each test, in every engine that `engines` lists."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from exact_assets.catalogue.table import Table
from exact_assets.stream import Changes, Step, Verb
from exact_assets.warehouse.protocol import Warehouse
from exact_assets_tests.warehouse import tables
from exact_assets_tests.warehouse.engines import ENGINES, MakePlace, Place


class Stream:
    """One table of one division: stores steps with the right sequence numbers and reads rows back."""

    def __init__(self, warehouse: Warehouse, place: Place, table: Table) -> None:
        self.warehouse, self.place, self.table = warehouse, place, table
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
        found = self.place.query(f'SELECT {columns} FROM exact."{self.table.name}"')
        return sorted(found, key=lambda row: [(value is None, value) for value in row])


class Streams:
    """Makes streams in one warehouse."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.warehouse = place.open()

    def __call__(self, table: Table) -> Stream:
        return Stream(self.warehouse, self.place, table)


@pytest.fixture(params=sorted(ENGINES))
def make_place(request: pytest.FixtureRequest) -> MakePlace:
    return ENGINES[request.param]


@pytest.fixture
def place(make_place: MakePlace, tmp_path: Path) -> Place:
    return make_place(tmp_path)


@pytest.fixture
def warehouse(place: Place) -> Warehouse:
    return place.open()


@pytest.fixture
def stream(place: Place) -> Streams:
    return Streams(place)
