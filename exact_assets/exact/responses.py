"""What an answer that is no page means: status, headers and body to the error that says what to do. No I/O.

Texts come in the user's language, bodies as JSON, XML, HTML or nothing. So the status counts, then the `Reason`
header, then the two texts that Exact is known to send word for word; any other text is passed on, not read. What
people may do about it is told by docs/errors.md, to which the messages lead.
"""

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from exact_assets.errors import (
    AccessTokenRefusedError,
    DivisionNotGrantedError,
    ExactError,
    ForbiddenError,
    RequestRefusedError,
    ScopeMissingError,
    UnavailableError,
    UnreachableError,
    UserBlockedError,
)

BLOCKED = {
    "blockeduser": "the user is blocked",
    "inactiveuser": "the user is inactive",
    "blockedcustomer": "the customer is blocked",
    "licenseexpired": "the licence has expired",
}
DIVISION_REASONS = {
    "divisionblocked": "the division is blocked",
    "nodivisionaccess": "the user has no access to it",
}
SCOPE_TEXT = "forbidden - application scope violated"
DIVISION_TEXT = "forbidden - user division is not within division scope"
LONGEST_TEXT = 500
XML_MESSAGE = re.compile(r"<(?:\w+:)?error\b.*?<(?:\w+:)?message\b[^>]*>([^<]*)<", re.DOTALL | re.IGNORECASE)
SMALL_ANSWER_BYTES = 20_000
"""An error is no longer. What is longer is not read twice."""
DATE_YEARS = range(2020, 2200)
"""Of a Date header that is believed. With one of 9999, all sums of times would overflow."""


def may_pass(status: int) -> bool:
    """Return whether the same request may succeed a moment later."""
    return status in {408, 429} or status >= 500 or 300 <= status < 400


def server_time(headers: Mapping[str, str]) -> datetime | None:
    """Return the Date header (aware, UTC, whole seconds); None where it is missing, unreadable or cannot be."""
    try:
        date = parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.year in DATE_YEARS else None


def see(row: str) -> str:
    """Return the sentence that leads to a row of docs/errors.md."""
    return f"See docs/errors.md#{row}."


def error_text(body: bytes) -> str | None:
    """Return the words of an error body, Exact's or those of a gateway before it; None where it has none."""
    text = body.decode("utf-8-sig", errors="replace")
    try:
        answer: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        found = XML_MESSAGE.search(text[:SMALL_ANSWER_BYTES])
        said: Any = html.unescape(found[1]) if found else None
    else:
        said = _said(answer)
    if not isinstance(said, str) or not said.strip():
        return None
    return re.sub(r"\s+", " ", said).strip()[:LONGEST_TEXT]


def _said(answer: Any) -> Any:
    """Return what a JSON error says: of Exact, of its token endpoint, or of a gateway."""
    if not isinstance(answer, dict):
        return None
    if isinstance(fault := answer.get("fault"), dict):
        return fault.get("faultstring")
    if isinstance(described := answer.get("error_description"), str):
        return described
    found: Any = answer
    for name in ("error", "message", "value"):
        if isinstance(found, str):
            break
        found = found.get(name) if isinstance(found, dict) else None
    return found


def error_in_page(body: bytes) -> str | None:
    """Return the words of an error that came as if it were a page, with status 200; None: it is none."""
    if len(body) > SMALL_ANSWER_BYTES or not any(mark in body for mark in (b"error", b"fault")):
        return None
    try:
        answer: Any = msgspec.json.decode(body.decode("utf-8-sig", errors="replace"))
    except (msgspec.DecodeError, RecursionError):
        return error_text(body)
    return error_text(body) if isinstance(answer, dict) and "d" not in answer else None


