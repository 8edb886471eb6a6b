"""The way of a call through Exact: token, quota, rights, the answer, its headers, and the log of it all.

The order of the hurdles: what sits before Exact's servers, the access token, the block after too many errors, the
quota, the division, scope and licence, then the endpoint itself.
"""

import asyncio
from http import HTTPStatus

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from exact_simulator import texts
from exact_simulator.answers import RefusedError, error, html
from exact_simulator.calls import Call
from exact_simulator.damage import damaged, early_answer, replaced_answer, tampered
from exact_simulator.documents import write
from exact_simulator.faults import Fault
from exact_simulator.limits import ErrorKey
from exact_simulator.oauth import USER_ID, Access
from exact_simulator.odata.query import parse_query
from exact_simulator.pages import Page
from exact_simulator.routes import Route, find_route
from exact_simulator.serve import Request, collection, page_answer, serve
from exact_simulator.world import World

_LONGEST_URL = 6000
_MOST_COMING = 16
"""Pages rendered ahead, at most."""
_UNCHECKED = {"system/Divisions"}


async def answer_call(world: World, http: HttpRequest, call: Call) -> Response:
    """Answer one call of the API and fill in the log."""
    target = f"{call.path}?{call.query}"
    route = find_route(call.path)
    if route is None or len(target) > _LONGEST_URL:
        return html(404, "The resource cannot be found.")
    call.division = route.division
    fault = world.faults.strike(target, route.division)
    if fault is not None:
        call.fault = fault.kind
        early = early_answer(fault)
        if early is not None:
            return early
    access, is_good = world.authority.access(http.headers.get("authorization"))
    key = (access.client_id if access else "?", USER_ID, route.division, route.name)
    if access is None or not is_good or (fault is not None and fault.kind == "unauthorized"):
        answer = _unauthorized(world)
    else:
        answer = await _let_in(world, http, call, route=route, access=access, fault=fault)
    if call.fault != "blocked":
        world.blocks.count(key, answer.status_code)
    return answer if fault is None else damaged(fault, answer)


async def _let_in(
    world: World, http: HttpRequest, call: Call, *, route: Route, access: Access, fault: Fault | None
) -> Response:
    """Answer a call whose token is good."""
    if route.division is None:
        return await _answer(world, http, route=route, fault=fault)
    world.log.enter(call, client=access.client_id, division=route.division)
    key: ErrorKey = (access.client_id, USER_ID, route.division, route.name)
    kind = None if fault is None else fault.kind
    if world.blocks.is_blocked(key) or kind == "blocked":
        call.fault = "blocked"
        return _blocked(world)
    if call.is_overlap and world.settings.overlaps_refused:
        quota = world.limits.quota(access.client_id, route.division)
        return _too_many(world, world.limits.minute_headers(quota))
    if kind in {"minute_limit", "day_limit"}:
        return _too_many(world, world.limits.exceeded_headers(access.client_id, route.division, by=str(kind)))
    booking = world.limits.book(access.client_id, route.division)
    if not booking.allowed:
        return _too_many(world, booking.headers)
    answer = await _answer(world, http, route=route, fault=fault)
    answer.headers.update(booking.headers)
    return answer


async def _answer(world: World, http: HttpRequest, *, route: Route, fault: Fault | None) -> Response:
    if fault is not None and fault.kind == "slow":
        await asyncio.sleep(float(fault.value))
    replaced = None if fault is None else replaced_answer(fault)
    if replaced is not None:
        return replaced
    try:
        _check_rights(world, route, is_write=http.method not in {"GET", "HEAD"})
        _check_method(route, http.method)
        if http.method not in {"GET", "HEAD"}:
            return await _write(world, http, route)
        return await _read(world, http, route=route, fault=fault)
    except RefusedError as refusal:
        return error(refusal.status, refusal.text, reason=refusal.reason, lang=world.settings.error_lang)


