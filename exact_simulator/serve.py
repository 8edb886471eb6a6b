"""Answers a GET that was let in: collections, rows by key, `$count`, `$metadata`. Runs in a thread of the pool.

Who may ask, quota and faults are settled before, in `api`.
"""

import json
from dataclasses import dataclass, replace
from typing import Any

from starlette.responses import Response

from exact_simulator import texts
from exact_simulator.answers import RefusedError, json_answer
from exact_simulator.atom import ATOM_TYPE, entry, feed
from exact_simulator.facts import Endpoint, endpoint_by_path
from exact_simulator.metadata import metadata
from exact_simulator.odata.lexer import QueryError, Value, values
from exact_simulator.odata.parse import Compare, Name
from exact_simulator.odata.query import Query, parse_query
from exact_simulator.odata.sql import Clause, condition, quoted
from exact_simulator.pages import Page, Place, count_rows, read_one, read_page
from exact_simulator.plan import check_filter, plan, where
from exact_simulator.routes import Route, services
from exact_simulator.special import sync_timestamp, with_server_time
from exact_simulator.world import PageKey, World

_LOG_KEPT_MS = 61 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked, as far as answering it needs to know."""

    route: Route
    path: str
    query_string: str
    base: str
    """Scheme, host and port, as the client wrote them."""
    wants_json: bool = True

    def page_key(self, world: World) -> PageKey:
        """Identify the answer among those that were rendered."""
        return world.version, self.base, self.path, self.query_string


def serve(world: World, request: Request) -> Response | Page:
    """Answer a GET; a collection comes as a page, which may still be tampered with.

    Raises:
        RefusedError: the answer is an error.
    """
    try:
        return _serve(world, request)
    except QueryError as error:
        raise RefusedError(400, str(error)) from error


def page_answer(request: Request, page: Page) -> Response:
    """Send a page in the form asked for."""
    if request.wants_json:
        return json_answer(page.body)
    endpoint = _endpoint(request.route)
    url = f"{request.base}{request.path}"
    inside = json.loads(page.body)["d"]
    rows = inside if isinstance(inside, list) else inside["results"]
    return Response(feed(endpoint, rows, url=url, next_link=page.next_link), media_type=ATOM_TYPE)


def _serve(world: World, request: Request) -> Response | Page:
    route = request.route
    if route.more == "$metadata":
        if route.name not in services():
            raise RefusedError(404, texts.NOT_FOUND.format(segment=route.name))
        return Response(metadata(route.name), media_type="application/xml;charset=utf-8")
    endpoint = _endpoint(route)
    query = parse_query(request.query_string)
    if route.more == "$count" and route.key is None:
        check_filter(endpoint, query, world.settings)
        place = _place(world, request)
        return Response(
            str(count_rows(place, endpoint, where(endpoint, query))), media_type="text/plain;charset=utf-8"
        )
    if route.key is not None:
        return _by_key(world, request, endpoint, query)
    return collection(world, request, query)


def collection(world: World, request: Request, query: Query) -> Page:
    """Read a page, or take it from those already rendered."""
    key = request.page_key(world)
    page = world.cache.get(key)
    if page is None:
        endpoint = _endpoint(request.route)
        if endpoint.entity == "SyncTimestamp":
            return sync_timestamp(_place(world, request), endpoint, query)
        planned = plan(endpoint, query, world.settings)
        place, url = _place(world, request), f"{request.base}{request.path}"
        page = read_page(place, planned, query, url=url, within=bounds(world, endpoint))
        if endpoint.entity == "Me":
            return with_server_time(page, world.clock, current_division=world.settings.current_division)
        if endpoint.entity != "Deleted":
            world.cache.put(key, page)
    return page


def bounds(world: World, endpoint: Endpoint) -> Clause | None:
    """Bound an endpoint to the rows that are shown at all.

    Lists of divisions hold those granted (`AllDivisions` the others as well); the log of deletions goes back two
    months.
    """
    if endpoint.entity == "Deleted" and endpoint.kind == "sync":
        return Clause('"DeletedDate" >= ?', (world.clock.local_ms() - _LOG_KEPT_MS,))
    hidden = world.settings.hidden_divisions
    if not hidden or endpoint.entity not in {"Divisions", "GetMostRecentlyUsedDivisions"}:
        return None
    return Clause(f'"Code" NOT IN ({", ".join("?" * len(hidden))})', hidden)


def _endpoint(route: Route) -> Endpoint:
    if route.endpoint is None:
        raise RefusedError(404, texts.NOT_FOUND.format(segment=route.name))
    return route.endpoint


def _place(world: World, request: Request) -> Place:
    return Place(
        connection=world.connection(),
        relations=world.books,
        settings=world.settings,
        base=request.base,
        division=request.route.division,
        hints=world.hints,
    )


def key_clause(endpoint: Endpoint, text: str) -> Clause:
    """Compile a key as in a URL: `guid'…'`, `1`, or `HID=1,Division=2`.

    Raises:
        QueryError: it is no key of this endpoint.
    """
    found: dict[str, Value] = {}
    if len(endpoint.key) == 1:
        (found[endpoint.key[0].name],) = _single(text)
    else:
        for part in text.split(","):
            name, _, literal = part.partition("=")
            (found[name.strip()],) = _single(literal)
    if set(found) != {item.name for item in endpoint.key} or not found:
        raise QueryError
    clauses = [condition(Compare("eq", Name(name), value), endpoint) for name, value in found.items()]
    bound = tuple(value for clause in clauses for value in clause.values)
    return Clause(" AND ".join(clause.sql for clause in clauses), bound)


def _single(text: str) -> tuple[Value]:
    (value,) = values(text) if "," not in text or text.startswith("'") else ()
    return (value,)


def _by_key(world: World, request: Request, endpoint: Endpoint, query: Query) -> Response | Page:
    place, key = _place(world, request), key_clause(endpoint, str(request.route.key))
    if request.route.more is not None:
        return _navigate(place, request, endpoint, query, key)
    open_settings = world.settings.model_copy(update={"mandatory_filter": False})
    planned = plan(replace(endpoint, select_mandatory=False), query, open_settings)
    text = read_one(place, planned, key)
    if text is None:
        raise RefusedError(404, texts.NOT_FOUND.format(segment=endpoint.entity))
    if request.wants_json:
        return json_answer(b'{"d":%b}' % text)
    return Response(entry(endpoint, json.loads(text)), media_type=ATOM_TYPE)


def _navigate(place: Place, request: Request, endpoint: Endpoint, query: Query, key: Clause) -> Page:
    """Read the rows of one parent: the address that a deferred collection gives."""
    found = next((item for item in endpoint.navigations if item.name == request.route.more), None)
    if found is None:
        raise RefusedError(404, texts.NOT_FOUND.format(segment=request.route.more))
    if found.target is None:
        return Page(body=b'{"d":{"results":[]}}')
    child = endpoint_by_path()[found.target]
    relation = quoted(place.relations.relation(endpoint))
    parents = f"SELECT {quoted(str(found.own_key))} FROM {relation} WHERE _division = ? AND {key.sql}"
    bound: tuple[Any, ...] = (place.division, *key.values)
    within = Clause(f"{quoted(str(found.foreign_key))} IN ({parents})", bound)
    planned = plan(child, query, place.settings)
    return read_page(place, planned, query, url=f"{request.base}{request.path}", within=within)
