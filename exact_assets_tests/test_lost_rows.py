"""Rows that the warehouse lost, or that somebody changed there, where a digest says that nothing changed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from exact_assets.request import Mode
from exact_assets_tests.installation import Installation, installation
from exact_assets_tests.one_warehouse import bring, problems

WHOLE = "vat_vat_codes,financial_aging_receivables_list"
"""Read whole each time: one with a key, and a function without."""
CHOSEN = f"{WHOLE},crm_accounts,crm_opportunities,salesentry_sales_entry_lines"
UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("lost"), divisions=2, rows=60, settings=UNLIMITED) as made:
        bring(made, CHOSEN)
        bring(made, CHOSEN)  # now each stream knows what the next read gives when nothing changes
        yield made


@pytest.fixture
def file(place: Installation, tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    shutil.copy(place.warehouse, path)
    return path


def damage(file: Path, names: str, statement: str) -> None:
    with duckdb.connect(str(file)) as connection:
        for name in names.split(","):
            connection.execute(statement.format(table=f"exact.{name}"))


ONE_IN_THREE = "DELETE FROM {table} WHERE rowid % 3 = 0"
ALL_OF_ONE = "DELETE FROM {table} WHERE division = 100001"


@pytest.mark.parametrize("statement", [ONE_IN_THREE, ALL_OF_ONE])
@pytest.mark.parametrize("mode", list(Mode))
def test_rows_of_a_table_that_is_read_whole_come_back(
    place: Installation, file: Path, mode: Mode, statement: str
) -> None:
    damage(file, WHOLE, statement)
    assert len(problems(place, WHOLE, file=file)) >= 2
    bring(place, WHOLE, file=file, mode=mode)
    assert problems(place, WHOLE, file=file) == {}


@pytest.mark.long
def test_a_reload_brings_back_lost_rows_and_changed_values_of_every_feed(place: Installation, file: Path) -> None:
    damage(file, CHOSEN, ONE_IN_THREE)
    damage(file, "crm_accounts,crm_opportunities", "UPDATE {table} SET name = 'x' WHERE rowid % 5 = 0")
    damage(file, "vat_vat_codes", "UPDATE {table} SET description = 'x'")
    bring(place, CHOSEN, file=file, mode=Mode.RELOAD)
    assert problems(place, CHOSEN, file=file) == {}


def test_a_table_of_which_nothing_was_lost_is_not_stored_again(place: Installation, file: Path) -> None:
    again = bring(place, WHOLE, file=file)
    for outcomes in again.values():
        assert [(one.calls, one.state.load_seq) for one in outcomes.values()] == [
            (1, one.before.load_seq) for one in outcomes.values()
        ]
