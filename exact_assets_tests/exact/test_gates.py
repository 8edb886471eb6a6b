"""What closes until a reset opens again, whatever an answer, a stored window or a clock says of that reset."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exact_assets.errors import DayQuotaError, KeyBlockedError, UnavailableError
from exact_assets.exact.limits import (
    DOCUMENTED_DAY,
    DOCUMENTED_MINUTE,
    Quota,
    Storm,
    Window,
    end_of_day,
    end_of_minute,
    read_headers,
)
from exact_assets.exact.responses import server_time
from exact_assets.exact.steady import SteadyClock
from exact_assets_tests.exact.conftest import Bench
from exact_assets_tests.exact.fakes import NOON
from exact_assets_tests.exact.vendor import Reply, page

ROW = {"ID": "a", "Division": 7}
MINUTE_END = NOON.replace(second=0) + timedelta(minutes=1)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
YEAR = timedelta(days=365)


def milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


USELESS = {
    "absent": None,
    "empty": "",
    "a word": "soon",
    "a date": "Sun, 22 Nov 2026 12:01:00 GMT",
    "in seconds": str(int(MINUTE_END.timestamp())),
    "in microseconds": milliseconds(MINUTE_END) + "000",
    "past": milliseconds(NOON - timedelta(minutes=5)),
    "now": milliseconds(NOON),
    "2286": "9999999999999",
    "9999": "253402300799000",
    "after 9999": "253402300800000",
    "0": "0",
    "negative": "-1",
    "twenty digits": "9" * 20,
    "five thousand digits": "9" * 5000,
    "an exponent": "1e999999999",
    "two at once": f"{milliseconds(MINUTE_END)}, {milliseconds(MINUTE_END)}",
    "in three days": milliseconds(NOON + timedelta(days=3)),
}


def headers(prefix: str, *, limit: str | None, remaining: str | None, reset: str | None) -> dict[str, str]:
    values = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"x-ratelimit-{prefix}{name}": text for name, text in values.items() if text is not None}


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize(("prefix", "end"), [("minutely-", MINUTE_END), ("", MIDNIGHT)])
@pytest.mark.parametrize(("limit", "remaining"), [("60", "0"), ("0", "0"), (None, "0"), ("0", None), ("60", "-5")])
@pytest.mark.parametrize("reset", USELESS.values(), ids=USELESS)
def test_without_a_usable_reset_a_window_ends_with_the_minute_or_the_day(
    *, prefix: str, end: datetime, status: int, limit: str | None, remaining: str | None, reset: str | None
) -> None:
    news = read_headers(headers(prefix, limit=limit, remaining=remaining, reset=reset))
    quota = Quota().booked().told(news, status=status, now=NOON)
    assert not quota.at(NOON)
    assert not quota.at(end - timedelta(milliseconds=1))
    assert quota.at(end)
    assert quota.at(end).booked().at(end + timedelta(seconds=1)), "and stays so for longer than one call"


@pytest.mark.parametrize("reset", USELESS.values(), ids=USELESS)
def test_a_reset_that_was_known_and_is_missing_later_is_not_remembered_for_ever(reset: str | None) -> None:
    told = headers("minutely-", limit="60", remaining="59", reset=milliseconds(MINUTE_END))
    quota = Quota().booked().told(read_headers(told), status=200, now=NOON)
    later = MINUTE_END + timedelta(seconds=5)
    news = read_headers(headers("minutely-", limit="60", remaining="0", reset=reset))
    quota = quota.at(later).booked().told(news, status=200, now=later)
    assert not quota.at(later)
    assert quota.at(MINUTE_END + timedelta(minutes=1))


MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
TEXTS = st.one_of(
    st.none(),
    st.sampled_from([text for text in USELESS.values() if text is not None]),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(repr),
    MOMENTS.map(milliseconds),
    st.text(max_size=5),
)
NAMES = [f"x-ratelimit-{prefix}{name}" for prefix in ("", "minutely-") for name in ("limit", "remaining", "reset")]
HEADERS = st.fixed_dictionaries(dict.fromkeys(NAMES, TEXTS)).map(
    lambda found: {name: text for name, text in found.items() if text is not None}
)
WINDOWS = st.builds(
    Window,
    limit=st.one_of(st.none(), st.integers(0, 100)),
    remaining=st.one_of(st.none(), st.integers(0, 100)),
    resets_at=st.one_of(st.none(), MOMENTS),
    used=st.integers(0, 100),
)

STORMS = st.builds(
    Storm, refused=st.integers(0, 10**9), until=st.one_of(st.none(), MOMENTS), is_named=st.booleans()
)


@given(
    st.builds(Quota, minute=WINDOWS, day=WINDOWS, storm=STORMS),
    st.lists(st.tuples(MOMENTS, st.sampled_from([200, 404, 429, 500]), HEADERS), max_size=4),
    MOMENTS,
)
def test_no_gate_stays_closed_beyond_the_minute_and_the_day(
    quota: Quota, answers: list[tuple[datetime, int, dict[str, str]]], now: datetime
) -> None:
    """Whatever was stored, whatever is answered, however the clock jumps in between."""
    for moment, status, told in answers:
        quota = quota.at(moment).booked().told(read_headers(told), status=status, now=moment)
    quota = quota.at(now)
    for window, end, documented in (
        (quota.minute, end_of_minute, DOCUMENTED_MINUTE),
        (quota.day, end_of_day, DOCUMENTED_DAY),
    ):
        if not window.has_room(documented):
            assert window.resets_at is not None
            assert now < window.resets_at <= end(now + timedelta(seconds=2))
            assert window.at(window.resets_at, end).has_room(documented)
    until = quota.storm.until
    assert until is None or now < until <= now + timedelta(hours=1, seconds=2)


@pytest.mark.parametrize("reset", USELESS.values(), ids=USELESS)
@pytest.mark.parametrize("status", [200, 429])
def test_a_run_waits_out_the_minute_and_goes_on(bench: Bench, reset: str | None, status: int) -> None:
    """It slept for ever, or asked eleven times in eleven seconds."""
    told = {name.replace("-", "_"): text for name, text in _minute(reset).items()}
    following = f"{bench.vendor.base_url}/api/v1/7/crm/Accounts?2"
    first = page(ROW, following=following, **told) if status == 200 else Reply(status=429, headers=told)
    bench.vendor.replies = [first, page(ROW)]
    assert sum(found.calls for found in bench.pages()) == 2
    assert MINUTE_END <= bench.clock.now() <= MINUTE_END + timedelta(seconds=1)
    assert len(bench.clock.slept) <= 2


def _minute(reset: str | None) -> dict[str, str]:
    return headers("minutely-", limit="60", remaining="0", reset=reset)


@pytest.mark.parametrize("reset", USELESS.values(), ids=USELESS)
@pytest.mark.parametrize("limit", ["5000", "0"])
def test_a_used_up_day_ends_at_midnight(bench: Bench, reset: str | None, limit: str) -> None:
    told = headers("", limit=limit, remaining="0", reset=reset)
    bench.vendor.replies = [Reply(status=429, headers=told), page(ROW)]
    _, caught = bench.pages_until(DayQuotaError)
    assert isinstance(caught, DayQuotaError)
    assert caught.resets_at == MIDNIGHT
    bench.clock.moment = MIDNIGHT + timedelta(seconds=1)
    assert len(bench.pages()) == 1


def test_429s_that_name_resets_a_second_ahead_do_not_make_a_burst(bench: Bench) -> None:
    def soon() -> Reply:
        return Reply(status=429, headers=_minute(milliseconds(bench.clock.now() + timedelta(seconds=1))))

    bench.vendor.replies = [soon] * 40
    began = bench.clock.now()
    bench.pages_until(UnavailableError)
    assert len(bench.vendor.asked) == 11
    assert bench.clock.now() - began > timedelta(minutes=7)


def soon_reset(bench: Bench) -> Reply:
    return Reply(status=429, headers=_minute(milliseconds(bench.clock.now() + timedelta(seconds=1))))


def test_a_storm_of_429s_is_not_learned_anew_by_the_next_question(bench: Bench) -> None:
    """Each table and each process asked eleven times; all together ask once per pause, which grows."""
    bench.vendor.replies = [lambda: soon_reset(bench)] * 40
    bench.pages_until(UnavailableError)
    for minutes in (2, 4, 8, 16, 32, 60, 60):
        asked, now = len(bench.vendor.asked), bench.clock.now()
        for _ in range(3):
            _, error = bench.pages_until(UnavailableError)
            assert "times in a row" in str(error)
        assert (len(bench.vendor.asked), bench.clock.now()) == (asked, now), "nothing is sent, and nobody waits"
        bench.clock.moment += timedelta(minutes=minutes, seconds=-70)
        bench.pages_until(UnavailableError)
        assert len(bench.vendor.asked) == asked
        bench.clock.moment += timedelta(seconds=70)
        bench.pages_until(UnavailableError)
        assert len(bench.vendor.asked) == asked + 1
    bench.vendor.replies = [page(ROW)] * 2
    bench.clock.moment += timedelta(hours=1)
    assert len(bench.pages()) + len(bench.pages()) == 2
    assert bench.ledger.quotas[7].storm == Storm()


def test_bare_429s_pause_a_division_for_everybody(bench: Bench) -> None:
    bench.vendor.replies = [Reply(status=429)] * 9
    bench.pages_until(KeyBlockedError)
    assert len(bench.vendor.asked) == 2
    for _ in range(5):
        _, error = bench.pages_until(KeyBlockedError)
        assert "nothing is sent before" in str(error)
    assert len(bench.vendor.asked) == 2
    bench.vendor.replies = [page(ROW)]
    bench.clock.moment += timedelta(minutes=2)
    assert len(bench.pages()) == 1


@pytest.mark.parametrize("jump", [-timedelta(hours=1), timedelta(minutes=20), -YEAR, YEAR])
def test_a_window_that_a_clock_stored_does_not_outlive_it_by_another_clock(bench: Bench, jump: timedelta) -> None:
    window = Window(limit=60, remaining=0, resets_at=MINUTE_END + jump, used=60)
    bench.ledger.quotas[7] = Quota(minute=window)
    bench.vendor.replies = [page(ROW)]
    bench.pages()
    assert bench.clock.now() <= NOON + timedelta(seconds=62)


@pytest.mark.parametrize("kept", [timedelta(hours=1), -timedelta(hours=1), YEAR, -YEAR, timedelta(days=365 * 7000)])
def test_a_skew_that_was_kept_while_the_clock_was_wrong_counts_no_more(bench: Bench, kept: timedelta) -> None:
    bench.ledger.kept_skew = kept
    bench.ledger.quotas[7] = Quota(day=Window(limit=5000, remaining=0, resets_at=MIDNIGHT))
    _, caught = bench.pages_until(DayQuotaError)
    assert isinstance(caught, DayQuotaError)
    assert (caught.resets_at, bench.vendor.asked) == (MIDNIGHT, [])


def test_a_clock_set_back_during_a_wait_does_not_lengthen_it(bench: Bench) -> None:
    wait = bench.clock.sleep

    async def set_back(seconds: float) -> None:
        await wait(seconds)
        if len(bench.clock.slept) == 1:
            bench.clock.moment -= timedelta(hours=1)

    bench.clock.sleep = set_back  # type: ignore[method-assign]  # the clock is set while nobody looks
    bench.ledger.quotas[7] = Quota(minute=Window(limit=60, remaining=0, resets_at=MINUTE_END, used=60))
    bench.vendor.replies = [page(ROW)]
    bench.pages()
    assert sum(bench.clock.slept) <= 121


def test_a_clock_that_is_set_does_not_move_the_steady_one() -> None:
    wall, ticks = [NOON], [100.0]
    steady = SteadyClock(now=lambda: wall[0], ticks=lambda: ticks[0])
    wall[0], ticks[0] = NOON + YEAR, 130.5
    assert steady() == NOON + timedelta(seconds=30.5)


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "Mon, 01 Jan 0001 00:00:00 +1200",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Sun, 99999999999999999999 Nov 2026 12:00:00 GMT",
        "Sun, 22 Nov 99999999999999999999 12:00:00 GMT",
        "9" * 5000,
        "",
        "soon",
    ],
    ids=lambda text: text[:30],
)
def test_a_date_that_cannot_be_is_unknown(bench: Bench, date: str) -> None:
    assert server_time({"date": date}) is None
    dated: dict[str, Any] = _minute(milliseconds(MINUTE_END)) | {"Date": date}
    bench.vendor.replies = [Reply(status=429, headers=dated), page(ROW)]
    bench.pages()
    assert bench.clock.now() <= NOON + timedelta(seconds=62)


@pytest.mark.parametrize(
    "hint", ["9" * 5000, "-5", "1e999999999", "soon", "\u0661", "100000"], ids=lambda text: text[:9]
)
def test_a_hint_to_wait_is_bounded(bench: Bench, hint: str) -> None:
    bench.vendor.replies = [Reply(status=429, headers={"Retry-After": hint} if hint.isascii() else {}), page(ROW)]
    bench.pages()
    assert sum(bench.clock.slept) <= 120


@pytest.mark.long
def test_without_headers_the_documented_calls_a_minute_hold(bench: Bench) -> None:
    """Pages with ever-new links cost 8,560 calls a minute where no rate headers came."""
    site = bench.vendor.base_url
    pages = [page(ROW, following=f"{site}/api/v1/7/crm/Accounts?{number}") for number in range(149)]
    bench.vendor.replies = [*pages, page(ROW)]
    began = bench.clock.now()
    assert len(bench.pages()) == 150
    assert timedelta(minutes=1) < bench.clock.now() - began <= timedelta(minutes=3)


def test_without_headers_the_documented_calls_a_day_hold_until_midnight() -> None:
    quota, now = Quota(), NOON
    for _ in range(5_000):
        quota = quota.at(now)
        assert quota.has_day
        quota = quota.booked()
        now += timedelta(seconds=2)
    assert not quota.at(now).has_day
    assert quota.at(now).day.resets_at == MIDNIGHT
    assert quota.at(MIDNIGHT)


def test_what_headers_say_goes_before_what_is_documented() -> None:
    told = headers("", limit="30000", remaining="24000", reset=milliseconds(MIDNIGHT))
    quota = replace(Quota().at(NOON), day=Window(used=4_999, resets_at=MIDNIGHT)).booked()
    quota = quota.told(read_headers(told), status=200, now=NOON)
    assert quota.at(NOON).booked().has_day
