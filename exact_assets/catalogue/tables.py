"""The tables: entities, readings and columns put together, and checked."""

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType

from exact_assets.catalogue import defaults, exceptions
from exact_assets.catalogue.choice import Entity, entities, refused
from exact_assets.catalogue.columns import columns_of
from exact_assets.catalogue.deletions import types_of
from exact_assets.catalogue.describe import describe
from exact_assets.catalogue.facts import Endpoint, endpoints
from exact_assets.catalogue.meanings import described, meanings, note_of, references
from exact_assets.catalogue.reading import reading_of
from exact_assets.catalogue.relations import header_of
from exact_assets.catalogue.table import Column, Table
from exact_assets.catalogue.years import year_kind


@cache
def tables() -> Mapping[str, Table]:
    """Build all tables, by name, in order of name.

    Raises:
        ValueError: a fact, a rule or an exception does not fit the others; nothing is built then.
    """
    made = {entity.name: _table(entity) for entity in entities()}
    _check_names(made)
    return MappingProxyType(made)


@cache
def left_out() -> Mapping[str, str]:
    """Return every endpoint that no table is read from, with the reason, in order of endpoint."""
    reasons = dict(refused())
    for entity in entities():
        chosen = tables()[entity.name].endpoint
        for endpoint in (entity.single, entity.bulk, entity.sync):
            if endpoint is not None and endpoint.endpoint != chosen:
                reasons[endpoint.endpoint] = f"duplicate: {entity.name} is read from {_below_division(chosen)}"
    return MappingProxyType(dict(sorted(reasons.items())))


def _table(entity: Entity) -> Table:
    reading = reading_of(entity)
    names_division = any(one.name == "Division" for one in reading.endpoint.properties)
    is_own_division = entity.name not in exceptions.OWN_DIVISION
    columns = columns_of(reading.endpoint, key=reading.key, is_own_division=is_own_division)
    key = _names(columns, reading.key, where=reading.endpoint)
    header = header_of(entity, columns, key)
    columns = described(entity.name, columns, key, header)
    sources = reading.parent.year if reading.parent else reading.year
    return Table(
        name=entity.name,
        group=entity.service,
        entity=entity.entity,
        endpoint=reading.endpoint.endpoint,
        feed=reading.feed,
        columns=columns,
        key=key,
        version=next(
            iter(_names(columns, [reading.version] if reading.version else [], where=reading.endpoint)), None
        ),
        year=_names(columns, reading.year, where=reading.endpoint),
        year_kind=year_kind(sources),
        page_size=reading.endpoint.page_size,
        filterable=reading.filterable,
        parent=reading.parent,
        header=header,
        entity_types=types_of().get(entity.name, frozenset()),
        checks_division=names_division and is_own_division,
        is_default=entity.name in defaults.DEFAULT_TABLES,
        frequency_minutes=defaults.FREQUENCY_MINUTES.get(entity.name, defaults.DEFAULT_FREQUENCY_MINUTES),
        description=describe(entity.entity, service=entity.service, reading=reading, note=note_of(entity.name)),
    )


def _names(columns: tuple[Column, ...], properties: Iterable[str], *, where: Endpoint) -> tuple[str, ...]:
    by_property = {column.property: column.name for column in columns}
    wanted = tuple(properties)
    unknown = [name for name in wanted if name not in by_property]
    if unknown:
        raise ValueError(f"{where.path} has no property {', '.join(unknown)}")
    return tuple(by_property[name] for name in wanted)


def _check_names(made: Mapping[str, Table]) -> None:
    """Hold every name in the lists of exceptions and defaults against what there is."""
    paths = {endpoint.path for endpoint in endpoints()}
    named_tables = defaults.DEFAULT_TABLES | exceptions.SMALL | exceptions.OWN_DIVISION | exceptions.SNAPSHOT_LINES
    named_paths = {
        *exceptions.OTHER_GRAIN,
        *exceptions.PARAMETER_FREE_FUNCTIONS,
        *exceptions.LEFT_OUT,
        *exceptions.SYNC_KEYS,
        *exceptions.FILTERS_OF_BULK,
    }
    named_tables |= {*defaults.FREQUENCY_MINUTES, *exceptions.YEAR_SOURCES, *exceptions.HEADERS, *types_of()}
    named_tables |= {*meanings().tables, *references().tables}
    unknown = sorted(named_tables - set(made)) + _lacking_columns(made) + sorted(named_paths - paths)
    if unknown:
        raise ValueError(f"the catalogue names what is not there: {', '.join(unknown)}")


def _lacking_columns(made: Mapping[str, Table]) -> list[str]:
    """Return the columns of headers and lines, and those that others refer to, that are not there."""
    wanted = [
        pair
        for table in made.values()
        if table.header is not None
        for pair in ((table.name, table.header.column), (table.header.table, table.header.header_column))
    ]
    for column in (column for table in made.values() for column in table.columns):
        if column.references is not None:
            table, _, name = column.references.partition(".")
            wanted.append((table, name))
    present = {(table.name, column.name) for table in made.values() for column in table.columns}
    return sorted({f"{name}.{column}" for name, column in wanted if (name, column) not in present})


def _below_division(endpoint: str) -> str:
    return endpoint.rpartition("{division}/")[2]
