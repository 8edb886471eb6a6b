"""Which table holds the headers of a table's lines: rules over collection properties, and data for the others.

Where a header goes, its lines go. How that is done is the warehouse's business.
"""

from collections.abc import Mapping
from functools import cache

from exact_assets.catalogue import exceptions
from exact_assets.catalogue.choice import Entity, entities
from exact_assets.catalogue.names import snake
from exact_assets.catalogue.table import Column, Header


def header_of(entity: Entity, columns: tuple[Column, ...], key: tuple[str, ...]) -> Header | None:
    """Return where an entity's headers are; None: its rows are no lines, or hang below several kinds of headers.

    The rule: a header names the collection of its lines, and the lines have the header's key as a property that is
    not their own key.
    """
    stated = exceptions.HEADERS.get(entity.name)
    if stated is not None:
        return Header(table=stated[0], column=snake(stated[1]), header_column=snake(stated[2]))
    own = {column.property for column in columns if column.name not in key}
    found = {
        Header(table=table, column=snake(name), header_column=snake(name))
        for table, name in _collections().get((entity.service, entity.entity), {}).items()
        if name in own
    }
    return found.pop() if len(found) == 1 else None


@cache
def _collections() -> Mapping[tuple[str, str], Mapping[str, str]]:
    """Return the key's property by header table, by service and entity of the lines."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for entity in entities():
        if entity.single is None or entity.name in exceptions.SMALL:
            continue
        keys = [one.name for one in entity.single.properties if one.is_key]
        for one in entity.single.properties:
            if one.collection_of is not None and len(keys) == 1:
                found.setdefault((entity.service, one.collection_of), {})[entity.name] = keys[0]
    return found
