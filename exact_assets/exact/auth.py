"""OAuth2 as Exact speaks it: the authorize address, the token endpoint, and what its answers mean.

Exact takes the app's credentials in the body only. Its errors come with varying statuses and codes, so they are
told apart by their description. authlib makes the requests. Its client does not send them, because it reads answers
whole and strictly: a pair of tokens, which works once, would be lost in an answer that is damaged beside it. Where
tokens are kept is `control`'s business.
"""

import asyncio
import hashlib
import random
import re
import time
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import msgspec
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request

from exact_assets.errors import (
    ExactError,
    KeyBlockedError,
    ReconnectError,
    RequestRefusedError,
    TokenExpiredError,
    TokenUsedElsewhereError,
    TooEarlyError,
    UnavailableError,
    UnreachableError,
)
from exact_assets.exact.bodies import Bounds, HttpAnswer, TooSlowError, ask
from exact_assets.exact.numbers import read_integer
from exact_assets.exact.ports import Refusals
from exact_assets.exact.responses import (
    LONGEST_TEXT,
    NO_PAGE,
    PROXY_REFUSED,
    may_pass,
    no_connection,
    see,
    server_time,
)
from exact_assets.exact.steady import ticks
from exact_assets.exact.token import Token, lifetime_of

AUTHORIZE_PATH = "/api/oauth2/auth"
TOKEN_PATH = "/api/oauth2/token"  # noqa: S105 - a path, not a token
ENDPOINT = "oauth2/token"
MOST_TOKEN_ATTEMPTS = 4
LONGEST_MARK = 16
"""Digits: enough to see that a secret changed, too few to find it by."""
TIMEOUT_SECONDS = 30.0
"""Of each read."""
SHORTEST_ATTEMPT_SECONDS = 30.0
LONGEST_REFRESH_SECONDS = 240.0
"""Of all attempts together, so that those who wait for the same token do not give up before."""
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
TOKEN = re.compile(rb'"(access_token|refresh_token)"\s*:\s*("(?:[^"\\]++|\\.)*+")')
FORM_HEADERS = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}


class _Pair(msgspec.Struct, frozen=True, kw_only=True):
    """What counts in a good answer; whatever else is odd in it must not cost the tokens."""

    access_token: str = ""
    refresh_token: str = ""
    expires_in: msgspec.Raw = msgspec.Raw(b"")


def authorize_url(site_url: str, *, client_id: str, redirect_uri: str, state: str) -> str:
    """Return the address at which a user lets the app in."""
    url: str = prepare_grant_uri(
        f"{site_url}{AUTHORIZE_PATH}",
        client_id=client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        state=state,
    )
    return url


def read_redirect(url: str, *, state: str | None, must_have_state: bool = True) -> str:
    """Return the code in the address that the user was sent back to.

    Args:
        url: the whole address, as it stands in the browser.
        state: the one that we gave, if we did.
        must_have_state: whether an address without any is refused, as one that anybody may have sent.

    Raises:
        ReconnectError: the user said no, the state is another's, or there is no code.
    """
    pairs = [pair.partition("=") for pair in _query_of(url).split("&")]
    given = {name: unquote(value) for name, _, value in pairs}  # not unquote_plus: a plus stands for itself
    if "error" in given:
        raise ReconnectError(f"Exact did not connect: {given.get('error_description') or given['error']}.")
    came = given.get("state") if must_have_state else given.get("state", state)
    if state is not None and came != state:
        raise ReconnectError(
            "That code was used or has expired: the address does not belong to the connection that was begun last "
            f"(its state differs). Run `exact-assets connect` and use the address that it leads to. {see('code')}"
        )
    if not given.get("code"):
        raise ReconnectError(
            f"The address holds no code: give the whole address that Exact sent the browser to. {see('code')}"
        )
    return given["code"]


def _query_of(url: str) -> str:
    try:
        return urlsplit(url.strip()).query
    except ValueError:
        return ""


