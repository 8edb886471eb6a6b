"""Columns that come, go, or are not known to Exact; values that do not fit: what is stored, told and asked for."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

from exact_assets.catalogue import select
from exact_assets.checks.result import CheckStatus
from exact_assets.checks.subject import Subject
from exact_assets.checks.values_complete import VALUES_COMPLETE
from exact_assets.control.open import Control
from exact_assets.errors import AnswerError, RequestRefusedError
from exact_assets.planning.shares import Share
from exact_assets.request import Mode
from exact_assets.warehouse.open import open_warehouse
from exact_assets_tests.installation import Installation, installation, path_of
from exact_assets_tests.one_warehouse import attempt, bring, problems

ACCOUNTS, OPPORTUNITIES = "crm_accounts", "crm_opportunities"
LINES, CODES = "salesentry_sales_entry_lines", "vat_vat_codes"
CHOSEN = f"{ACCOUNTS},{OPPORTUNITIES},{LINES},{CODES}"
"""By sync, by Modified, through headers, whole."""
COLUMN = {ACCOUNTS: "name", OPPORTUNITIES: "name", LINES: "description", CODES: "description"}
ONE_CALL = Share(loads=10**9)
"""Of a day's calls: a load is cut after each page."""
SWITCHES = {"minute_limit": 1_000_000, "day_limit": 1_000_000, "page_size_cap": 4, "filterable": "any"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("columns"), divisions=2, rows=60, settings=SWITCHES) as made:
        bring(made, CHOSEN)
        yield made


