"""When a division's copy of a table is fresh, late or stale. The table is due every 6 hours."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exact_assets.control.attempts import Attempt
from exact_assets.selection.freshness import Level, fail_after, judge, judge_table, warn_after
from exact_assets_tests.tables import table

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=90)
TABLE = table()


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def level(attempt: Attempt) -> Level:
    return judge(TABLE, 1, attempt, now=NOW).level


def test_a_table_is_late_after_a_period_and_stale_after_two_each_with_time_for_the_load() -> None:
    assert warn_after(TABLE) == timedelta(hours=7)
    assert fail_after(TABLE) == timedelta(hours=13)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(0, Level.FRESH), (6.9, Level.FRESH), (7.1, Level.LATE), (12.9, Level.LATE), (13.1, Level.STALE)],
)
def test_age_alone_makes_late_and_then_stale(hours: float, expected: Level) -> None:
    assert level(Attempt(attempted_at=ago(hours), succeeded_at=ago(hours), expected_since=LONG_AGO)) is expected


@pytest.mark.parametrize(
    "kind",
    [
        "DivisionNotGrantedError",
        "UserBlockedError",
        "TokenExpiredError",
        "NotConnectedError",
        "KeyBlockedError",
        "RemovalWithheldError",
        "RemovalDoubtedError",
    ],
)
def test_an_error_that_lasts_is_stale_at_once_with_its_own_words(kind: str) -> None:
    attempt = Attempt(
        attempted_at=NOW, succeeded_at=ago(1), expected_since=LONG_AGO, error_kind=kind, error="Exact says no."
    )
    found = judge(TABLE, 7, attempt, now=NOW)
    assert (found.division, found.level, found.reason) == (7, Level.STALE, "Exact says no.")


def test_an_error_that_may_pass_is_late_and_becomes_stale_with_age() -> None:
    attempt = Attempt(
        attempted_at=NOW, expected_since=LONG_AGO, error_kind="UnavailableError", error="502 ten times."
    )
    young = replace(attempt, succeeded_at=ago(5))
    old = replace(attempt, succeeded_at=ago(14))
    assert level(young) is Level.LATE
    found = judge(TABLE, 1, old, now=NOW)
    assert found.level is Level.STALE
    assert found.reason == "last brought up to date 2026-11-23 22:00 UTC. 502 ten times."


def test_waiting_for_calls_is_late_however_old_and_says_when_it_goes_on() -> None:
    until = datetime(2026, 11, 25, tzinfo=UTC)
    found = judge(TABLE, 1, Attempt(succeeded_at=ago(40), expected_since=LONG_AGO, waiting_until=until), now=NOW)
    assert found.level is Level.LATE
    assert "00:00 UTC" in found.reason


def test_calls_that_are_back_give_a_period_more_and_no_longer() -> None:
    assert level(Attempt(succeeded_at=ago(40), expected_since=LONG_AGO, waiting_until=ago(6))) is Level.LATE
    assert level(Attempt(succeeded_at=ago(40), expected_since=LONG_AGO, waiting_until=ago(8))) is Level.STALE


def test_a_division_that_was_enabled_a_moment_ago_has_time_and_then_is_stale() -> None:
    assert level(Attempt(expected_since=ago(12))) is Level.FRESH
    found = judge(TABLE, 1, Attempt(expected_since=ago(14)), now=NOW)
    assert (found.level, found.reason) == (
        Level.STALE,
        "never brought up to date, enabled since 2026-11-23 22:00 UTC.",
    )


def test_a_division_that_is_enabled_again_is_not_judged_by_what_was_before() -> None:
    """Its error was forgotten when it was enabled: see `control.attempts`."""
    assert level(Attempt(attempted_at=ago(700), succeeded_at=ago(710), expected_since=ago(1))) is Level.FRESH


@pytest.mark.parametrize("hours", [-30, -3, 3, 30])
def test_an_error_shows_whatever_the_clock_was_when_the_division_was_enabled(hours: float) -> None:
    attempt = Attempt(
        attempted_at=NOW, expected_since=ago(hours), error_kind="ForbiddenError", error="Not granted."
    )
    assert level(attempt) is Level.STALE


def test_a_table_is_as_bad_as_its_worst_division_which_comes_first() -> None:
    attempts = {
        1: {TABLE.name: Attempt(succeeded_at=ago(1), expected_since=LONG_AGO)},
        2: {TABLE.name: Attempt(succeeded_at=ago(8), expected_since=LONG_AGO)},
        3: {TABLE.name: Attempt(succeeded_at=ago(99), expected_since=LONG_AGO)},
        4: {TABLE.name: Attempt(expected_since=ago(1))},
    }
    freshness = judge_table(TABLE, sorted(attempts), attempts, now=NOW)
    assert (freshness.level, freshness.divisions, freshness.new) == (Level.STALE, 4, 1)
    assert [finding.division for finding in freshness.findings] == [3, 2]


def test_that_the_warehouse_was_held_is_over_once_somebody_can_look_at_it() -> None:
    """`status` showed it eight minutes after the reader had gone."""
    held = Attempt(
        attempted_at=NOW,
        succeeded_at=ago(1),
        expected_since=LONG_AGO,
        error_kind="WarehouseBusyError",
        error="PID 7.",
    )
    assert level(held) is Level.FRESH
    assert level(replace(held, succeeded_at=ago(8))) is Level.LATE
    stale = judge(TABLE, 1, replace(held, succeeded_at=ago(14)), now=NOW)
    assert (stale.level, "PID 7." in stale.reason) == (Level.STALE, True)
