"""Writes: documents and their attachments, and the files behind them. Other endpoints take no writes here."""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import Response

from exact_simulator import texts
from exact_simulator.answers import RefusedError, html, json_answer
from exact_simulator.facts import Endpoint
from exact_simulator.odata.lexer import QueryError
from exact_simulator.odata.query import Query
from exact_simulator.odata.sql import Clause, quoted
from exact_simulator.pages import Place, read_one
from exact_simulator.plan import plan
from exact_simulator.routes import Route
from exact_simulator.serve import key_clause
from exact_simulator.world import World

WRITABLE = frozenset({"documents/Documents", "documents/DocumentAttachments"})
_BLANK = [
    "Account",
    "AmountFC",
    "Body",
    "Contact",
    "ContactFullName",
    "ContractID",
    "ContractNumber",
    "DocumentDate",
    "DocumentFolder",
    "ExpiryDate",
    "FinancialTransactionEntryID",
    "Item",
    "Language",
    "Opportunity",
    "Project",
    "ProposedEntryStatus",
    "SalesInvoiceNumber",
    "SalesOrderNumber",
    "ScanServiceStatus",
    "ShopOrderNumber",
    "TeamsMeetingId",
]
"""What a document that was just made has no value for, unless one was given."""


def write(world: World, *, route: Route, method: str, body: bytes, base: str) -> Response:
    """Carry out a POST, PUT or DELETE.

    Raises:
        RefusedError: the answer is an error.
    """
    endpoint = route.endpoint
    if endpoint is None:
        raise RefusedError(404, texts.NOT_FOUND.format(segment=route.name))
    if route.name not in WRITABLE or route.division is None:
        raise RefusedError(400, texts.BAD_PAYLOAD)
    with world.writing:
        if method == "POST":
            return _create(world, endpoint, route.division, _payload(endpoint, body), base=base)
        key = _existing(world, endpoint, route)
        if method == "PUT":
            world.books.update(
                endpoint, route.division, keys=[key], values=_held(endpoint, _payload(endpoint, body))
            )
        else:
            _changed(world.books.delete, endpoint, route.division, keys=[key])
        world.changed()
    return Response(status_code=204)


def _changed(
    change: Callable[..., list[object]], endpoint: Endpoint, division: int, **arguments: Any
) -> list[object]:
    """Change the books.

    Raises:
        RefusedError: they refuse.
    """
    try:
        return change(endpoint, division, **arguments)
    except ValueError as error:
        raise RefusedError(400, f"{texts.BAD_PAYLOAD} {error}") from error


def _payload(endpoint: Endpoint, body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except ValueError:
        payload = None
    if not isinstance(payload, dict) or not endpoint.by_name.keys() >= payload.keys():
        raise RefusedError(400, texts.BAD_PAYLOAD)
    return payload


def _create(world: World, endpoint: Endpoint, division: int, payload: dict[str, Any], *, base: str) -> Response:
    missing = [
        item.name for item in endpoint.properties if item.is_mandatory_on_write and payload.get(item.name) is None
    ]
    if missing:
        raise RefusedError(400, f"Mandatory: {missing[0]}")
    content = _content(payload.pop("Attachment", None)) if endpoint.entity == "DocumentAttachments" else None
    if content is not None and len(content) > world.settings.request_bytes:
        raise RefusedError(400, texts.TOO_LARGE)
    if content is not None:
        payload["FileSize"] = len(content)
    blank = dict.fromkeys(_BLANK) if endpoint.entity == "Documents" else {}
    (key,) = _changed(world.books.insert, endpoint, division, values=blank | _held(endpoint, payload))
    if content is not None:
        world.files.mkdir(exist_ok=True)
        (world.files / str(key)).write_bytes(content)
    world.changed()
    place = Place(
        connection=world.connection(), relations=world.books, settings=world.settings, base=base, division=division
    )
    planned = plan(
        replace(endpoint, navigations=()),
        Query(pairs=()),
        world.settings.model_copy(update={"mandatory_filter": False}),
    )
    text = read_one(place, planned, Clause(f"{quoted(endpoint.key[0].name)} = ?", (key,)))
    if text is not None and world.settings.post_answer == "sparse":
        text = _sparse(endpoint, text)
    return json_answer(b'{"d":%b}' % (text or b"null"), status=201)


def _sparse(endpoint: Endpoint, text: bytes) -> bytes:
    """Write null for all but the key, as some of Exact's endpoints do."""
    kept = {"__metadata", *(item.name for item in endpoint.key)}
    row = {name: value if name in kept else None for name, value in json.loads(text).items()}
    return json.dumps(row, separators=(",", ":")).encode()


def _held(endpoint: Endpoint, payload: dict[str, Any]) -> dict[str, Any]:
    """Turn the values of a payload into those that the books hold: dates come as ISO text or `/Date(ms)/`.

    Raises:
        RefusedError: a date is none.
    """
    held = dict(payload)
    for name, value in payload.items():
        if endpoint.by_name[name].edm_type == "Edm.DateTime" and value is not None:
            held[name] = _milliseconds(str(value))
        elif isinstance(value, bool):
            held[name] = int(value)
    return held


def _milliseconds(text: str) -> int:
    numbered = re.fullmatch(r"/Date\((-?\d+)\)/", text)
    if numbered is not None:
        return int(numbered[1])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(400, texts.BAD_PAYLOAD) from None
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _content(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise RefusedError(400, texts.BAD_ATTACHMENT) from None


def _existing(world: World, endpoint: Endpoint, route: Route) -> Any:
    """Give the key of the row that a path names."""
    if route.key is None:
        raise RefusedError(405, texts.METHOD_NOT_ALLOWED)
    try:
        clause = key_clause(endpoint, route.key)
    except QueryError as error:
        raise RefusedError(400, str(error)) from error
    column = quoted(endpoint.key[0].name)
    sql = f"SELECT {column} FROM {quoted(world.books.relation(endpoint))} WHERE _division = ? AND {clause.sql}"
    found = world.connection().execute(sql, (route.division, *clause.values)).fetchone()
    if found is None:
        raise RefusedError(404, texts.NOT_FOUND.format(segment=endpoint.entity))
    return found[0]


def download(world: World, endpoint: Endpoint, query_string: str) -> Response:
    """Serve `/docs/SysAttachment.aspx`: the file itself with `Download=1`, else a page to look at it."""
    asked = {name.lower(): given[0] for name, given in parse_qs(query_string).items()}
    key, division = asked.get("id", ""), asked.get("_division_", "")
    relation = quoted(world.books.relation(endpoint))
    sql = f'SELECT "FileName", "FileSize" FROM {relation} WHERE _division = ? AND "ID" = ?'
    found = world.connection().execute(sql, (division, key.lower())).fetchone()
    if found is None:
        return html(404, "The document is not available.")
    if asked.get("download") != "1":
        return html(200, str(found[0]))
    stored = world.files / key.lower()
    # Attachments that came with the books have no content of their own: as many bytes as they say they have.
    size = int(found[1] or 0)
    content = stored.read_bytes() if stored.exists() else (key.encode() * (size // len(key) + 1))[:size]
    name = str(found[0]).replace('"', "")
    return Response(
        content,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