@pytest.fixture
def file(place: Installation, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "warehouse.duckdb"
    shutil.copy(place.warehouse, path)
    place.simulator.control.forget_calls()
    yield path
    place.simulator.control.clear_faults()


def property_of(name: str, column: str) -> str:
    return next(one.property for one in select(name)[0].columns if one.name == column)


def drop_column(file: Path, name: str) -> None:
    """Leave the warehouse as a version made it whose catalogue lacked the column."""
    with duckdb.connect(str(file)) as connection:
        connection.execute(f'ALTER TABLE exact.{name} DROP COLUMN "{COLUMN[name]}"')


def calls(place: Installation, name: str) -> int:
    """Count the calls since they were last forgotten, of a table's endpoint or its headers'."""
    table = select(name)[0]
    paths = {path_of(table.endpoint), path_of(table.parent.endpoint) if table.parent else ""}
    found = place.simulator.control.calls()
    place.simulator.control.forget_calls()
    return sum(call["path"].partition("/v1/")[2].partition("/")[2] in paths for call in found)


def told(place: Installation, file: Path, name: str) -> dict[int, Any]:
    subject = Subject.read(
        select(name)[0],
        select(CHOSEN),
        warehouse=open_warehouse(f"duckdb:///{file}"),
        zone="Europe/Amsterdam",
        start_year=place.config.start_year,
    )
    return dict(VALUES_COMPLETE.judge(subject))


def values(file: Path, name: str, column: str) -> list[Any]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return connection.execute(
            f'SELECT division, id, "{column}" FROM exact.{name} ORDER BY division, id'
        ).fetchall()


@contextmanager
def settings(place: Installation, **changes: Any) -> Iterator[None]:
    place.simulator.control.set(**changes)
    try:
        yield
    finally:
        place.simulator.control.set(dropped_properties={}, day_limit=1_000_000)


@pytest.mark.parametrize("name", CHOSEN.split(","))
def test_a_column_that_comes_new_is_filled_in_old_rows_once(place: Installation, file: Path, name: str) -> None:
    bring(place, name, file=file)
    place.simulator.control.forget_calls()
    bring(place, name, file=file)
    nothing_new = calls(place, name)
    drop_column(file, name)
    bring(place, name, file=file)
    assert problems(place, name, file=file) == {}
    place.simulator.control.forget_calls()
    again = bring(place, name, file=file)
    assert calls(place, name) == nothing_new
    assert {one.state.unfilled for one in again[name].values()} == {()}
    assert {one.status for one in told(place, file, name).values()} == {CheckStatus.PASSED}


@pytest.mark.parametrize("name", [ACCOUNTS, OPPORTUNITIES, LINES])
def test_filling_goes_on_where_it_was_cut_and_costs_each_page_once(
    place: Installation, file: Path, name: str
) -> None:
    bring(place, name, file=file)
    catch_up = calls(place, name)
    drop_column(file, name)
    bring(place, name, file=file)
    at_once = calls(place, name)
    drop_column(file, name)
    cuts = 0
    while any(one.error for one in attempt(place, name, file=file, share=ONE_CALL)[name].values()):
        cuts += 1
        assert cuts < 20
    bring(place, name, file=file)
    assert problems(place, name, file=file) == {}
    assert cuts >= 1
    # An attempt may catch up beside it; none reads a page of the filling again.
    assert calls(place, name) <= at_once + (cuts + 2) * catch_up
    assert {one.status for one in told(place, file, name).values()} == {CheckStatus.PASSED}


def test_a_column_that_came_new_is_told_until_it_is_filled(place: Installation, file: Path) -> None:
    drop_column(file, ACCOUNTS)
    open_warehouse(f"duckdb:///{file}").prepare(select(ACCOUNTS))
    for one in told(place, file, ACCOUNTS).values():
        assert one.status is CheckStatus.WARNING
        assert "lack name" in one.words


@pytest.mark.parametrize("name", [ACCOUNTS, OPPORTUNITIES, CODES])
def test_a_property_that_comes_in_no_row_leaves_what_is_stored_and_is_told(
    place: Installation, file: Path, name: str
) -> None:
    before, missing = values(file, name, COLUMN[name]), property_of(name, COLUMN[name])
    place.simulator.control.fault("missing_property", value=missing, times=10_000)
    bring(place, name, file=file, mode=Mode.RELOAD)
    assert values(file, name, COLUMN[name]) == before
    for one in told(place, file, name).values():
        assert one.status is CheckStatus.WARNING
        assert f"Exact does not send {missing}" in one.words
    place.simulator.control.clear_faults()
    bring(place, name, file=file, mode=Mode.RELOAD)
    assert problems(place, name, file=file) == {}
    assert {one.status for one in told(place, file, name).values()} == {CheckStatus.PASSED}


def test_rows_are_not_stored_without_their_version(place: Installation, file: Path) -> None:
    before = values(file, ACCOUNTS, "timestamp")
    place.simulator.control.fault("missing_property", value="Timestamp", times=10_000)
    outcomes = attempt(place, ACCOUNTS, file=file, mode=Mode.RELOAD)[ACCOUNTS]
    assert all(isinstance(one.error, AnswerError) and "Timestamp" in str(one.error) for one in outcomes.values())
    assert values(file, ACCOUNTS, "timestamp") == before


def known_to(place: Installation, name: str) -> frozenset[str]:
    return Control.open(place.config).left_out.read().get(name, frozenset())


def forget(place: Installation, *, days: int = 31) -> None:
    """Let time pass since properties were left out."""
    path = place.config.control_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE left_out_properties SET found_at = found_at - ?", [days * 86_400])


@pytest.mark.parametrize("name", CHOSEN.split(","))
def test_a_property_that_exact_does_not_know_costs_its_column_and_one_refusal(
    place: Installation, tmp_path: Path, name: str
) -> None:
    file, missing = tmp_path / "new.duckdb", property_of(name, COLUMN[name])
    dropped = {path_of(select(name)[0].endpoint): [missing]}
    with settings(place, dropped_properties=dropped):
        place.simulator.control.forget_calls()
        bring(place, name, file=file)
        bring(place, name, file=file)
    refused = [call for call in place.simulator.control.calls() if call["status"] == 400]
    assert 1 <= sum(missing in call["query"] for call in refused) <= len(place.divisions)
    assert known_to(place, name) == {missing}
    assert {value for *_, value in values(file, name, COLUMN[name])} == {None}
    assert len(values(file, name, "id")) > 0
    for one in told(place, file, name).values():
        assert one.status is CheckStatus.WARNING
        assert f"Exact does not send {missing}" in one.words
    assert missing in place.quick("tables", "--select", name)
    # It comes back, and is asked for again after a month.
    bring(place, name, file=file)
    assert {value for *_, value in values(file, name, COLUMN[name])} == {None}
    forget(place)
    place.simulator.control.update(path_of(select(name)[0].endpoint), place.divisions[0], count=1)
    place.simulator.control.update(path_of(select(name)[0].endpoint), place.divisions[1], count=1)
    bring(place, name, file=file)
    assert problems(place, name, file=file) == {}
    assert known_to(place, name) == frozenset()


@pytest.mark.parametrize("name", [ACCOUNTS, OPPORTUNITIES, CODES])
def test_a_property_without_which_rows_cannot_be_kept_is_not_left_out(
    place: Installation, tmp_path: Path, name: str
) -> None:
    path = path_of(select(name)[0].endpoint)
    with settings(place, dropped_properties={path: ["ID"]}):
        outcomes = attempt(place, name, file=tmp_path / "new.duckdb")[name]
    errors = [one.error for one in outcomes.values()]
    assert all(isinstance(error, RequestRefusedError) and "does not know ID" in str(error) for error in errors)
    assert known_to(place, name) == frozenset()


def test_a_value_that_does_not_fit_costs_itself_and_is_told_until_it_is_corrected(
    place: Installation, file: Path
) -> None:
    place.simulator.control.fault("value_out_of_range", path="VATCodes", times=2, value=2**40)
    bring(place, CODES, file=file, mode=Mode.RELOAD)
    place.simulator.control.clear_faults()
    assert len(problems(place, CODES, file=file)) == 2
    for division, one in told(place, file, CODES).items():
        assert one.status is CheckStatus.WARNING
        assert f"does not fit: {2**40} (ID " in one.words
        assert one.examples[0]["division"] == division
    bring(place, CODES, file=file)
    assert problems(place, CODES, file=file) == {}
    assert {one.status for one in told(place, file, CODES).values()} == {CheckStatus.PASSED}
