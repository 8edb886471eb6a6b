"""Finds the endpoint that a path names, with its division, key and what follows. Nothing is checked beyond that."""

import re
from dataclasses import dataclass
from functools import cache

from exact_simulator.facts import Endpoint, load_endpoints

_PATH = re.compile(r"/api/v1/(?P<beta>beta/)?(?:(?P<division>\d{1,10})/)?(?P<rest>.+)")
_KEYED = re.compile(r"(?P<name>[^()]+)\((?P<key>.*)\)(?:/(?P<more>[^()/]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What a path means."""

    name: str
    """The path below the division, without key: `crm/Accounts`. Known even where no endpoint has it."""
    division: int | None
    endpoint: Endpoint | None
    """None: there is no such endpoint."""
    key: str | None = None
    """Text between the parentheses behind the endpoint."""
    more: str | None = None
    """What follows: `$count`, `$metadata` or a navigation property."""


@cache
def _by_name() -> dict[tuple[bool, bool, str], Endpoint]:
    """Endpoints by: is it beta, has it a division, path below."""
    found = {}
    for endpoint in load_endpoints():
        match = _PATH.fullmatch(endpoint.path.replace("{division}", "0"))
        if match is not None:
            found[bool(match["beta"]), match["division"] is not None, match["rest"]] = endpoint
    return found


def find_route(path: str) -> Route | None:
    """Read a decoded path; None: it does not belong to the API. Names are case-sensitive."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    division = None if match["division"] is None else int(match["division"])
    scope = bool(match["beta"]), division is not None
    rest = match["rest"].rstrip("/")
    keyed = _KEYED.fullmatch(rest)
    if keyed is not None:
        name, key, more = keyed.groups()
    else:
        name, key, more = rest, None, None
        if (*scope, name) not in _by_name() and rest.rpartition("/")[2] in {"$count", "$metadata"}:
            name, _, more = rest.rpartition("/")
    endpoint = _by_name().get((*scope, name))
    return Route(name=name, division=division, endpoint=endpoint, key=key, more=more)


@cache
def services() -> dict[str, tuple[Endpoint, ...]]:
    """Endpoints by the path before their entity (`crm`, `read/financial`), for `$metadata`."""
    found: dict[str, list[Endpoint]] = {}
    for (_, _, name), endpoint in _by_name().items():
        found.setdefault(name.rpartition("/")[0], []).append(endpoint)
    return {name: tuple(endpoints) for name, endpoints in found.items()}
