"""What faults do to answers: those sent instead, pages that are not as they should be, bodies cut on their way."""

import json
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exact_simulator import texts
from exact_simulator.answers import error, html, oauth_error
from exact_simulator.faults import Fault
from exact_simulator.pages import Page

ABORT = "exact_simulator.abort"
"""Key in the ASGI scope of a function that closes the connection; True drops what was not sent yet."""


class Reset(Response):
    """No answer at all: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Drop the connection."""
        scope[ABORT](True)
        await _end(receive)


class Cut(Response):
    """An answer that stops in the middle of its body."""

    def __init__(self, whole: Response) -> None:
        """Take over the answer's status and headers, its length included."""
        super().__init__(bytes(whole.body), whole.status_code, dict(whole.headers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the half and close."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
        scope[ABORT](False)
        await _end(receive)


async def _end(receive: Receive) -> None:
    """Wait until the server has noticed that the connection is gone, or it would answer by itself."""
    while (await receive())["type"] != "http.disconnect":
        pass


def early_answer(fault: Fault) -> Response | None:
    """Answer instead of Exact's servers: what sits before them did not let the call through."""
    match fault.kind:
        case "reset":
            return Reset()
        case "scraper":
            return Response(texts.SCRAPER_HTML, 503, media_type="text/html")
        case "token_gateway":
            return Response(texts.GATEWAY_FAULT, 404, media_type="application/json")
        case "token_empty":
            return Response(b"", 200, media_type="application/json; charset=utf-8")
        case "token_chain_broken":
            return oauth_error(400, "invalid_grant", texts.CHAIN_BROKEN)
        case _:
            return None


def replaced_answer(fault: Fault) -> Response | None:
    """Answer instead of the page; the call has been counted."""
    match fault.kind:
        case "too_broad":
            return error(408, texts.TOO_BROAD)
        case "server_error":
            return error(500, texts.SERVER_ERROR if fault.value is None else str(fault.value))
        case "status":
            return Response(b"", int(fault.value))
        case _:
            return None


def damaged(fault: Fault, answer: Response) -> Response:
    """Damage an answer on its way."""
    match fault.kind:
        case "cut_body" | "token_lost" | "answer_lost":
            return Cut(answer) if fault.kind == "cut_body" else Reset()
        case "answer_failed":
            return error(int(fault.value or 500), texts.SERVER_ERROR)
        case "garbage":
            return _with_body(answer, b'{"d":{"results":[{"__metadata":{"uri":"\xff\xfe')
        case "html":
            return html(answer.status_code, "Exact Online")
        case "empty_body":
            return _with_body(answer, b"")
        case "stale_counters":
            for name in ("X-RateLimit-Remaining", "X-RateLimit-Minutely-Remaining"):
                if name in answer.headers:
                    answer.headers[name] = str(int(answer.headers[name]) + int(fault.value or 10))
        case _:
            pass
    return answer


def _with_body(answer: Response, body: bytes) -> Response:
    kept = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return Response(body, answer.status_code, kept)


def tampered(fault: Fault, page: Page, *, url: str) -> Page:
    """Make a page something that Exact does not promise. Pages without what is needed for it stay as they are."""
    change = _CHANGES.get(fault.kind)
    if change is None:
        return page
    document = json.loads(page.body)
    inside = document["d"]
    rows = inside if isinstance(inside, list) else inside["results"]
    change(fault.value, rows, inside if isinstance(inside, dict) else {}, url)
    return Page(body=json.dumps(document, separators=(",", ":")).encode(), next_link=page.next_link)


Rows = list[dict[str, Any]]


def _next_repeats(_value: Any, _rows: Rows, inside: dict[str, Any], url: str) -> None:
    inside["__next"] = url


def _next_elsewhere(value: Any, _rows: Rows, inside: dict[str, Any], url: str) -> None:
    link = str(inside.get("__next", url))
    inside["__next"] = (value or "https://elsewhere.example.test") + "/" + link.split("/", 3)[3]


def _next_missing(_value: Any, _rows: Rows, inside: dict[str, Any], _url: str) -> None:
    inside.pop("__next", None)


def _rows_twice(_value: Any, rows: Rows, _inside: dict[str, Any], _url: str) -> None:
    rows.extend(list(rows))


def _wrong_division(value: Any, rows: Rows, _inside: dict[str, Any], _url: str) -> None:
    for row in rows[-1:]:
        if "Division" in row:
            row["Division"] = value or row["Division"] + 1


def _unknown_property(value: Any, rows: Rows, _inside: dict[str, Any], _url: str) -> None:
    for row in rows:
        row[value or "AddedLater"] = "new"


def _missing_property(value: Any, rows: Rows, _inside: dict[str, Any], _url: str) -> None:
    for row in rows:
        row.pop(value, None)


def _value_out_of_range(value: Any, rows: Rows, _inside: dict[str, Any], _url: str) -> None:
    name = next((name for row in rows[:1] for name, held in row.items() if type(held) is int), None)
    for row in rows[:1]:
        if name is not None:
            row[name] = 2**70 if value is None else value


def _rows_missing(value: Any, rows: Rows, inside: dict[str, Any], _url: str) -> None:
    del rows[int(len(rows) * float(value or 0)) :]
    if not value:
        inside.pop("__next", None)


def _rows_missing_counted(value: Any, rows: Rows, inside: dict[str, Any], url: str) -> None:
    _rows_missing(value, rows, inside, url)
    if "__count" in inside:
        inside["__count"] = str(int(int(inside["__count"]) * float(value or 0)))


def _lines_missing(value: Any, rows: Rows, _inside: dict[str, Any], _url: str) -> None:
    for row in rows:
        for held in row.values():
            if isinstance(held, dict) and "results" in held:
                del held["results"][int(len(held["results"]) * float(value or 0)) :]


_CHANGES: dict[str, Callable[[Any, Rows, dict[str, Any], str], None]] = {
    "next_repeats": _next_repeats,
    "next_elsewhere": _next_elsewhere,
    "next_missing": _next_missing,
    "rows_twice": _rows_twice,
    "wrong_division": _wrong_division,
    "unknown_property": _unknown_property,
    "missing_property": _missing_property,
    "value_out_of_range": _value_out_of_range,
    "rows_missing": _rows_missing,
    "rows_missing_counted": _rows_missing_counted,
    "lines_missing": _lines_missing,
}
