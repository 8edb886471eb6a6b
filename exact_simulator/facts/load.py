"""Reads the data file into values. Wrong data fails at first use, by line."""

import json
from functools import cache
from importlib import resources
from typing import Any

from exact_simulator.facts.endpoint import Endpoint, Navigation, Property

_MARKS = "*?!~"


@cache
def load_endpoints() -> tuple[Endpoint, ...]:
    """All endpoints of the reference, sorted by path, those without GET included."""
    text = resources.files("exact_simulator.facts").joinpath("endpoints.jsonl").read_text(encoding="ascii")
    endpoints = tuple(_endpoint(json.loads(line)) for line in text.splitlines())
    relations = {item.relation.lower() for item in endpoints}
    if len(relations) != len(endpoints):
        raise ValueError("endpoints.jsonl: two endpoints have the same relation name")
    return endpoints


@cache
def endpoint_by_path() -> dict[str, Endpoint]:
    """All endpoints by path."""
    return {item.path: item for item in load_endpoints()}


def _endpoint(fact: dict[str, Any]) -> Endpoint:
    properties = tuple(_property(text) for text in fact["properties"].split())
    only_filters = fact.get("only_filters")
    return Endpoint(
        path=fact["path"],
        service=fact["service"],
        entity=fact["entity"],
        kind=fact["kind"],
        methods=tuple(fact["methods"].split()),
        page_size=fact["page_size"],
        scope=fact["scope"],
        properties=properties,
        navigations=tuple(_navigation(text) for text in fact.get("navigations", ())),
        select_mandatory=fact.get("select_mandatory", False),
        select_star_unsupported=fact.get("select_star_unsupported", False),
        deprecated=fact.get("deprecated", False),
        only_filters=None if only_filters is None else tuple(only_filters.split()),
        parameters=tuple(_property(text) for text in fact.get("parameters", "").split()),
        webhook_topic=fact.get("webhook_topic"),
    )


def _property(text: str) -> Property:
    name, _, typed = text.partition(":")
    kind = typed.rstrip(_MARKS)
    marks = typed[len(kind) :]
    return Property(
        name=name,
        edm_type=kind if "." in kind else f"Edm.{kind}",
        is_key="*" in marks,
        is_filterable="?" in marks,
        is_mandatory_on_write="!" in marks,
        is_inferred="~" in marks,
    )


def _navigation(text: str) -> Navigation:
    name, *rest = text.split(":")
    if not rest:
        return Navigation(name=name)
    target, foreign_key, own_key = rest
    return Navigation(name=name, target=target, foreign_key=foreign_key, own_key=own_key)
