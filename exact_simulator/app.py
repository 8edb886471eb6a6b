"""The ASGI application: which address is answered by which part, and the log around it."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from email.utils import formatdate

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exact_simulator.admin import admin_routes
from exact_simulator.answers import html
from exact_simulator.api import answer_call
from exact_simulator.calls import Call
from exact_simulator.damage import ABORT, damaged, early_answer
from exact_simulator.documents import download
from exact_simulator.facts import endpoint_by_path
from exact_simulator.faults import Fault
from exact_simulator.limits import ErrorKey
from exact_simulator.oauth import USER_ID
from exact_simulator.world import World

_ATTACHMENTS = "/api/v1/{division}/documents/DocumentAttachments"


def make_app(world: World) -> ASGIApp:
    """Put the addresses together."""
    routes = [
        Route("/api/oauth2/auth", _authorize, methods=["GET"]),
        Route("/api/oauth2/token", _token, methods=["POST"]),
        Route("/docs/SysAttachment.aspx", _file, methods=["GET"]),
        *admin_routes(world),
    ]
    others = Starlette(routes=routes)
    others.state.world = world
    return Front(world, others)


class Front:
    """Logs calls, lets the API answer those below `/api/v1/`, and passes the rest on."""

    def __init__(self, world: World, others: ASGIApp) -> None:
        """Stand before the other addresses."""
        self._world = world
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        scope[ABORT] = _aborter(send)
        world = self._world
        if not scope["path"].startswith("/api/v1/"):
            await self._others(scope, receive, _dated(world, send))
            return
        call = new_call(world, scope)
        began = time.perf_counter()
        try:
            answer = await answer_call(world, Request(scope, receive), call)
            call.status, call.bytes = answer.status_code, len(answer.body)
            await answer(scope, receive, _dated(world, send))
        finally:
            call.seconds = time.perf_counter() - began
            world.log.leave(call)


def new_call(world: World, scope: Scope) -> Call:
    """Begin the log entry of a request."""
    call = Call(
        started=world.clock.now(),
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
    )
    world.log.calls.append(call)
    return call


def _dated(world: World, send: Send) -> Send:
    """Put the simulator's own time in the Date header: clients take the server's clock from there."""

    async def dated(message: Message) -> None:
        if message["type"] == "http.response.start":
            date = formatdate(world.clock.now(), usegmt=True).encode("ascii")
            message["headers"] = [*message["headers"], (b"date", date)]
        await send(message)

    return dated


def _aborter(send: Send) -> Callable[[bool], None]:
    """Find the connection behind a request: ASGI has no word for cutting it, so this asks uvicorn's transport."""

    def abort(drop: bool) -> None:
        transport = send.__self__.transport  # type: ignore[attr-defined]  # uvicorn's cycle, of which send is a method
        if drop:
            # Lingering for no time turns the end of the connection into a reset.
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            transport.abort()
        else:
            transport.close()

    return abort


async def _authorize(request: Request) -> Response:
    world: World = request.app.state.world
    call = new_call(world, request.scope)
    # Neither code nor state belongs in a log.
    call.query = ""
    answer = world.authority.authorize(request.query_params)
    call.status = answer.status_code
    return answer


async def _token(request: Request) -> Response:
    world: World = request.app.state.world
    call = new_call(world, request.scope)
    body = await request.body()
    fault = world.faults.strike(call.path, None)
    key: ErrorKey = (world.app.client_id, USER_ID, None, "oauth2/token")
    if world.settings.token_errors_block and world.blocks.is_blocked(key):
        call.fault, call.status = "blocked", 429
        return Response(status_code=429)
    if fault is not None and fault.kind == "slow":
        await asyncio.sleep(float(fault.value))
    answer = _token_answer(world, body, request.headers.get("content-type", ""), fault)
    call.fault, call.status = None if fault is None else fault.kind, answer.status_code
    world.blocks.count(key, answer.status_code)
    return answer


def _token_answer(world: World, body: bytes, content_type: str, fault: Fault | None) -> Response:
    early = None if fault is None else early_answer(fault)
    if early is not None:
        return early
    if fault is not None and fault.kind == "status":
        return Response(b"", int(fault.value))
    answer = world.authority.token(body, content_type=content_type)
    return answer if fault is None else damaged(fault, answer)


async def _file(request: Request) -> Response:
    world: World = request.app.state.world
    call = new_call(world, request.scope)
    _, is_good = world.authority.access(request.headers.get("authorization"))
    endpoint = endpoint_by_path()[_ATTACHMENTS]
    answer = download(world, endpoint, call.query) if is_good else html(401, "Unauthorized")
    call.status, call.bytes = answer.status_code, len(answer.body)
    return answer
