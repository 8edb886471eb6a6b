"""What is tried again, how often, and what is not."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from exact_assets.errors import (
    AccessTokenRefusedError,
    DayQuotaError,
    ExactError,
    ForbiddenError,
    KeyBlockedError,
    RequestRefusedError,
    UnavailableError,
    UnreachableError,
)
from exact_assets.exact.limits import Quota, Window
from exact_assets_tests.exact.conftest import Bench
from exact_assets_tests.exact.fakes import NOON, token
from exact_assets_tests.exact.vendor import Reply, error, page

ROW = {"ID": "a", "Division": 7}
GOOD = page(ROW)
MINUTE_END = NOON.replace(second=0) + timedelta(minutes=1)
MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)


def milliseconds(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def minute_headers(remaining: int, *, resets_at: datetime = MINUTE_END, limit: int = 60) -> dict[str, str]:
    return {
        "X_RateLimit_Minutely_Limit": str(limit),
        "X_RateLimit_Minutely_Remaining": str(remaining),
        "X_RateLimit_Minutely_Reset": milliseconds(resets_at),
    }


def day_headers(remaining: int) -> dict[str, str]:
    return {
        "X_RateLimit_Limit": "5000",
        "X_RateLimit_Remaining": str(remaining),
        "X_RateLimit_Reset": milliseconds(MIDNIGHT),
    }


HTML = Reply(status=503, body=b"<html>Access denied</html>")
PASSING = {
    "503 as HTML": HTML,
    "500": error(500, "A problem has occurred"),
    "599": Reply(status=599),
    "HTML where JSON was due": Reply(body=b"<html>Log in</html>"),
    "an empty body": Reply(body=b""),
    "JSON that ends early": Reply(body=b'{"d":{"results":[{"ID":"a"'),
    "garbage": Reply(body=b'{"d":{"results":[{"ID":"a",,}]}}'),
    "a cut body": Reply(body={"d": {"results": [ROW]}}, cut_at=10),
    "a reset": Reply(is_reset=True),
    "408": Reply(status=408),
    "a redirect": Reply(status=302, headers={"Location": "https://evil.example/login"}),
}


@pytest.mark.parametrize("reply", PASSING.values(), ids=PASSING.keys())
def test_what_may_pass_is_tried_again(bench: Bench, reply: Reply) -> None:
    bench.vendor.replies = [reply, GOOD]
    (found,) = bench.pages()
    assert (found.rows.num_rows, found.calls, bench.ledger.booked) == (1, 2, 2)


@pytest.mark.parametrize("reply", [HTML, PASSING["a cut body"], PASSING["garbage"], PASSING["a reset"]])
def test_tries_are_bounded_and_wait_longer_each_time(bench: Bench, reply: Reply) -> None:
    bench.vendor.replies = [reply] * 9
    bench.pages_until(UnavailableError)
    assert len(bench.vendor.asked) == 5
    assert bench.clock.slept == [1.0, 2.0, 4.0, 8.0]


def test_a_request_that_is_too_broad_is_tried_twice(bench: Bench) -> None:
    bench.vendor.replies = [Reply(status=408)] * 3
    _, caught = bench.pages_until(UnavailableError)
    assert len(bench.vendor.asked) == 2
    assert "crm/Accounts" in str(caught)
    assert "too broad" in str(caught)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410])
def test_a_refusal_is_never_sent_again(bench: Bench, status: int) -> None:
    bench.vendor.replies = [error(status, "Bad Request - Error in query syntax.")] * 2
    _, caught = bench.pages_until(ForbiddenError if status == 403 else RequestRefusedError)
    assert len(bench.vendor.asked) == 1
    assert isinstance(caught, ExactError)
    assert (caught.status, caught.division, caught.endpoint) == (status, 7, "crm/Accounts")


def test_no_connection_says_what_to_check(bench: Bench) -> None:
    bench.vendor.base_url = "http://127.0.0.1:9"
    _, caught = bench.pages_until(UnreachableError)
    assert "127.0.0.1:9" in str(caught)
    assert "EXACT_BASE_URL" in str(caught)


def test_a_used_up_minute_is_waited_out(bench: Bench) -> None:
    bench.vendor.replies = [Reply(status=429, headers=minute_headers(0)), GOOD]
    assert bench.pages()[0].calls == 2
    assert bench.clock.now() >= MINUTE_END


def test_no_call_is_sent_when_the_minute_is_known_to_be_used(bench: Bench) -> None:
    bench.ledger.quotas[7] = Quota(minute=Window(limit=60, remaining=0, resets_at=MINUTE_END, used=60))
    bench.vendor.replies = [GOOD]
    assert bench.pages()[0].calls == 1
    assert bench.clock.slept == [40.0]


def test_the_servers_clock_decides_when_the_minute_is_over(bench: Bench) -> None:
    """Ours is five seconds ahead: waiting by it would be early."""
    bench.vendor.now = lambda: bench.clock.now() - timedelta(seconds=5)
    bench.vendor.replies = [Reply(status=429, headers=minute_headers(0)), GOOD]
    bench.pages()
    assert bench.vendor.now() >= MINUTE_END


def test_a_429_is_believed_though_the_last_answer_had_calls_left(bench: Bench) -> None:
    bench.vendor.replies = [
        page(ROW, following=f"{bench.vendor.base_url}/api/v1/7/crm/Accounts?2", **minute_headers(49)),
        Reply(status=429, headers=minute_headers(49)),
        GOOD,
    ]
    bench.pages()
    assert bench.clock.slept == [40.0]


def test_a_429_whose_reset_is_past_is_not_repeated_at_once(bench: Bench) -> None:
    stale = Reply(status=429, headers=minute_headers(0, resets_at=NOON - timedelta(minutes=5)))
    bench.vendor.replies = [stale, GOOD]
    bench.pages()
    assert sum(bench.clock.slept) >= 1


def test_endless_429s_end(bench: Bench) -> None:
    def later() -> Reply:
        return Reply(status=429, headers=minute_headers(0, resets_at=bench.clock.now() + timedelta(seconds=30)))

    bench.vendor.replies = [later] * 40
    bench.pages_until(UnavailableError)
    assert len(bench.vendor.asked) == 11


def test_a_used_up_day_stops_the_division_and_says_until_when(bench: Bench) -> None:
    bench.vendor.replies = [Reply(status=429, headers=day_headers(0))]
    _, caught = bench.pages_until(DayQuotaError)
    assert isinstance(caught, DayQuotaError)
    assert (caught.resets_at, len(bench.vendor.asked)) == (MIDNIGHT, 1)
    bench.pages_until(DayQuotaError)
    assert len(bench.vendor.asked) == 1, "the next question is not even sent"


def test_the_last_call_of_the_day_is_used_and_its_page_given(bench: Bench) -> None:
    bench.vendor.replies = [
        page(ROW, following=f"{bench.vendor.base_url}/api/v1/7/crm/Accounts?2", **day_headers(0))
    ]
    seen, _ = bench.pages_until(DayQuotaError)
    assert len(seen) == 1


def test_a_429_without_headers_is_waited_out_once(bench: Bench) -> None:
    bench.vendor.replies = [Reply(status=429), GOOD]
    bench.pages()
    assert bench.clock.slept == [40.0], "until the minute is over"


def test_a_429_without_headers_twice_is_a_blocked_key(bench: Bench) -> None:
    bench.vendor.replies = [Reply(status=429)] * 3
    bench.pages_until(KeyBlockedError)
    assert len(bench.vendor.asked) == 2


def test_a_429_to_a_question_without_a_division_waits_too(bench: Bench) -> None:
    bench.vendor.replies = [Reply(status=429, headers=minute_headers(0)), page({"CurrentDivision": 7})]
    assert bench.ask(lambda client: client.me()).current_division == 7
    assert bench.clock.slept == [40.0]


def test_a_bare_403_that_was_not_counted_is_a_blocked_key(bench: Bench) -> None:
    bench.vendor.replies = [page(ROW, **minute_headers(59)), error(403, "Forbidden")]
    bench.pages()
    bench.pages_until(KeyBlockedError)


def test_an_endpoint_refused_too_often_is_not_asked(bench: Bench) -> None:
    bench.ledger.held_until = NOON + timedelta(minutes=30)
    _, caught = bench.pages_until(KeyBlockedError)
    assert bench.vendor.asked == []
    assert "12:30 UTC" in str(caught)


def test_a_refused_token_is_replaced_once(bench: Bench) -> None:
    bench.tokens.following = token(2)
    bench.vendor.replies = [Reply(status=401), GOOD]
    bench.pages()
    assert [asked.headers["Authorization"] for asked in bench.vendor.asked] == [
        "Bearer access-1",
        "Bearer access-2",
    ]


@pytest.mark.parametrize("following", [None, token(2)])
def test_a_token_that_is_refused_for_good_is_an_error(bench: Bench, following: object) -> None:
    bench.tokens.following = following  # type: ignore[assignment]  # either of the two
    bench.vendor.replies = [Reply(status=401)] * 3
    bench.pages_until(AccessTokenRefusedError)
    assert len(bench.vendor.asked) == (1 if following is None else 2)


def test_a_question_that_is_too_long_is_not_sent(bench: Bench) -> None:
    with pytest.raises(RequestRefusedError, match="6000"):
        bench.ask(lambda client: client.get("/api/v1/current/Me", {"$select": "A" * 6000}))
    assert bench.vendor.asked == []


def test_every_call_that_is_allowed_is_used(bench: Bench) -> None:
    """A server of 5 calls a minute that counts for itself: none refused, none left, over three minutes."""
    used: dict[datetime, int] = {}

    def count() -> Reply:
        minute = bench.clock.now().replace(second=0, microsecond=0)
        used[minute] = used.get(minute, 0) + 1
        left = 5 - used[minute]
        headers = minute_headers(max(left, 0), resets_at=minute + timedelta(minutes=1), limit=5)
        number = next(numbers)
        if left < 0:
            return Reply(status=429, headers=headers)
        following = None if number == 15 else f"{bench.vendor.base_url}/api/v1/7/crm/Accounts?{number}"
        return page(ROW, following=following, **headers)

    numbers = itertools.count(1)
    bench.vendor.replies = [count] * 20
    assert sum(found.calls for found in bench.pages()) == 15
    assert list(used.values()) == [5, 5, 5]
