"""An answer that ends with a full page and no link to the next one: it is not taken for whole."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from exact_assets.catalogue.tables import tables
from exact_assets.errors import PagingError
from exact_assets.request import Mode
from exact_assets_tests.installation import Installation, installation, path_of
from exact_assets_tests.one_warehouse import attempt, bring, problems

UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000, "filterable": "any"}
OPPORTUNITIES, LINES, UNITS = "crm_opportunities", "purchaseentry_purchase_entry_lines", "logistics_units"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("place"), divisions=1, rows=300, settings=UNLIMITED) as made:
        for name in (OPPORTUNITIES, UNITS, "purchaseentry_purchase_entries"):
            made.simulator.control.insert(path_of(tables()[name].endpoint), made.divisions[0], count=130)
        yield made


@pytest.mark.parametrize("mode", [Mode.AUTO, Mode.RELOAD, Mode.SWEEP])
@pytest.mark.parametrize("name", [OPPORTUNITIES, LINES, UNITS])
def test_a_first_page_without_its_link_is_asked_for_again(
    place: Installation, tmp_path: Path, name: str, mode: Mode
) -> None:
    control, division, file = place.simulator.control, place.divisions[0], tmp_path / "warehouse.duckdb"
    table = tables()[name]
    path = path_of(table.parent.endpoint if table.parent else table.endpoint)
    if mode is not Mode.AUTO:
        bring(place, name, file=file)
    # A catch-up comes before a sweep, and brings less than a page.
    keys_only = r"\?.*select=(ID|EntryID)," if mode is Mode.SWEEP else r"\?"
    control.fault("next_missing", path=f"/{path}{keys_only}", times=1)
    try:
        error = attempt(place, name, file=file, mode=mode)[name][division].error
        control.clear_faults()
        if not (mode is Mode.SWEEP and name == UNITS):
            assert isinstance(error, PagingError)
            assert "ended after 60 rows without a link" in str(error)
        bring(place, name, file=file, mode=mode)
    finally:
        control.clear_faults()
    assert problems(place, name, file=file) == {}


def test_an_answer_that_ends_with_a_full_page_and_is_whole_is_taken(place: Installation, tmp_path: Path) -> None:
    control, path = place.simulator.control, path_of(tables()[OPPORTUNITIES].endpoint)
    there = len(place.truth(tables()[OPPORTUNITIES], place.divisions[0]))
    control.insert(path, place.divisions[0], count=-there % 60)
    control.fault("next_missing", path=rf"/{path}\?.*skiptoken", times=1, after=(there + 59) // 60 - 2)
    try:
        bring(place, OPPORTUNITIES, file=tmp_path / "warehouse.duckdb")
    finally:
        control.clear_faults()
    assert problems(place, OPPORTUNITIES, file=tmp_path / "warehouse.duckdb") == {}
