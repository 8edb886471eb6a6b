"""What is asked again, how often, and what an answer to one question says of another."""

from pathlib import Path

import pytest

from exact_assets.errors import RemovalDoubtedError, RemovalWithheldError
from exact_assets.request import Mode
from exact_assets_tests.installation import Installation
from exact_assets_tests.one_warehouse import bring, problems
from exact_assets_tests.removals.asking import (
    ACCOUNTS,
    CODES,
    HOUR,
    INVOICES,
    OPPORTUNITIES,
    UNITS,
    asked,
    asked_for,
    fault,
    fault_in,
    kept_aside,
    one,
    rows,
)


@pytest.mark.long
@pytest.mark.parametrize("stood", [1, 3])
def test_of_two_years_in_a_reload_only_the_one_that_stood_for_a_day_may_go(
    place: Installation, file: Path, stood: int
) -> None:
    bring(place, INVOICES, file=file)
    first, second = place.config.start_year + 1, place.config.start_year + 3
    stood += place.config.start_year
    other = first if stood == second else second
    kept = rows(file, INVOICES, f"_year = {other}")
    fault(place, "rows_missing_counted", INVOICES)
    assert isinstance(one(place, INVOICES, file, mode=Mode.RELOAD, years=(stood,)).error, RemovalWithheldError)
    place.simulator.control.advance(25 * HOUR)
    outcome = one(place, INVOICES, file, mode=Mode.RELOAD, years=(first, second))
    assert isinstance(outcome.error, RemovalWithheldError)
    assert f"{kept} of {kept} rows" in str(outcome.error)
    assert rows(file, INVOICES, f"_year = {other}") == kept > 0
    assert outcome.state.withheld is not None
    assert outcome.state.withheld.chain is not None
    assert outcome.state.withheld.chain.first_year == other
    if stood == first:
        assert rows(file, INVOICES, f"_year = {stood}") == 0


def test_a_refused_year_that_is_good_the_second_time_says_nothing_of_another_year(
    place: Installation, file: Path
) -> None:
    bring(place, INVOICES, file=file)
    before = rows(file, INVOICES)
    first, second = place.config.start_year + 1, place.config.start_year + 3
    of = rows(file, INVOICES, f"_year = {second}")
    fault_in(place, "rows_missing_counted", INVOICES, first, times=1)
    fault_in(place, "rows_missing_counted", INVOICES, second)
    place.simulator.control.forget_calls()
    outcome = one(place, INVOICES, file, mode=Mode.RELOAD, years=(first, second))
    assert isinstance(outcome.error, RemovalWithheldError)
    assert f"{of} of {of} rows" in str(outcome.error)
    assert (asked_for(place, INVOICES, first), asked_for(place, INVOICES, second)) == (2, 2)
    assert rows(file, INVOICES) == before


def test_a_year_that_is_good_the_second_time_leaves_another_year_withheld(place: Installation, file: Path) -> None:
    bring(place, INVOICES, file=file)
    good, bad = place.config.start_year + 1, place.config.start_year + 3
    fault_in(place, "rows_missing_counted", INVOICES, bad)
    first = one(place, INVOICES, file, mode=Mode.RELOAD, years=(bad,))
    assert isinstance(first.error, RemovalWithheldError)
    fault_in(place, "rows_missing_counted", INVOICES, good, times=1)
    outcome = one(place, INVOICES, file, mode=Mode.RELOAD, years=(good,))
    assert isinstance(outcome.error, RemovalWithheldError)
    assert first.state.withheld is not None
    assert outcome.state.withheld is not None
    assert outcome.state.withheld.chain == first.state.withheld.chain
    assert outcome.state.withheld.since == first.state.withheld.since


