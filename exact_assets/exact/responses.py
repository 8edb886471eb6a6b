"""What an answer that is no page means: status, headers and body to the error that says what to do. No I/O.

Texts come in the user's language, bodies as JSON, HTML or nothing; so the status counts first, then the `Reason`
header, then the few English texts that Exact is known to send.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from exact_assets.errors import (
    AccessTokenRefusedError,
    DivisionNotGrantedError,
    ExactError,
    ForbiddenError,
    ModuleNotLicensedError,
    RequestRefusedError,
    ScopeMissingError,
    UnavailableError,
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
LONGEST_TEXT = 500
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


def error_text(body: bytes) -> str | None:
    """Return Exact's own message from an error body; None where it has none (empty, HTML)."""
    try:
        answer: Any = msgspec.json.decode(body.decode("utf-8-sig", errors="replace"))
    except (msgspec.DecodeError, RecursionError):
        return None
    for name in ("error", "message", "value"):
        if isinstance(answer, str):
            break
        answer = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(answer, str) or not answer.strip():
        return None
    return re.sub(r"\s+", " ", answer).strip()[:LONGEST_TEXT]


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
            "If this stays so, run `exact-assets connect`.",
            **facts,
        )
    if status == 403:
        return _forbidden(text or "", reason or "", said, facts)
    if 400 <= status < 500 and status != 408:
        return RequestRefusedError(
            f"{endpoint}: Exact refuses the request (HTTP {status}).{said} It is not sent again unchanged.", **facts
        )
    what = "took too long; the request may be too broad" if status == 408 else "is not available"
    return UnavailableError(f"{endpoint}: Exact {what} (HTTP {status}).{said} Load again later.", **facts)


def _forbidden(text: str, reason: str, said: str, facts: dict[str, Any]) -> ForbiddenError:
    """Sort a 403 by who can lift it."""
    division = facts["division"]
    where = facts["endpoint"] if division is None else f"{facts['endpoint']} of division {division}"
    key = reason.partition(":")[0].strip().lower()
    if key in BLOCKED:
        return UserBlockedError(f"{where}: {BLOCKED[key]}; this is to be settled with Exact.{said}", **facts)
    if key in DIVISION_REASONS:
        return DivisionNotGrantedError(f"{where}: {DIVISION_REASONS[key]}.{said}", **facts)
    words = f"{text} {reason}".lower()
    if "scope violated" in words:
        return ScopeMissingError(
            f"{where}: the app registration lacks a scope. Add it in Exact's app centre and connect again.{said}",
            **facts,
        )
    if "division" in words:
        return DivisionNotGrantedError(
            f"{where}: it is not granted to the app or the user. Grant it, or disable the division.{said}",
            **facts,
        )
    return ModuleNotLicensedError(
        f"{where}: the licence lacks the module, or the user the right to it. "
        f"Grant it, or leave the table out.{said}",
        **facts,
    )
