"""Decides how a GET of a collection is served: checks the query against the endpoint's rules, writes the SQL.

Pure: facts, options and settings in, a `Plan` or a refusal out. Running it belongs in `pages`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from exact_simulator import texts
from exact_simulator.facts import Endpoint, Navigation, Property, load_endpoints
from exact_simulator.odata.lexer import QueryError, Value
from exact_simulator.odata.query import Query
from exact_simulator.odata.sql import Clause, SortColumn, after, condition, names, quoted
from exact_simulator.settings import Settings

_PAGED_FUNCTION = re.compile(r"/read/financial/\w+List$")
_PROMISES_PARAMETERS = re.compile(r"By[A-Z]|OnFocusDate|For[A-Z]")
"""Names of functions whose pages list no parameters, though the name promises some."""
_SHUFFLE = '("Timestamp" % 1000003 * 7919 % 1000003)'


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """A navigation property to bring in, and the properties of its rows; None: all."""

    navigation: Navigation
    select: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one page is made."""

    endpoint: Endpoint
    properties: tuple[Property, ...]
    deferred: tuple[Navigation, ...]
    expanded: tuple[Expansion, ...]
    where: Clause
    behind: Clause | None
    """The rows behind the skip token."""
    sort: tuple[SortColumn, ...]
    token: tuple[SortColumn, ...]
    """The columns whose values make the skip token; empty: it counts rows."""
    offset: int
    limit: int | None
    """Rows in this page at most; None: all."""
    top: int | None
    """What `$top` leaves, this page included."""
    bare: bool
    """`d` is a list."""
    with_count: bool


def plan(endpoint: Endpoint, query: Query, settings: Settings) -> Plan:
    """Plan a collection.

    Raises:
        QueryError: the endpoint does not serve this query.
    """
    endpoint = as_served(endpoint, settings)
    if endpoint.kind == "function":
        _check_function(endpoint, query, settings)
    elif query.arguments:
        raise QueryError
    check_filter(endpoint, query, settings)
    if query.skip and not settings.skip_supported:
        raise QueryError(texts.SKIP_NOT_APPLICABLE)
    properties, deferred, expanded = _columns(endpoint, query)
    sort, token = _order(endpoint, query, settings)
    size = page_size(endpoint, settings)
    bare = _is_bare(query, size, settings)
    behind, offset = _behind(query, sort, token)
    return Plan(
        endpoint=endpoint,
        properties=properties,
        deferred=deferred,
        expanded=expanded,
        where=where(endpoint, query),
        behind=behind,
        sort=sort,
        token=token,
        offset=offset,
        limit=size if query.top is None else query.top if size is None else min(size, query.top),
        top=query.top,
        bare=bare,
        with_count=query.with_count
        and (settings.inline_count == "always" or (settings.inline_count == "not_in_lists" and not bare)),
    )


def as_served(endpoint: Endpoint, settings: Settings) -> Endpoint:
    """Return an endpoint without the properties that it does not have."""
    dropped = settings.dropped_properties.get(endpoint.path.rpartition("{division}/")[2], ())
    if not dropped:
        return endpoint
    return replace(endpoint, properties=tuple(item for item in endpoint.properties if item.name not in dropped))


def page_size(endpoint: Endpoint, settings: Settings) -> int | None:
    """Tell how many rows a page holds; None: the endpoint is not paged."""
    if endpoint.kind == "function" and not _PAGED_FUNCTION.search(endpoint.path):
        return None
    return min(endpoint.page_size, settings.page_size_cap or endpoint.page_size)


def where(endpoint: Endpoint, query: Query) -> Clause:
    """Compile `$filter`, and a function's parameters where its rows have a property of that name."""
    clause = Clause("1") if query.filter is None else condition(query.filter, endpoint)
    by_name = {name.lower(): name for name in endpoint.by_name}
    for name, text in query.arguments:
        column = by_name.get(name.lower())
        if column is not None:
            value = text.removeprefix("guid").strip("'")
            clause = Clause(f"{clause.sql} AND {quoted(column)} = ?", (*clause.values, value))
    return clause


def _is_bare(query: Query, size: int | None, settings: Settings) -> bool:
    if size is None:
        return settings.function_shape == "list"
    if query.top is None or query.top > size or query.skiptoken is not None:
        return False
    return settings.top_shape != "results"


def _check_function(endpoint: Endpoint, query: Query, settings: Settings) -> None:
    """Refuse `$filter` in the place of parameters, missing parameters and unknown ones, all with the same text."""
    given = {name for name, _ in query.arguments}
    has_parameters = bool(endpoint.parameters or _PROMISES_PARAMETERS.search(endpoint.entity))
    if query.filter is not None and (has_parameters or settings.list_filters_refused):
        raise QueryError
    if endpoint.parameters:
        if given != {item.name for item in endpoint.parameters}:
            raise QueryError
    elif has_parameters:
        # Exact's page lists no parameters, but the name promises some: any will do, none will not.
        if not given:
            raise QueryError
    elif given:
        raise QueryError
    if endpoint.entity == "ItemExtraField" and query.select is not None:
        raise QueryError(texts.SELECT_NOT_APPLICABLE)