@pytest.mark.parametrize("is_second", [False, True])
def test_only_the_year_that_was_refused_is_asked_for_again(
    place: Installation, file: Path, *, is_second: bool
) -> None:
    bring(place, INVOICES, file=file)
    before = rows(file, INVOICES)
    years = (place.config.start_year + 1, place.config.start_year + 3)
    fault_in(place, "rows_missing_counted", INVOICES, years[is_second], times=1)
    place.simulator.control.forget_calls()
    assert one(place, INVOICES, file, mode=Mode.RELOAD, years=years).error is None
    expected = {years[is_second]: 2, years[not is_second]: 1}
    assert {year: asked_for(place, INVOICES, year) for year in years} == expected
    assert rows(file, INVOICES) == before
    assert problems(place, INVOICES, file=file) == {}


@pytest.mark.parametrize("name", [UNITS, CODES])
def test_a_table_that_is_read_whole_is_asked_for_twice_at_most(place: Installation, file: Path, name: str) -> None:
    bring(place, name, file=file)
    before = rows(file, name)
    fault(place, "rows_missing_counted", name, times=1)
    place.simulator.control.forget_calls()
    assert one(place, name, file).error is None
    assert asked(place, name) == 2
    assert rows(file, name) == before


@pytest.mark.long
@pytest.mark.parametrize("kind", ["rows_missing", "rows_missing_counted"])
@pytest.mark.parametrize("mode", [Mode.SWEEP, Mode.RELOAD])
@pytest.mark.parametrize("name", [OPPORTUNITIES, ACCOUNTS])
def test_a_doubted_or_withheld_answer_is_not_asked_for_again_within_six_hours(
    place: Installation, file: Path, name: str, mode: Mode, kind: str
) -> None:
    error = RemovalDoubtedError if kind == "rows_missing" else RemovalWithheldError
    bring(place, name, file=file)
    fault(place, kind, name)
    assert isinstance(one(place, name, file, mode=mode).error, error)
    for hours, calls in ((0, 1), (5, 1), (2, 4), (3, 1)):
        place.simulator.control.advance(hours * HOUR)
        place.simulator.control.forget_calls()
        outcome = one(place, name, file)
        assert isinstance(outcome.error, error)
        assert "It is asked again within 6 hours" in str(outcome.error)
        assert asked(place, name) == calls, f"{hours} hours later"


@pytest.mark.long
@pytest.mark.parametrize("kind", ["rows_missing", "rows_missing_counted"])
@pytest.mark.parametrize("name", [UNITS, CODES])
def test_a_table_that_is_read_whole_is_asked_for_twice_only_every_six_hours(
    place: Installation, file: Path, name: str, kind: str
) -> None:
    bring(place, name, file=file)
    before = rows(file, name)
    fault(place, kind, name)
    for hours, calls in ((0, 3), (0, 1), (5, 1), (2, 3)):
        place.simulator.control.advance(hours * HOUR)
        place.simulator.control.forget_calls()
        outcome = one(place, name, file)
        assert isinstance(outcome.error, RemovalDoubtedError | RemovalWithheldError)
        assert asked(place, name) == calls, f"{hours} hours later"
        assert rows(file, name) == before
        assert kept_aside(file) == []


@pytest.mark.long
def test_an_answer_that_takes_more_than_what_stood_for_a_day_has_to_stand_itself(
    place: Installation, file: Path
) -> None:
    place.simulator.control.insert("crm/Opportunities", place.divisions[0], count=100)
    bring(place, OPPORTUNITIES, file=file)
    before = rows(file, OPPORTUNITIES)
    fault(place, "rows_missing_counted", OPPORTUNITIES, value=0.4)
    assert isinstance(one(place, OPPORTUNITIES, file, mode=Mode.SWEEP).error, RemovalWithheldError)
    place.simulator.control.clear_faults()
    fault(place, "rows_missing_counted", OPPORTUNITIES)
    place.simulator.control.advance(25 * HOUR)
    assert isinstance(one(place, OPPORTUNITIES, file).error, RemovalWithheldError)
    assert rows(file, OPPORTUNITIES) == before
    place.simulator.control.advance(25 * HOUR)
    assert one(place, OPPORTUNITIES, file).error is None
    assert rows(file, OPPORTUNITIES) == 0
