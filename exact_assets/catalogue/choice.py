"""Which endpoint each table is read from, and why the other endpoints make none.

One table, one endpoint, because Exact's sync, bulk and single endpoints of an entity disagree on fields and lines.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from exact_assets.catalogue import exceptions
from exact_assets.catalogue.facts import Endpoint, endpoints
from exact_assets.catalogue.names import table_name

_UI = ("Recent", "By", "OnFocusDate", "AvailableToWork", "Started", "Preferred", "Default", "TimeAndBilling")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """An entity and the endpoints that serve it."""

    name: str
    """Of the table: `crm_accounts`."""
    service: str
    entity: str
    single: Endpoint | None
    """rest, beta or function."""
    bulk: Endpoint | None
    sync: Endpoint | None


@cache
def entities() -> tuple[Entity, ...]:
    """Gather the endpoints that may be read by the entity they serve, in order of table name."""
    found: dict[tuple[str, str], dict[str, Endpoint]] = {}
    for endpoint in endpoints():
        if _reason(endpoint) is None:
            slot = endpoint.kind if endpoint.kind in {"sync", "bulk"} else "single"
            slots = found.setdefault(_identity(endpoint), {})
            if slot in slots:
                raise ValueError(f"{endpoint.endpoint} and {slots[slot].endpoint} would be the same table")
            slots[slot] = endpoint
    made = [_entity(identity, slots) for identity, slots in found.items()]
    return tuple(sorted(made, key=lambda one: one.name))


def refused() -> Mapping[str, str]:
    """Return the endpoints that no rule lets become a table, and the reason."""
    return dict(_refused())


def _refused() -> Iterator[tuple[str, str]]:
    for endpoint in endpoints():
        reason = _reason(endpoint)
        if reason is not None:
            yield endpoint.endpoint, reason


def _entity(identity: tuple[str, str], slots: Mapping[str, Endpoint]) -> Entity:
    service, entity = identity
    return Entity(
        name=table_name(service, entity),
        service=service,
        entity=entity,
        single=slots.get("single"),
        bulk=slots.get("bulk"),
        sync=slots.get("sync"),
    )


def _identity(endpoint: Endpoint) -> tuple[str, str]:
    identity = endpoint.service, exceptions.OTHER_GRAIN.get(endpoint.path, endpoint.entity)
    return exceptions.SAME_ENTITY.get(identity, identity)


def _reason(endpoint: Endpoint) -> str | None:
    """Return why an endpoint makes no table; None: nothing speaks against it."""
    is_unlisted = endpoint.kind == "function" and endpoint.path not in exceptions.PARAMETER_FREE_FUNCTIONS
    rules = (
        ("GET" not in endpoint.methods, "an action: it cannot be read"),
        ("{division}" not in endpoint.endpoint, "not of a division"),
        (endpoint.deprecated, "deprecated by Exact"),
        (endpoint.path in exceptions.LEFT_OUT, exceptions.LEFT_OUT.get(endpoint.path, "")),
        (bool(endpoint.parameters), f"needs a parameter: {', '.join(endpoint.parameters)}"),
        (not endpoint.declared, "gives a count or a flag, no rows"),
        (is_unlisted and _is_ui(endpoint), "a view for an entry screen"),
        (is_unlisted, "a function that needs parameters or depends on the user"),
        (endpoint.kind == "beta" and "By" in endpoint.entity, "needs a parameter: what it is by"),
    )
    return next((reason for holds, reason in rules if holds), None)


def _is_ui(endpoint: Endpoint) -> bool:
    return any(word in endpoint.entity for word in _UI)
