"""What Exact's refusals mean: recorded and reported texts, each with the error that says what to do."""

import pytest

from exact_assets import errors
from exact_assets.exact.responses import error_text, refusal, server_time

SPACED = b'{ "error": { "code": "", "message": { "lang": "", "value": "Forbidden" } } }'
DUTCH = '{"error":{"code":"","message":{"lang":"nl-NL","value":"Geen\\r\\n   toegang é"}}}'.encode()

BOMB = b"[" * 2_000 + b"]" * 2_000

CASES: list[tuple[int, dict[str, str], bytes, type[errors.ExactError]]] = [
    (
        400,
        {},
        b'{"error":{"message":{"value":"Bad Request - Error in query syntax."}}}',
        errors.RequestRefusedError,
    ),
    (400, {}, b"<html>", errors.RequestRefusedError),
    (404, {}, b"", errors.RequestRefusedError),
    (400, {}, BOMB, errors.RequestRefusedError),
    (500, {}, b'{"error":' + BOMB + b"}", errors.UnavailableError),
    (405, {}, b"", errors.RequestRefusedError),
    (401, {}, b"", errors.AccessTokenRefusedError),
    (403, {}, SPACED, errors.ForbiddenError),
    (403, {}, DUTCH, errors.ForbiddenError),
    (403, {"reason": "BlockedUser"}, SPACED, errors.UserBlockedError),
    (403, {"reason": "InactiveUser: x"}, b"", errors.UserBlockedError),
    (403, {"reason": "BlockedCustomer"}, SPACED, errors.UserBlockedError),
    (403, {"reason": "LicenseExpired"}, SPACED, errors.UserBlockedError),
    (403, {"reason": "DivisionBlocked"}, SPACED, errors.DivisionNotGrantedError),
    (403, {"reason": "NoDivisionAccess"}, b"", errors.DivisionNotGrantedError),
    (
        403,
        {},
        b'{"error":{"message":{"value":"Forbidden - User division is not within division scope."}}}',
        errors.DivisionNotGrantedError,
    ),
    (
        403,
        {},
        b'{"error":{"message":{"value":"Forbidden - Application Scope Violated. Cannot read"}}}',
        errors.ScopeMissingError,
    ),
    (408, {}, b"", errors.UnavailableError),
    (500, {}, b'{"error":{"message":{"value":"Data already exists"}}}', errors.UnavailableError),
    (503, {}, b"<html>", errors.UnavailableError),
    (599, {}, b"", errors.UnavailableError),
]


@pytest.mark.parametrize(("status", "headers", "body", "kind"), CASES)
def test_a_refusal_has_its_own_error(
    status: int, headers: dict[str, str], body: bytes, kind: type[errors.ExactError]
) -> None:
    error = refusal(status, headers, body, division=7, endpoint="crm/Accounts")
    assert type(error) is kind
    assert (error.status, error.division, error.endpoint) == (status, 7, "crm/Accounts")
    assert "crm/Accounts" in str(error)


def test_exacts_own_words_are_kept_in_one_line() -> None:
    error = refusal(403, {}, DUTCH, division=7, endpoint="crm/Accounts")
    assert error.reason == "Geen toegang é"
    assert "Geen toegang é" in str(error)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"1", b'{"error":{}}', b'{"error":{"message":{"value":" "}}}']
)
def test_a_body_without_words_has_no_text(body: bytes) -> None:
    assert error_text(body) is None


def test_long_words_are_cut() -> None:
    names = b",".join([b"Accountant"] * 500)
    assert len(error_text(b'{"error":{"message":{"value":"' + names + b'"}}}') or "") == 500


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 May 2023 08:18:25 GMT"])
def test_an_unreadable_date_is_unknown(date: str) -> None:
    assert server_time({"date": date}) is None
    assert server_time({}) is None
