"""Quota windows and the block after errors, on a clock that the test moves."""

import pytest

from exact_simulator.clock import Clock
from exact_simulator.limits import ErrorBlocks, Limits
from exact_simulator.settings import Settings

NOON = 1683879505.0
"""2023-05-12 08:18:25 UTC, when the recorded headers were sent."""


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.freeze()
    clock.set(NOON)
    return clock


def limits(clock: Clock, **settings: int) -> Limits:
    return Limits(clock=clock, settings=Settings.model_validate(settings))


def test_headers_are_as_recorded(clock: Clock) -> None:
    book = limits(clock)
    for _ in range(233):
        book.quota("app", 1).day.used += 1
    book.quota("app", 1).minute.used = 1
    assert book.book("app", 1).headers == {
        "X-RateLimit-Minutely-Limit": "60",
        "X-RateLimit-Minutely-Remaining": "58",
        "X-RateLimit-Minutely-Reset": "1683879540000",
        "X-RateLimit-Limit": "5000",
        "X-RateLimit-Remaining": "4766",
        "X-RateLimit-Reset": "1683936000000",
    }


def test_the_last_call_of_a_minute_passes_and_the_next_does_not(clock: Clock) -> None:
    book = limits(clock, minute_limit=2)
    assert [book.book("app", 1).allowed for _ in range(3)] == [True, True, False]


def test_a_refusal_by_minute_names_only_the_minute(clock: Clock) -> None:
    book = limits(clock, minute_limit=0)
    assert {name.startswith("X-RateLimit-Minutely") for name in book.book("app", 1).headers} == {True}


def test_a_refusal_by_day_names_only_the_day(clock: Clock) -> None:
    book = limits(clock, day_limit=0)
    assert set(book.book("app", 1).headers) == {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}


def test_when_both_are_used_up_the_minute_is_named(clock: Clock) -> None:
    assert "X-RateLimit-Minutely-Limit" in limits(clock, minute_limit=0, day_limit=0).book("app", 1).headers


def test_the_minute_is_the_calendar_minute(clock: Clock) -> None:
    book = limits(clock, minute_limit=1)
    book.book("app", 1)
    clock.advance(34.9)
    assert not book.book("app", 1).allowed
    clock.advance(0.1)
    assert book.book("app", 1).allowed


def test_the_day_ends_at_midnight_utc(clock: Clock) -> None:
    book = limits(clock, day_limit=1)
    book.book("app", 1)
    clock.set(1683935999)
    assert not book.book("app", 1).allowed
    clock.set(1683936000)
    assert book.book("app", 1).allowed


def test_refused_calls_cost_nothing(clock: Clock) -> None:
    book = limits(clock, minute_limit=1)
    for _ in range(5):
        book.book("app", 1)
    assert book.quota("app", 1).day.used == 1


def test_divisions_and_apps_have_their_own_windows(clock: Clock) -> None:
    book = limits(clock, minute_limit=1)
    assert book.book("app", 1).allowed
    assert book.book("app", 2).allowed
    assert book.book("other", 1).allowed


KEY = ("app", "user", 1, "crm/Accounts")


def blocks_after(clock: Clock, errors: int, status: int = 400) -> ErrorBlocks:
    blocks = ErrorBlocks(clock=clock, settings=Settings())
    for _ in range(errors):
        blocks.count(KEY, status)
    return blocks


def test_the_eleventh_error_of_an_hour_blocks(clock: Clock) -> None:
    assert not blocks_after(clock, 10).is_blocked(KEY)
    assert blocks_after(clock, 11).is_blocked(KEY)


@pytest.mark.parametrize("status", [200, 405, 408, 429, 500, 503])
def test_other_answers_never_block(clock: Clock, status: int) -> None:
    assert not blocks_after(clock, 50, status).is_blocked(KEY)


def test_errors_of_another_endpoint_do_not_count(clock: Clock) -> None:
    assert not blocks_after(clock, 11).is_blocked(("app", "user", 1, "crm/Contacts"))


def test_a_block_ends_and_the_next_lasts_longer(clock: Clock) -> None:
    blocks = blocks_after(clock, 11)
    clock.advance(3600)
    assert not blocks.is_blocked(KEY)
    for _ in range(11):
        blocks.count(KEY, 404)
    clock.advance(3600)
    assert blocks.is_blocked(KEY)
    clock.advance(3600)
    assert not blocks.is_blocked(KEY)
