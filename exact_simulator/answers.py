"""Answers as Exact shapes them: error envelopes, HTML pages, empty bodies. Their words stand in `texts`."""

import json

from starlette.responses import HTMLResponse, Response

from exact_simulator import texts

JSON_TYPE = "application/json;charset=utf-8"


class RefusedError(Exception):
    """The request is answered with an error; raised by whoever finds it wrong."""

    def __init__(self, status: int, text: str, *, reason: str | None = None) -> None:
        """Keep the status, the text of the envelope, and the `Reason` header."""
        super().__init__(text)
        self.status = status
        self.text = text
        self.reason = reason


def json_answer(body: bytes | str, *, status: int = 200) -> Response:
    """Answer JSON text."""
    return Response(body, status, media_type=JSON_TYPE)


def error(status: int, text: str, *, reason: str | None = None, lang: str = "") -> Response:
    """Answer the error envelope."""
    answer = json_answer(texts.ERROR_ENVELOPE.format(lang=lang, value=json.dumps(text)), status=status)
    if reason is not None:
        answer.headers["Reason"] = reason
    return answer


def html(status: int, title: str) -> Response:
    """Answer a plain HTML page."""
    return HTMLResponse(texts.HTML_PAGE.format(title=title), status)


def oauth_error(status: int, code: str, description: str | None = None) -> Response:
    """Answer a token error; slashes are escaped, as recorded."""
    body = {"error": code} | ({} if description is None else {"error_description": description})
    text = json.dumps(body, separators=(",", ":")).replace("/", "\\/")
    return Response(text, status, media_type="application/json; charset=utf-8")
