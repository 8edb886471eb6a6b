"""OAuth2 as Exact plays it: codes, access tokens, single-use refresh tokens. Only the authority knows tokens.

Rests on: access tokens live 600 s whether used or not; a refresh is taken only in the last 5 % of that (570 s);
each refresh kills the token it used; refresh tokens die after 30 days unused.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from exact_simulator import texts
from exact_simulator.answers import html, oauth_error
from exact_simulator.clock import Clock
from exact_simulator.settings import Settings

USER_ID = "6b1f1f3e-6a0c-4b52-9a55-0d6f6f8f2a11"
EARLIEST_REFRESH = 0.95
"""Share of an access token's lifetime after which it may be refreshed."""
_CODE_SECONDS = 180
_HEADERS = {"Cache-Control": "private", "Pragma": "no-cache"}


@dataclass(frozen=True, slots=True)
class App:
    """An app as registered with Exact."""

    client_id: str
    client_secret: str
    redirect_uri: str


@dataclass(slots=True)
class Chain:
    """One consent of the user: its tokens follow each other."""

    client_id: str
    issued: float = 0.0
    """When the last pair was given out, in seconds since 1970, UTC."""
    refresh_token: str = ""
    old_tokens: list[str] = field(default_factory=list)
    is_broken: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token stands for."""

    client_id: str
    expires: float


class Authority:
    """Gives out tokens and knows them again. A file, where one is named, keeps the chain over a restart."""

    def __init__(self, *, clock: Clock, settings: Settings, app: App, path: Path | None = None) -> None:
        """Start with what the file holds, or with nothing."""
        self._clock = clock
        self._settings = settings
        self._path = path
        self.app = app
        self._codes: dict[str, float] = {}
        self._access: dict[str, Access] = {}
        self._chains: list[Chain] = []
        self._calls: tuple[float, int] = (0.0, 0)
        self.refreshes = 0
        """Successful refreshes so far."""
        if path is not None and path.exists():
            self._restore(path)

    def authorize(self, query: Mapping[str, str]) -> Response:
        """Send the user back with a code at once: this user is always willing."""
        if query.get("client_id") != self.app.client_id:
            return html(400, "The client_id is unknown.")
        if query.get("redirect_uri") != self.app.redirect_uri:
            return html(400, "The redirect_uri is not the registered one.")
        if query.get("response_type") != "code":
            return html(400, "The response_type is not supported.")
        code = f"stampNL001.{secrets.token_urlsafe(4)}!IAAAA{secrets.token_urlsafe(60)}"
        self._codes[code] = self._clock.now()
        answer = {"code": code} | ({"state": query["state"]} if "state" in query else {})
        joint = "&" if urlsplit(self.app.redirect_uri).query else "?"
        return RedirectResponse(f"{self.app.redirect_uri}{joint}{urlencode(answer)}", 302, _HEADERS)

    def token(self, body: bytes, *, content_type: str) -> Response:
        """Answer a token request: form fields, all in the body."""
        if not content_type.startswith("application/x-www-form-urlencoded"):
            return oauth_error(400, "invalid_request")
        form = dict(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
        if not self._may_call():
            return Response(status_code=429)
        if (form.get("client_id"), form.get("client_secret")) != (self.app.client_id, self.app.client_secret):
            return oauth_error(400, "invalid_request")
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem(form)
            case "refresh_token":
                return self._refresh(form.get("refresh_token", ""))
            case _:
                return oauth_error(400, "unsupported_grant_type")

    def access(self, header: str | None) -> tuple[Access | None, bool]:
        """Look up an Authorization header: what it stands for (None: unknown), and whether it is still good."""
        scheme, _, token = (header or "").partition(" ")
        found = self._access.get(token.strip()) if scheme.lower() == "bearer" else None
        return found, found is not None and self._clock.now() < found.expires

    def connect(self) -> dict[str, str]:
        """Give a new pair of tokens without the detour of a browser, for tests of other things."""
        return self._issue(self._new_chain())

    def revoke(self, *, chain: bool = False) -> None:
        """Make all access tokens unknown; with `chain`, break the refresh chains as well."""
        self._access.clear()
        if chain:
            for item in self._chains:
                item.is_broken = True
        self._save()

    def _may_call(self) -> bool:
        limit = self._settings.token_calls_a_day
        day = self._clock.now() // 86400
        used = self._calls[1] if self._calls[0] == day else 0
        self._calls = (day, used + 1)
        return limit is None or used < limit

    def _redeem(self, form: Mapping[str, str]) -> Response:
        issued = self._codes.pop(form.get("code", ""), None)
        if issued is None or self._clock.now() - issued > _CODE_SECONDS:
            return oauth_error(400, "invalid_grant")
        if form.get("redirect_uri") != self.app.redirect_uri:
            return oauth_error(400, "invalid_request")
        return _tokens(self._issue(self._new_chain()))

    def _refresh(self, token: str) -> Response:
        chain = next(
            (item for item in self._chains if token and token in (item.refresh_token, *item.old_tokens)), None
        )
        if chain is None:
            return oauth_error(400, "invalid_grant")
        if chain.is_broken:
            return oauth_error(400, "invalid_grant", texts.CHAIN_BROKEN)
        now = self._clock.now()
        if token != chain.refresh_token and not self._settings.old_refresh_tokens_accepted:
            return oauth_error(
                self._settings.old_refresh_token_status, "unauthorized_client", texts.OLD_REFRESH_TOKEN
            )
        expired = chain.issued + self._settings.refresh_token_days * 86400
        if now >= expired:
            text = texts.REFRESH_TOKEN_EXPIRED.format(expired=_american(expired), now=_american(now))
            return oauth_error(400, "invalid_request", text)
        if now - chain.issued < EARLIEST_REFRESH * self._settings.token_seconds:
            answer = oauth_error(400, "access_denied", texts.TOO_EARLY)
            answer.headers["Reason"] = texts.TOO_EARLY_REASON
            return answer
        self.refreshes += 1
        return _tokens(self._issue(chain))

    def _new_chain(self) -> Chain:
        chain = Chain(self.app.client_id)
        self._chains.append(chain)
        return chain

    def _issue(self, chain: Chain) -> dict[str, str]:
        now = self._clock.now()
        if chain.refresh_token:
            chain.old_tokens.append(chain.refresh_token)
        chain.issued = now
        chain.refresh_token = f"stampNL001.{secrets.token_urlsafe(3)}!IAAAA{secrets.token_urlsafe(300)}"
        access = f"stampNL001.gAAAA{secrets.token_urlsafe(370)}"
        self._access = {token: item for token, item in self._access.items() if now < item.expires + 3600}
        self._access[access] = Access(chain.client_id, now + self._settings.token_seconds)
        self._save()
        return {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": f"{self._settings.token_seconds:g}",
            "refresh_token": chain.refresh_token,
        }

    def _save(self) -> None:
        if self._path is None:
            return
        state = {
            "access": {token: asdict(item) for token, item in self._access.items()},
            "chains": [asdict(chain) for chain in self._chains],
        }
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(state))
        draft.replace(self._path)

    def _restore(self, path: Path) -> None:
        state = json.loads(path.read_text())
        self._access = {token: Access(**item) for token, item in state["access"].items()}
        self._chains = [Chain(**item) for item in state["chains"]]


def _tokens(pair: Mapping[str, str]) -> Response:
    return Response(json.dumps(pair), media_type="application/json; charset=utf-8", headers=_HEADERS)


def _american(moment: float) -> str:
    """Write a moment as Exact's texts do: `10/11/2022 9:18:20 PM`."""
    time = datetime.fromtimestamp(moment, UTC)
    hour = time.hour % 12 or 12
    return f"{time.month}/{time.day}/{time.year} {hour}:{time:%M:%S} {'PM' if time.hour >= 12 else 'AM'}"
