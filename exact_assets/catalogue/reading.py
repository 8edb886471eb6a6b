"""How an entity is read: through which feed, from which endpoint, by which filters. Rules, in this order.

1. its sync twin; 2. bulk, else the single endpoint, by Modified; 3. lines without Modified through their headers;
4. small or undated: whole; 5. functions: whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from exact_assets.catalogue import exceptions
from exact_assets.catalogue.choice import Entity, entities
from exact_assets.catalogue.columns import columns_of
from exact_assets.catalogue.facts import Endpoint
from exact_assets.catalogue.table import Feed, Parent
from exact_assets.catalogue.years import year_sources

MODIFIED = "Modified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An endpoint and how it is read."""

    feed: Feed
    endpoint: Endpoint
    key: tuple[str, ...]
    """Properties that, with the division, identify a row."""
    version: str | None
    """The property that tells the newer of two versions of a row."""
    filterable: frozenset[str]
    """Properties that may be filtered on."""
    parent: Parent | None = None
    year: tuple[str, ...] = ()
    """Properties that tell a row's year, best first."""


def reading_of(entity: Entity) -> Reading:
    """Decide how an entity is read."""
    sources = exceptions.YEAR_SOURCES.get(entity.name)
    if entity.sync is not None:
        return _sync(entity.sync, sources)
    by_modified = _by_modified(entity)
    if by_modified is not None:
        return _by(Feed.MODIFIED, by_modified, sources, version=MODIFIED)
    endpoint = entity.single or entity.bulk or _no_endpoint(entity)
    parent = _parent(entity)
    if parent is not None:
        # A line's year is its header's, or an invoice and its lines would fall apart.
        reading = _by(Feed.PARENT, endpoint, (), version=None, parent=parent)
        return replace(reading, filterable=_header_filters(parent))
    feed = Feed.FUNCTION if endpoint.kind == "function" else Feed.SNAPSHOT
    return _by(feed, endpoint, sources, version=None)


def filterable(endpoint: Endpoint) -> frozenset[str]:
    """Return the properties that `$filter` takes.

    Where the reference names the only ones (`only_filters`), those. Its marks are sound only on the pages that
    have a column of them, which shows by Modified being marked; on others (unconfirmed) they miss fields that
    are known to work. There the marks and Modified are taken to work, and the feeds go on without a filter where
    Exact refuses it. Without any marks every property may be filtered.
    """
    bulk = exceptions.FILTERS_OF_BULK.get(endpoint.path)
    if bulk is not None:
        return frozenset(_only_filters(bulk)) | {MODIFIED}
    if endpoint.only_filters is not None:
        return frozenset(endpoint.only_filters)
    scalars = {one.name for one in endpoint.properties if one.is_scalar}
    marked = {one.name for one in endpoint.properties if one.is_marked}
    return frozenset((marked | {MODIFIED}) & scalars if marked else scalars)


def _sync(endpoint: Endpoint, sources: tuple[str, ...] | None) -> Reading:
    return Reading(
        feed=Feed.SYNC,
        endpoint=endpoint,
        key=(exceptions.SYNC_KEYS.get(endpoint.path, "ID"),),
        version="Timestamp",
        # Exact: only Timestamp may be filtered.
        filterable=frozenset({"Timestamp"}),
        year=sources or year_sources(endpoint),
    )


def _by(
    feed: Feed,
    endpoint: Endpoint,
    sources: tuple[str, ...] | None,
    *,
    version: str | None,
    parent: Parent | None = None,
) -> Reading:
    key = tuple(one.name for one in endpoint.properties if one.is_key)
    return Reading(
        feed=feed,
        endpoint=endpoint,
        key=tuple(name for name in key if name != "Division"),
        version=version,
        filterable=frozenset() if feed is Feed.FUNCTION else filterable(endpoint),
        parent=parent,
        year=year_sources(endpoint) if sources is None else sources,
    )


def _by_modified(entity: Entity) -> Endpoint | None:
    """Return the endpoint that can be asked for what changed: bulk, else single; None: neither, or it is small."""
    if entity.name in exceptions.SMALL:
        return None
    for endpoint in (entity.bulk, entity.single):
        if endpoint is not None and _takes_modified(endpoint):
            return endpoint
    return None


def _takes_modified(endpoint: Endpoint) -> bool:
    has_modified = any(one.name == MODIFIED for one in endpoint.properties)
    has_key = any(one.is_key for one in endpoint.properties)
    return endpoint.kind != "function" and has_modified and has_key and MODIFIED in filterable(endpoint)


def _parent(entity: Entity) -> Parent | None:
    """Find the headers that hold this entity's rows as a collection, where they tell what changed."""
    if entity.name in exceptions.SMALL or entity.name in exceptions.SNAPSHOT_LINES:
        return None
    lines = {one.name for one in (entity.single or entity.bulk or _no_endpoint(entity)).properties}
    found = [
        _parent_of(header, key=key, navigation=navigation)
        for header, key, navigation in _collections().get((entity.service, entity.entity), ())
        if key in lines
    ]
    # Lines that hang below several kinds of headers cannot be had through one of them.
    return found[0] if len(found) == 1 else None


def _parent_of(header: Endpoint, *, key: str, navigation: str) -> Parent:
    year = year_sources(header)
    wanted = {key, MODIFIED, "Division", *year}
    columns = columns_of(header, key=(key,), is_own_division=True)
    return Parent(
        endpoint=header.endpoint,
        key=key,
        navigation=navigation,
        foreign_key=key,
        year=year,
        columns=tuple(column for column in columns if column.property in wanted),
    )


def _header_filters(parent: Parent) -> frozenset[str]:
    return next(filterable(header) for header, _ in _headers() if header.endpoint == parent.endpoint)


def _no_endpoint(entity: Entity) -> Endpoint:
    raise ValueError(f"{entity.name} has no endpoint to be read from")


@cache
def _headers() -> tuple[tuple[Endpoint, str], ...]:
    """Return the single endpoints that can be asked for what changed, with their keys' property."""
    singles = [entity.single for entity in entities() if entity.single is not None]
    return tuple(
        (single, next(one.name for one in single.properties if one.is_key))
        for single in singles
        if _takes_modified(single)
    )


@cache
def _collections() -> Mapping[tuple[str, str], Sequence[tuple[Endpoint, str, str]]]:
    """Return headers, with their key's and their collection's property, by service and entity of the lines."""
    found: dict[tuple[str, str], list[tuple[Endpoint, str, str]]] = {}
    for header, key in _headers():
        for one in header.properties:
            if one.collection_of is not None:
                found.setdefault((header.service, one.collection_of), []).append((header, key, one.name))
    return found


def _only_filters(path: str) -> tuple[str, ...]:
    for entity in entities():
        if entity.bulk is not None and entity.bulk.path == path:
            return entity.bulk.only_filters or ()
    raise ValueError(f"{path} is not a bulk endpoint")
