"""OAuth2: the rules of tokens, on a clock that the test moves."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from starlette.responses import Response

from exact_simulator.clock import Clock
from exact_simulator.oauth import App, Authority
from exact_simulator.settings import Settings

APP = App("an-app", "its-secret", "http://localhost:1/callback")
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.freeze()
    return clock


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def authority(clock: Clock, settings: Settings) -> Authority:
    return Authority(clock=clock, settings=settings, app=APP)


def ask(authority: Authority, **changed: str) -> Response:
    query = {"client_id": "an-app", "redirect_uri": APP.redirect_uri, "response_type": "code"}
    return authority.authorize(query | changed)


def code(authority: Authority) -> str:
    return parse_qs(urlsplit(ask(authority).headers["location"]).query)["code"][0]


def post(authority: Authority, **fields: str) -> Response:
    form = {"client_id": "an-app", "client_secret": "its-secret", "redirect_uri": APP.redirect_uri} | fields
    return authority.token(urlencode(form).encode(), content_type=FORM)


def refresh(authority: Authority, token: str) -> Response:
    return post(authority, grant_type="refresh_token", refresh_token=token)


def body(answer: Response) -> dict[str, str]:
    found: dict[str, str] = json.loads(bytes(answer.body))
    return found


def test_the_user_comes_back_at_once_with_code_and_state(authority: Authority) -> None:
    answer = ask(authority, state="a b&c", force_login="1")
    location = urlsplit(answer.headers["location"])
    assert answer.status_code == 302
    assert parse_qs(location.query)["state"] == ["a b&c"]
    assert "%21" in location.query


@pytest.mark.parametrize(
    "changed", [{"client_id": "other"}, {"redirect_uri": "http://evil.example.test"}, {"response_type": "token"}]
)
def test_a_wrong_authorize_request_is_an_error_page(authority: Authority, changed: dict[str, str]) -> None:
    answer = ask(authority, **changed)
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_a_code_buys_a_pair_as_recorded(authority: Authority) -> None:
    answer = post(authority, grant_type="authorization_code", code=code(authority))
    pair = body(answer)
    assert (answer.status_code, pair["expires_in"], pair["token_type"]) == (200, "600", "bearer")
    assert pair.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert pair["access_token"].startswith("stampNL001.gAAAA")
    assert 480 <= len(pair["access_token"]) <= 620
    assert "!" in pair["refresh_token"]


def test_a_code_works_once(authority: Authority) -> None:
    used = code(authority)
    post(authority, grant_type="authorization_code", code=used)
    assert post(authority, grant_type="authorization_code", code=used).status_code == 400


def test_a_code_is_soon_too_old(authority: Authority, clock: Clock) -> None:
    old = code(authority)
    clock.advance(181)
    assert post(authority, grant_type="authorization_code", code=old).status_code == 400


@pytest.mark.parametrize(
    "fields", [{"client_secret": "wrong"}, {"client_id": "wrong"}, {"grant_type": "client_credentials"}]
)
def test_bad_credentials_are_refused(authority: Authority, fields: dict[str, str]) -> None:
    answer = post(authority, **({"grant_type": "authorization_code", "code": code(authority)} | fields))
    assert answer.status_code == 400


def test_a_token_request_in_json_is_refused(authority: Authority) -> None:
    assert body(authority.token(b"{}", content_type="application/json")) == {"error": "invalid_request"}


def test_a_refresh_before_570_seconds_is_refused_with_the_exact_text(authority: Authority, clock: Clock) -> None:
    pair = authority.connect()
    clock.advance(569)
    answer = refresh(authority, pair["refresh_token"])
    assert answer.status_code == 400
    assert answer.headers["reason"] == "TooEarlyToRefreshTokens: Rate limit exceeded: access_token not expired"
    assert body(answer) == {
        "error": "access_denied",
        "error_description": "Rate limit exceeded: access_token not expired",
    }


def test_a_refused_early_refresh_consumes_nothing(authority: Authority, clock: Clock) -> None:
    pair = authority.connect()
    refresh(authority, pair["refresh_token"])
    assert authority.access(f"Bearer {pair['access_token']}")[1]
    clock.advance(570)
    assert refresh(authority, pair["refresh_token"]).status_code == 200


def test_the_refresh_window_follows_a_shortened_lifetime(
    authority: Authority, clock: Clock, settings: Settings
) -> None:
    settings.token_seconds = 10
    pair = authority.connect()
    clock.advance(9.4)
    assert refresh(authority, pair["refresh_token"]).status_code == 400
    clock.advance(0.2)
    assert refresh(authority, pair["refresh_token"]).status_code == 200


def test_a_reused_refresh_token_is_refused(authority: Authority, clock: Clock) -> None:
    pair = authority.connect()
    clock.advance(600)
    assert refresh(authority, pair["refresh_token"]).status_code == 200
    clock.advance(600)
    answer = refresh(authority, pair["refresh_token"])
    assert answer.status_code == 401
    assert body(answer) == {"error": "unauthorized_client", "error_description": "Old refresh token used."}


def test_some_apps_may_reuse_refresh_tokens(authority: Authority, clock: Clock, settings: Settings) -> None:
    settings.old_refresh_tokens_accepted = True
    pair = authority.connect()
    clock.advance(600)
    refresh(authority, pair["refresh_token"])
    clock.advance(600)
    assert refresh(authority, pair["refresh_token"]).status_code == 200


def test_a_refresh_token_dies_after_thirty_days(authority: Authority, clock: Clock) -> None:
    clock.set(1662931100)  # 2022-09-11 21:18:20 UTC
    pair = authority.connect()
    clock.set(1666973750)  # 2022-10-28 16:15:50 UTC
    answer = refresh(authority, pair["refresh_token"])
    assert answer.status_code == 400
    assert bytes(answer.body).decode() == (
        '{"error":"invalid_request","error_description":"The refresh token expired at 10\\/11\\/2022 9:18:20 PM '
        'and it is now 10\\/28\\/2022 4:15:50 PM."}'
    )


def test_an_access_token_lives_ten_minutes(authority: Authority, clock: Clock) -> None:
    header = f"Bearer {authority.connect()['access_token']}"
    clock.advance(599.9)
    assert authority.access(header)[1]
    clock.advance(0.1)
    assert not authority.access(header)[1]


def test_an_old_access_token_outlives_a_refresh(authority: Authority, clock: Clock) -> None:
    pair = authority.connect()
    clock.advance(570)
    refresh(authority, pair["refresh_token"])
    assert authority.access(f"Bearer {pair['access_token']}")[1]


@pytest.mark.parametrize("header", [None, "", "Bearer nonsense", "Basic abc"])
def test_other_authorization_is_unknown(authority: Authority, header: str | None) -> None:
    assert authority.access(header) == (None, False)


def test_a_broken_chain_says_so(authority: Authority, clock: Clock) -> None:
    pair = authority.connect()
    authority.revoke(chain=True)
    clock.advance(600)
    answer = refresh(authority, pair["refresh_token"])
    assert body(answer)["error_description"] == "Token is not allowed, because of invalid or empty chainId"


def test_the_token_endpoint_may_be_limited(authority: Authority, settings: Settings) -> None:
    settings.token_calls_a_day = 1
    post(authority, grant_type="refresh_token")
    assert post(authority, grant_type="refresh_token").status_code == 429


def test_tokens_outlive_a_restart(clock: Clock, settings: Settings, tmp_path: Path) -> None:
    first = Authority(clock=clock, settings=settings, app=APP, path=tmp_path / "tokens")
    pair = first.connect()
    second = Authority(clock=clock, settings=settings, app=APP, path=tmp_path / "tokens")
    assert second.access(f"Bearer {pair['access_token']}")[1]
    clock.advance(600)
    assert refresh(second, pair["refresh_token"]).status_code == 200
