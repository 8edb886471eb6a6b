"""A simulator that all tests of a module share, without a limit, and a warehouse for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exact_assets_tests.installation import Installation, installation

UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000, "filterable": "any"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("place"), divisions=1, rows=300, settings=UNLIMITED) as made:
        yield made


@pytest.fixture(autouse=True)
def _no_faults_are_left(place: Installation) -> Iterator[None]:
    yield
    place.simulator.control.clear_faults()
    place.simulator.control.set(**UNLIMITED, page_size_cap=None)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"
