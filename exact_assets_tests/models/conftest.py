"""Books of two small divisions that look like a firm's, loaded once; and a warehouse of each engine with them."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from exact_assets.catalogue.tables import tables
from exact_assets.models.registry import models
from exact_assets.stream import Step, Verb
from exact_assets.warehouse.open import open_warehouse
from exact_assets.warehouse.protocol import Warehouse
from exact_assets.warehouse.sql.types import is_guid
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.models.made import MakeModel, Model
from exact_assets_tests.models.rows import KEPT, LOADED
from exact_assets_tests.one_warehouse import bring
from exact_assets_tests.warehouse.engines import ENGINES, DuckDBPlace, Place

UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000}


@dataclass(frozen=True)
class Books:
    """A warehouse that has the books and all models."""

    warehouse: Warehouse
    place: Place
    divisions: tuple[int, ...]

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        return self.place.query(statement)

    def build(self, *names: str) -> None:
        for name in names or models():
            built = self.warehouse.build_model(models()[name], self.divisions, kept=KEPT)
            assert {type(rows) for rows in built.values()} == {int}, built


@pytest.fixture(scope="session")
def firm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Return an Exact that no test may change, with all that models read in the warehouse."""
    folder = tmp_path_factory.mktemp("firm")
    with installation(folder, divisions=2, rows=80, is_hostile=False, settings=UNLIMITED) as made:
        made.enable(*made.divisions)
        bring(made, ",".join(sorted(LOADED)))
        yield made


@pytest.fixture(scope="module", params=["duckdb", "postgresql"])
def books(request: pytest.FixtureRequest, firm: Installation, tmp_path_factory: pytest.TempPathFactory) -> Books:
    place = ENGINES[request.param](tmp_path_factory.mktemp(request.param))
    copy: Callable[[Place, Installation], None] = _copy_file if isinstance(place, DuckDBPlace) else _copy_rows
    copy(place, firm)
    made = Books(place.open(), place, firm.divisions)
    made.build()
    return made


def _copy_file(place: Place, firm: Installation) -> None:
    assert isinstance(place, DuckDBPlace)
    place.path.parent.mkdir(parents=True)
    shutil.copy(firm.warehouse, place.path)


def _copy_rows(place: Place, firm: Installation) -> None:
    """Store the rows of the file, with the states of their streams, as loads do."""
    source, target = open_warehouse(f"duckdb:///{firm.warehouse}"), place.open()
    known = source.list_divisions() or ()
    target.restore_divisions(known)
    kept = [tables()[name] for name in sorted(LOADED)]
    target.prepare(kept)
    with duckdb.connect(str(firm.warehouse), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in kept:
            guids = {column.name for column in table.columns if is_guid(column)}
            names = ", ".join(
                f'CAST("{name}" AS VARCHAR) AS "{name}"' if name in guids else f'"{name}"'
                for name in table.arrow_schema.names
            )
            for division, state in source.states(table, firm.divisions).items():
                rows = connection.sql(
                    f'SELECT {names} FROM exact."{table.name}" WHERE division = {division}'
                ).to_arrow_table()
                step = Step(verb=Verb.UPSERT, rows=rows.cast(table.arrow_schema), state=state)
                target.store(table, division, step, expected_seq=0)


def file_of(firm: Installation, folder: Path) -> Path:
    """Return a copy of the file, for a test that changes it."""
    return Path(shutil.copy(firm.warehouse, folder / "warehouse.duckdb"))


@pytest.fixture(params=["duckdb", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return ENGINES[request.param](tmp_path)


@pytest.fixture
def make(place: Place) -> MakeModel:
    return lambda name: Model(place, name)