def _check_rights(world: World, route: Route, *, is_write: bool) -> None:
    """Refuse what user, division, app or licence may not.

    Raises:
        RefusedError: 403.
    """
    settings = world.settings
    if settings.user_block is not None:
        raise RefusedError(403, texts.FORBIDDEN, reason=settings.user_block)
    if route.division is not None and (route.name not in _UNCHECKED or settings.divisions_url_checked):
        reason = settings.refused_divisions.get(route.division)
        if reason is None and not world.granted(route.division):
            reason = "NoDivisionAccess"
        if reason is not None:
            text = texts.FORBIDDEN_DIVISION if reason == "NoDivisionAccess" else texts.FORBIDDEN
            raise RefusedError(403, text, reason=reason)
    parts = route.name.lower().split("/")
    service = parts[1] if parts[0] in {"sync", "bulk", "read"} and len(parts) > 2 else parts[0]
    if service in settings.missing_scopes:
        raise RefusedError(403, texts.FORBIDDEN_SCOPE)
    if is_write and service in settings.read_only_services:
        raise RefusedError(403, texts.FORBIDDEN_WRITING)
    if service in settings.unlicensed_services:
        raise RefusedError(403, texts.FORBIDDEN)


def _check_method(route: Route, method: str) -> None:
    if route.endpoint is not None and method not in (*route.endpoint.methods, "HEAD"):
        raise RefusedError(405, texts.METHOD_NOT_ALLOWED)


async def _read(world: World, http: HttpRequest, *, route: Route, fault: Fault | None) -> Response:
    request = Request(
        route=route,
        path=http.scope["path"],
        query_string=http.scope["query_string"].decode("latin-1"),
        base=f"{http.url.scheme}://{http.headers.get('host', 'localhost')}",
        wants_json="json" in http.headers.get("accept", "").lower(),
    )
    page: Response | Page | None = await _coming(world, request)
    if page is None:
        page = await asyncio.get_running_loop().run_in_executor(world.pool, lambda: serve(world, request))
    if isinstance(page, Response):
        return page
    if page.next_link is not None:
        _render_ahead(world, request, page.next_link)
    if fault is not None:
        page = tampered(fault, page, url=f"{request.base}{request.path}?{request.query_string}")
    return page_answer(request, page)


async def _coming(world: World, request: Request) -> Page | None:
    """Take the page that is being rendered ahead, if this is the one."""
    future = world.coming.pop(request.page_key(world), None)
    return None if future is None else await asyncio.wrap_future(future)


def _render_ahead(world: World, request: Request, link: str) -> None:
    """Render the next page while the client works on this one."""
    path, _, query_string = link.removeprefix(request.base).partition("?")
    following = Request(route=request.route, path=path, query_string=query_string, base=request.base)
    key = following.page_key(world)
    if key in world.coming or world.cache.get(key) is not None:
        return
    while len(world.coming) >= _MOST_COMING:
        # Nobody came for it.
        del world.coming[next(iter(world.coming))]
    query = parse_query(query_string)
    world.coming[key] = world.pool.submit(collection, world, following, query)


async def _write(world: World, http: HttpRequest, route: Route) -> Response:
    body = await http.body()
    is_whole = world.settings.request_size_counted == "body"
    if len(body) > (world.settings.request_bytes if is_whole else world.settings.request_bytes * 4 / 3 + 10_000):
        raise RefusedError(400, texts.TOO_LARGE)
    base = f"{http.url.scheme}://{http.headers.get('host', 'localhost')}"
    return await asyncio.get_running_loop().run_in_executor(
        world.pool, lambda: write(world, route=route, method=http.method, body=body, base=base)
    )


def _unauthorized(world: World) -> Response:
    if world.settings.unauthorized_body == "empty":
        answer = Response(status_code=401)
    else:
        answer = error(401, texts.UNAUTHORIZED, lang=world.settings.error_lang)
    answer.headers["Reason"] = texts.UNAUTHORIZED
    return answer


def _too_many(world: World, headers: dict[str, str]) -> Response:
    match world.settings.too_many_body:
        case "json":
            answer = error(429, texts.TOO_MANY_REQUESTS)
        case "html":
            answer = html(429, texts.TOO_MANY_REQUESTS)
        case _:
            answer = Response(status_code=HTTPStatus.TOO_MANY_REQUESTS)
    answer.headers.update(headers)
    return answer


def _blocked(world: World) -> Response:
    if world.settings.blocked_answer == "403":
        return error(403, texts.FORBIDDEN)
    return _too_many(world, {})
