"""The status of a division, in one line."""

from datetime import UTC, datetime, timedelta

import pytest

from exact_assets.control.attempts import Attempt
from exact_assets.selection.status import is_found, last_sync, oldest, progress, start_year_of, start_year_problem
from exact_assets.warehouse.divisions import DivisionChoice
from exact_assets_tests.tables import table

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=90)
TABLES = [table(name=name) for name in ("a", "b", "c")]
HELD = Attempt(
    attempted_at=NOW, succeeded_at=NOW, expected_since=LONG_AGO, error_kind="WarehouseBusyError", error="PID 4711."
)
DONE = Attempt(attempted_at=NOW, succeeded_at=NOW, expected_since=LONG_AGO)
REFUSED = Attempt(
    attempted_at=NOW, expected_since=LONG_AGO, error_kind="ForbiddenError", error="Exact refuses.\nMore."
)


@pytest.mark.parametrize(
    ("attempts", "line"),
    [
        ({}, "waiting for its first load"),
        ({"a": DONE}, "loading: 1 of 3 tables"),
        ({"a": DONE, "b": DONE, "c": DONE}, "up to date"),
        ({"a": DONE, "b": DONE, "c": HELD}, "up to date"),
        ({"a": DONE, "b": DONE, "c": REFUSED}, "c: Exact refuses."),
        ({"a": REFUSED, "b": REFUSED, "c": REFUSED}, "a: Exact refuses. (and 2 more tables)"),
        ({"a": DONE, "b": REFUSED, "c": REFUSED}, "b: Exact refuses. (and 1 more table)"),
        (
            {"a": DONE, "b": Attempt(attempted_at=NOW, waiting_until=datetime(2026, 11, 25, tzinfo=UTC))},
            "waiting: the day's calls are used until 00:00 UTC",
        ),
        (
            {"a": Attempt(succeeded_at=NOW - timedelta(hours=9), expected_since=LONG_AGO), "b": DONE, "c": DONE},
            "late: a was last up to date 2026-11-24 03:00 UTC",
        ),
    ],
)
def test_the_line_says_what_matters_most(attempts: dict[str, Attempt], line: str) -> None:
    assert progress(attempts, TABLES, now=NOW) == line


def test_a_table_that_is_not_chosen_any_more_does_not_count() -> None:
    assert progress({"a": DONE, "b": DONE, "c": DONE, "gone": REFUSED}, TABLES, now=NOW) == "up to date"


def test_a_sync_that_is_under_way_counts_what_was_asked_since() -> None:
    before = Attempt(attempted_at=NOW - timedelta(hours=1), succeeded_at=NOW - timedelta(hours=1))
    attempts = {"a": DONE, "b": before, "c": before}
    assert progress(attempts, TABLES, now=NOW, since=NOW - timedelta(minutes=1)) == "loading: 1 of 3 tables"


def test_the_last_sync_is_the_newest_and_the_oldest_table_may_be_one_that_never_was() -> None:
    early = Attempt(succeeded_at=NOW - timedelta(hours=5))
    assert last_sync({"a": early, "b": DONE, "c": REFUSED}) == NOW
    assert last_sync({"c": REFUSED}) is None
    assert oldest({"a": early, "b": DONE, "c": DONE}, TABLES) == ("a", NOW - timedelta(hours=5))
    assert oldest({"a": early, "b": DONE}, TABLES) == ("c", None)


@pytest.mark.parametrize("year", [-4, 0, 2021, 2027, 32767])
def test_a_start_year_that_makes_no_sense_is_the_settings_and_is_said(year: int) -> None:
    choice = DivisionChoice(division=1, start_year=year)
    assert start_year_of(choice, setting=2022, this_year=2026) == 2022
    problem = start_year_problem(choice, setting=2022, this_year=2026)
    assert problem is not None
    assert "2022 to 2026" in problem


def test_a_start_year_of_its_own_counts() -> None:
    choice = DivisionChoice(division=1, start_year=2025)
    assert start_year_of(choice, setting=2022, this_year=2026) == 2025
    assert start_year_problem(choice, setting=2022, this_year=2026) is None


def test_a_number_is_taken_on_trust_only_until_exact_has_listed_the_divisions() -> None:
    assert is_found(7, None)
    assert not is_found(-7, None)
    assert not is_found(0, None)
    assert is_found(7, {7})
    assert not is_found(8, {7})
