"""Every endpoint with GET, page by page and value by value, against what the books hold."""

import json
import re
from typing import Any

import httpx
import msgspec
import pytest

from exact_assets_tests.simulator.conftest import FIRST
from exact_simulator.facts import Endpoint, load_endpoints
from exact_simulator.process import Simulator

_NEEDS_PARAMETERS = re.compile(r"By[A-Z]|OnFocusDate|For[A-Z]|^ItemExtraField$|^StockPosition$|^SyncTimestamp$")
READABLE = [
    endpoint
    for endpoint in load_endpoints()
    if "GET" in endpoint.methods
    and endpoint.entity != "Me"
    and not (endpoint.kind == "function" and _NEEDS_PARAMETERS.search(endpoint.entity))
]
SERVICES = sorted({endpoint.service for endpoint in READABLE})


def as_held(value: Any, edm_type: str) -> Any:
    """Turn a JSON value into the one that the books hold."""
    if value is None:
        return None
    if edm_type == "Edm.DateTime":
        return int(value[6:-2])
    if edm_type == "Edm.Int64":
        return int(value)
    if edm_type == "Edm.Boolean":
        return int(value)
    return value


def served(api: httpx.Client, endpoint: Endpoint) -> list[dict[str, Any]]:
    """Follow the chain, every property asked for; numbers must not be written as 1.0."""
    names = [item.name for item in endpoint.properties]
    link: str | None = f"{endpoint.path.replace('{division}', str(FIRST))}?$select={','.join(names)}"
    link = link if names else endpoint.path.replace("{division}", str(FIRST))
    rows: list[dict[str, Any]] = []
    while link is not None:
        answer = api.get(link)
        assert answer.status_code == 200, answer.text
        assert re.search(rb":-?\d+\.0[,}]", answer.content) is None
        page = msgspec.json.decode(answer.content)["d"]
        rows += page if isinstance(page, list) else page["results"]
        link = None if isinstance(page, list) else page.get("__next")
    return rows


def normal(rows: list[dict[str, Any]], endpoint: Endpoint) -> list[str]:
    """Write rows so that they can be compared in any order."""
    types = {name: item.edm_type for name, item in endpoint.by_name.items() if item.edm_type.startswith("Edm.")}
    return sorted(json.dumps([as_held(row[name], types[name]) for name in sorted(types)]) for row in rows)


@pytest.mark.parametrize("service", SERVICES)
def test_every_row_is_served_once_as_the_books_hold_it(
    service: str, api: httpx.Client, simulator: Simulator
) -> None:
    for endpoint in (item for item in READABLE if item.service == service):
        division = FIRST if "{division}" in endpoint.path else None
        truth = simulator.control.rows(endpoint.path, division)
        for row in truth:
            for item in endpoint.properties:
                if item.edm_type == "Edm.Double" and row[item.name] is not None and row[item.name] % 1 == 0:
                    row[item.name] = int(row[item.name])
        shown = served(api, endpoint)
        wire = {item.name: item.edm_type for item in endpoint.properties}
        held = [json.dumps([row[name] for name in sorted(row) if wire[name].startswith("Edm.")]) for row in truth]
        assert normal(shown, endpoint) == sorted(held), endpoint.path
