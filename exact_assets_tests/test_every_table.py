"""Every table of the catalogue, through the product's own path into a real warehouse: loaded, changed, left alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exact_assets.catalogue import select
from exact_assets.catalogue.table import Feed
from exact_assets.replicate import Outcome, Request
from exact_assets_tests.every_table import Outcomes, bring, problems
from exact_assets_tests.installation import Installation, installation, path_of
from exact_simulator.settings import STRICT

pytestmark = pytest.mark.xdist_group("every table")

THIS_YEAR = datetime.now(UTC).year
START_YEAR = THIS_YEAR - 3
"""A year later than the simulator's first: rows before it are left out."""
REQUEST = Request(start_year=START_YEAR, years=tuple(range(START_YEAR, THIS_YEAR + 1)))
UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000}
TABLES = select("all")
INCREMENTAL = {Feed.SYNC, Feed.MODIFIED, Feed.PARENT}
HARDER = STRICT | UNLIMITED | {"page_size_cap": 40}
"""Every uncertain point played the harder way, and pages so small that most tables have several."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("place"), divisions=2, rows=100, settings=UNLIMITED) as made:
        yield made


@pytest.fixture(scope="module")
def folder(place: Installation) -> Path:
    return place.folder / "tables"


@pytest.fixture(scope="module")
def loaded(place: Installation, folder: Path) -> Outcomes:
    return bring(place, TABLES, REQUEST, folder=folder)


@pytest.fixture(scope="module")
def changed(place: Installation, folder: Path, loaded: Outcomes) -> set[str]:
    """Insert and update in every table of the first division that takes it; tell which did."""
    done = {table.name for table in TABLES if _change(place, path_of(table.endpoint))}
    assert errors(bring(place, TABLES, REQUEST, folder=folder)) == []
    return done


def _change(place: Installation, path: str) -> bool:
    control, division = place.simulator.control, place.divisions[0]
    changed = False
    for change in (control.update, control.insert):
        try:
            changed |= bool(change(path, division, count=2))
        except ValueError:
            # What follows from other records has no rows of its own to add.
            continue
    return changed


def errors(outcomes: Outcomes) -> list[str]:
    return [f"{name}: {one.error}" for name, ones in outcomes.items() for one in ones.values() if one.error]


def test_every_table_holds_what_exact_holds(place: Installation, folder: Path, loaded: Outcomes) -> None:
    assert errors(loaded) == []
    assert problems(place, TABLES, start_year=START_YEAR, folder=folder) == {}


def test_rows_that_are_new_or_changed_arrive_in_every_table(
    place: Installation, folder: Path, changed: set[str]
) -> None:
    assert len(changed) > 200
    assert problems(place, TABLES, start_year=START_YEAR, folder=folder) == {}


def test_where_nothing_changed_a_load_is_one_call_and_no_write(
    place: Installation, folder: Path, changed: set[str]
) -> None:
    before = bring(place, TABLES, REQUEST, folder=folder)
    place.simulator.control.forget_calls()
    after = bring(place, TABLES, REQUEST, folder=folder)
    asked = Counter(call["path"] for call in place.simulator.control.calls())
    incremental = [table for table in TABLES if table.feed in INCREMENTAL]
    due = Counter(
        (table.parent or table).endpoint.format(division=division)
        for table in incremental
        for division in place.divisions
    )
    assert {path: calls for path, calls in asked.items() if path in due} == due
    assert {name for name in before if _seqs(before[name]) != _seqs(after[name])} == set()


def _seqs(outcomes: Mapping[int, Outcome]) -> list[int]:
    """Every stored step raises the number of its stream."""
    return [outcome.state.load_seq for _, outcome in sorted(outcomes.items())]


def test_a_harder_server_gives_the_same_rows(place: Installation) -> None:
    tables = select("default")
    folder = place.folder / "harder"
    place.simulator.control.set(**HARDER)
    assert errors(bring(place, tables, REQUEST, folder=folder)) == []
    assert problems(place, tables, start_year=START_YEAR, folder=folder) == {}
