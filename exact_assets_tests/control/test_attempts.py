"""Attempts: what is noted of them, what is expected, and what is forgotten."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from exact_assets.control.attempts import Attempt, AttemptLog, expected
from exact_assets.control.database import open_database
from exact_assets.control.listing import DivisionListing
from exact_assets.errors import DayQuotaError, DivisionNotGrantedError, ForbiddenError, UnavailableError

AT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture
def log(control_url: str) -> AttemptLog:
    return AttemptLog(open_database(control_url, is_durable=False), site="s", client="c")


def test_a_success_is_noted_and_takes_an_error_back(log: AttemptLog) -> None:
    log.note("a", {1: UnavailableError("502"), 2: None}, at=AT)
    log.note("a", {1: None}, at=LATER)
    assert log.read() == {
        1: {"a": Attempt(attempted_at=LATER, succeeded_at=LATER)},
        2: {"a": Attempt(attempted_at=AT, succeeded_at=AT)},
    }


def test_an_error_keeps_when_it_last_went_well(log: AttemptLog) -> None:
    log.note("a", {1: None}, at=AT)
    log.note("a", {1: DivisionNotGrantedError("division 1 is not granted")}, at=LATER)
    attempt = log.read()[1]["a"]
    assert (attempt.succeeded_at, attempt.attempted_at) == (AT, LATER)
    assert (attempt.error_kind, attempt.error) == ("DivisionNotGrantedError", "division 1 is not granted")
    assert attempt.error_is(ForbiddenError)
    assert not attempt.error_is(UnavailableError)


def test_calls_that_are_used_are_no_error(log: AttemptLog) -> None:
    log.note("a", {1: DayQuotaError("used", resets_at=MIDNIGHT, division=1)}, at=AT)
    assert log.read()[1]["a"] == Attempt(attempted_at=AT, waiting_until=MIDNIGHT)
    log.note("a", {1: None}, at=MIDNIGHT)
    assert log.read()[1]["a"].waiting_until is None


def test_what_is_expected_keeps_its_beginning_until_it_is_not_expected_any_more(log: AttemptLog) -> None:
    log.expect([1, 2], ["a", "b"], at=AT)
    log.note("a", {1: None}, at=AT)
    log.expect([1], ["a", "b"], at=LATER)
    attempts = log.read()
    assert expected(attempts) == {1}
    assert attempts[1]["a"] == Attempt(attempted_at=AT, succeeded_at=AT, expected_since=AT)
    log.expect([1, 2], ["a"], at=LATER)
    attempts = log.read()
    assert attempts[1]["a"].expected_since == AT
    assert attempts[1]["b"].expected_since is None
    assert attempts[2]["a"].expected_since == LATER


@pytest.mark.parametrize("later", [LATER, AT - timedelta(hours=5)])
def test_what_went_wrong_before_a_division_was_enabled_again_is_forgotten_and_what_goes_wrong_later_is_not(
    log: AttemptLog, later: datetime
) -> None:
    """Also where the clock was set back meanwhile."""
    log.note("a", {1: ForbiddenError("no")}, at=AT)
    log.expect([1], ["a"], at=later)
    assert log.read()[1]["a"].error is None
    log.note("a", {1: ForbiddenError("still no")}, at=later)
    log.expect([1], ["a"], at=later)
    assert log.read()[1]["a"].error == "still no"


def test_a_purged_division_is_forgotten_and_others_are_not(log: AttemptLog) -> None:
    log.note("a", {1: None, 2: None}, at=AT)
    log.forget([1])
    assert set(log.read()) == {2}


def test_attempts_of_another_app_or_site_are_others(log: AttemptLog, control_url: str) -> None:
    engine = open_database(control_url, is_durable=False)
    log.note("a", {1: None}, at=AT)
    log.expect([1], ["a"], at=AT)
    other = AttemptLog(engine, site="s", client="other")
    assert other.read() == {}
    other.expect([], [], at=LATER)
    other.forget([1])
    assert log.read()[1]["a"].expected_since == AT


def test_a_list_is_unknown_until_exact_was_asked_and_then_replaced(control_url: str) -> None:
    listing = DivisionListing(open_database(control_url, is_durable=False), site="s", client="c")
    assert listing.read() is None
    listing.keep([1, 2])
    listing.keep([2, 3])
    assert listing.read() == frozenset({2, 3})


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(days=365)])
@pytest.mark.parametrize("by", ["note", "expect"])
def test_moments_noted_by_a_clock_that_was_ahead_grow_old_from_now_on(
    log: AttemptLog, ahead: timedelta, by: str
) -> None:
    """A stream that succeeded next year was fresh until then, though it had stopped."""
    wrong = AT + ahead
    log.expect([1], ["a"], at=wrong)
    log.note("a", {1: None}, at=wrong)
    log.note("b", {1: DayQuotaError("used", resets_at=wrong)}, at=wrong)
    if by == "note":
        log.note("c", {1: None}, at=AT)
    else:
        log.expect([1], ["a"], at=AT)
    log.note("d", {1: None}, at=LATER)
    found = log.read()[1]
    assert found["a"] == Attempt(attempted_at=AT, succeeded_at=AT, expected_since=AT)
    assert found["b"] == Attempt(attempted_at=AT, waiting_until=AT + timedelta(days=1))


def test_attempts_that_an_installation_of_the_first_versions_noted_are_read(tmp_path: Path) -> None:
    """Their table is named `visits`."""
    log = AttemptLog(open_database(f"sqlite:///{tmp_path}/c.sqlite", is_durable=False), site="s", client="c")
    with closing(sqlite3.connect(tmp_path / "c.sqlite")) as connection, connection:
        connection.execute(
            "INSERT INTO visits (site, client, division, table_name, attempted_at, succeeded_at)"
            " VALUES ('s', 'c', 1, 'a', ?, ?)",
            (AT.timestamp(), AT.timestamp()),
        )
    assert log.read() == {1: {"a": Attempt(attempted_at=AT, succeeded_at=AT)}}
