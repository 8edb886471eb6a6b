"""The authorize address, the address that comes back, and what the token endpoint's answers mean."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from exact_assets import errors
from exact_assets.exact.auth import TooEarlyError, authorize_url, read_redirect, read_token_answer
from exact_assets.exact.token import Token

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD = b'{"access_token":"acc","token_type":"bearer","expires_in":"600","refresh_token":"4dCx!IAAA"}'
TOO_EARLY = b'{"error":"access_denied","error_description":"Rate limit exceeded: access_token not expired"}'
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
    (400, {}, TOO_EARLY, TooEarlyError),
    (401, {}, TOO_EARLY, TooEarlyError),
    (400, {"reason": "TooEarlyToRefreshTokens: Rate limit exceeded: access_token not expired"}, b"", TooEarlyError),
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
