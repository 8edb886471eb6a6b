"""`/_simulator/…`: changes, faults, switches, time, and what was called. Open to whoever reaches the port.

Every body and answer is JSON; `rows` and `calls` answer JSON lines.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from exact_simulator.facts import Endpoint, endpoint_by_path
from exact_simulator.faults import Fault
from exact_simulator.odata.sql import Clause, quoted
from exact_simulator.render import shown_sql
from exact_simulator.serve import bounds
from exact_simulator.settings import Settings
from exact_simulator.world import World


def admin_routes(world: World) -> list[Mount]:
    """List the addresses of the admin API."""
    admin = Admin(world)
    return [
        Mount(
            "/_simulator",
            routes=[
                Route("/settings", admin.settings, methods=["GET", "POST", "DELETE"]),
                Route("/faults", admin.faults, methods=["GET", "POST", "DELETE"]),
                Route("/calls", admin.calls, methods=["GET", "DELETE"]),
                Route("/rows", admin.rows, methods=["GET"]),
                Route("/mutate", admin.mutate, methods=["POST"]),
                Route("/quota", admin.quota, methods=["GET", "DELETE"]),
                Route("/clock", admin.clock, methods=["GET", "POST", "DELETE"]),
                Route("/tokens", admin.tokens, methods=["GET", "POST", "DELETE"]),
            ],
        )
    ]


def find_endpoint(text: str) -> Endpoint:
    """Find an endpoint by its path, whole or below the division (`crm/Accounts`).

    Raises:
        KeyError: there is none.
    """
    by_path = endpoint_by_path()
    for path in (text, f"/api/v1/{{division}}/{text}", f"/api/v1/beta/{{division}}/{text}", f"/api/v1/{text}"):
        if path in by_path:
            return by_path[path]
    raise KeyError(text)


class Admin:
    """The handlers."""

    def __init__(self, world: World) -> None:
        """Keep the world they work on."""
        self._world = world
        self._at_first = world.settings.model_dump()

    async def settings(self, request: Request) -> Response:
        """Tell the switches; change those given, or put all back to what they were at the start (DELETE)."""
        world = self._world
        if request.method != "GET":
            given = await request.json() if request.method == "POST" else self._at_first
            try:
                changed = Settings.model_validate(world.settings.model_dump() | given)
            except ValidationError as error:
                return Response(str(error), 422)
            for name in given:
                setattr(world.settings, name, getattr(changed, name))
            world.changed()
        return JSONResponse(world.settings.model_dump(mode="json"))

    async def faults(self, request: Request) -> Response:
        """List faults, set one, or take all away."""
        world = self._world
        if request.method == "POST":
            try:
                world.faults.all.append(Fault.model_validate(await request.json()))
            except ValidationError as error:
                return Response(str(error), 422)
        elif request.method == "DELETE":
            world.faults.all.clear()
        return JSONResponse([fault.model_dump() for fault in world.faults.all])

    async def calls(self, request: Request) -> Response:
        """Give the log as JSON lines, or empty it."""
        log = self._world.log
        if request.method == "DELETE":
            log.calls.clear()
        lines = [json.dumps(asdict(call)) + "\n" for call in log.calls]
        return Response("".join(lines), media_type="application/x-ndjson")

    async def rows(self, request: Request) -> Response:
        """Give an endpoint's true rows as JSON lines, values as the books hold them."""
        query = request.query_params
        try:
            endpoint = find_endpoint(query["path"])
        except KeyError as error:
            return Response(f"no such endpoint: {error}", 404)
        division = int(query["division"]) if "division" in query else None
        return StreamingResponse(
            self._lines(endpoint, division, base=str(request.base_url).partition("/_simulator")[0].rstrip("/")),
            media_type="application/x-ndjson",
        )

    async def _lines(self, endpoint: Endpoint, division: int | None, *, base: str) -> AsyncIterator[str]:
        names = [item.name for item in endpoint.properties if item.edm_type.startswith("Edm.")]
        columns = ", ".join(shown_sql(endpoint, name, base=base) for name in names) or "NULL"
        own = Clause("1") if division is None else Clause("_division = ?", (division,))
        kept = bounds(self._world, endpoint) or Clause("1")
        sql = f"SELECT {columns} FROM {quoted(self._world.books.relation(endpoint))} WHERE {own.sql} AND {kept.sql}"
        bound = (*own.values, *kept.values)
        loop = asyncio.get_running_loop()
        # A connection belongs to one thread.
        with ThreadPoolExecutor(max_workers=1) as thread:
            connection = await loop.run_in_executor(thread, self._world.books.connect)
            cursor = await loop.run_in_executor(thread, connection.execute, sql, bound)
            while rows := await loop.run_in_executor(thread, cursor.fetchmany, 1000):
                yield "".join(json.dumps(dict(zip(names, row, strict=False))) + "\n" for row in rows)
            await loop.run_in_executor(thread, connection.close)

    async def mutate(self, request: Request) -> Response:
        """Change the books: `{"action": "insert", …}`; the other members go to the books' method of that name."""
        given = await request.json()
        try:
            return JSONResponse(await run_in_threadpool(self._mutate, given))
        except (KeyError, TypeError, ValueError) as error:
            return Response(f"{type(error).__name__}: {error}", 422)

    def _mutate(self, given: Mapping[str, Any]) -> Any:
        arguments = dict(given)
        action = arguments.pop("action")
        if action not in _ACTIONS:
            raise ValueError(f"no such action: {action}; one of {', '.join(sorted(_ACTIONS))}")
        if "endpoint" in arguments:
            arguments["entity"] = find_endpoint(arguments.pop("endpoint"))
        world = self._world
        with world.writing:
            done = getattr(world.books, action)(**arguments)
            world.changed()
        return done

    async def quota(self, request: Request) -> Response:
        """Tell what is used per client and division, or forget it, the blocks after errors included."""
        world = self._world
        if request.method == "DELETE":
            world.limits.quotas.clear()
            world.blocks.records.clear()
        found = [
            {"client": client, "division": division, **asdict(world.limits.quota(client, division))}
            for client, division in list(world.limits.quotas)
        ]
        return JSONResponse(found)

    async def clock(self, request: Request) -> Response:
        """Tell the time; `advance_seconds`, `frozen` and `utc` (seconds) change it, DELETE resets it."""
        clock = self._world.clock
        if request.method == "DELETE":
            clock.reset()
        if request.method == "POST":
            given = await request.json()
            if given.get("frozen") is True:
                clock.freeze()
            if given.get("frozen") is False:
                clock.thaw()
            if "utc" in given:
                clock.set(float(given["utc"]))
            clock.advance(float(given.get("advance_seconds", 0)))
        return JSONResponse({"utc": clock.now(), "local_ms": clock.local_ms()})

    async def tokens(self, request: Request) -> Response:
        """Count refreshes; give a new pair (POST); forget access tokens (DELETE; `?chain=1`: all)."""
        authority = self._world.authority
        if request.method == "POST":
            return JSONResponse(authority.connect())
        if request.method == "DELETE":
            authority.revoke(chain="chain" in request.query_params)
        return JSONResponse({"refreshes": authority.refreshes})


_ACTIONS = frozenset(
    {"insert", "update", "delete", "move_division", "hr_link", "surface_late", "release_late", "prune_deleted"}
)
