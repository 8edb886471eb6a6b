"""A clock that is set by hours, in either direction: rows are neither lost nor kept for it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from exact_assets.catalogue.deletions import LOG
from exact_assets.catalogue.tables import tables
from exact_assets.request import Mode
from exact_assets_tests.installation import Installation, installation, path_of
from exact_assets_tests.one_warehouse import attempt, problems

UNLIMITED = {"minute_limit": 1_000_000, "day_limit": 1_000_000, "filterable": "any"}
OPPORTUNITIES = "crm_opportunities"
ENTRIES, LINES = "purchaseentry_purchase_entries", "purchaseentry_purchase_entry_lines"
JUMPS = [pytest.param(timedelta(hours=hours), id=f"{hours} h") for hours in (-720, -5, 0, 5, 720)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("place"), divisions=1, rows=300, settings=UNLIMITED) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


def at(offset: timedelta, place: Installation, names: str, file: Path, *, mode: Mode = Mode.AUTO) -> list[object]:
    """Bring tables up to date by a clock that is off; the errors."""
    found = attempt(place, names, file=file, mode=mode, now=lambda: datetime.now(UTC) + offset)
    return [one.error for ones in found.values() for one in ones.values() if one.error is not None]


@pytest.mark.long
@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("name", [OPPORTUNITIES, ENTRIES])
def test_rows_that_came_during_a_sweep_stay_whatever_the_clock_does(
    place: Installation, file: Path, name: str, jump: timedelta
) -> None:
    control, division, path = place.simulator.control, place.divisions[0], path_of(tables()[name].endpoint)
    names = f"{LINES},{name}" if name == ENTRIES else name
    assert at(timedelta(), place, names, file) == []
    control.set(page_size_cap=4)
    control.fault("cut_body", path=f"{path}.*skiptoken", division=division, times=None, after=1)
    try:
        assert len(at(timedelta(), place, name, file, mode=Mode.SWEEP)) == 1
        control.clear_faults()
        control.insert(path, division, count=12)
        # Read by its catch-up, and then the sweep goes on whose first pages did not have them.
        assert at(jump, place, names, file) == []
    finally:
        control.clear_faults()
        control.set(page_size_cap=None)
    assert problems(place, names, file=file) == {}


@pytest.mark.parametrize("jump", JUMPS)
def test_rows_that_were_stored_by_another_clock_and_deleted_in_exact_go_with_the_next_sweep(
    place: Installation, file: Path, jump: timedelta
) -> None:
    control, division = place.simulator.control, place.divisions[0]
    names = f"{OPPORTUNITIES},{LINES},{ENTRIES}"
    assert at(jump, place, names, file) == []
    for name in (OPPORTUNITIES, ENTRIES):
        path = path_of(tables()[name].endpoint)
        control.delete(path, division, count=2)
    assert at(timedelta(), place, f"{OPPORTUNITIES},{ENTRIES}", file, mode=Mode.SWEEP) == []
    assert problems(place, names, file=file) == {}


def test_rows_that_an_older_version_stored_by_a_clock_that_was_ahead_go_too(
    place: Installation, file: Path
) -> None:
    """Its streams may have been stored again since, when the clock had been put right."""
    control, division = place.simulator.control, place.divisions[0]
    names = f"{LINES},{ENTRIES}"
    assert at(timedelta(), place, names, file) == []
    with duckdb.connect(str(file)) as connection:
        for name in (ENTRIES, LINES):
            connection.execute(f"UPDATE exact.{name} SET _loaded_at = now() + INTERVAL 3 HOUR")
    control.delete(path_of(tables()[ENTRIES].endpoint), division, count=2)
    assert at(timedelta(), place, ENTRIES, file, mode=Mode.SWEEP) == []
    assert problems(place, names, file=file) == {}


def test_how_far_the_log_goes_back_is_told_by_exacts_clock(place: Installation, file: Path) -> None:
    """By ours, set forward by three months, every table would be swept."""
    control = place.simulator.control
    control.advance(5 * 3600)
    try:
        assert at(timedelta(), place, LOG, file) == []
        theirs = datetime.fromtimestamp(control.now(), UTC)
    finally:
        control.advance(-5 * 3600)
    with duckdb.connect(str(file), read_only=True) as connection:
        [(state,)] = connection.execute("SELECT state FROM exact._streams").fetchall()
    read_at = datetime.fromisoformat(json.loads(state)["read_at"])
    assert abs(read_at - theirs) < timedelta(minutes=1)


def test_the_moments_of_a_division_only_grow(place: Installation, file: Path) -> None:
    """Whoever reads increments by `_loaded_at` misses none."""
    control, division = place.simulator.control, place.divisions[0]
    seen: list[datetime] = []
    for hours in (0, -3, 6, -400, 0):
        control.insert("crm/Opportunities", division, count=2)
        assert at(timedelta(hours=hours), place, OPPORTUNITIES, file) == []
        with duckdb.connect(str(file), read_only=True) as connection:
            newest = f"SELECT epoch_us(max(_loaded_at)), count(*) FROM exact.{OPPORTUNITIES}"
            [(moment, _)] = connection.execute(newest).fetchall()
        seen.append(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment))
    assert seen == sorted(set(seen))