def refusal(
    status: int, headers: Mapping[str, str], body: bytes, *, division: int | None, endpoint: str
) -> ExactError:
    """Return the error that an answer without a page stands for."""
    text = error_text(body)
    reason = headers.get("reason") or None
    facts: dict[str, Any] = {"division": division, "endpoint": endpoint, "status": status, "reason": reason or text}
    said = f" Exact says: {(text or reason or '').rstrip('.')}." if text or reason else ""
    if status == 401:
        return AccessTokenRefusedError(
            f"{endpoint}: Exact refuses the access token, though it should be good.{said} "
            f"If this stays so, run `exact-assets connect`. {see('401')}",
            **facts,
        )
    if status == 403:
        return _forbidden(text or "", reason or "", said, facts)
    if status == 407 or status < 400:
        is_proxy = status == 407
        what = PROXY_REFUSED if is_proxy else _elsewhere(status, headers)
        return (UnreachableError if is_proxy else UnavailableError)(f"{endpoint}: {what}", **facts)
    if status < 500 and status != 408:
        return RequestRefusedError(
            f"{endpoint}: Exact refuses the request (HTTP {status}).{said} It is not sent again unchanged. "
            f"{see('refused')}",
            **facts,
        )
    if status == 408:
        what, advice = "took too long (HTTP 408); the request may be too broad", see("408")
    else:
        what, advice = f"is not available (HTTP {status})", f"Load again later. {see('unavailable')}"
    return UnavailableError(f"{endpoint}: Exact {what}.{said} {advice}", **facts)


PROXY_REFUSED = (
    "the proxy on the way to Exact asks for a name and a password (HTTP 407). Put them into HTTPS_PROXY "
    f"(HTTP_PROXY), as in http://name:password@proxy:8080, or name the host in NO_PROXY. {see('407')}"
)
NO_PAGE = (
    f"Check EXACT_BASE_URL and EXACT_COUNTRY, then whether you can sign in there in a browser. {see('no-page')}"
)


def no_connection(host: str, why: str) -> str:
    """Return the words for a host to which there is no connection, with the settings to look at."""
    if why.lstrip().startswith("407"):
        return f"No connection to {host}: {PROXY_REFUSED}"
    return (
        f"No connection to {host} ({why}). Check the network, a proxy (HTTPS_PROXY), EXACT_COUNTRY and "
        f"EXACT_BASE_URL. {see('unreachable')}"
    )


def _elsewhere(status: int, headers: Mapping[str, str]) -> str:
    """Return what a status below 400 means where a page was due: another address, or one behind a sign-in."""
    if not 300 <= status < 400:
        return f"the answer holds nothing (HTTP {status}), which Exact's API never says here. {NO_PAGE}"
    target = urlsplit(_plain(headers.get("location", "")))
    where = f" to {target.netloc}{target.path}" if target.netloc or target.path else ""
    return f"the answer sends us elsewhere{where} (HTTP {status}), as to a page for signing in. {NO_PAGE}"


def _plain(location: str) -> str:
    """Return an address that can be shown, without its query, which may hold secrets; of odd ones nothing."""
    plain = location.partition("?")[0].partition("#")[0][:200]
    return plain if plain.isprintable() and not set(plain) & set("@[]") else ""


def _forbidden(text: str, reason: str, said: str, facts: dict[str, Any]) -> ForbiddenError:
    """Sort a 403 by who can lift it, where Exact says so otherwise than in a user's language."""
    division = facts["division"]
    where = facts["endpoint"] if division is None else f"{facts['endpoint']} of division {division}"
    key = reason.partition(":")[0].strip().lower()
    if key in BLOCKED:
        return UserBlockedError(
            f"{where}: {BLOCKED[key]}; this is to be settled with Exact.{said} {see('blocked')}", **facts
        )
    if key in DIVISION_REASONS:
        return DivisionNotGrantedError(
            f"{where}: {DIVISION_REASONS[key]}.{said} Grant it, or disable the division. {see('division')}", **facts
        )
    words = (text or reason).lower()
    if words.startswith(SCOPE_TEXT):
        return ScopeMissingError(
            f"{where}: the app registration lacks a scope. Add it in Exact's app centre and connect again.{said} "
            f"{see('scope')}",
            **facts,
        )
    if words.startswith(DIVISION_TEXT):
        return DivisionNotGrantedError(
            f"{where}: it is not granted to the app or the user. Grant it, or disable the division.{said} "
            f"{see('division')}",
            **facts,
        )
    return ForbiddenError(
        f"{where}: Exact does not allow it (HTTP 403).{said} It may be the division, the user's right, the "
        f"licence's module or the app's scope. Grant what is missing, or leave the table out. {see('403')}",
        **facts,
    )