def check_filter(endpoint: Endpoint, query: Query, settings: Settings) -> None:
    """Refuse properties that may not be filtered on, and the lack of a mandatory filter."""
    if query.has_empty_filter and settings.empty_filter_refused:
        raise QueryError
    used = frozenset() if query.filter is None else names(query.filter)
    if not endpoint.by_name.keys() >= used:
        raise QueryError
    if settings.mandatory_filter and _is_filter_mandatory(endpoint, settings):
        fields = endpoint.only_filters or sorted(endpoint.filterable)
        if fields and not used & frozenset(fields):
            raise QueryError(texts.MANDATORY_FILTER.format(fields=",".join(fields)))
    allowed = allowed_filters(endpoint, settings)
    if allowed is not None and not used <= allowed:
        raise QueryError(texts.FILTER_NOT_SUPPORTED.format(fields=",".join(sorted(used - allowed))))


def allowed_filters(endpoint: Endpoint, settings: Settings) -> frozenset[str] | None:
    """Name the properties that `$filter` takes; None: all."""
    if endpoint.kind == "sync":
        return frozenset({"Timestamp", "EntityType"} if endpoint.entity == "Deleted" else {"Timestamp"})
    if settings.filterable == "any":
        return None
    if endpoint.only_filters is not None:
        return frozenset(endpoint.only_filters)
    return (endpoint.filterable or None) if settings.filterable == "listed" else None


def _is_filter_mandatory(endpoint: Endpoint, settings: Settings) -> bool:
    if isinstance(settings.mandatory_filter, tuple):
        return endpoint.path.removeprefix("/api/v1/{division}/") in settings.mandatory_filter
    return endpoint.kind in {"rest", "bulk"} and endpoint.entity in _synced_entities()


@cache
def _synced_entities() -> frozenset[str]:
    found = {endpoint.entity for endpoint in load_endpoints() if endpoint.kind == "sync"}
    return frozenset(found | {"SalesOrders", "Quotations"})


def _columns(
    endpoint: Endpoint, query: Query
) -> tuple[tuple[Property, ...], tuple[Navigation, ...], tuple[Expansion, ...]]:
    """Choose properties, deferred collections and expanded ones."""
    navigations = {item.name: item for item in endpoint.navigations}
    if not navigations.keys() >= set(query.expand):
        raise QueryError
    select = query.select
    if endpoint.select_mandatory and select is None and query.top != 1:
        raise QueryError(texts.SELECT_OR_TOP)
    if select is not None and "*" in select and endpoint.select_star_unsupported:
        raise QueryError(texts.SELECT_OR_TOP)
    nested: dict[str, list[str]] = {}
    for name in select or ():
        if "/" in name:
            head, _, tail = name.partition("/")
            nested.setdefault(head, []).append(tail)
    if not set(query.expand) >= nested.keys():
        raise QueryError
    known = endpoint.by_name.keys() | navigations.keys() | {"*"}
    if select is not None and not known >= {name for name in select if "/" not in name}:
        raise QueryError
    expanded = tuple(
        Expansion(navigation=navigations[name], select=tuple(nested[name]) if name in nested else None)
        for name in dict.fromkeys(query.expand)
        if select is None or name in select or name in nested or "*" in select
    )
    if select is None:
        deferred = tuple(item for item in endpoint.navigations if item.name not in query.expand)
        return endpoint.properties, deferred, expanded
    chosen = endpoint.properties if "*" in select else tuple(i for i in endpoint.properties if i.name in select)
    deferred = tuple(i for i in endpoint.navigations if i.name in select and i.name not in query.expand)
    return chosen, deferred, expanded


def _order(
    endpoint: Endpoint, query: Query, settings: Settings
) -> tuple[tuple[SortColumn, ...], tuple[SortColumn, ...]]:
    """Choose the sort order, and the columns of the skip token."""
    if query.orderby or endpoint.kind != "sync":
        asked = tuple(_sort_column(endpoint, name, descending=desc) for name, desc in query.orderby)
        if not endpoint.key:
            return (*asked, SortColumn("_n", "Edm.Int64")), ()
        ordered = {name for name, _ in query.orderby}
        key = tuple(_sort_column(endpoint, item.name) for item in endpoint.key if item.name not in ordered)
        return asked + key, asked + key
    if settings.sync_order == "key":
        columns = tuple(_sort_column(endpoint, name) for name in endpoint.identity)
        return columns, columns
    stamp = SortColumn('"Timestamp"', "Edm.Int64")
    if settings.sync_order == "shuffled":
        return (SortColumn(_SHUFFLE, "Edm.Int64"), stamp), (stamp,)
    return (stamp,), (stamp,)


def _sort_column(endpoint: Endpoint, name: str, *, descending: bool = False) -> SortColumn:
    found = endpoint.by_name.get(name)
    if found is None or not found.edm_type.startswith("Edm."):
        raise QueryError
    return SortColumn(quoted(name), found.edm_type, descending)


def _behind(query: Query, sort: Sequence[SortColumn], token: Sequence[SortColumn]) -> tuple[Clause | None, int]:
    """Compile the skip token, or the offset that stands for it where rows have no identity."""
    offset = query.skip or 0
    if query.skiptoken is None:
        return None, offset
    if not token:
        (count,) = query.skiptoken if len(query.skiptoken) == 1 else (None,)
        if count is None or not isinstance(count.value, int):
            raise QueryError
        return None, offset + count.value
    values: Sequence[Value] = query.skiptoken
    if len(sort) > len(token) and len(values) == 1 and isinstance(values[0].value, int):
        shuffled = values[0].value % 1000003 * 7919 % 1000003
        values = (Value(shuffled, "Edm.Int64"), values[0])
    return after(sort, values), offset