class TokenEndpoint:
    """Exchanges codes and refresh tokens for tokens."""

    def __init__(
        self,
        *,
        site_url: str,
        client_id: str,
        client_secret: str,
        refusals: Refusals,
        bounds: Bounds | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            site_url: scheme, host and port.
            client_id: of the app.
            client_secret: of the app.
            refusals: of all processes: nothing is sent when one more might block the app.
            bounds: what one answer may take.
            now: our clock.
            sleep: waits for so many seconds.
        """
        self._bounds = bounds or Bounds()
        self._refusals = refusals
        self._mark = mark_of(client_id, client_secret)
        self._url = f"{site_url}{TOKEN_PATH}"
        self._client = ClientAuth(client_id, client_secret, "client_secret_post")
        self._now = now
        self._sleep = sleep

    def exchange(self, code: str, *, redirect_uri: str) -> Token:
        """Return the first token for a code, which is good for some minutes and once only.

        Raises:
            ReconnectError: it was used or has expired.
            ExactError: as `refresh`.
        """
        try:
            return self._ask("authorization_code", code=code, redirect_uri=redirect_uri)
        except (RequestRefusedError, ReconnectError) as error:
            if error.status not in {400, 401} or isinstance(error, TooEarlyError):
                raise
            said = f" Exact says: {error.reason.rstrip('.')}." if error.reason else ""
            raise ReconnectError(
                f"Exact gives no tokens for that code (HTTP {error.status}): that code was used or has expired, "
                f"or EXACT_CLIENT_ID, EXACT_CLIENT_SECRET or EXACT_REDIRECT_URI is wrong.{said} Run "
                f"`exact-assets connect` for another code. {see('code')}",
                endpoint=ENDPOINT,
                status=error.status,
                reason=error.reason,
            ) from error

    def refresh(self, refresh_token: str) -> Token:
        """Return the next token. The refresh token is dead from then on, and may be when no answer comes.

        Raises:
            TooEarlyError: before 95 % of the access token's lifetime; nothing was used up.
            TokenUsedElsewhereError: the refresh token was used before.
            ReconnectError: the chain is dead for another reason.
            RequestRefusedError: Exact refuses it, for the app's credentials or by what stands before it.
            KeyBlockedError: it was refused so often, by any process, that nothing was sent.
            UnavailableError: it was tried again, in vain; the token may be used up.
            UnreachableError: likewise, but nothing was sent.
        """
        return self._ask("refresh_token", refresh_token=refresh_token)

    def _ask(self, grant_type: str, **fields: str) -> Token:
        """Ask, trying again what may pass; Exact's gateway answers with faults and empty bodies at times."""
        body = prepare_token_request(grant_type, **fields)
        url, headers, body = self._client.prepare("POST", self._url, dict(FORM_HEADERS), body)
        was_lost = False
        attempt = 1
        until = ticks() + LONGEST_REFRESH_SECONDS
        while True:
            try:
                return self._ask_once(url, headers, body, seconds=until - ticks())
            except (UnavailableError, UnreachableError) as error:
                was_lost = was_lost or isinstance(error, UnavailableError)
                is_last = attempt == MOST_TOKEN_ATTEMPTS or until - ticks() < SHORTEST_ATTEMPT_SECONDS
                if is_last or error.status == 429:
                    raise
            except TokenUsedElsewhereError as error:
                if was_lost:
                    raise _lost(error) from error
                raise
            self._sleep(random.random() * 2**attempt)  # noqa: S311 - jitter
            attempt += 1

    def _ask_once(self, url: str, headers: Mapping[str, str], body: str, *, seconds: float) -> Token:
        until = token_held_until(self._refusals, self._mark, now=self._now())
        if until is not None:
            raise held_back(until)
        try:
            answer = asyncio.run(self._post(url, headers, body, seconds=seconds))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            why = no_connection(urlsplit(self._url).netloc, str(error) or type(error).__name__)
            raise UnreachableError(why, endpoint=ENDPOINT) from error
        except httpx.TransportError as error:
            why = str(error) if isinstance(error, TooSlowError) else type(error).__name__
            raise UnavailableError(f"The token endpoint's answer was lost ({why}).", endpoint=ENDPOINT) from error
        for endpoint in (ENDPOINT, _with_credentials(self._mark)):
            self._refusals.refused(None, endpoint, status=answer.status, now=self._now())
        return read_token_answer(
            answer.status, answer.headers, answer.body, received_at=self._now(), trouble=answer.trouble
        )

    async def _post(self, url: str, headers: Mapping[str, str], body: str, *, seconds: float) -> HttpAnswer:
        bounds = Bounds(seconds=min(self._bounds.seconds, seconds), mb=self._bounds.mb)
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
            return await ask(http, "POST", url, headers=headers, content=body, bounds=bounds)


def read_token_answer(
    status: int, headers: Mapping[str, str], body: bytes, *, received_at: datetime, trouble: str | None = None
) -> Token:
    """Read an answer of the token endpoint.

    Args:
        status: of the answer.
        headers: by name in lower case.
        body: what came of it.
        received_at: by our clock.
        trouble: why that is not all. Both tokens may be in it all the same.

    Raises:
        ExactError: as `TokenEndpoint.refresh`; no message holds what was sent.
    """
    body = _as_utf8(body)
    pair = _pair(body) if 200 <= status < 300 else _Pair()
    if pair.access_token and pair.refresh_token:
        return Token(
            access_token=pair.access_token,
            refresh_token=pair.refresh_token,
            received_at=received_at,
            lifetime_seconds=_seconds(pair.expires_in),
            issued_at=server_time(headers),
        )
    if trouble is not None and status < 400:
        raise UnavailableError(
            f"The token endpoint's answer was lost ({trouble}).", endpoint=ENDPOINT, status=status
        )
    error = _refusal(status, headers.get("reason") or "", _members(body))
    if isinstance(error, TooEarlyError):
        error.server_time = server_time(headers)
    raise error


def _pair(body: bytes) -> _Pair:
    """Find both tokens, in JSON or what is nearly JSON: the old ones are dead, whatever came with these."""
    with suppress(*UNREADABLE):
        pair = msgspec.json.decode(body, type=_Pair)
        if pair.access_token and pair.refresh_token:
            return pair
    found: dict[str, str] = {}
    for name, text in TOKEN.findall(body):
        with suppress(*UNREADABLE):
            found[name.decode()] = msgspec.json.decode(text, type=str)
    return _Pair(access_token=found.get("access_token", ""), refresh_token=found.get("refresh_token", ""))


def _as_utf8(body: bytes) -> bytes:
    """Return a text in UTF-8 without a mark, whatever its mark says."""
    if body[:2] in {BOM_UTF16_LE, BOM_UTF16_BE}:
        return body.decode("utf-16", errors="replace").encode(errors="replace")
    return body.removeprefix(BOM_UTF8)


def _members(body: bytes) -> Mapping[str, Any]:
    try:
        answer: Any = msgspec.json.decode(body)
    except UNREADABLE:
        return {}
    return answer if isinstance(answer, dict) else {}


def _refusal(status: int, reason: str, answer: Mapping[str, Any]) -> ExactError:
    said = str(answer.get("error_description") or "")[:LONGEST_TEXT]
    words = f"{said} {reason}".lower()
    code = str(answer.get("error") or "")[:LONGEST_TEXT]
    facts: dict[str, Any] = {"endpoint": ENDPOINT, "status": status, "reason": said or reason or code or None}
    if "not expired" in words or "tooearly" in words:
        return TooEarlyError("Exact refreshes a token only shortly before it expires.", **facts)
    if "old refresh token" in words:
        return TokenUsedElsewhereError(
            "Exact says that the stored refresh token was used before: by a second installation with the same app "
            "and user, of which Exact allows one, or by this one before a backup was restored. "
            "Stop the other, then run `exact-assets connect`.",
            **facts,
        )
    if "refresh token" in words and "expired" in words:
        return TokenExpiredError(
            f"The connection was unused for too long. Exact says: {said or reason} Run `exact-assets connect`.",
            **facts,
        )
    if "chainid" in words or code == "invalid_grant":
        return ReconnectError(
            f"The connection is broken. Exact says: {said or code} Run `exact-assets connect`.", **facts
        )
    return _unanswered(status, said or code, facts, is_fault="fault" in answer)


def _unanswered(status: int, words: str, facts: dict[str, Any], *, is_fault: bool) -> ExactError:
    """Return the error of an answer that says nothing of a token."""
    if status == 407:
        return UnreachableError(f"No token: {PROXY_REFUSED}", **facts)
    if status < 400:
        return UnavailableError(
            f"What answered as the token endpoint gave no tokens (HTTP {status}). {NO_PAGE}", **facts
        )
    if may_pass(status) or is_fault:
        later = f"Try again later. {see('unavailable')}"
        return UnavailableError(f"The token endpoint gave no tokens (HTTP {status}). {later}", **facts)
    return RequestRefusedError(
        f"The token endpoint refuses the request (HTTP {status}, {words or 'without a word'}). Check "
        f"EXACT_CLIENT_ID, EXACT_CLIENT_SECRET and EXACT_REDIRECT_URI. {see('token')}",
        **facts,
    )


def _seconds(value: msgspec.Raw) -> float:
    """Read `expires_in`, which Exact sends as a string."""
    seconds = read_integer(bytes(value).decode(errors="replace").strip('"'), lowest=0, highest=10**9)
    return lifetime_of(seconds or 0)


def mark_of(client_id: str, client_secret: str | None) -> str:
    """Return what tells credentials from others, and does not tell them."""
    return hashlib.sha256(f"{client_id}\0{client_secret or ''}".encode()).hexdigest()[:LONGEST_MARK]


def token_held_until(refusals: Refusals, mark: str, *, now: datetime) -> datetime | None:
    """Return when the token endpoint may be asked with some credentials; None: now.

    After too many refusals, those that were not refused yet may be tried once: somebody has put them right.
    """
    until = refusals.held_until(None, ENDPOINT, now=now)
    if until is None or not refusals.was_refused(None, _with_credentials(mark), now=now):
        return None
    return until


def _with_credentials(mark: str) -> str:
    return f"{ENDPOINT} {mark}"


def held_back(until: datetime) -> KeyBlockedError:
    """Return the error of a request that is not sent, because one more refusal might block the app."""
    return KeyBlockedError(
        "Exact refused to give a token so often within an hour that one more refusal would block the app. "
        f"Nothing is sent before {until:%Y-%m-%d %H:%M} UTC: check EXACT_CLIENT_ID and EXACT_CLIENT_SECRET.",
        endpoint=ENDPOINT,
    )


def _lost(error: ExactError) -> ReconnectError:
    return ReconnectError(
        "The refresh token is used up, but Exact's answer with the new one was lost on the way. "
        "Run `exact-assets connect`.",
        endpoint=error.endpoint,
        status=error.status,
        reason=error.reason,
    )
