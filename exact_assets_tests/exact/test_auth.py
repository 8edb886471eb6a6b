"""The authorize address, the address that comes back, and what the token endpoint's answers mean."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from exact_assets import errors
from exact_assets.exact.auth import authorize_url, read_redirect, read_token_answer
from exact_assets.exact.token import Token

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD = b'{"access_token":"acc","token_type":"bearer","expires_in":"600","refresh_token":"4dCx!IAAA"}'
TOO_EARLY = b'{"error":"access_denied","error_description":"Rate limit exceeded: access_token not expired"}'
TOO_EARLY_REASON = "TooEarlyToRefreshTokens: Rate limit exceeded: access_token not expired"
OLD = b'{"error":"unauthorized_client","error_description":"Old refresh token used."}'
EXPIRED = (
    b'{"error":"invalid_request","error_description":"The refresh token expired at 10\\/11\\/2022 9:18:20 PM '
    b'and it is now 10\\/28\\/2022 4:15:50 PM."}'
)
CHAIN = (
    b'{ "error":"invalid_grant","error_description":"Token is not allowed, because of invalid or empty chainId" }'
)
GATEWAY = b'{"fault":{"faultstring":"Unable to identify proxy for host","detail":{"errorcode":"x"}}}'

CASES: list[tuple[int, dict[str, str], bytes, type[errors.ExactError]]] = [
    (400, {}, TOO_EARLY, errors.TooEarlyError),
    (401, {}, TOO_EARLY, errors.TooEarlyError),
    (400, {"reason": TOO_EARLY_REASON}, b"", errors.TooEarlyError),
    (401, {}, OLD, errors.TokenUsedElsewhereError),
    (400, {}, OLD, errors.TokenUsedElsewhereError),
    (400, {}, EXPIRED, errors.TokenExpiredError),
    (400, {}, CHAIN, errors.ReconnectError),
    (400, {}, b'{"error":"invalid_request"}', errors.RequestRefusedError),
    (404, {}, GATEWAY, errors.UnavailableError),
    (200, {}, b"", errors.UnavailableError),
    (200, {}, b"<html>", errors.UnavailableError),
    (200, {}, b'{"access_token":"x"}', errors.UnavailableError),
    (503, {}, b"<html>", errors.UnavailableError),
    (500, {}, b'{"error":"server_error"}', errors.UnavailableError),
    (400, {}, b"", errors.RequestRefusedError),
]


@pytest.mark.parametrize(("status", "headers", "body", "kind"), CASES)
def test_an_answer_without_tokens_has_its_own_error(
    status: int, headers: dict[str, str], body: bytes, kind: type[errors.ExactError]
) -> None:
    with pytest.raises(errors.ExactError) as caught:
        read_token_answer(status, headers, body, received_at=NOW)
    assert type(caught.value) is kind


def test_the_recorded_answer_is_read() -> None:
    headers = {"date": "Sun, 22 Nov 2026 12:00:01 GMT"}
    token = read_token_answer(200, headers, GOOD, received_at=NOW)
    assert (token.refresh_token, token.lifetime_seconds) == ("4dCx!IAAA", 600)
    assert token.issued_at == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("age_seconds", "is_due", "is_expired"), [(569.9, False, False), (570, True, False), (600, True, True)]
)
def test_a_token_is_due_in_the_last_thirty_seconds(age_seconds: float, is_due: bool, is_expired: bool) -> None:
    token = read_token_answer(200, {}, GOOD, received_at=NOW)
    now = NOW + timedelta(seconds=age_seconds)
    assert (token.is_due(now), token.is_expired(now)) == (is_due, is_expired)


def test_a_token_shows_no_secret() -> None:
    token = Token(access_token="acc", refresh_token="4dCx!", received_at=NOW, lifetime_seconds=600)
    assert "acc" not in repr(token).replace("access", "")
    assert "4dCx" not in f"{token!r}{token}"


def test_the_authorize_address_has_what_exact_asks_for() -> None:
    url = authorize_url("https://start.exactonline.nl", client_id="{id}", redirect_uri="https://a/b?c", state="s")
    assert url.startswith("https://start.exactonline.nl/api/oauth2/auth?")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["{id}"],
        "redirect_uri": ["https://a/b?c"],
        "response_type": ["code"],
        "state": ["s"],
    }


@pytest.mark.parametrize("sent", ["stampNL001.a%21IAA%2B+x", "stampNL001.a!IAA++x"])
def test_a_code_is_decoded_and_keeps_its_odd_characters(sent: str) -> None:
    assert read_redirect(f" https://a/cb?code={sent}&state=s\n", state="s") == "stampNL001.a!IAA++x"


def test_a_code_without_our_state_counts_where_we_gave_none() -> None:
    assert read_redirect("https://a/cb?code=x&state=their", state=None) == "x"


def test_an_address_that_the_user_typed_may_lack_the_state_but_not_have_another() -> None:
    assert read_redirect("https://a/cb?code=x", state="s", must_have_state=False) == "x"
    with pytest.raises(errors.ReconnectError):
        read_redirect("https://a/cb?code=x&state=their", state="s", must_have_state=False)


@pytest.mark.parametrize(
    "url", ["https://a/cb?code=x&state=t", "https://a/cb?code=x", "https://a/cb?state=s", "https://a/cb", "x"]
)
def test_an_address_that_does_not_fit_is_refused(url: str) -> None:
    with pytest.raises(errors.ReconnectError):
        read_redirect(url, state="s")


def test_a_users_no_is_told() -> None:
    with pytest.raises(errors.ReconnectError, match="access_denied"):
        read_redirect("https://a/cb?error=access_denied&state=s", state="s")


PAIR = '"access_token":"acc","refresh_token":"4dCx!IAAA"'
BOMB = "[" * 2_000 + "]" * 2_000
ODD = [
    "\ufeff{" + PAIR + ',"expires_in":"600"}',
    *(
        "{" + PAIR + f',"expires_in":{text}}}'
        for text in ("null", "{}", '"nan"', '"inf"', "-1", "0", "1e999", '"1e999"')
    ),
    *(
        "{" + PAIR + f',"expires_in":{text}}}'
        for text in ("9" * 5000, '"' + "9" * 5000 + '"', '""', '"soon"', BOMB)
    ),
    "{" + PAIR + f',"x":{BOMB}}}',
    "{" + PAIR + ',"x":"\ud83d"}',
    "{" + PAIR + ',"x":01}',
    "{" + PAIR + ',"expires_in":"600"',
    " {\n" + PAIR + ',"x":"\t"}\n',
]


@pytest.mark.parametrize("body", ODD, ids=lambda text: text[55:90])
def test_a_pair_is_kept_whatever_else_is_odd_in_the_answer(body: str) -> None:
    """The old refresh token is dead by then: a pair that is thrown away is a connection that is lost."""
    token = read_token_answer(200, {}, body.encode(errors="surrogatepass"), received_at=NOW)
    assert (token.access_token, token.refresh_token, token.lifetime_seconds) == ("acc", "4dCx!IAAA", 600)


def token_of(*, received_at: datetime, issued_at: datetime | None, lifetime_seconds: float = 600) -> Token:
    return Token(
        access_token="a",
        refresh_token="r",
        received_at=received_at,
        issued_at=issued_at,
        lifetime_seconds=lifetime_seconds,
    )


@pytest.mark.parametrize("ours", [timedelta(0), timedelta(hours=-1), timedelta(minutes=20), timedelta(days=-365)])
@pytest.mark.parametrize(("age_seconds", "is_due"), [(560, False), (572, True)])
def test_the_servers_clock_tells_a_tokens_age_whatever_ours_was_set_to(
    ours: timedelta, age_seconds: float, *, is_due: bool
) -> None:
    token = token_of(received_at=NOW, issued_at=NOW)
    then = NOW + timedelta(seconds=age_seconds)
    assert token.is_due(then + ours, server_now=then) is is_due


def test_a_refused_token_is_asked_about_where_no_clock_can_say_how_old_it_is() -> None:
    later = NOW + timedelta(hours=1)
    assert token_of(received_at=later, issued_at=None).may_be_old(NOW, server_now=None)
    assert token_of(received_at=later, issued_at=later).may_be_old(NOW, server_now=NOW)
    assert not token_of(received_at=NOW, issued_at=NOW).may_be_old(NOW, server_now=NOW)
    long = token_of(received_at=NOW, issued_at=NOW, lifetime_seconds=86_400)
    assert long.may_be_old(NOW + timedelta(minutes=10), server_now=None)


@pytest.mark.parametrize("issued_at", [None, NOW - timedelta(days=3650), NOW + timedelta(days=3650), NOW])
def test_a_token_found_young_is_not_due_for_a_minute_at_least(issued_at: datetime | None) -> None:
    for server_now in (None, NOW, NOW + timedelta(seconds=600)):
        young = token_of(received_at=NOW - timedelta(hours=1), issued_at=issued_at).found_young(
            now=NOW, server_now=server_now
        )
        soon = timedelta(seconds=50)
        assert not young.is_due(NOW + soon, server_now=server_now and server_now + soon)
        late = timedelta(seconds=575)
        assert young.is_due(NOW + late, server_now=server_now and server_now + late)
