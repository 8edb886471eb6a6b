"""Every table of the catalogue, through the product's own path into a real warehouse: loaded, changed, compared."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exact_assets.catalogue import select
from exact_assets.catalogue.table import Feed, Table, YearKind
from exact_assets.request import Request
from exact_assets.stream import Changes
from exact_assets_tests.every_table import Outcomes, bring, problems
from exact_assets_tests.installation import Installation, installation, path_of
from exact_simulator.settings import STRICT

THIS_YEAR = datetime.now(UTC).year
START_YEAR = THIS_YEAR - 3
"""A year later than the simulator's first: rows before it are left out."""
LONG_AGO_MS = 1_000_000_000_000
"""In 2001."""
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


@dataclass(frozen=True)
class Changed:
    """What a load brought after rows were changed and inserted, and in which tables they were."""

    tables: set[str]
    outcomes: Outcomes


@pytest.fixture(scope="module")
def changed(place: Installation, folder: Path, loaded: Outcomes) -> Changed:
    """Insert and update in every table of the first division that takes it, and load."""
    done = {table.name for table in TABLES if _change(place, path_of(table.endpoint))}
    return Changed(done, bring(place, TABLES, REQUEST, folder=folder))


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


@pytest.mark.long
def test_every_table_holds_what_exact_holds(place: Installation, folder: Path, loaded: Outcomes) -> None:
    assert errors(loaded) == []
    assert problems(place, TABLES, start_year=START_YEAR, folder=folder) == {}


@pytest.mark.long
def test_rows_that_are_new_or_changed_arrive_in_every_table(
    place: Installation, folder: Path, changed: Changed
) -> None:
    assert len(changed.tables) > 250
    assert errors(changed.outcomes) == []
    assert problems(place, TABLES, start_year=START_YEAR, folder=folder) == {}


@pytest.mark.long
def test_where_nothing_changed_a_load_is_one_call_and_no_write(
    place: Installation, folder: Path, changed: Changed
) -> None:
    place.simulator.control.forget_calls()
    third = bring(place, TABLES, REQUEST, folder=folder)
    asked = Counter(call["path"] for call in place.simulator.control.calls())
    incremental = [table for table in TABLES if table.feed in INCREMENTAL]
    due = Counter(
        (table.parent or table).endpoint.format(division=division)
        for table in incremental
        for division in place.divisions
    )
    assert {path: calls for path, calls in asked.items() if path in due} == due
    assert [name for name, ones in third.items() for one in ones.values() if one.changes != Changes()] == []
    untouched = place.divisions[1]
    states = {
        name: (changed.outcomes[name][untouched].state, ones[untouched].state) for name, ones in third.items()
    }
    # Every stored step raises the number of its stream. Where Modified is refused, which the second load found out,
    # the third is the first to read by years.
    written = {name for name, (before, after) in states.items() if before.load_seq != after.load_seq}
    assert {name for name in written if "Modified" not in states[name][1].refused} == set()


@pytest.mark.long
def test_rows_that_move_before_the_starting_year_leave_the_warehouse(
    place: Installation, folder: Path, changed: Changed
) -> None:
    tables = [table for table in TABLES if table.year_kind is YearKind.BUSINESS and _move(place, table)]
    assert {Feed.SYNC, Feed.MODIFIED} <= {table.feed for table in tables}
    outcomes = bring(place, tables, REQUEST, folder=folder)
    assert errors(outcomes) == []
    assert sum(one.changes.deleted for ones in outcomes.values() for one in ones.values()) > len(tables) / 2
    assert problems(place, tables, start_year=START_YEAR, folder=folder) == {}


def _move(place: Installation, table: Table) -> bool:
    """Date a row that is kept long before the starting year; tell whether the simulator lets it."""
    division = place.divisions[0]
    of = next((column for column in table.columns if column.name in table.year[:1]), None)
    if of is None or of.edm_type != "Edm.DateTime":
        return False
    try:
        place.simulator.control.update(path_of(table.endpoint), division, values={of.property: LONG_AGO_MS})
    except ValueError:
        # The date is another record's.
        return False
    return True


@pytest.mark.long
def test_a_harder_server_gives_the_same_rows(place: Installation) -> None:
    tables = select("default")
    folder = place.folder / "harder"
    place.simulator.control.set(**HARDER)
    assert errors(bring(place, tables, REQUEST, folder=folder)) == []
    assert problems(place, tables, start_year=START_YEAR, folder=folder) == {}
