"""The quota as a value, after the recorded headers and what users report of them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact_assets.exact.clock import Skew
from exact_assets.exact.limits import Quota, Window, read_headers, reserve_of

RECORDED = {
    "x-ratelimit-minutely-limit": "60",
    "x-ratelimit-minutely-remaining": "58",
    "x-ratelimit-minutely-reset": "1683879540000",
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": "4766",
    "x-ratelimit-reset": "1683936000000",
}
NOW = datetime(2023, 5, 12, 8, 18, 25, tzinfo=UTC)
MINUTE_END = datetime(2023, 5, 12, 8, 19, tzinfo=UTC)
MIDNIGHT = datetime(2023, 5, 13, tzinfo=UTC)
MINUTELY = {name: text for name, text in RECORDED.items() if "minutely" in name}
DAILY = {name: text for name, text in RECORDED.items() if "minutely" not in name}


def after(*answers: tuple[int, dict[str, str]], start: Quota = Quota()) -> Quota:  # noqa: B008 - a frozen value
    quota = start
    for status, headers in answers:
        quota = quota.booked().told(read_headers(headers), status=status, now=NOW)
    return quota


def test_the_recorded_headers_are_read() -> None:
    quota = read_headers(RECORDED)
    assert quota.minute == Window(limit=60, remaining=58, resets_at=MINUTE_END)
    assert quota.day == Window(limit=5000, remaining=4766, resets_at=MIDNIGHT)


def test_unreadable_headers_are_unknown() -> None:
    broken = dict.fromkeys(RECORDED, "soon") | {"x-ratelimit-reset": "9" * 30}
    assert read_headers(broken) == Quota()


def test_before_any_answer_calls_may_go() -> None:
    assert Quota()
    assert Quota().booked()


def test_a_429_of_the_minute_leaves_the_day_as_it_was() -> None:
    """The other limit's headers are missing, and clients that read them as 0 stop for a day."""
    quota = after((200, RECORDED), (429, MINUTELY))
    assert (quota.minute.remaining, quota.minute.resets_at) == (0, MINUTE_END)
    assert quota.day.remaining == 4765


def test_a_429_of_the_day_leaves_the_minute_as_it_was() -> None:
    quota = after((200, RECORDED), (429, DAILY))
    assert (quota.has_day, quota.minute.has_room(60)) == (False, True)


def test_a_429_without_a_reset_lasts_until_the_window_must_end() -> None:
    assert after((429, {"x-ratelimit-minutely-limit": "60"})).minute.resets_at == MINUTE_END
    assert after((429, {"x-ratelimit-remaining": "0"})).day.resets_at == MIDNIGHT


def test_counters_that_lag_do_not_give_calls_back() -> None:
    quota = after(*[(200, RECORDED)] * 10)
    assert quota.minute.remaining == 50


def test_calls_of_others_count() -> None:
    quota = after((200, RECORDED), (200, RECORDED | {"x-ratelimit-minutely-remaining": "3"}))
    assert quota.minute.remaining == 3


def test_all_is_back_after_the_reset() -> None:
    quota = after((429, MINUTELY))
    assert not quota.at(MINUTE_END - timedelta(milliseconds=1))
    assert quota.at(MINUTE_END).minute.remaining == 60


def test_a_new_window_is_counted_anew() -> None:
    later = RECORDED | {"x-ratelimit-minutely-reset": "1683879600000", "x-ratelimit-minutely-remaining": "59"}
    assert after(*[(200, RECORDED)] * 30, (200, later)).minute.remaining == 59


def test_a_page_that_never_reached_exact_is_not_counted() -> None:
    known = after((200, RECORDED))
    assert known.booked().told(Quota(), status=503, now=NOW).minute.remaining == known.minute.remaining
    assert known.booked().unsent() == known


def test_a_failure_that_exact_did_not_count_is_not_counted_here() -> None:
    failures = [(500, RECORDED), (404, RECORDED), (503, {})]
    assert after((200, RECORDED), *failures).minute.remaining == 58
    counted = RECORDED | {"x-ratelimit-minutely-remaining": "57"}
    assert after((200, RECORDED), (404, counted)).minute.used == 2


def test_an_answer_without_counters_keeps_the_booking() -> None:
    assert after((200, RECORDED), (200, {})).minute.remaining == 57


MOMENTS = st.floats(0, 10_000).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(st.floats(-1e6, 1e6), st.lists(st.tuples(MOMENTS, st.floats(0, 3), st.floats(0, 1)), min_size=1))
def test_the_servers_clock_is_never_taken_for_later_than_it_is(
    ahead_seconds: float, calls: list[tuple[datetime, float, float]]
) -> None:
    """Whatever the skew, the delay, and the moment of the answer between sending and receiving."""
    ahead, skew = timedelta(seconds=ahead_seconds), Skew()
    for sent_at, delay_seconds, share in calls:
        received_at = sent_at + timedelta(seconds=delay_seconds)
        answered_at = sent_at + timedelta(seconds=delay_seconds * share) + ahead
        skew = skew.observed(answered_at.replace(microsecond=0), sent_at=sent_at, received_at=received_at)
        assert skew.now(received_at) <= received_at + ahead + timedelta(microseconds=2)
    assert skew.now(NOW) > NOW + ahead - timedelta(seconds=4.001)


def test_a_clock_that_was_set_is_noticed() -> None:
    skew = Skew().observed(NOW + timedelta(hours=1), sent_at=NOW, received_at=NOW)
    assert skew.observed(NOW, sent_at=NOW, received_at=NOW).now(NOW) == NOW


def test_background_sees_the_day_without_the_reserve_and_the_minute_whole() -> None:
    quota = Quota(minute=Window(limit=60, remaining=10), day=Window(limit=5000, remaining=260))
    assert quota.keeping_reserve().day.remaining == 10
    assert quota.keeping_reserve().minute.remaining == 10
    assert not Quota(day=Window(limit=5000, remaining=250)).keeping_reserve()
    assert Quota().keeping_reserve()


@pytest.mark.parametrize(("limit", "reserve"), [(None, 0), (10, 0), (500, 25), (501, 25), (5000, 250)])
def test_the_reserve_is_a_twentieth_of_the_day(limit: int | None, reserve: int) -> None:
    assert reserve_of(Window(limit=limit)) == reserve
